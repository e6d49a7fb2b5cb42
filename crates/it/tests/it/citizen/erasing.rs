//! A citizen who is to be forgotten: what named the person is gone, and what was done stays.

use std::sync::Arc;

use kernel::secrets::hex;
use serde_json::{Value, json};

use super::{ask, asked, key};
use crate::fixture::{Ask, Reply, State, World};

on_both_engines! {
    an_erased_citizen_is_in_no_answer_and_is_bought_anew
    a_saved_reply_is_given_back_without_whom_it_named
    an_erasure_is_repeated_without_effect_and_concerns_one_tenant_and_citizen
    a_wrong_erasure_is_refused_by_its_field
}

const NUMBER: &str = "10000000001";

fn erase(world: &World, body: &Value) -> Ask {
    Ask::post("/operator/v1/citizens/erase").bearer(&world.operator_token()).json(body)
}

async fn erased(world: &World, tenant: &str) -> Value {
    let body = json!({ "tenantId": tenant, "nationalId": NUMBER });
    erase(world, &body).send(world.operator()).await.expect(200)
}

fn forgotten(verifications: i64) -> Value {
    json!({ "nationalIdMasked": "*******0001", "erased": verifications > 0, "verifications": verifications })
}

async fn an_erased_citizen_is_in_no_answer_and_is_bought_anew(world: Arc<World>) {
    let key = key(&world, "test").await;
    let question = json!({ "nationalId": NUMBER });
    let first = world.send(ask(&key, &question)).await.expect(200);
    assert_eq!(first["citizen"]["fullName"], "Maxamed Cabdi Xasan");
    assert_eq!(world.send(ask(&key, &question)).await.expect(200)["cached"], true);
    assert_eq!(erased(&world, &world.mine).await, forgotten(1), "the repetition held nothing of its own");
    // The newest answer counts, and within one instant there is no newest.
    world.clock.advance_seconds(1);
    let path = format!("/api/v1/verifications/{}", first["data"]["id"].as_str().unwrap());
    let kept = world.send(Ask::get(&path).bearer(&key)).await;
    let kept = (kept.expect(200)["data"].clone(), String::from_utf8(kept.body.to_vec()).unwrap());
    assert_eq!((&kept.0["result"], &kept.0["nationalIdMasked"]), (&json!("verified"), &json!("*******0001")));
    assert!(!kept.1.contains("Maxamed") && !kept.1.contains("1990"), "{}", kept.1);
    let again = asked(&world, ask(&key, &question)).await;
    let answer = again.reply.expect(200);
    assert_eq!((&answer["cached"], &answer["citizen"]), (&json!(false), &first["citizen"]));
    again.verified_for(1);
    assert_eq!(world.send(ask(&key, &question)).await.expect(200)["cached"], true, "under a new key");
    assert_eq!(
        erased(&world, &world.mine).await,
        forgotten(1),
        "and what the first erasure took is not told again"
    );
}

async fn a_saved_reply_is_given_back_without_whom_it_named(world: Arc<World>) {
    let key = key(&world, "test").await;
    let claims = json!({ "fullName": "Mohamed Abdi Hassan" });
    let bought = ask(&key, &json!({ "nationalId": NUMBER, "claims": claims }));
    let repeated = bought.clone().header("idempotency-key", "a repetition");
    let bought = bought.header("idempotency-key", "a purchase");
    let other = ask(&key, &json!({ "nationalId": "12345678901" })).header("idempotency-key", "of another");
    let send = async |ask: &Ask| -> Reply { world.send(ask.clone()).await };
    for ask in [&bought, &repeated, &other] {
        assert!(send(ask).await.expect(200)["citizen"].is_object());
        assert!(send(ask).await.expect(200)["citizen"].is_object());
    }
    assert_eq!(erased(&world, &world.mine).await, forgotten(1));
    for ask in [&bought, &repeated] {
        let reply = send(ask).await;
        let body = reply.expect(200);
        assert_eq!(reply.header("idempotent-replay"), Some("true"));
        assert_eq!((&body["data"]["result"], &body["data"]["reason"]), (&json!("verified"), &json!("MATCH")));
        assert_eq!((body.get("citizen"), body["data"].get("match")), (None, None), "{body}");
    }
    assert!(send(&other).await.expect(200)["citizen"].is_object());
}

async fn an_erasure_is_repeated_without_effect_and_concerns_one_tenant_and_citizen(world: Arc<World>) {
    let (key, live) = (key(&world, "test").await, key(&world, "live").await);
    let theirs = world.key(&world.other, json!({ "service": "citizen" })).await.secret;
    let question = json!({ "nationalId": NUMBER });
    for (key, number) in [(&key, NUMBER), (&key, "12345678901"), (&theirs, NUMBER)] {
        world.send(ask(key, &json!({ "nationalId": number }))).await.expect(200);
    }
    assert_eq!(world.send(ask(&live, &question)).await.status, 503, "without a registry nothing is known");
    let before = (world.state(&world.mine).await, world.state(&world.other).await);
    assert_eq!(erased(&world, &world.mine).await, forgotten(1));
    let after = State { audits: before.0.audits + 1, ..before.0.clone() };
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), (after.clone(), before.1));
    let subject = hex(&world.app.kernel.secrets.subject_mac("national_id", NUMBER));
    let audits = world.audits_of(&subject).await;
    assert_eq!(audits, [("operator".to_owned(), "citizen.subject.erase".to_owned())]);
    assert_eq!(erased(&world, &world.mine).await, forgotten(0));
    assert_eq!(world.state(&world.mine).await, State { audits: after.audits + 1, ..after });
    for (key, number) in [(&key, "12345678901"), (&theirs, NUMBER)] {
        let again = world.send(ask(key, &json!({ "nationalId": number }))).await.expect(200);
        assert_eq!(again["cached"], true, "{number}");
    }
    let path = format!("/operator/v1/audit?limit=1000&tenantId={}", world.mine);
    let audit = world.operate("GET", &path, Value::Null).await.to_string();
    assert!(audit.contains("1 verifications") && !audit.contains(NUMBER), "{audit}");
}

async fn a_wrong_erasure_is_refused_by_its_field(world: Arc<World>) {
    let before = world.state(&world.mine).await;
    for number in [json!("1"), json!("1000000000x"), json!(10_000_000_001_i64), Value::Null] {
        let body = json!({ "tenantId": world.mine, "nationalId": number });
        let refused = erase(&world, &body).send(world.operator()).await.expect(400);
        assert_eq!(refused["errors"][0]["pointer"], "#/nationalId", "{refused}");
        assert_eq!(refused["errors"][0]["detail"], "National ID must be exactly 11 digits");
    }
    let refused = erase(&world, &json!({ "nationalId": NUMBER })).send(world.operator()).await.expect(400);
    assert_eq!(refused["errors"][0]["pointer"], "#/tenantId");
    let nobody = json!({ "tenantId": "tn_00000000000000000000000001", "nationalId": NUMBER });
    erase(&world, &nobody).send(world.operator()).await.expect(404);
    assert_eq!(world.state(&world.mine).await, before);
}
