//! What an endpoint does wrong, and when: a pure function of a seed and the number of the request.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Every request is passed on, and every answer passed back.
    None,
    /// The request is taken and never answered.
    Stall,
    /// HTTP 429.
    RateLimited,
    /// HTTP 200 with something that is no JSON.
    Garbage,
    /// An error body of JSON-RPC for every request.
    InternalError,
    /// The head is stated so many blocks above (below) where it is; what is at a height is stated truly.
    WrongHead(i64),
    /// Every second log is left out.
    MissingLogs,
    /// Every log has a bit of its data turned.
    AlteredLogs,
    /// Every result of `eth_call` has a bit turned.
    AlteredCalls,
    /// Every account of Solana has the lowest bit of this byte of its data turned.
    AlteredAccounts(usize),
    /// A transaction is answered as if it were taken, and goes nowhere.
    Swallow,
    /// A transaction goes on its way, and is answered as if it were refused.
    Disown,
    /// What was asked for before while this held is answered as it was then, as by a node that has come to a stand.
    Still,
}

/// Everything that can be wrong with an endpoint of an EVM chain, and nothing being wrong as well.
pub const EVERY_FAULT: [Fault; 11] = [
    Fault::None,
    Fault::Stall,
    Fault::RateLimited,
    Fault::Garbage,
    Fault::InternalError,
    Fault::WrongHead(1_000),
    Fault::WrongHead(-5),
    Fault::MissingLogs,
    Fault::AlteredLogs,
    Fault::AlteredCalls,
    Fault::Swallow,
];

/// Everything that can be wrong with an endpoint of Solana, and nothing being wrong as well.
pub const EVERY_SOLANA_FAULT: [Fault; 11] = [
    Fault::None,
    Fault::Stall,
    Fault::RateLimited,
    Fault::Garbage,
    Fault::InternalError,
    Fault::WrongHead(1_000),
    Fault::WrongHead(-5),
    // Of a gateway its running hash, of a mint its supply, of a page of events its number.
    Fault::AlteredAccounts(40),
    // Of a page of events a record, of a token account nothing.
    Fault::AlteredAccounts(200),
    Fault::Swallow,
    Fault::Still,
];

/// Which fault holds for which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The same for all.
    Always(Fault),
    /// One of `faults` for each run of `burst` requests, chosen by `seed`.
    Seeded {
        /// Equal seeds give equal plans.
        seed: u64,
        /// What is chosen from; one that stands here twice comes twice as often.
        faults: Vec<Fault>,
        /// Requests in a row that fail in the same way.
        burst: u64,
    },
}

impl Plan {
    /// What is wrong with request number `request`, counted from 0.
    #[must_use]
    pub fn fault(&self, request: u64) -> Fault {
        match self {
            Self::Always(fault) => *fault,
            Self::Seeded { seed, faults, burst } => {
                let run = request.checked_div(*burst).unwrap_or(request);
                // A generator for each run, so that a request's fault does not depend on the order of the questions.
                let mut random = StdRng::seed_from_u64(seed ^ run.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let index = random.random_range(0..faults.len().max(1));
                faults.get(index).copied().unwrap_or(Fault::None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded(seed: u64) -> Plan {
        Plan::Seeded { seed, faults: EVERY_FAULT.to_vec(), burst: 5 }
    }

    #[test]
    fn a_seed_repeats_its_plan() {
        let faults = |seed| (0..500).map(|request| seeded(seed).fault(request)).collect::<Vec<_>>();
        assert_eq!(faults(7), faults(7));
        assert_ne!(faults(7), faults(8));
    }

    #[test]
    fn a_burst_fails_in_one_way_and_every_way_comes() {
        let plan = seeded(7);
        for run in 0..100 {
            assert!((1..5).all(|offset| plan.fault(run * 5) == plan.fault(run * 5 + offset)), "run {run}");
        }
        for fault in EVERY_FAULT {
            assert!((0..1_000).any(|request| plan.fault(request) == fault), "{fault:?} never comes");
        }
    }

    #[test]
    fn without_faults_nothing_is_wrong() {
        assert_eq!(Plan::Seeded { seed: 1, faults: Vec::new(), burst: 0 }.fault(3), Fault::None);
    }
}
