//! What a process was made of, and what code was evaluated in it since, as its scheduler has it. aos evaluates what the owner signs, and nobody
//! becomes owner but by code that was evaluated before: who knows all of that code knows what the process is.

use tim3_chain::ChainError;

use crate::{
    id::Id,
    network::Network,
    units::{plain, scheduler::Scheduled},
};

/// A process, by its first message and by the code in its history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Who spawned it, and owns it unless some code says otherwise.
    pub(crate) owner: String,
    pub(crate) module: String,
    pub(crate) scheduler: String,
    pub(crate) authority: String,
    /// Hashes of what the owner had evaluated, each once, in the order of their first time.
    pub(crate) code: Vec<Id>,
}

impl Origin {
    /// Reads the whole history: as many questions as the process has hundreds of messages.
    pub(crate) async fn of(network: &Network, process: Id) -> Result<Self, ChainError> {
        let last = network.latest(process).await?.nonce;
        let mut origin = Self::default();
        let mut next = 0;
        while next <= last {
            let page = network.history(process, next, last).await?;
            let Some(end) = page.last().map(|message| message.nonce) else {
                return Err(network.transient("origin", format!("the scheduler has no message {next} of {process}")));
            };
            for message in &page {
                origin.add(message);
            }
            next = end.saturating_add(1);
        }
        Ok(origin)
    }

    fn add(&mut self, message: &Scheduled) {
        let tag = |name: &str| plain(message.tag(name).unwrap_or("none"));
        if message.nonce == 0 {
            self.owner.clone_from(&message.signer);
            (self.module, self.scheduler, self.authority) = (tag("Module"), tag("Scheduler"), tag("Authority"));
        } else if message.tag("Action") == Some("Eval") && message.signer == self.owner {
            let hash = Id::of(message.data.as_bytes());
            if !self.code.contains(&hash) {
                self.code.push(hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ans104::Tag;

    fn message(nonce: u64, signer: &str, tags: &[(&str, &str)], data: &str) -> Scheduled {
        let id = Id([1; 32]);
        let tags = tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
        Scheduled { nonce, timestamp_ms: 0, id, signer: signer.to_owned(), tags, data: data.to_owned(), assignment: id }
    }

    #[test]
    fn code_is_what_the_owner_had_evaluated_each_once() {
        let mut origin = Origin::default();
        let eval = [("Action", "Eval")];
        for message in [
            message(0, "owner", &[("Type", "Process"), ("Module", "aos"), ("Scheduler", "su")], ""),
            message(1, "owner", &eval, "code"),
            message(2, "stranger", &eval, "other"),
            message(3, "owner", &eval, "code"),
            message(4, "owner", &[("Action", "Transfer")], "data"),
        ] {
            origin.add(&message);
        }
        assert_eq!(
            (origin.module.as_str(), origin.scheduler.as_str(), origin.authority.as_str()),
            ("aos", "su", "none")
        );
        assert_eq!(origin.code, [Id::of(b"code")]);
        origin.add(&message(5, "owner", &eval, "newer"));
        assert_eq!(origin.code.len(), 2);
    }
}
