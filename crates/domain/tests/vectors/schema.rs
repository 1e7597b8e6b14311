//! The layout of the file: arrays of objects of one shape each, which every chain's test tools can read.

use k256::ecdsa::{SigningKey, VerifyingKey};
use serde::Serialize;
use sha3::{Digest as _, Keccak256};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{AssetId, MarketId},
    protocol::{Event, EventBody, Head, Operation, Order, RouteFee, Window},
    word::bytes_of,
};

use crate::{
    positions::{self, LiquidationVector, LoanVector, ReleaseVector},
    samples,
};

#[derive(Serialize)]
pub(crate) struct Vectors {
    pub(crate) gateways: Vec<GatewayVector>,
    pub(crate) assets: Vec<AssetVector>,
    pub(crate) markets: Vec<MarketVector>,
    pub(crate) operations: Vec<OperationVector>,
    pub(crate) events: Vec<EventVector>,
    pub(crate) orders: Vec<OrderVector>,
    pub(crate) fees: Vec<FeeVector>,
    pub(crate) scales: Vec<ScaleVector>,
    pub(crate) windows: Vec<WindowVector>,
    pub(crate) loans: Vec<LoanVector>,
    pub(crate) releases: Vec<ReleaseVector>,
    pub(crate) liquidations: Vec<LiquidationVector>,
}

