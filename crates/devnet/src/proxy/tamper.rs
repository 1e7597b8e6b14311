//! How answers are made wrong: pure functions of an exchange.

use alloy::primitives::{Bytes, keccak256};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use solana_signature::Signature;

use super::Fault;

/// The methods of a body: one request or a batch. What is no request has no method.
pub(super) fn methods(body: &Value) -> Vec<&str> {
    requests(body).iter().map(|request| request["method"].as_str().unwrap_or("unknown")).collect()
}

fn requests(body: &Value) -> &[Value] {
    match body {
        Value::Array(batch) => batch,
        one => std::slice::from_ref(one),
    }
}

/// The results of the calls of `method`.
pub(super) fn results<'a>(body: &'a Value, answers: &'a Value, method: &'a str) -> impl Iterator<Item = &'a Value> {
    let of = |answer: &Value| requests(body).iter().find(|request| request["id"] == answer["id"]);
    let called = move |answer: &&Value| of(answer).is_some_and(|request| request["method"] == method);
    requests(answers).iter().filter(called).filter_map(|answer| answer.get("result"))
}

/// An error body for each request.
pub(super) fn refuse(body: &Value) -> Value {
    let error = |request: &Value| json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32603, "message": "internal error of the proxy"}});
    match body {
        Value::Array(batch) => batch.iter().map(error).collect(),
        one => error(one),
    }
}

/// The answers to a body of nothing but transactions: their ids, as a node that takes them says them.
pub(super) fn taken(body: &Value) -> Option<Value> {
    let taken = |request: &Value| {
        let raw = request.pointer("/params/0")?.as_str()?;
        let id = match request["method"].as_str()? {
            "eth_sendRawTransaction" => keccak256(raw.parse::<Bytes>().ok()?).to_string(),
            "sendTransaction" => {
                // One byte counts the signatures, of which the first is the transaction's id.
                let raw = BASE64_STANDARD.decode(raw).ok()?;
                Signature::try_from(raw.get(1..65)?).ok()?.to_string()
            }
            _ => return None,
        };
        Some(json!({"jsonrpc": "2.0", "id": request["id"], "result": id}))
    };
    match body {
        Value::Array(batch) => batch.iter().map(taken).collect::<Option<Vec<_>>>().map(Value::Array),
        one => taken(one),
    }
}

/// Refuses every transaction of an EVM chain in `answers`.
pub(super) fn disown(body: &Value, answers: &mut Value) {
    let answers = match answers {
        Value::Array(batch) => batch.as_mut_slice(),
        one => std::slice::from_mut(one),
    };
    for answer in answers {
        let request = requests(body).iter().find(|request| request["id"] == answer["id"]);
        if request.is_some_and(|request| request["method"] == "eth_sendRawTransaction") {
            let error = json!({"code": -32000, "message": "insufficient funds for gas * price + value"});
            *answer = json!({"jsonrpc": "2.0", "id": answer["id"], "error": error});
        }
    }
}

/// Changes the answers to `body` as `fault` says.
pub(super) fn tamper(fault: Fault, body: &Value, answers: &mut Value) {
    each(body, answers, |request, result| one(fault, request, result));
}

/// Hands over each request with its result.
pub(super) fn each(body: &Value, answers: &mut Value, mut change: impl FnMut(&Value, &mut Value)) {
    let answers = match answers {
        Value::Array(batch) => batch.as_mut_slice(),
        one => std::slice::from_mut(one),
    };
    for answer in answers {
        // Answers of a batch may come in any order.
        let request = requests(body).iter().find(|request| request["id"] == answer["id"]);
        if let (Some(request), Some(result)) = (request, answer.get_mut("result")) {
            change(request, result);
        }
    }
}

fn one(fault: Fault, request: &Value, result: &mut Value) {
    match (fault, request["method"].as_str()) {
        (Fault::WrongHead(blocks), Some("eth_blockNumber")) => shift(result, blocks),
        (Fault::WrongHead(blocks), Some("eth_getBlockByNumber")) if is_tag(request.pointer("/params/0")) => {
            if let Some(number) = result.get_mut("number") {
                shift(number, blocks);
            }
        }
        (Fault::MissingLogs, Some("eth_getLogs")) => {
            if let Some(logs) = result.as_array_mut() {
                let mut index = 0_usize;
                logs.retain(|_| {
                    index = index.wrapping_add(1);
                    index.is_multiple_of(2)
                });
            }
        }
        (Fault::AlteredLogs, Some("eth_getLogs")) => {
            for log in result.as_array_mut().into_iter().flatten() {
                if let Some(data) = log.get_mut("data") {
                    turn_bit(data);
                }
            }
        }
        (Fault::AlteredCalls, Some("eth_call")) => turn_bit(result),
        (Fault::WrongHead(blocks), Some("getSlot" | "getBlockHeight")) => {
            if let Some(height) = result.as_u64() {
                *result = height.saturating_add_signed(blocks).into();
            }
        }
        (Fault::AlteredAccounts(at), Some("getAccountInfo" | "getMultipleAccounts")) => {
            let found = result.get_mut("value").into_iter();
            let accounts = found.flat_map(|value| match value {
                Value::Array(many) => many.as_mut_slice(),
                one => std::slice::from_mut(one),
            });
            for data in accounts.filter_map(|account| account.pointer_mut("/data/0")) {
                turn_byte(data, at);
            }
        }
        _ => {}
    }
}

