//! The rules of the service.

pub mod batch;
pub mod epoch;
pub mod look;
pub mod mint;
pub mod product;
pub mod ready;
pub mod scan;
pub mod status;
pub mod usage;

use kernel::Command;
use kernel::spine::{Audit, Idempotent, Price, Scope};

use super::model::QUANTITY_MAX;

pub const GENERATE: &str = "generate";
pub const VERIFY: &str = "verify";
pub const READ: &str = "read";
pub const MANAGE: &str = "manage";

/// A key whose reply is gone is refused for a month: a client that retries a mint after a long outage must not pay for
/// a second batch.
pub const MINT: Command = Command {
    name: "codes.batch.create",
    scope: Scope::Key(GENERATE),
    price: Price::UpTo(QUANTITY_MAX),
    audit: Audit::Always,
    idempotent: Idempotent::OptionalOnce,
};

pub const READY: Command = Command {
    name: "codes.batch.ready",
    scope: Scope::OperatorOnly,
    price: Price::Free,
    audit: Audit::Never,
    idempotent: Idempotent::No,
};

pub const CHANGE_BATCH: Command = Command {
    name: "codes.batch.change",
    scope: Scope::Key(MANAGE),
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::OptionalOnce,
};

pub const SET_STATUS: Command = Command {
    name: "codes.status.set",
    scope: Scope::Key(MANAGE),
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::OptionalOnce,
};

pub const CREATE_PRODUCT: Command = Command {
    name: "codes.product.create",
    scope: Scope::Key(MANAGE),
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::OptionalOnce,
};

pub const CHANGE_PRODUCT: Command = Command {
    name: "codes.product.change",
    scope: Scope::Key(MANAGE),
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::OptionalOnce,
};

/// Run by the consumer's page, which has no key.
pub const SCAN: Command = Command {
    name: "codes.code.scan",
    scope: Scope::OperatorOnly,
    price: Price::Free,
    audit: Audit::Never,
    idempotent: Idempotent::No,
};

/// No key of a tenant reaches what belongs to the installation.
pub const CLOSE_EPOCH: Command = Command {
    name: "codes.epoch.close",
    scope: Scope::OperatorOnly,
    price: Price::Free,
    audit: Audit::Always,
    idempotent: Idempotent::No,
};

/// Every command of the service, for the generated list.
pub const COMMANDS: &[&Command] =
    &[&MINT, &READY, &CHANGE_BATCH, &SET_STATUS, &CREATE_PRODUCT, &CHANGE_PRODUCT, &SCAN, &CLOSE_EPOCH];