impl Vectors {
    pub(crate) fn compute() -> Self {
        Self {
            gateways: samples::gateways().iter().map(GatewayVector::of).collect(),
            assets: samples::SYMBOLS
                .map(|symbol| AssetVector { symbol, id: AssetId::from_symbol(symbol).unwrap().to_string() })
                .into(),
            markets: samples::markets()
                .into_iter()
                .map(|(home, synthetic, collateral, kind)| MarketVector {
                    home: home.to_string(),
                    synthetic: synthetic.to_string(),
                    collateral: collateral.to_string(),
                    kind: kind.code(),
                    id: MarketId::derive(home, synthetic, collateral, kind).to_string(),
                })
                .collect(),
            operations: samples::operations().iter().map(OperationVector::of).collect(),
            events: EventVector::chain(samples::bodies()),
            orders: samples::orders().iter().map(OrderVector::of).collect(),
            fees: samples::fees().into_iter().map(FeeVector::of).collect(),
            scales: samples::SCALES.into_iter().map(ScaleVector::of).collect(),
            windows: samples::windows().into_iter().map(WindowVector::of).collect(),
            loans: positions::loans().iter().map(LoanVector::of).collect(),
            releases: positions::releases().iter().map(ReleaseVector::of).collect(),
            liquidations: positions::liquidations().iter().map(LiquidationVector::of).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GatewayVector {
    caip2: String,
    account: String,
    salt: String,
    id: String,
    domain_separator: String,
}

impl GatewayVector {
    fn of(gateway: &samples::Gateway) -> Self {
        Self {
            caip2: gateway.chain.to_string(),
            account: gateway.account.to_string(),
            salt: gateway.salt.to_string(),
            id: gateway.id().to_string(),
            domain_separator: gateway.id().domain_separator().to_string(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct AssetVector {
    symbol: &'static str,
    id: String,
}

#[derive(Serialize)]
pub(crate) struct MarketVector {
    home: String,
    synthetic: String,
    collateral: String,
    kind: u8,
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationVector {
    kind: u8,
    origin: String,
    destination: String,
    nonce: String,
    asset: String,
    market: String,
    owner: String,
    actor: String,
    refund_to: String,
    recipient: String,
    amount: String,
    fee: String,
    wanted: String,
    timestamp: String,
    words: Vec<String>,
    id: String,
}

impl OperationVector {
    fn of(operation: &Operation) -> Self {
        Self {
            kind: operation.kind.code(),
            origin: operation.origin.to_string(),
            destination: operation.destination.to_string(),
            nonce: operation.nonce.to_string(),
            asset: operation.asset.to_string(),
            market: operation.market.to_string(),
            owner: operation.owner.to_string(),
            actor: operation.actor.to_string(),
            refund_to: operation.refund_to.to_string(),
            recipient: operation.recipient.to_string(),
            amount: operation.amount.to_string(),
            fee: operation.fee.to_string(),
            wanted: operation.wanted.to_string(),
            timestamp: operation.timestamp.to_string(),
            words: operation.words().iter().map(ToString::to_string).collect(),
            id: operation.id().to_string(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct EventVector {
    gateway: String,
    sequence: String,
    pub(crate) kind: u8,
    timestamp: String,
    body: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

impl EventVector {
    fn chain(bodies: Vec<EventBody>) -> Vec<Self> {
        let gateway = samples::home();
        let mut head = Head::genesis(gateway);
        let step = |body: EventBody| {
            let event = Event { sequence: head.count, timestamp: 1_700_000_000 + 12 * head.count, body };
            let after = head.after(&event).unwrap();
            let vector = Self {
                gateway: gateway.to_string(),
                sequence: event.sequence.to_string(),
                kind: event.body.kind(),
                timestamp: event.timestamp.to_string(),
                body: hexadecimal(&bytes_of(&event.body.words())),
                before: head.hash.to_string(),
                after: after.hash.to_string(),
            };
            head = after;
            vector
        };
        bodies.into_iter().map(step).collect()
    }
}

#[derive(Serialize)]
pub(crate) struct OrderVector {
    gateway: String,
    pub(crate) action: u8,
    epoch: String,
    content: String,
    words: String,
    pub(crate) digest: String,
    pub(crate) signatures: Vec<SignatureVector>,
}

#[derive(Serialize)]
pub(crate) struct SignatureVector {
    key: String,
    pub(crate) address: String,
    pub(crate) signature: String,
}

impl OrderVector {
    /// Signed by three attesters, deterministically (RFC 6979), signers ascending.
    fn of(order: &Order) -> Self {
        let digest = order.digest();
        let sign = |name: &str| {
            let key = SigningKey::from_slice(&samples::word(name).0).unwrap();
            let (signature, recovery) = key.sign_prehash_recoverable(&digest.0).unwrap();
            let mut bytes = signature.to_vec();
            bytes.push(27 + recovery.to_byte());
            SignatureVector {
                key: hexadecimal(&key.to_bytes()),
                address: address(key.verifying_key()),
                signature: hexadecimal(&bytes),
            }
        };
        let mut signatures = ["attester/1", "attester/2", "attester/3"].map(sign);
        signatures.sort_by(|one, other| one.address.cmp(&other.address));
        Self {
            gateway: order.gateway.to_string(),
            action: order.action.code(),
            epoch: order.epoch.to_string(),
            content: order.content.hash().to_string(),
            words: hexadecimal(&bytes_of(&order.content.words())),
            digest: digest.to_string(),
            signatures: signatures.into(),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct FeeVector {
    flat: String,
    bps: u16,
    amount: String,
    /// Empty where the fee is not below the amount, and the route refuses it.
    fee: String,
}

impl FeeVector {
    fn of((route, amount): (RouteFee, u128)) -> Self {
        Self {
            flat: route.flat.to_string(),
            bps: route.bps,
            amount: amount.to_string(),
            fee: route.of(amount).map_or_else(String::new, |fee| fee.to_string()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct ScaleVector {
    amount: String,
    from: u8,
    to: u8,
    down: String,
}

impl ScaleVector {
    fn of((amount, from, to): (u128, u8, u8)) -> Self {
        let down = scale(amount, from, to, Rounding::Down).unwrap().to_string();
        Self { amount: amount.to_string(), from, to, down }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WindowVector {
    limit: String,
    period: String,
    available: String,
    updated: String,
    now: String,
    available_at: String,
}

impl WindowVector {
    fn of((window, now): (Window, u64)) -> Self {
        Self {
            limit: window.limit.to_string(),
            period: window.period.to_string(),
            available: window.available.to_string(),
            updated: window.updated.to_string(),
            now: now.to_string(),
            available_at: window.available_at(now).to_string(),
        }
    }
}

/// The last 20 bytes of the hash of a public key.
pub(crate) fn address(key: &VerifyingKey) -> String {
    let point = key.to_encoded_point(false);
    hexadecimal(&Keccak256::digest(&point.as_bytes()[1..])[12..])
}

fn hexadecimal(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
