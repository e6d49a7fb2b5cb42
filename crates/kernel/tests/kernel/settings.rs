//! Settings: a tenant's own, per environment, within their kinds.

use std::sync::Arc;

use base::{Code, Environment, Fault};
use kernel::settings::{self, Changes, Kind, Setting};
use serde_json::{Value, json};

use crate::fixture::World;

on_both_engines! {
    a_setting_is_its_default_until_it_is_changed_and_again_after_a_reset
    a_setting_of_one_environment_or_tenant_is_not_anothers
    a_change_with_one_wrong_setting_changes_nothing
    a_setting_is_read_as_its_kind_alone
}

const STORED: &str = "SELECT COUNT(*) FROM tenant_setting WHERE tenant_id = ?1";

const FLAG: Setting = Setting { name: "shop.strict", kind: Kind::Flag { default: false }, about: "" };
const COUNT: Setting =
    Setting { name: "shop.count", kind: Kind::Integer { min: 1, max: 9, default: 5 }, about: "" };
const LIMIT: Setting =
    Setting { name: "shop.limit", kind: Kind::OptionalInteger { min: 0, max: 9 }, about: "" };
const MODE: Setting = Setting {
    name: "shop.mode",
    kind: Kind::Choice { choices: &["soft", "hard"], default: "soft" },
    about: "",
};
const KNOWN: &[&Setting] = &[&FLAG, &COUNT, &LIMIT, &MODE];

async fn change(world: &World, changes: Value) -> Result<(), Fault> {
    let changes: Changes = serde_json::from_value(changes).unwrap();
    world.write(move |tx, ctx| settings::change(tx, ctx, KNOWN, &changes)).await
}

async fn all(world: &World, environment: Environment) -> Value {
    let tenant_id = world.tenant_id;
    Value::Object(world.read(move |tx| settings::all(tx, tenant_id, environment, KNOWN)).await)
}

fn defaults() -> Value {
    json!({ "shop.strict": false, "shop.count": 5, "shop.limit": null, "shop.mode": "soft" })
}

async fn a_setting_is_its_default_until_it_is_changed_and_again_after_a_reset(world: Arc<World>) {
    assert_eq!(all(&world, Environment::Test).await, defaults());
    change(&world, json!({ "shop.strict": true, "shop.limit": 0 })).await.unwrap();
    change(&world, json!({ "shop.count": 9, "shop.mode": "hard", "shop.limit": 7 })).await.unwrap();
    let changed = json!({ "shop.strict": true, "shop.count": 9, "shop.limit": 7, "shop.mode": "hard" });
    assert_eq!(all(&world, Environment::Test).await, changed);
    assert_eq!(world.count(STORED).await, 4);
    let tenant_id = world.tenant_id;
    let read = world.read(move |tx| {
        Ok(json!([
            settings::flag(tx, tenant_id, Environment::Test, &FLAG)?,
            settings::integer(tx, tenant_id, Environment::Test, &COUNT)?,
            settings::optional_integer(tx, tenant_id, Environment::Test, &LIMIT)?,
            settings::choice(tx, tenant_id, Environment::Test, &MODE)?,
        ]))
    });
    assert_eq!(read.await, json!([true, 9, 7, "hard"]));
    let reset = json!({ "shop.strict": null, "shop.count": 5, "shop.limit": null, "shop.mode": null });
    change(&world, reset).await.unwrap();
    assert_eq!(all(&world, Environment::Test).await, defaults());
    assert_eq!(world.count(STORED).await, 0, "a default needs no row");
}

async fn a_setting_of_one_environment_or_tenant_is_not_anothers(world: Arc<World>) {
    change(&world, json!({ "shop.strict": true })).await.unwrap();
    assert_eq!(all(&world, Environment::Live).await, defaults());
    let other = world.another_tenant().await;
    let theirs = world.read(move |tx| settings::flag(tx, other, Environment::Test, &FLAG)).await;
    assert!(!theirs);
}

async fn a_change_with_one_wrong_setting_changes_nothing(world: Arc<World>) {
    for wrong in [
        json!({ "shop.strict": true, "shop.count": 0 }),
        json!({ "shop.strict": true, "shop.count": "5" }),
        json!({ "shop.strict": true, "shop.limit": 10 }),
        json!({ "shop.strict": true, "shop.mode": "other" }),
        json!({ "shop.strict": true, "shop.other": null }),
        json!({ "shop.strict": 1 }),
        json!({ "shop.strict": { "default": true } }),
    ] {
        let fault = change(&world, wrong.clone()).await.unwrap_err();
        assert_eq!((fault.code, fault.fields.len()), (Code::Invalid, 1), "{wrong}: {fault:?}");
    }
    assert_eq!(world.count(STORED).await, 0);
    change(&world, json!({})).await.unwrap();
}

async fn a_setting_is_read_as_its_kind_alone(world: Arc<World>) {
    let tenant_id = world.tenant_id;
    let wrong =
        world.kernel.db.read(move |tx| settings::flag(tx, tenant_id, Environment::Test, &COUNT)).await;
    assert_eq!(wrong.unwrap_err().code, Code::Internal);
    let put = "INSERT INTO tenant_setting (tenant_id, environment, name, value, updated_at_us) \
        VALUES (?1, 'test', 'shop.count', '10', 1)";
    world.write(move |tx, ctx| Ok(tx.exec(put, db::args![ctx.tenant_id])?)).await.unwrap();
    let stored =
        world.kernel.db.read(move |tx| settings::integer(tx, tenant_id, Environment::Test, &COUNT)).await;
    assert_eq!(stored.unwrap_err().code, Code::Internal, "no wrong value is taken for a default");
}
