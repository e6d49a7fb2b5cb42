//! What every service shares: tenants, keys, ledger, idempotency, limits, audit, outbox, jobs, the spine.
