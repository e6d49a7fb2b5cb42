//! The tenant and its settings.

use std::sync::Arc;

use serde_json::{Value, json};

use super::platform_key;
use crate::fixture::{Ask, State, World};

on_both_engines! {
    a_tenant_sees_itself_and_its_settings
    a_changed_setting_holds_in_its_environment_alone_and_is_audited
    null_resets_a_setting
    a_wrong_setting_is_named_and_nothing_is_changed
    an_operator_changes_settings_in_a_tenants_place
    a_plan_is_changed_to_a_known_one_and_holds_at_once
}

const TENANT: &str = "/platform/v1/tenant";
const LOW: &str = "wallet.credits_low_threshold";

fn patch(key: &str, body: &Value) -> Ask {
    Ask::new("PATCH", TENANT).bearer(key).json(body)
}

async fn a_tenant_sees_itself_and_its_settings(world: Arc<World>) {
    let key = platform_key(&world, json!({ "scopes": ["tenant:read"] })).await;
    let before = world.state(&world.mine).await;
    let shown = world.send(Ask::get(TENANT).bearer(&key)).await.expect(200);
    let expected = json!({
        "id": world.mine, "parent_id": null, "name": "Mine", "status": "active", "plan": "enterprise",
        "live_approved": true, "created_at": "2026-05-28T20:26:40.000Z", "environment": "test",
        "settings": shown["settings"],
    });
    assert_eq!(shown, expected);
    let names: Vec<&String> = shown["settings"].as_object().unwrap().keys().collect();
    let mut known: Vec<&str> = services::settings().iter().map(|setting| setting.name).collect();
    known.sort_unstable();
    assert_eq!(names, known, "every setting there is, and no other");
    assert_eq!(world.state(&world.mine).await, before);
}

async fn a_changed_setting_holds_in_its_environment_alone_and_is_audited(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let live = platform_key(&world, json!({ "environment": "live" })).await;
    let stranger = world.key(&world.other, json!({ "service": "platform" })).await.secret;
    let before = (world.state(&world.mine).await, world.state(&world.other).await);
    let changed = world.send(patch(&key, &json!({ "settings": { LOW: 500 } }))).await.expect(200);
    assert_eq!(changed["settings"][LOW], 500);
    assert_eq!(world.send(Ask::get(TENANT).bearer(&key)).await.expect(200), changed);
    for other in [&live, &stranger] {
        let shown = world.send(Ask::get(TENANT).bearer(other)).await.expect(200);
        assert_eq!(shown["settings"][LOW], Value::Null);
    }
    let mine = State { settings: before.0.settings + 1, audits: before.0.audits + 1, ..before.0 };
    assert_eq!((world.state(&world.mine).await, world.state(&world.other).await), (mine, before.1));
    let audits = world.audits_of(&world.mine).await;
    assert!(audits.contains(&("key".into(), "platform.tenant.change_settings".into())), "{audits:?}");
}

async fn null_resets_a_setting(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let before = world.state(&world.mine).await;
    for value in [json!(0), json!(1_000_000_000_000_000_i64), json!(null), json!(null)] {
        let changed = world.send(patch(&key, &json!({ "settings": { LOW: value } }))).await.expect(200);
        assert_eq!(changed["settings"][LOW], value);
    }
    let shown = world.send(patch(&key, &json!({ "settings": {}, "name": "New" }))).await.expect(200);
    assert_eq!((&shown["settings"][LOW], &shown["name"]), (&Value::Null, &json!("Mine")));
    assert_eq!(world.state(&world.mine).await, State { audits: before.audits + 5, ..before });
}

