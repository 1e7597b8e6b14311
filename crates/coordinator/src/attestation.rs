//! From the wish for an order to enough signatures: the threshold of the executing gateway's current attesters, in its order.

use std::{collections::BTreeMap, sync::Arc};

use tim3_chain::{AttestRequest, Attester, AttesterSet, Refused};
use tim3_domain::protocol::SignedOrder;

/// The attesters this daemon can ask, by address.
#[derive(Clone)]
pub struct Attesters(Arc<BTreeMap<[u8; 20], Arc<dyn Attester>>>);

impl std::fmt::Debug for Attesters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys().map(hex_address)).finish()
    }
}

impl Attesters {
    /// These attesters.
    #[must_use]
    pub fn new(attesters: impl IntoIterator<Item = Arc<dyn Attester>>) -> Self {
        Self(Arc::new(attesters.into_iter().map(|attester| (attester.address(), attester)).collect()))
    }

    /// How many of a gateway's attesters can be asked.
    #[must_use]
    pub fn among(&self, set: &AttesterSet) -> usize {
        set.signers.iter().filter(|signer| self.0.contains_key(*signer)).count()
    }

    /// Asks until each request has the threshold of `set`; one answer a request, in order. Attesters are asked in the order of their
    /// addresses, and only for what still lacks signatures.
    ///
    /// # Errors
    /// For each request by itself: why too few signed.
    pub async fn sign(&self, requests: Vec<AttestRequest>, set: &AttesterSet) -> Vec<Result<SignedOrder, Refused>> {
        let threshold = usize::from(set.threshold);
        let mut gathered: Vec<Gathered> = requests.into_iter().map(Gathered::new).collect();
        let mut missing = threshold;
        let available: Vec<_> = set.signers.iter().filter_map(|signer| self.0.get_key_value(signer)).collect();
        let mut waiting = available.as_slice();
        // First as many as are needed, at once; then one after another for what they refused.
        while missing > 0 && !waiting.is_empty() {
            let (now, later) = waiting.split_at(missing.min(waiting.len()));
            waiting = later;
            let open: Vec<usize> =
                gathered.iter().enumerate().filter(|(_, g)| g.signatures.len() < threshold).map(|(i, _)| i).collect();
            let asked: Vec<AttestRequest> =
                open.iter().filter_map(|index| gathered.get(*index)).map(|g| g.request.clone()).collect();
            let answers = futures::future::join_all(now.iter().map(|(_, attester)| attester.attest(&asked))).await;
            for ((address, _), answers) in now.iter().zip(answers) {
                for (index, answer) in open.iter().zip(answers) {
                    if let Some(gathered) = gathered.get_mut(*index) {
                        gathered.add(**address, answer);
                    }
                }
            }
            missing = gathered.iter().map(|g| threshold.saturating_sub(g.signatures.len())).max().unwrap_or(0);
        }
        gathered.into_iter().map(|gathered| gathered.finish(threshold, available.len())).collect()
    }
}

struct Gathered {
    request: AttestRequest,
    signatures: BTreeMap<[u8; 20], [u8; 65]>,
    refused: Option<Refused>,
}

impl Gathered {
    fn new(request: AttestRequest) -> Self {
        Self { request, signatures: BTreeMap::new(), refused: None }
    }

    fn add(&mut self, address: [u8; 20], answer: Result<[u8; 65], Refused>) {
        match answer {
            Ok(signature) => {
                self.signatures.insert(address, signature);
            }
            Err(refused) => self.refused = Some(refused),
        }
    }

    fn finish(self, threshold: usize, available: usize) -> Result<SignedOrder, Refused> {
        if threshold == 0 || self.signatures.len() < threshold {
            return Err(self.refused.unwrap_or_else(|| {
                Refused::Unavailable(format!(
                    "{threshold} of the gateway's attesters must sign, {available} can be asked"
                ))
            }));
        }
        // Exactly the threshold, ascending by address: what the gateway wants, and no gas for more.
        let signatures = self.signatures.into_values().take(threshold).flatten().collect();
        Ok(SignedOrder { order: self.request.order, signatures })
    }
}

fn hex_address(address: &[u8; 20]) -> String {
    address.iter().fold(String::from("0x"), |text, byte| format!("{text}{byte:02x}"))
}
