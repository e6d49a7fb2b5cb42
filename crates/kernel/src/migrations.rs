//! The schema, oldest first. Forward only: a migration that was released is never edited.

use db::Migration;

/// Every migration of every floor, in one list, because one database holds them all.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "kernel",
        template: include_str!("../../../migrations/0001_kernel.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 2,
        name: "quota",
        template: include_str!("../../../migrations/0002_quota.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 3,
        name: "quota_token_ended",
        template: include_str!("../../../migrations/0003_quota_token_ended.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 4,
        name: "settings_and_subjects",
        template: include_str!("../../../migrations/0004_settings_and_subjects.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 5,
        name: "citizen",
        template: include_str!("../../../migrations/0005_citizen.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 6,
        name: "registry",
        template: include_str!("../../../migrations/0006_registry.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 7,
        name: "usage",
        template: include_str!("../../../migrations/0007_usage.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 8,
        name: "citizen_list",
        template: include_str!("../../../migrations/0008_citizen_list.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 9,
        name: "wallet_transfers",
        template: include_str!("../../../migrations/0009_wallet_transfers.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 10,
        name: "quota_management",
        template: include_str!("../../../migrations/0010_quota_management.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 11,
        name: "transfer_kind",
        template: include_str!("../../../migrations/0011_transfer_kind.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 12,
        name: "webhooks",
        template: include_str!("../../../migrations/0012_webhooks.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 13,
        name: "audit_log",
        template: include_str!("../../../migrations/0013_audit_log.sql"),
        oldest_binary: 1,
    },
    Migration {
        version: 14,
        name: "codes",
        template: include_str!("../../../migrations/0014_codes.sql"),
        oldest_binary: 1,
    },
    // An older binary would hand codes out without saying so, and a newer one give back what they cost.
    Migration {
        version: 15,
        name: "codes_cancel",
        template: include_str!("../../../migrations/0015_codes_cancel.sql"),
        oldest_binary: 15,
    },
];