async fn a_wrong_setting_is_named_and_nothing_is_changed(world: Arc<World>) {
    let key = platform_key(&world, json!({})).await;
    let before = world.state(&world.mine).await;
    let pointer = format!("#/settings/{LOW}");
    let rule = "must be a whole number from 0 to 1000000000000000, or null for none";
    let mut asked = 0;
    for value in ["-1", "1.5", "1e3", "\"5\"", "true", "[]", "{}", "1000000000000001", "9223372036854775808"]
    {
        let body = format!(r#"{{"settings":{{"{LOW}":{value}}}}}"#);
        let reply = world.send(Ask::new("PATCH", TENANT).bearer(&key).body(body)).await;
        reply.problem(400, "invalid_request", &[(&pointer, rule)]);
        asked += 1;
    }
    let known: Vec<&str> = services::settings().iter().map(|setting| setting.name).collect();
    let unknown = format!("is no setting; there are {}", known.join(", "));
    let body = json!({ "settings": { LOW: 5, "a/b": null } });
    let reply = world.send(patch(&key, &body)).await;
    reply.problem(400, "invalid_request", &[("#/settings/a~1b", &unknown)]);
    asked += 1;
    let required = "is required: an object of settings by name";
    for (body, said) in [
        (json!({}), required),
        (json!({ "name": "New" }), required),
        (json!({ "settings": null }), "must be an object"),
        (json!({ "settings": [] }), "must be an object"),
    ] {
        world.send(patch(&key, &body)).await.problem(400, "invalid_request", &[("#/settings", said)]);
    }
    // A refused change is told in the audit log, and does nothing else.
    let after = State { audits: before.audits + asked, ..before };
    assert_eq!(world.state(&world.mine).await, after);
}

async fn an_operator_changes_settings_in_a_tenants_place(world: Arc<World>) {
    let target = json!({ "tenantId": world.mine, "environment": "test", "settings": { LOW: 7 } });
    let changed = world.operate("PATCH", "/operator/v1/settings", target).await;
    let path = format!("/operator/v1/settings?environment=test&tenantId={}", world.mine);
    assert_eq!(world.operate("GET", &path, json!(null)).await, changed);
    let key = platform_key(&world, json!({})).await;
    assert_eq!(world.send(Ask::get(TENANT).bearer(&key)).await.expect(200), changed);
    let nobody = "/operator/v1/settings?tenantId=tn_01kdvdna00e008m2jtjb6jqfym";
    let reply = Ask::get(nobody).bearer(&world.operator_token()).send(world.operator()).await;
    reply.problem(404, "not_found", &[]);
    let body = json!({ "tenantId": "tn_01kdvdna00e008m2jtjb6jqfym", "settings": { LOW: 7 } });
    let ask = Ask::new("PATCH", "/operator/v1/settings").bearer(&world.operator_token()).json(&body);
    ask.send(world.operator()).await.problem(404, "not_found", &[]);
}

async fn a_plan_is_changed_to_a_known_one_and_holds_at_once(world: Arc<World>) {
    let key = world.key(&world.mine, json!({ "service": "citizen" })).await.secret;
    let path = format!("/operator/v1/tenants/{}", world.mine);
    let set =
        |plan: Value| Ask::new("PATCH", &path).bearer(&world.operator_token()).json(&json!({ "plan": plan }));
    let verified = async || world.send(Ask::get("/api/v1/verifications").bearer(&key)).await.status;
    let before = world.state(&world.mine).await;
    for (plan, status) in [("standard", 403), ("enterprise", 200), ("enterprise", 200)] {
        let shown = set(json!(plan)).send(world.operator()).await.expect(200);
        assert_eq!((&shown["plan"], verified().await), (&json!(plan), status));
    }
    let changed = State { audits: before.audits + 3, ..before };
    assert_eq!(world.state(&world.mine).await, changed);
    let rows =
        world.operate("GET", &format!("/operator/v1/audit?tenantId={}", world.mine), Value::Null).await;
    let rows =
        rows["data"].as_array().unwrap().iter().filter(|row| row["action"] == "platform.tenant.set_plan");
    let mut notes: Vec<&str> = rows.map(|row| row["note"].as_str().unwrap()).collect();
    notes.sort_unstable();
    let said = ["enterprise to enterprise", "enterprise to standard", "standard to enterprise"];
    assert_eq!(notes, said);

    for plan in [json!("gold"), json!(""), json!(7), Value::Null] {
        let refused = set(plan.clone()).send(world.operator()).await.expect(400);
        assert_eq!(refused["errors"][0]["pointer"], "#/plan", "{refused}");
        let new = json!({ "name": "New", "plan": plan });
        let ask = Ask::post("/operator/v1/tenants").bearer(&world.operator_token()).json(&new);
        assert_eq!(ask.send(world.operator()).await.expect(400)["errors"][0]["pointer"], "#/plan");
    }
    let refused = set(json!("gold")).send(world.operator()).await.expect(400);
    assert_eq!(refused["errors"][0]["detail"], "must be one of standard, enterprise");
    let nobody = Ask::new("PATCH", "/operator/v1/tenants/tn_01kdvdna00e008m2jtjb6jqfym");
    let nobody = nobody.bearer(&world.operator_token()).json(&json!({ "plan": "standard" }));
    nobody.send(world.operator()).await.problem(404, "not_found", &[]);
    assert_eq!(world.state(&world.mine).await, changed);
}

#[test]
fn every_setting_is_in_the_documentation_with_what_it_does() {
    let text = std::fs::read_to_string(it::settings::workspace().join("docs/platform-api.md")).unwrap();
    for setting in services::settings() {
        let row = text.lines().find(|line| line.starts_with(&format!("| `{}` |", setting.name)));
        assert!(row.is_some_and(|row| row.contains(setting.about)), "{}: {row:?}", setting.name);
    }
}
