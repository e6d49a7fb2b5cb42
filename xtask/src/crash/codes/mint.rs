//! One mint: how it is asked for, and what its answer must be.

use it::Result;
use it::client::{Client, Request, Response};
use it::wait;
use serde_json::{Value, json};

use super::super::load::RECOVERY_LIMIT;
use super::super::random::Random;

/// Up to how many codes are in the answer itself.
pub(super) const INLINE_MAX: i64 = 1000;
const LARGE_MAX: u64 = 50_000;
/// More than a wallet of these runs has.
const UNAFFORDABLE: i64 = 10_000_000;
/// The last two are counted apart from each other: capitals matter.
const PREFIXES: [&str; 3] = ["EXP24", "A-1", "a-1"];

/// Who mints what.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    pub key: String,
    pub product: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub serial: String,
    pub token: String,
    pub url: String,
}

/// A batch as the answer to its mint tells it.
#[derive(Debug, Clone)]
pub(super) struct Minted {
    pub batch_id: String,
    /// None where they are to be exported.
    pub codes: Vec<Code>,
    /// Status and body, which a repeated key must get again.
    pub answer: (u16, Vec<u8>),
}

/// How a mint ended for its caller.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Minted(Minted),
    /// Answered 402.
    Refused,
    /// No answer, or a 503: it may have been done.
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) struct Mint {
    pub key: String,
    pub quantity: i64,
    pub prefix: &'static str,
    pub outcome: Outcome,
}

impl Mint {
    pub(super) fn of(key: &str, quantity: i64) -> Self {
        Self { key: key.to_owned(), quantity, prefix: PREFIXES[0], outcome: Outcome::Unknown }
    }

    /// Mostly codes that are answered, sometimes more, sometimes more than anybody here can pay.
    pub(super) fn next(random: &mut Random, may_be_large: bool) -> Self {
        let inline_max = INLINE_MAX.unsigned_abs();
        let quantity = match random.below(16) {
            0 => UNAFFORDABLE.unsigned_abs(),
            1 | 2 if may_be_large => inline_max + 1 + random.below(LARGE_MAX - inline_max),
            _ => 1 + random.below(inline_max),
        };
        let quantity = quantity.cast_signed();
        let prefix = PREFIXES[usize::try_from(random.below(3)).expect("0 to 2")];
        let key = format!("crash-{:016x}", random.below(u64::MAX));
        Self { key, quantity, prefix, outcome: Outcome::Unknown }
    }

    pub(super) const fn is_large(&self) -> bool {
        self.quantity > INLINE_MAX
    }

    pub(super) fn request(&self, shop: &Shop) -> Request {
        let body = json!({ "productId": shop.product, "quantity": self.quantity, "prefix": self.prefix });
        Request::post("/api/v1/batches").bearer(&shop.key).header("Idempotency-Key", &self.key).json(&body)
    }

    /// What an answer says became of the mint.
    ///
    /// # Errors
    /// An answer that must not be.
    pub(super) fn judge(&self, response: &Response) -> Result<Outcome> {
        let body = response.json();
        let is_as_asked = match response.status {
            503 => return Ok(Outcome::Unknown),
            409 if body["error"]["code"] == "request_in_progress" => return Ok(Outcome::Unknown),
            402 if self.is_too_dear(&body) => return Ok(Outcome::Refused),
            201 => !self.is_large() && body["generated"] == self.quantity,
            202 => self.is_large() && body["queued"] == self.quantity && body["async"] == true,
            _ => false,
        };
        let codes = codes_of(&body);
        match body["batchId"].as_str() {
            Some(batch_id) if is_as_asked && body["charged"] == self.quantity && self.are_mine(&codes) => {
                let (batch_id, answer) = (batch_id.to_owned(), (response.status, response.body.clone()));
                Ok(Outcome::Minted(Minted { batch_id, codes, answer }))
            }
            _ => Err(format!("{} codes were answered with {}", self.quantity, start_of(response)).into()),
        }
    }

    fn is_too_dear(&self, body: &Value) -> bool {
        let message = body["error"]["message"].as_str().unwrap_or_default();
        let required = format!(", required {}. Top up to continue.", self.quantity);
        let rest = message.strip_prefix("Insufficient credits: balance ");
        let balance = rest.and_then(|rest| rest.strip_suffix(&required)).and_then(|text| text.parse().ok());
        balance.is_some_and(|balance: i64| balance < self.quantity)
    }