/// `latest`, `finalized` and their like, not a height.
fn is_tag(block: Option<&Value>) -> bool {
    block.and_then(Value::as_str).is_some_and(|block| !block.starts_with("0x"))
}

/// Adds `blocks` to a quantity, and leaves alone what is none.
fn shift(quantity: &mut Value, blocks: i64) {
    let height = quantity.as_str().and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok());
    if let Some(height) = height {
        *quantity = json!(format!("{:#x}", height.saturating_add_signed(blocks)));
    }
}

/// Turns the lowest bit of the last hexadecimal digit of bytes.
fn turn_bit(bytes: &mut Value) {
    let turned = bytes.as_str().and_then(|text| {
        let (rest, last) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let digit = u8::from_str_radix(last, 16).ok()? ^ 1;
        rest.starts_with("0x").then(|| format!("{rest}{digit:x}"))
    });
    if let Some(turned) = turned {
        *bytes = json!(turned);
    }
}

/// Turns the lowest bit of one byte in base64.
fn turn_byte(text: &mut Value, at: usize) {
    let Some(mut bytes) = text.as_str().and_then(|text| BASE64_STANDARD.decode(text).ok()) else { return };
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1;
        *text = BASE64_STANDARD.encode(bytes).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(fault: Fault, method: &str, params: Value, result: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
        tamper(fault, &body, &mut answer);
        answer["result"].clone()
    }

    #[test]
    fn a_wrong_head_moves_tags_and_no_heights() {
        let head = Fault::WrongHead(5);
        assert_eq!(answered(head, "eth_blockNumber", json!([]), json!("0x10")), json!("0x15"));
        let block = json!({"number": "0x10", "hash": "0xab"});
        assert_eq!(answered(head, "eth_getBlockByNumber", json!(["latest", false]), block.clone())["number"], "0x15");
        assert_eq!(answered(head, "eth_getBlockByNumber", json!(["0x10", false]), block.clone()), block);
        assert_eq!(answered(Fault::WrongHead(-32), "eth_blockNumber", json!([]), json!("0x10")), json!("0x0"));
    }

    #[test]
    fn logs_go_missing_or_change() {
        let logs = json!([{"data": "0x10"}, {"data": "0x11"}, {"data": "0x"}]);
        assert_eq!(answered(Fault::MissingLogs, "eth_getLogs", json!([{}]), logs.clone()), json!([{"data": "0x11"}]));
        let altered = json!([{"data": "0x11"}, {"data": "0x10"}, {"data": "0x"}]);
        assert_eq!(answered(Fault::AlteredLogs, "eth_getLogs", json!([{}]), logs), altered);
    }

    #[test]
    fn heads_and_accounts_of_solana_are_made_wrong_too() {
        assert_eq!(answered(Fault::WrongHead(5), "getSlot", json!([{}]), json!(10)), json!(15));
        assert_eq!(answered(Fault::WrongHead(-50), "getBlockHeight", json!([{}]), json!(10)), json!(0));
        let account = |data: &[u8]| json!({"lamports": 1, "data": [BASE64_STANDARD.encode(data), "base64"]});
        let (fault, one) = (Fault::AlteredAccounts(2), json!({"value": account(&[0, 1, 2, 3])}));
        assert_eq!(answered(fault, "getAccountInfo", json!(["a"]), one)["value"], account(&[0, 1, 3, 3]));
        let many = json!({"value": [account(&[7, 7, 7]), null, account(&[1])]});
        let altered = json!([account(&[7, 7, 6]), null, account(&[1])]);
        assert_eq!(answered(fault, "getMultipleAccounts", json!([["a", "b", "c"]]), many)["value"], altered);
    }

    #[test]
    fn a_swallowed_transaction_is_answered_with_its_id() {
        let signature = Signature::from([9; 64]);
        let raw: Vec<u8> = std::iter::once(1).chain(*signature.as_array()).chain([1, 2, 3]).collect();
        let send = json!({"id": 4, "method": "sendTransaction", "params": [BASE64_STANDARD.encode(raw), {}]});
        assert_eq!(taken(&send).unwrap()["result"], signature.to_string());
        let body = json!([{"id": 1, "method": "eth_sendRawTransaction", "params": ["0x"]}]);
        let empty = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        assert_eq!(taken(&body), Some(json!([{"jsonrpc": "2.0", "id": 1, "result": empty}])));
        assert_eq!(taken(&json!([body[0], {"id": 2, "method": "eth_chainId"}])), None, "the rest must be answered");
    }

    #[test]
    fn answers_of_a_batch_are_found_by_id() {
        let body = json!([{"id": 1, "method": "eth_call"}, {"id": 2, "method": "eth_chainId"}]);
        let mut answers = json!([{"id": 2, "result": "0x2"}, {"id": 1, "result": "0x2"}]);
        tamper(Fault::AlteredCalls, &body, &mut answers);
        assert_eq!(answers, json!([{"id": 2, "result": "0x2"}, {"id": 1, "result": "0x3"}]));
        assert_eq!(methods(&body), ["eth_call", "eth_chainId"]);
        assert_eq!(refuse(&body)[1]["id"], 2);
        assert_eq!(results(&body, &answers, "eth_call").collect::<Vec<_>>(), ["0x3"]);
    }
}
