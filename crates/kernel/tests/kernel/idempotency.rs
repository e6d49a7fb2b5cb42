//! The same key and request give the same reply, and are charged once.

use std::sync::Arc;

use base::{Code, Service};
use kernel::idempotency::{self, KEEP_SECONDS};
use kernel::keys;
use kernel::spine::Call;

use crate::fixture::{World, with_key};
use crate::shop::*;

on_both_engines! {
    a_replay_is_the_same_reply_and_free_even_on_an_empty_wallet
    the_same_key_with_another_request_is_refused
    keys_of_other_routes_services_environments_and_tenants_are_others
    a_key_lives_for_a_day_and_is_new_after_it
    a_sweep_takes_only_what_is_past_its_day
    a_required_key_must_be_there
    a_key_is_ignored_where_a_command_wants_none
    a_replay_survives_a_key_rotation
    a_saved_reply_is_not_readable_in_the_database
    a_claim_without_a_reply_is_in_progress
}

async fn a_replay_is_the_same_reply_and_free_even_on_an_empty_wallet(world: Arc<World>) {
    let (key, _) = world.key().await;
    leave(&world, 1).await;
    let call = with_key(world.call(&key), "k-1");
    let first = buy(&world.kernel, call.clone()).await.unwrap();
    assert_eq!(world.balance().await, 0);
    for kernel in [world.kernel.clone(), world.another_kernel(world.clock.clone())] {
        let again = buy(&kernel, call.clone()).await.unwrap();
        assert!(again.is_replay && !first.is_replay);
        assert_eq!(again.value, first.value);
    }
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..DONE });
    assert_eq!(world.balance().await, 0);
}

async fn the_same_key_with_another_request_is_refused(world: Arc<World>) {
    let (key, _) = world.key().await;
    let call = with_key(world.call(&key), "k-1");
    let first = buy(&world.kernel, call.clone()).await.unwrap();
    let other = Call { fingerprint: [2; 32], ..call.clone() };
    let fault = buy(&world.kernel, other).await.unwrap_err();
    assert_eq!(fault.code, Code::IdempotencyMismatch);
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..DONE });
    assert_eq!(buy(&world.kernel, call).await.unwrap().value, first.value, "the reply is not touched");
}

async fn keys_of_other_routes_services_environments_and_tenants_are_others(world: Arc<World>) {
    let (key, _) = world.key().await;
    let call = with_key(world.call(&key), "k-1");
    buy(&world.kernel, call.clone()).await.unwrap();
    let route = Call { route: "/elsewhere", ..call.clone() };
    let mut service = call.clone();
    service.caller.service = Service::Codes;
    let mut environment = world.operator_call();
    environment.caller.environment = base::Environment::Live;
    let mut tenant = with_key(world.operator_call(), "k-1");
    tenant.caller.tenant_id = world.another_tenant().await;
    let cached = Order { units: 0, then: Then::Done };
    for other in [route, service, with_key(environment, "k-1"), tenant] {
        let answer = world.kernel.run(other, &ORDER, cached, order).await.unwrap();
        assert!(!answer.is_replay);
    }
    assert_eq!(traces(&world).await.effects, 4, "and one at the other tenant");
}

async fn a_key_lives_for_a_day_and_is_new_after_it(world: Arc<World>) {
    let (key, _) = world.key().await;
    let call = with_key(world.call(&key), "k-1");
    let first = buy(&world.kernel, call.clone()).await.unwrap();
    world.clock.advance_seconds(KEEP_SECONDS - 1);
    assert!(buy(&world.kernel, call.clone()).await.unwrap().is_replay);
    world.clock.advance_seconds(1);
    let other = Call { fingerprint: [2; 32], ..call };
    let anew = buy(&world.kernel, other.clone()).await.unwrap();
    assert!(!anew.is_replay && anew.value != first.value);
    let again = buy(&world.kernel, other).await.unwrap();
    assert!(again.is_replay && again.value == anew.value, "and it lives for another day");
    let wanted = Traces { effects: 2, events: 2, audited: 2, charges: 2, saved_keys: 1 };
    assert_eq!(traces(&world).await, wanted);
}

