//! Tenants: what they start with, how they end, and that they do not see each other.

use std::sync::Arc;

use base::id::TenantId;
use base::{Code, Environment};
use kernel::ledger::{self, wallet_id};
use kernel::limits::Standing;
use kernel::tenancy::{self, NewTenant, SANDBOX_CREDITS, Status};

use crate::fixture::{START, World, ctx_of};

on_both_engines! {
    a_new_tenant_has_a_full_sandbox_and_an_empty_live_wallet
    a_tenant_without_a_name_is_not_made
    a_closed_tenant_stays_closed
    tenants_are_listed_by_page
    limits_belong_to_a_lineage
}

async fn a_new_tenant_has_a_full_sandbox_and_an_empty_live_wallet(world: Arc<World>) {
    let tenant_id = world.tenant_id;
    let tenant = world.read(move |tx| tenancy::find(tx, tenant_id)).await;
    assert_eq!(
        (tenant.status, tenant.created_at, tenant.live_approved_at),
        (Status::Active, START, Some(START))
    );
    assert_eq!(world.balance().await, SANDBOX_CREDITS);
    assert_eq!(world.account(wallet_id(tenant_id, Environment::Live)).await.balance, 0);
    world.assert_ledger_holds().await;
    let wallet_id = world.wallet_id();
    let again = world.write(move |tx, ctx| ledger::grant(tx, ctx, wallet_id, 1, Some("sandbox"))).await;
    assert_eq!(again.unwrap_err().code, Code::AlreadyExists);
}

async fn a_tenant_without_a_name_is_not_made(world: Arc<World>) {
    for name in [String::new(), "  ".into(), "x".repeat(201)] {
        let tenant_id = TenantId::from_bits(7);
        let new = NewTenant {
            tenant_id,
            parent_tenant_id: None,
            name,
            plan: "free".into(),
            is_live_approved: false,
        };
        let kernel = world.kernel.clone();
        let made = world
            .kernel
            .db
            .write(tenant_id, move |tx| tenancy::create(tx, &ctx_of(&kernel, tenant_id), &new));
        assert_eq!(made.await.unwrap_err().code, Code::Invalid);
        let found = world.kernel.db.read(move |tx| tenancy::find(tx, tenant_id)).await;
        assert_eq!(found.unwrap_err().code, Code::NotFound);
    }
}

async fn a_closed_tenant_stays_closed(world: Arc<World>) {
    const CLOSED: &str = "SELECT closed_at_us FROM tenant WHERE tenant_id = ?1";
    let set = |status| world.write(move |tx, ctx| tenancy::set_status(tx, ctx, status, "asked for"));
    set(Status::Suspended).await.unwrap();
    set(Status::Closed).await.unwrap();
    world.clock.advance_seconds(5);
    for status in [Status::Active, Status::Suspended] {
        assert_eq!(set(status).await.unwrap_err().code, Code::Conflict);
    }
    set(Status::Closed).await.unwrap();
    assert_eq!(world.count(CLOSED).await, START.micros(), "closing again does not change when");
    let tenant_id = world.tenant_id;
    let fault = world.kernel.db.read(move |tx| tenancy::ensure_active(tx, tenant_id)).await.unwrap_err();
    assert!(fault.code == Code::TenantInactive && fault.detail.contains("closed"));
}

async fn tenants_are_listed_by_page(world: Arc<World>) {
    let mut made = [world.tenant_id, world.another_tenant().await, world.another_tenant().await];
    made.sort();
    let page = |after, limit| {
        world.read(move |tx| {
            Ok(tenancy::list(tx, after, limit)?.iter().map(|tenant| tenant.tenant_id).collect::<Vec<_>>())
        })
    };
    assert_eq!(page(None, 2).await, made[..2]);
    assert_eq!(page(Some(made[1]), 9).await, made[2..]);
}

async fn limits_belong_to_a_lineage(world: Arc<World>) {
    let (key, _) = world.key().await;
    let (other, _) = world.key().await;
    let take = |key: &kernel::keys::Key, default| {
        key.rate_limit(default).map(|limit| world.kernel.limits.take(key.lineage_id, limit))
    };
    for left in [1, 0] {
        let standing = take(&key, 2).unwrap();
        assert_eq!((standing.is_refused, standing.remaining), (false, left));
    }
    let refused = Standing { limit: 2, remaining: 0, reset_s: 30, is_refused: true };
    assert_eq!(take(&key, 2), Some(refused));
    assert!(!take(&other, 2).unwrap().is_refused);
    assert_eq!(take(&key, 0), None, "zero is no limit");
    world.clock.advance_seconds(29);
    assert_eq!(take(&key, 2), Some(Standing { reset_s: 1, ..refused }));
    world.clock.advance_seconds(1);
    assert!(!take(&key, 2).unwrap().is_refused);
    let wide = std::num::NonZeroU32::new(90_000).unwrap();
    (1..90_000).for_each(|_| assert!(!world.kernel.limits.take(other.lineage_id, wide).is_refused));
    let standing = world.kernel.limits.take(other.lineage_id, wide);
    assert_eq!((standing.is_refused, standing.remaining, standing.reset_s), (false, 0, 60));
}
