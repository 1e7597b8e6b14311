//! What is to be known again of adopted processes, in the daemon's journal: `v1/NAME` counts the entries, `v1/NAME/NUMBER` are they.

use std::sync::Arc;

use async_trait::async_trait;
use tim3_arweave::v1::journal::{Entry, Memory, MemoryError};
use tim3_journal::{Change, Journal, JournalError};

/// The entries of one chain.
pub(super) struct Notes {
    journal: Arc<dyn Journal>,
    count_name: String,
    count: u64,
}

impl Notes {
    pub(super) fn open(journal: Arc<dyn Journal>, chain: &str) -> Result<Self, MemoryError> {
        let count_name = format!("v1/{chain}");
        let count = journal.note(&count_name).map_err(failed)?.map_or(Ok(0), |count| {
            count.parse().map_err(|_| MemoryError(format!("the note {count_name} is no number but {count:?}")))
        })?;
        Ok(Self { journal, count_name, count })
    }

    fn name(&self, number: u64) -> String {
        format!("{}/{number}", self.count_name)
    }
}

fn failed(error: JournalError) -> MemoryError {
    MemoryError(error.to_string())
}

#[async_trait]
impl Memory for Notes {
    fn recall(&self) -> Result<Vec<Entry>, MemoryError> {
        let entry = |number| {
            let name = self.name(number);
            let text = self.journal.note(&name).map_err(failed)?;
            let text = text.ok_or_else(|| MemoryError(format!("the note {name} is missing")))?;
            Entry::decode(&text).map_err(|MemoryError(why)| MemoryError(format!("the note {name}: {why}")))
        };
        (0..self.count).map(entry).collect()
    }

    async fn record(&mut self, entry: &Entry) -> Result<(), MemoryError> {
        let next = self.count.saturating_add(1);
        let changes = vec![
            Change::Note(self.name(self.count), entry.encode()?),
            Change::Note(self.count_name.clone(), next.to_string()),
        ];
        self.journal.commit(changes).await.map_err(failed)?;
        self.count = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tim3_journal::RedbJournal;

    use super::*;

    fn stopped(why: &str) -> Entry {
        Entry::Stopped { why: why.to_owned() }
    }

    #[tokio::test]
    async fn what_was_recorded_is_recalled_in_order_and_each_chain_has_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.redb");
        let open = |chain| Notes::open(Arc::new(RedbJournal::open(&path).unwrap()), chain).unwrap();
        let mut notes = open("one");
        assert_eq!(notes.recall(), Ok(Vec::new()));
        for why in ["a", "b"] {
            notes.record(&stopped(why)).await.unwrap();
        }
        drop(notes);
        let mut notes = open("one");
        assert_eq!(notes.recall(), Ok(vec![stopped("a"), stopped("b")]));
        notes.record(&stopped("c")).await.unwrap();
        assert_eq!(notes.recall().unwrap().len(), 3);
        drop(notes);
        assert_eq!(open("two").recall(), Ok(Vec::new()));
    }
}