async fn a_sweep_takes_only_what_is_past_its_day(world: Arc<World>) {
    let (key, _) = world.key().await;
    for name in ["k-1", "k-2", "k-3"] {
        buy(&world.kernel, with_key(world.call(&key), name)).await.unwrap();
    }
    world.clock.advance_seconds(KEEP_SECONDS - 1);
    let young = with_key(world.call(&key), "k-4");
    buy(&world.kernel, young.clone()).await.unwrap();
    let sweep = |limit| world.write(move |tx, ctx| idempotency::sweep(tx, ctx.tenant_id, ctx.now, limit));
    assert_eq!(sweep(10).await.unwrap(), 0);
    world.clock.advance_seconds(1);
    assert_eq!(sweep(2).await.unwrap(), 2);
    assert_eq!(sweep(10).await.unwrap(), 1);
    assert_eq!(traces(&world).await.saved_keys, 1);
    assert!(buy(&world.kernel, young).await.unwrap().is_replay);
}

async fn a_required_key_must_be_there(world: Arc<World>) {
    let (key, _) = world.key().await;
    let fault = world.kernel.run(world.call(&key), &ORDER_REQUIRED, ONE, order).await.unwrap_err();
    assert_eq!((fault.code, fault.fields[0].field.as_ref()), (Code::Invalid, "Idempotency-Key"));
    assert_eq!(traces(&world).await, NOTHING);
    let call = with_key(world.call(&key), "k-1");
    world.kernel.run(call, &ORDER_REQUIRED, ONE, order).await.unwrap();
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..DONE });
}

async fn a_key_is_ignored_where_a_command_wants_none(world: Arc<World>) {
    let (key, _) = world.key().await;
    let call = with_key(world.call(&key), "k-1");
    for _ in 0..2 {
        let answer = world.kernel.run(call.clone(), &ORDER_WITHOUT_KEY, ONE, order).await.unwrap();
        assert!(!answer.is_replay);
    }
    let traces = traces(&world).await;
    assert_eq!((traces.charges, traces.saved_keys), (2, 0));
}

async fn a_replay_survives_a_key_rotation(world: Arc<World>) {
    let (key, _) = world.key().await;
    let call = with_key(world.call(&key), "k-1");
    let first = buy(&world.kernel, call).await.unwrap();
    let (secrets, key_id) = (Arc::clone(&world.kernel.secrets), key.key_id);
    let (next, _) = world.write(move |tx, ctx| keys::rotate(tx, ctx, &secrets, key_id, 0)).await.unwrap();
    let again = buy(&world.kernel, with_key(world.call(&next), "k-1")).await.unwrap();
    assert!(again.is_replay && again.value == first.value);
    assert_eq!(traces(&world).await.charges, 1);
}

async fn a_saved_reply_is_not_readable_in_the_database(world: Arc<World>) {
    const SAVED: &str = "SELECT reply, key_mac FROM idempotency WHERE tenant_id = ?1";
    let (key, _) = world.key().await;
    let raw = "a-raw-idempotency-key";
    let answer = buy(&world.kernel, with_key(world.call(&key), raw)).await.unwrap();
    let tenant_id = world.tenant_id;
    let (reply, mac) = world
        .read(move |tx| Ok(tx.one(SAVED, db::args![tenant_id], |row| Ok((row.bytes(0)?, row.bytes(1)?)))?))
        .await;
    let plain = serde_json::to_vec(&answer.value).unwrap();
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(!holds(&reply, &plain) && !holds(&mac, raw.as_bytes()));
}

async fn a_claim_without_a_reply_is_in_progress(world: Arc<World>) {
    let mac = world.kernel.secrets.idempotency_mac("k-1");
    let tenant_id = world.tenant_id;
    let claim = |fingerprint: u8| {
        world.write(move |tx, ctx| {
            let slot = idempotency::Slot { tenant_id, scope: "s", key_mac: &mac, has_tombstone: false };
            idempotency::claim(tx, slot, &[fingerprint; 32], ctx.now)
        })
    };
    assert_eq!(claim(1).await.unwrap(), idempotency::Claim::Fresh);
    let busy = claim(1).await.unwrap_err();
    assert!(busy.code == Code::RequestInProgress && busy.retry_after_s.is_some());
    assert_eq!(claim(2).await.unwrap_err().code, Code::IdempotencyMismatch);
    let free = move |tx: &mut db::Tx<'_>| {
        idempotency::free(
            tx,
            idempotency::Slot { tenant_id, scope: "s", key_mac: &mac, has_tombstone: false },
        )
    };
    world.kernel.db.write(tenant_id, free).await.unwrap();
    assert_eq!(claim(2).await.unwrap(), idempotency::Claim::Fresh);
}
