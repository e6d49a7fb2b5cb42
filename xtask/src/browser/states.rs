//! Codes in every state that the page tells apart.

use it::Result;
use serde_json::{Value, json};

use super::shop::{Batch, Shop};

/// A picture of an oil bottle.
const IMAGE: &str = include_str!("product.txt");
const GTIN: &str = "09506000134352";
const NOBODYS: &str = "13MKARCQ3FZNKGKVZ22V";
/// A page that is scanned as it is looked at shows a code that nobody scanned once only.
const UNSCANNED: usize = 30;

const GENUINE: Said = Said { heading: "This code is genuine", tone: "good" };
const ELSEWHERE: Said = Said { heading: "This code was seen elsewhere too", tone: "warn" };
const INACTIVE: Said = Said { heading: "This code is not in use", tone: "warn" };
const RECALLED: Said = Said { heading: "This product was recalled", tone: "stop" };
const STOLEN: Said = Said { heading: "This product was reported missing", tone: "stop" };
const UNKNOWN: Said = Said { heading: "This code is not one of ours", tone: "none" };

/// What a page must say, in English.
#[derive(Clone, Copy)]
struct Said {
    heading: &'static str,
    tone: &'static str,
}

/// A code with a date that passes a day after it was minted.
pub(super) fn with_a_date(shop: &mut Shop) -> Result<String> {
    let product = shop.product(&json!({ "name": "Fresh Milk 1L", "sellByDays": 1 }))?;
    one(shop.mint(&product, 1)?).map(|(_, token)| token)
}

/// All states, for the script.
pub(super) fn make(shop: &mut Shop, past_date: &str) -> Result<Vec<Value>> {
    let product = shop.product(&json!({
        "name": "Premium Cooking Oil 5L", "gtin": GTIN, "defaultPrefix": "EXP24", "pageImage": IMAGE.trim(),
        "pageText": "Cold-pressed in Kitale.\nStore in a cool, dry place and use within six months of opening.",
    }))?;
    let unscanned = shop.mint(&product, UNSCANNED)?.tokens;
    expect(shop, &unscanned[0], "ACTIVE", "green")?;
    let (_, genuine) = scanned(shop, &product, 1, &json!({}))?;
    expect(shop, &genuine, "ACTIVE", "green")?;
    let mut states = vec![
        json!({
            "name": "unscanned", "heading": GENUINE.heading, "tone": GENUINE.tone,
            "says": "Nobody has checked this code before.",
            "paths": unscanned.iter().map(|token| format!("/v/{token}")).collect::<Vec<_>>(),
        }),
        state("genuine", GENUINE, &format!("/v/{genuine}")),
        state("digital-link", GENUINE, &format!("/01/{GTIN}/21/{genuine}")),
        state("long", GENUINE, &long(shop)?),
        state("unknown", UNKNOWN, &format!("/v/{NOBODYS}")),
        state("unknown-long", UNKNOWN, &format!("/v/{}", "W".repeat(400))),
    ];
    states.extend(suspicious(shop, &product)?);
    states.extend(set(shop, &product)?);
    expect(shop, past_date, "ACTIVE", "amber")?;
    states.push(state("past-date", INACTIVE, &format!("/v/{past_date}")));
    Ok(states)
}

/// Codes that the script counts the scans of, each of a batch of its own.
pub(super) fn counted(shop: &mut Shop) -> Result<Value> {
    let product = shop.product(&json!({ "name": "Honey 500g", "gtin": "00036000291452" }))?;
    let mut codes = serde_json::Map::new();
    for name in ["scripted", "plain", "cut_off"] {
        let (batch, token) = one(shop.mint(&product, 1)?)?;
        codes.insert(name.to_owned(), json!({ "batch": batch.id, "token": token }));
    }
    // The script's own scan is the one too many.
    let (batch, token) = scanned(shop, &product, 1, &json!({ "sessionsAmber": 2 }))?;
    expect(shop, &token, "ACTIVE", "green")?;
    codes.insert("turning".to_owned(), json!({ "batch": batch.id, "token": token }));
    Ok(Value::Object(codes))
}

fn state(name: &str, said: Said, path: &str) -> Value {
    json!({ "name": name, "heading": said.heading, "tone": said.tone, "paths": [path] })
}

/// The longest words that a maker may write, without a place to break them.
fn long(shop: &mut Shop) -> Result<String> {
    let product =
        json!({ "name": "W".repeat(200), "defaultPrefix": "W".repeat(20), "pageText": "W".repeat(500) });
    let product = shop.product(&product)?;
    one(shop.mint(&product, 1)?).map(|(_, token)| format!("/v/{token}"))
}

/// Codes that too many shoppers scanned.
fn suspicious(shop: &mut Shop, product: &str) -> Result<Vec<Value>> {
    let mut states = Vec::new();
    for (band, shoppers, sessions_red) in [("amber", 2, 24), ("red", 3, 3)] {
        let risk = json!({ "sessionsAmber": 2, "sessionsRed": sessions_red });
        let (_, token) = scanned(shop, product, shoppers, &risk)?;
        expect(shop, &token, "ACTIVE", band)?;
        states.push(state(band, ELSEWHERE, &format!("/v/{token}")));
    }
    Ok(states)
}

/// Codes whose maker said how they are.
fn set(shop: &mut Shop, product: &str) -> Result<Vec<Value>> {
    let (batch, token) = one(shop.mint(product, 1)?)?;
    shop.change(&batch, &json!({ "status": "recalled", "reason": "seal not tight" }))?;
    expect(shop, &token, "RECALLED", "red")?;
    let mut states = vec![state("recalled", RECALLED, &format!("/v/{token}"))];
    for (name, said, band) in
        [("stolen", STOLEN, "red"), ("consumed", INACTIVE, "amber"), ("inactive", INACTIVE, "amber")]
    {
        let (_, token) = one(shop.mint(product, 1)?)?;
        let status = name.to_uppercase();
        shop.send("POST", "/api/v1/codes/status", &json!({ "tokens": [token], "status": status }))?;
        expect(shop, &token, &status, band)?;
        states.push(state(name, said, &format!("/v/{token}")));
    }
    Ok(states)
}

/// A code that so many shoppers scanned, under these rules.
fn scanned(shop: &mut Shop, product: &str, shoppers: usize, risk: &Value) -> Result<(Batch, String)> {
    let (batch, token) = one(shop.mint(product, 1)?)?;
    shop.change(&batch, &json!({ "risk": risk }))?;
    shop.scan(&token, shoppers)?;
    Ok((batch, token))
}

fn one(batch: Batch) -> Result<(Batch, String)> {
    let token = batch.tokens.first().ok_or("a batch without codes")?.clone();
    Ok((batch, token))
}

/// A page in another state than it is taken for would prove nothing.
fn expect(shop: &mut Shop, token: &str, status: &str, band: &str) -> Result<()> {
    let verdict = shop.verify(token)?;
    if verdict["qrStatus"] == status && verdict["riskLevel"] == band {
        return Ok(());
    }
    Err(format!("a code that should be {status} and {band} is {verdict}").into())
}
