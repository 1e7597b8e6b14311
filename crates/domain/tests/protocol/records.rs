//! Words, operations and mirrors.

use tim3_domain::word::{WordReader, bytes_of, words_of};

use super::*;

proptest! {
    #[test]
    fn operations_round_trip_and_their_id_depends_on_every_word(operation in any_operation(), field in 1..Operation::WORDS) {
        let words = operation.words();
        prop_assert_eq!(Operation::read(&mut WordReader::new(&words)), Ok(operation.clone()));
        let mut changed = words;
        changed[field].0[31] ^= 1;
        let other = Operation::read(&mut WordReader::new(&changed)).unwrap();
        prop_assert_ne!(other.id(), operation.id());
    }

    #[test]
    fn an_operation_is_read_from_any_words_or_refused_and_never_changed(words in hostile_words(0..20)) {
        if let Ok(operation) = Operation::read(&mut WordReader::new(&words)) {
            prop_assert_eq!(&operation.words()[..], &words[..Operation::WORDS]);
        }
    }

    #[test]
    fn mirrors_round_trip(mirror in any_mirror()) {
        prop_assert_eq!(MirrorRecord::read(&mut WordReader::new(&mirror.words())), Ok(mirror));
    }

    #[test]
    fn a_mirror_is_read_from_any_words_or_refused_and_never_changed(words in hostile_words(0..9)) {
        if let Ok(mirror) = MirrorRecord::read(&mut WordReader::new(&words)) {
            prop_assert_eq!(&mirror.words()[..], &words[..6]);
        }
    }

    #[test]
    fn bytes_are_whole_words_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        match words_of("bytes", &bytes) {
            Ok(words) => prop_assert_eq!(bytes_of(&words), bytes),
            Err(_) => prop_assert!(bytes.len() % 32 != 0),
        }
    }

    #[test]
    fn words_round_trip_as_text(word in any_word()) {
        prop_assert_eq!(word.to_string().parse::<Word>(), Ok(word));
    }

    #[test]
    fn any_text_is_a_word_or_refused(text in "(0x)?[0-9a-fA-Fg]{0,70}|\\PC{0,70}") {
        if let Ok(word) = text.parse::<Word>() {
            prop_assert!(word.to_string().eq_ignore_ascii_case(&text));
        }
    }

    #[test]
    fn integers_are_read_back_within_their_range_only(value: u128) {
        let word = Word::from(value);
        prop_assert_eq!(word.to_u128(), Some(value));
        prop_assert_eq!(word.to_u64(), u64::try_from(value).ok());
        prop_assert_eq!(word.to_u8(), u8::try_from(value).ok());
    }
}
