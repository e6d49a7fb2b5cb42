//! A command ends in one of three ways, and each leaves exactly its own traces.

use std::sync::Arc;

use base::{Code, Timestamp};
use kernel::audit;
use kernel::keys;

use crate::fixture::{CITIZEN, START, World, new_key, with_key};
use crate::shop::*;

on_both_engines! {
    done_leaves_effect_charge_event_audit_and_reply_together
    a_refusal_leaves_nothing
    a_recorded_outage_keeps_its_rows_and_charges_nothing
    the_price_is_a_ceiling
    a_result_may_cost_less_or_nothing
    a_price_list_sets_the_amount
    a_wallet_that_cannot_pay_undoes_the_effect
    a_refusal_is_audited_when_asked_for
    a_missing_scope_is_audited_when_asked_for
    a_command_that_is_not_audited_leaves_no_row
    no_key_can_do_what_only_an_operator_may
    a_missing_scope_does_nothing
    a_scope_that_was_taken_since_the_key_was_shown_is_missed
    a_dead_key_does_nothing
    environments_have_wallets_of_their_own
}

async fn done_leaves_effect_charge_event_audit_and_reply_together(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let call = with_key(world.call(&key), "k-1");
    let request_id = call.request_id;
    let answer = world.kernel.run(call, &ORDER, Order { units: 3, ..ONE }, order).await.unwrap();
    assert!(!answer.is_replay);
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..DONE });
    assert_eq!(world.balance().await, before - 3);
    let tenant_id = world.tenant_id;
    let rows = world.read(move |tx| audit::newest(tx, tenant_id, None, 10)).await;
    let row = &rows[0];
    assert_eq!(
        (row.action.as_str(), row.outcome.as_str(), row.target.as_str()),
        ("test.order", "done", "order-1")
    );
    assert_eq!((row.actor_type.as_str(), &row.actor_id), ("key", &key.key_id.text()));
    assert_eq!((&row.request_id, row.at), (&request_id.text(), START));
    let wallet_id = world.wallet_id();
    let newest = world.read(move |tx| kernel::ledger::transfers_of(tx, tenant_id, wallet_id, None, 10)).await;
    let charge =
        newest.iter().find(|transfer| transfer.kind == kernel::ledger::TransferKind::Charge).unwrap();
    assert_eq!((charge.amount, charge.key_id, charge.request_id), (3, Some(key.key_id), request_id));
    world.assert_ledger_holds().await;
}

async fn a_refusal_leaves_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let refuse = Order { units: 1, then: Then::Refuse };
    let call = with_key(world.call(&key), "k-1");
    let fault = world.kernel.run(call.clone(), &ORDER, refuse, order).await.unwrap_err();
    assert_eq!((fault.code, fault.detail.as_ref()), (Code::Conflict, "sold out"));
    assert_eq!(traces(&world).await, NOTHING);
    assert_eq!(world.balance().await, before);
    let other = kernel::spine::Call { fingerprint: [2; 32], ..call };
    let answer = world.kernel.run(other, &ORDER, ONE, order).await.unwrap();
    assert!(!answer.is_replay, "a refusal frees the key, even for another request");
    assert_eq!(traces(&world).await, Traces { saved_keys: 1, ..DONE });
}

async fn a_recorded_outage_keeps_its_rows_and_charges_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    let record = Order { units: 1, then: Then::Record };
    let call = with_key(world.call(&key), "k-1");
    let fault = world.kernel.run(call.clone(), &ORDER, record, order).await.unwrap_err();
    assert_eq!(fault.code, Code::Unavailable);
    assert_eq!(traces(&world).await, Traces { charges: 0, ..DONE });
    assert_eq!(world.balance().await, before);
    let tenant_id = world.tenant_id;
    let rows = world.read(move |tx| audit::newest(tx, tenant_id, None, 10)).await;
    assert_eq!(rows[0].outcome, "recorded");
    let answer = world.kernel.run(call, &ORDER, ONE, order).await.unwrap();
    assert!(!answer.is_replay, "the key is free again");
    assert_eq!(world.balance().await, before - 1);
}