    /// As many codes as were wanted, in a row of serial numbers.
    fn are_mine(&self, codes: &[Code]) -> bool {
        if self.is_large() {
            return codes.is_empty();
        }
        let first = codes.first().and_then(|code| number_of(&code.serial, self.prefix));
        let expected = first.map(|first| (first..first + self.quantity).map(Some));
        expected.is_some_and(|expected| {
            expected.eq(codes.iter().map(|code| number_of(&code.serial, self.prefix)))
        })
    }

    /// Sends the mint again, with its key, until it has a definite answer. Whether that is an answer to an earlier call.
    ///
    /// # Errors
    /// None within a minute, or one that must not be.
    pub(super) fn retry(&mut self, client: &mut Client, shop: &Shop) -> Result<bool> {
        let request = self.request(shop);
        let (outcome, is_replay) = wait::until("an answer to a retry", RECOVERY_LIMIT, || {
            let Ok(response) = client.send(&request) else { return Ok(None) };
            let is_replay = response.header("idempotent-replay") == Some("true");
            Ok(Some((self.judge(&response)?, is_replay))
                .filter(|(outcome, _)| !matches!(outcome, Outcome::Unknown)))
        })?;
        self.outcome = outcome;
        Ok(is_replay)
    }

    /// Sends an answered mint again.
    ///
    /// # Errors
    /// The answer is another one, or does not say that it was given before.
    pub(super) fn replay(&self, client: &mut Client, shop: &Shop, minted: &Minted) -> Result<()> {
        let response = client.send(&self.request(shop))?;
        let is_marked = response.header("idempotent-replay") == Some("true");
        if is_marked && (response.status, &response.body) == (minted.answer.0, &minted.answer.1) {
            return Ok(());
        }
        Err(format!("{}, of {}, is now answered with {}", self.key, minted.batch_id, start_of(&response))
            .into())
    }
}

fn codes_of(body: &Value) -> Vec<Code> {
    let text = |code: &Value, name: &str| code[name].as_str().unwrap_or_default().to_owned();
    let codes = body["codes"].as_array().into_iter().flatten();
    let code = |code| Code {
        serial: text(code, "serial"),
        token: text(code, "token"),
        url: text(code, "verifyUrl"),
    };
    codes.map(code).collect()
}

/// The number in a serial of this prefix, which has six digits or, beyond them, as many as it needs.
pub(super) fn number_of(serial: &str, prefix: &str) -> Option<i64> {
    let digits = serial.strip_prefix(prefix)?.strip_prefix('-')?;
    let number: i64 = digits.parse().ok()?;
    (format!("{number:06}") == digits).then_some(number)
}

fn start_of(response: &Response) -> String {
    let text = response.text();
    format!("{} {}", response.status, text.chars().take(300).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(quantity: i64, status: u16, body: &Value) -> Option<Outcome> {
        let response = Response { status, headers: Vec::new(), body: body.to_string().into_bytes() };
        Mint::of("key", quantity).judge(&response).ok()
    }

    fn answer(serials: &[&str]) -> Value {
        let codes: Vec<_> = serials.iter().map(|serial| json!({ "serial": serial, "token": "T" })).collect();
        json!({ "batchId": "bat_1", "generated": 2, "charged": 2, "codes": codes })
    }

    #[test]
    fn an_answer_has_the_codes_that_were_wanted_in_a_row() {
        let good = answer(&["EXP24-000009", "EXP24-000010"]);
        assert!(matches!(judged(2, 201, &good), Some(Outcome::Minted(_))));
        assert!(judged(3, 201, &good).is_none());
        for serials in [
            &["EXP24-000009", "EXP24-000011"][..],
            &["EXP24-000009", "A-1-000010"],
            &["EXP24-9", "EXP24-10"],
            &["EXP24-000009"],
        ] {
            assert!(judged(2, 201, &answer(serials)).is_none(), "{serials:?}");
        }
    }

    #[test]
    fn a_refusal_must_name_a_balance_that_is_too_low() {
        let refused = |balance: i64| {
            let message = format!("Insufficient credits: balance {balance}, required 7. Top up to continue.");
            judged(7, 402, &json!({ "error": { "code": "insufficient_credits", "message": message } }))
        };
        assert!(matches!(refused(6), Some(Outcome::Refused)));
        assert!(refused(7).is_none());
    }
}
