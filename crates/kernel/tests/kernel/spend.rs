//! A key's spend cap, and the events of a wallet that runs low or is empty.

use std::sync::Arc;

use base::Code;
use db::args;
use kernel::keys::{self, Key, NewKey};
use kernel::settings::{self, Changes, SETTINGS};
use kernel::spine::{Call, Claimed, Ending};
use serde_json::{Value, json};

use crate::fixture::{CITIZEN, World, new_key};
use crate::shop::{NOTHING, ONE, ORDER, Order, Receipt, Then, buy, charges, leave, order, traces};

on_both_engines! {
    a_key_spends_its_cap_a_day_and_not_a_credit_more
    a_cap_is_the_lineages_and_outlives_a_rotation
    what_a_slow_command_did_not_use_may_be_spent_again
    falling_below_the_threshold_is_told_once
    an_attempt_on_an_empty_wallet_is_told_and_leaves_nothing_else
}

async fn capped_key(world: &World, cap: i64) -> Key {
    let new = NewKey { spend_cap_per_day: Some(cap), ..new_key(CITIZEN) };
    world.create_key(new).await.unwrap().0
}

async fn a_key_spends_its_cap_a_day_and_not_a_credit_more(world: Arc<World>) {
    let key = capped_key(&world, 3).await;
    let (free, _) = world.key().await;
    let two = Order { units: 2, then: Then::Done };
    world.kernel.run(world.call(&key), &ORDER, two, order).await.unwrap();
    let before = traces(&world).await;
    assert!(credit_events(&world).await.is_empty());
    let fault = world.kernel.run(world.call(&key), &ORDER, two, order).await.unwrap_err();
    assert_eq!(fault.code, Code::InsufficientCredits);
    assert!(fault.detail.contains("may spend 1 of its 3 a day"), "{fault:?}");
    assert_eq!(traces(&world).await, before);
    assert!(credit_events(&world).await.is_empty(), "the wallet is not empty");
    buy(&world.kernel, world.call(&key)).await.unwrap();
    buy(&world.kernel, world.call(&free)).await.unwrap();
    assert!(buy(&world.kernel, world.call(&key)).await.is_err());
    world.clock.advance_seconds(24 * 60 * 60);
    buy(&world.kernel, world.call(&key)).await.unwrap();
}

async fn a_cap_is_the_lineages_and_outlives_a_rotation(world: Arc<World>) {
    let key = capped_key(&world, 1).await;
    buy(&world.kernel, world.call(&key)).await.unwrap();
    let secrets = Arc::clone(&world.kernel.secrets);
    let next = world.write(move |tx, ctx| keys::rotate(tx, ctx, &secrets, key.key_id, 900)).await.unwrap().0;
    let fault = buy(&world.kernel, world.call(&next)).await.unwrap_err();
    assert_eq!(fault.code, Code::InsufficientCredits);
    assert_eq!(charges(&world).await, 1);
}

async fn what_a_slow_command_did_not_use_may_be_spent_again(world: Arc<World>) {
    let key = capped_key(&world, 3).await;
    for then in [Then::Refuse, Then::Record, Then::Done] {
        let call: Call = world.call(&key);
        let ended = world.kernel.run_slow(
            call,
            &ORDER,
            then,
            |_, _, _| Ok(Claimed::<Receipt, ()>::Work { work: (), units: 3 }),
            |()| async {},
            |tx, ctx, then, ()| -> Result<Ending<Receipt>, _> {
                order(tx, ctx, &Order { units: 1, then: *then })
            },
        );
        assert_eq!(ended.await.is_ok(), matches!(then, Then::Done));
    }
    let two = Order { units: 2, then: Then::Done };
    world.kernel.run(world.call(&key), &ORDER, two, order).await.unwrap();
    assert!(buy(&world.kernel, world.call(&key)).await.is_err());
}

/// The kinds and bodies of the events that a wallet sent, in order.
async fn credit_events(world: &World) -> Vec<(String, Value)> {
    const EVENTS: &str =
        "SELECT kind, payload FROM outbox WHERE tenant_id = ?1 AND kind <> 'ordered' ORDER BY event_id";
    let tenant_id = world.tenant_id;
    let rows = world.read(move |tx| {
        Ok(tx.all(EVENTS, args![tenant_id], |row| Ok((row.text("kind")?, row.text("payload")?)))?)
    });
    rows.await.into_iter().map(|(kind, body)| (kind, serde_json::from_str(&body).unwrap())).collect()
}

async fn falling_below_the_threshold_is_told_once(world: Arc<World>) {
    let (key, _) = world.key().await;
    leave(&world, 12).await;
    let threshold = json!({ "wallet.credits_low_threshold": 10 });
    let Value::Object(changes) = threshold else { unreachable!("an object was written above") };
    world.write(move |tx, ctx| settings::change(tx, ctx, SETTINGS, &Changes::clone(&changes))).await.unwrap();
    let mut told = Vec::new();
    for _ in 0..4 {
        world.kernel.run(world.call(&key), &ORDER, ONE, order).await.unwrap();
        world.clock.advance_seconds(1);
        told.push(credit_events(&world).await.len());
    }
    assert_eq!(told, [0, 0, 1, 1], "12 to 11, 10, 9 and 8");
    let (kind, body) = credit_events(&world).await.remove(0);
    assert_eq!(kind, "credits_low");
    assert_eq!(body["data"], json!({ "balance": 9, "threshold": 10 }));
    assert_eq!(body["type"], "credits_low");
}

async fn an_attempt_on_an_empty_wallet_is_told_and_leaves_nothing_else(world: Arc<World>) {
    let (key, _) = world.key().await;
    leave(&world, 0).await;
    let fault = buy(&world.kernel, world.call(&key)).await.unwrap_err();
    assert_eq!(fault.code, Code::InsufficientCredits);
    let events = credit_events(&world).await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].0.as_str(), &events[0].1["data"]["balance"]), ("credits_exhausted", &json!(0)));
    assert_eq!(traces(&world).await, NOTHING);
}
