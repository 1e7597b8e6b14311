use proptest::prelude::*;

use super::*;
use crate::wallet::tests::{rsa, wallets};

fn draft(data: Vec<u8>) -> Draft {
    Draft { tags: vec![Tag::new("Type", "report")], data, anchor: vec![7; 48], reward: 12 }
}

fn signed() -> Transaction {
    Transaction::sign(draft(b"what is reserved".to_vec()), &rsa()).expect("signed")
}

#[test]
fn what_was_signed_is_read_and_verified() {
    let transaction = signed();
    let read = Transaction::decode(&transaction.encode().expect("JSON")).expect("a transaction");
    assert_eq!(read, transaction);
    assert_eq!(read.verify(), Ok(()));
    assert_eq!(
        (read.owner(), read.tag("Type"), read.data()),
        (rsa().address(), Some("report"), &b"what is reserved"[..])
    );
}

#[test]
fn nothing_of_a_signed_transaction_can_be_changed() {
    type Change = fn(&mut Transaction);
    let changes: [(Change, BadTransaction); 9] = [
        (|t| t.format = 1, BadTransaction::Format(1)),
        (|t| t.id = Id([9; 32]), BadTransaction::Id),
        (|t| t.owner[0] ^= 1, BadTransaction::Signature),
        (|t| t.tags[0].value.push(b'x'), BadTransaction::Signature),
        (|t| t.quantity = "1".to_owned(), BadTransaction::Signature),
        (|t| t.target = vec![1; 32], BadTransaction::Signature),
        (|t| t.data_root[0] ^= 1, BadTransaction::Signature),
        (|t| t.data[0] ^= 1, BadTransaction::Data("it has another root")),
        (|t| t.data.push(0), BadTransaction::Data("it has another size")),
    ];
    for (change, expected) in changes {
        let mut transaction = signed();
        change(&mut transaction);
        assert_eq!(transaction.verify(), Err(expected));
    }
}

#[test]
fn only_keys_of_arweave_sign_and_only_data_that_fits() {
    let other = wallets().into_iter().find(|wallet| wallet.kind() != KeyKind::Arweave).expect("another kind");
    assert!(Transaction::sign(draft(vec![1]), &other).is_err());
    for data in [Vec::new(), vec![0; MAX_DATA + 1]] {
        assert!(Transaction::sign(draft(data), &rsa()).is_err());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_transaction_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Transaction::decode(&bytes).map(|transaction| transaction.verify());
    }

    #[test]
    fn no_answer_of_the_right_form_is_believed(
        owner in "[A-Za-z0-9_-]{0,700}", size in "[0-9]{0,30}", root in "[A-Za-z0-9_-]{0,60}", format in 0_u8..4,
        data in "[A-Za-z0-9_-]{0,90}",
    ) {
        let answer = serde_json::json!({
            "format": format, "id": "A".repeat(43), "last_tx": "", "owner": owner, "tags": [{"name": "", "value": root}],
            "target": "", "quantity": "0", "data": data, "data_size": size, "data_root": root, "reward": "0", "signature": owner,
        });
        if let Ok(transaction) = Transaction::decode(answer.to_string().as_bytes()) {
            prop_assert!(transaction.verify().is_err());
        }
    }
}
