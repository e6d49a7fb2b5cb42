//! The rules of tenants, keys and credits. Every change runs through the spine.

mod key;
mod reach;
mod tenant;
mod usage;
mod wallet;
mod webhook;

use kernel::Command;
use kernel::spine::{Audit, Idempotent, Price, Scope};

pub use key::{
    ChangeKey, CreateKey, KEYS_MAX, KeyView, RotateKey, change_key, create_key, ensure_known, revoke_key,
    rotate_key,
};
pub use tenant::{
    ChangeSettings, OwnTenantView, SetTenantStatus, StatusChange, TenantView, approve_tenant,
    change_settings, create_tenant, read_tenant, set_plan, set_tenant_status,
};
pub use usage::rebuild_usage;
pub use wallet::{
    Grant, REFILL_BALANCE_MAX, REFILL_MAX, TransferView, WalletView, grant, read_wallet, refill, set_floor,
};
pub use webhook::{
    AttemptView, ChangeWebhook, CreateWebhook, DeliveryView, EventView, ReplayWebhook, ReplayedView,
    RotateWebhook, SentEventView, TestWebhook, WebhookView, change_webhook, create_webhook, delete_webhook,
    replay_webhook, rotate_webhook, test_webhook,
};

const fn operator(name: &'static str, idempotent: Idempotent) -> Command {
    Command { name, scope: Scope::OperatorOnly, price: Price::Free, audit: Audit::Always, idempotent }
}

const fn tenants(name: &'static str, scope: &'static str, idempotent: Idempotent) -> Command {
    Command { name, scope: Scope::Key(scope), price: Price::Free, audit: Audit::WithRefusals, idempotent }
}

pub const CREATE_TENANT: Command = operator("platform.tenant.create", Idempotent::No);
pub const SET_TENANT_STATUS: Command = operator("platform.tenant.set_status", Idempotent::No);
pub const SET_PLAN: Command = operator("platform.tenant.set_plan", Idempotent::No);
pub const REBUILD_USAGE: Command = operator("platform.usage.rebuild", Idempotent::No);
pub const APPROVE_TENANT: Command = operator("platform.tenant.approve", Idempotent::No);
pub const CHANGE_SETTINGS: Command =
    tenants("platform.tenant.change_settings", "tenant:write", Idempotent::No);
pub const GRANT: Command = operator("platform.wallet.grant", Idempotent::Required);
pub const SET_FLOOR: Command = operator("platform.wallet.set_floor", Idempotent::No);
pub const REFILL: Command = tenants("platform.wallet.refill", "wallet:write", Idempotent::Required);
pub const CREATE_KEY: Command = tenants("platform.key.create", "keys:write", Idempotent::Optional);
pub const CHANGE_KEY: Command = tenants("platform.key.change", "keys:write", Idempotent::No);
pub const ROTATE_KEY: Command = tenants("platform.key.rotate", "keys:write", Idempotent::Optional);
pub const REVOKE_KEY: Command = tenants("platform.key.revoke", "keys:write", Idempotent::No);
pub const CREATE_WEBHOOK: Command =
    tenants("platform.webhook.create", "webhooks:write", Idempotent::Optional);
pub const CHANGE_WEBHOOK: Command = tenants("platform.webhook.change", "webhooks:write", Idempotent::No);
pub const DELETE_WEBHOOK: Command = tenants("platform.webhook.delete", "webhooks:write", Idempotent::No);
pub const ROTATE_WEBHOOK: Command =
    tenants("platform.webhook.rotate_secret", "webhooks:write", Idempotent::Optional);
pub const TEST_WEBHOOK: Command = tenants("platform.webhook.test", "webhooks:write", Idempotent::Optional);
pub const REPLAY_WEBHOOK: Command =
    tenants("platform.webhook.replay", "webhooks:write", Idempotent::Optional);

/// Every command of the service, for the generated list.
pub const COMMANDS: &[&Command] = &[
    &CREATE_TENANT,
    &SET_TENANT_STATUS,
    &SET_PLAN,
    &APPROVE_TENANT,
    &REBUILD_USAGE,
    &CHANGE_SETTINGS,
    &GRANT,
    &SET_FLOOR,
    &REFILL,
    &CREATE_KEY,
    &CHANGE_KEY,
    &ROTATE_KEY,
    &REVOKE_KEY,
    &CREATE_WEBHOOK,
    &CHANGE_WEBHOOK,
    &DELETE_WEBHOOK,
    &ROTATE_WEBHOOK,
    &TEST_WEBHOOK,
    &REPLAY_WEBHOOK,
];