async fn the_price_is_a_ceiling(world: Arc<World>) {
    let (key, _) = world.key().await;
    let before = world.balance().await;
    for (command, units) in [(&ORDER, PRICE_MAX + 1), (&ORDER, -1), (&ORDER_FREE, 1)] {
        let dear = Order { units, then: Then::Done };
        let fault = world.kernel.run(world.call(&key), command, dear, order).await.unwrap_err();
        assert_eq!(fault.code, Code::Internal, "{units}");
        assert!(!fault.detail.contains("units"), "our mistake is not the caller's to read");
    }
    assert_eq!(traces(&world).await, NOTHING);
    assert_eq!(world.balance().await, before);
    let full = Order { units: PRICE_MAX, then: Then::Done };
    world.kernel.run(world.call(&key), &ORDER, full, order).await.unwrap();
    assert_eq!(world.balance().await, before - PRICE_MAX);
}

async fn a_result_may_cost_less_or_nothing(world: Arc<World>) {
    let (key, _) = world.key().await;
    leave(&world, 0).await;
    let cached = Order { units: 0, then: Then::Done };
    world.kernel.run(world.call(&key), &ORDER, cached, order).await.unwrap();
    world.kernel.run(world.call(&key), &ORDER_FREE, cached, order).await.unwrap();
    assert_eq!(traces(&world).await, Traces { effects: 2, events: 2, audited: 2, ..NOTHING });
    assert_eq!(world.balance().await, 0);
}

async fn a_price_list_sets_the_amount(world: Arc<World>) {
    const PRICE: &str =
        "INSERT INTO price (tenant_id, command, price_id, amount, created_at_us) VALUES (?1, ?2, ?3, ?4, 0)";
    let (key, _) = world.key().await;
    world
        .write(|tx, ctx| {
            for (command, id, amount) in
                [("test.order", "price_1", 2_i64), ("test.order", "price_2", 7), ("other", "price_3", 100)]
            {
                tx.exec(PRICE, db::args![ctx.tenant_id, command, id, amount])?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let before = world.balance().await;
    world.kernel.run(world.call(&key), &ORDER, Order { units: 3, ..ONE }, order).await.unwrap();
    assert_eq!(world.balance().await, before - 21, "three units of the newest line");
}

async fn a_wallet_that_cannot_pay_undoes_the_effect(world: Arc<World>) {
    let (key, _) = world.key().await;
    leave(&world, 2).await;
    let dear = Order { units: 3, then: Then::Done };
    let call = with_key(world.call(&key), "k-1");
    let fault = world.kernel.run(call.clone(), &ORDER, dear, order).await.unwrap_err();
    assert_eq!(fault.code, Code::InsufficientCredits);
    assert_eq!(traces(&world).await, NOTHING);
    assert_eq!(world.balance().await, 2);
    let wallet_id = world.wallet_id();
    world.write(move |tx, ctx| kernel::ledger::grant(tx, ctx, wallet_id, 1, None)).await.unwrap();
    let answer = world.kernel.run(call, &ORDER, dear, order).await.unwrap();
    assert!(!answer.is_replay, "after a top-up the same key is judged afresh");
    assert_eq!((traces(&world).await.effects, world.balance().await), (1, 0));
    world.assert_ledger_holds().await;
}

async fn a_refusal_is_audited_when_asked_for(world: Arc<World>) {
    let (key, _) = world.key().await;
    let refuse = Order { units: 1, then: Then::Refuse };
    let call = with_key(world.call(&key), "k-1");
    let fault = world.kernel.run(call.clone(), &ORDER_AUDITED, refuse, order).await.unwrap_err();
    assert_eq!(fault.code, Code::Conflict);
    assert_eq!(traces(&world).await, Traces { audited: 1, ..NOTHING });
    let tenant_id = world.tenant_id;
    let rows = world.read(move |tx| audit::newest(tx, tenant_id, None, 10)).await;
    assert_eq!((rows[0].outcome.as_str(), rows[0].note.as_deref()), ("refused", Some("Conflict")));
    assert_eq!(rows[0].request_id, call.request_id.text());
    let too_dear = Order { units: PRICE_MAX + 1, then: Then::Done };
    world.kernel.run(call, &ORDER_AUDITED, too_dear, order).await.unwrap_err();
    assert_eq!(traces(&world).await.audited, 1, "our own mistakes are for the log");
}

async fn a_missing_scope_is_audited_when_asked_for(world: Arc<World>) {
    let (key, _) = world.key().await;
    let fault = world.kernel.run(world.call(&key), &ORDER_OPERATOR, ONE, order).await.unwrap_err();
    assert_eq!(fault.code, Code::ScopeMissing);
    assert_eq!(traces(&world).await, Traces { audited: 1, ..NOTHING });
}

async fn a_command_that_is_not_audited_leaves_no_row(world: Arc<World>) {
    let (key, _) = world.key().await;
    world.kernel.run(world.call(&key), &ORDER_UNAUDITED, ONE, order).await.unwrap();
    assert_eq!(traces(&world).await, Traces { audited: 0, ..DONE });
}

async fn no_key_can_do_what_only_an_operator_may(world: Arc<World>) {
    let new = kernel::keys::NewKey { scopes: vec!["operator".into(), "*".into()], ..new_key(CITIZEN) };
    let (key, _) = world.create_key(new).await.unwrap();
    let fault = world.kernel.run(world.call(&key), &ORDER_OPERATOR, ONE, order).await.unwrap_err();
    assert_eq!(fault.code, Code::ScopeMissing);
    assert_eq!(traces(&world).await.effects, 0);
    world.kernel.run(world.operator_call(), &ORDER_OPERATOR, ONE, order).await.unwrap();
    assert_eq!(traces(&world).await.effects, 1);
}

async fn a_missing_scope_does_nothing(world: Arc<World>) {
    let new = kernel::keys::NewKey { scopes: vec!["test:read".into()], ..new_key(CITIZEN) };
    let (key, _) = world.create_key(new).await.unwrap();
    let fault = world.kernel.run(world.call(&key), &ORDER, ONE, order).await.unwrap_err();
    assert!(fault.code == Code::ScopeMissing && fault.detail.contains("test:write"), "{fault:?}");
    assert_eq!(traces(&world).await, NOTHING);
}

async fn a_scope_that_was_taken_since_the_key_was_shown_is_missed(world: Arc<World>) {
    let (key, _) = world.key().await;
    let call = world.call(&key);
    let change = keys::KeyChange { scopes: Some(vec!["test:read".into()]), ..keys::KeyChange::default() };
    world.write(move |tx, ctx| keys::change(tx, ctx, key.key_id, &change)).await.unwrap();
    let fault = world.kernel.run(call, &ORDER, ONE, order).await.unwrap_err();
    assert_eq!(fault.code, Code::ScopeMissing);
    assert_eq!(traces(&world).await, NOTHING);
}

async fn a_dead_key_does_nothing(world: Arc<World>) {
    let (revoked, _) = world.key().await;
    let key_id = revoked.key_id;
    world.write(move |tx, ctx| keys::revoke(tx, ctx, key_id)).await.unwrap();
    let expires_at = Some(START.plus_seconds(10));
    let (expiring, _) =
        world.create_key(kernel::keys::NewKey { expires_at, ..new_key(CITIZEN) }).await.unwrap();
    buy(&world.kernel, world.call(&expiring)).await.unwrap();
    world.clock.advance_seconds(10);
    assert_eq!(world.clock.now(), Timestamp::from_micros(START.micros() + 10_000_000));
    for (key, code) in [(&revoked, Code::CredentialInvalid), (&expiring, Code::CredentialExpired)] {
        let fault = buy(&world.kernel, with_key(world.call(key), "k-1")).await.unwrap_err();
        assert_eq!(fault.code, code);
    }
    assert_eq!(traces(&world).await, DONE, "only the one before the expiry");
}

async fn environments_have_wallets_of_their_own(world: Arc<World>) {
    let live = base::KeyText { environment: base::Environment::Live, ..CITIZEN };
    let (key, _) = world.create_key(new_key(live)).await.unwrap();
    let before = world.balance().await;
    let fault = buy(&world.kernel, world.call(&key)).await.unwrap_err();
    assert_eq!(fault.code, Code::InsufficientCredits, "live starts empty");
    assert_eq!(
        (traces(&world).await, world.balance().await),
        (NOTHING, before),
        "and test pays nothing for it"
    );
}
