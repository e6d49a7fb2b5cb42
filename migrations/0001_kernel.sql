-- What every service shares: tenants, keys, ledger, idempotency, audit, outbox, jobs.
-- One text for both engines: see docs/adr/0003-one-sql-text.md for the words in braces.

-- A tenant is never deleted: it is closed, and its rows stay provable.
CREATE TABLE tenant (
    tenant_id {text} NOT NULL PRIMARY KEY,
    parent_tenant_id {text},
    name {text} NOT NULL,
    status {text} NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
    status_reason {text},
    plan {text} NOT NULL,
    live_approved_at_us {int},
    created_at_us {int} NOT NULL,
    closed_at_us {int}
){clustered};

-- The rows that every command locks in share: its tenant's and its key lineage's. A suspension or revocation
-- first publishes the new state, which turns newcomers away, and then updates the gate, which waits for those inside.
CREATE TABLE gate (
    tenant_id {text} NOT NULL,
    subject_id {text} NOT NULL,
    epoch {int} NOT NULL,
    PRIMARY KEY (tenant_id, subject_id)
){hot};

CREATE TABLE operator (
    operator_id {text} NOT NULL PRIMARY KEY,
    name {text} NOT NULL,
    created_at_us {int} NOT NULL,
    closed_at_us {int}
){clustered};

CREATE UNIQUE INDEX operator_name ON operator (name);

-- Which version of a root secret is in use. The secrets themselves are never in the database.
CREATE TABLE secret_activation (
    kind {text} NOT NULL,
    version {int} NOT NULL,
    activated_at_us {int} NOT NULL,
    PRIMARY KEY (kind, version)
){clustered};

-- Look-up by a global identifier: the keyed MAC of a secret says whose it is, and nothing else.
CREATE TABLE credential (
    mac {blob} NOT NULL PRIMARY KEY,
    tenant_id {text} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('key', 'token')),
    object_id {text} NOT NULL
){clustered};

CREATE TABLE api_key (
    tenant_id {text} NOT NULL,
    key_id {text} NOT NULL,
    lineage_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    service {text} NOT NULL,
    kind {text} NOT NULL,
    scopes {text} NOT NULL,
    label {text} NOT NULL,
    last_four {text} NOT NULL,
    pair_mac {blob},
    allowed_origins {text} NOT NULL,
    allowed_ips {text} NOT NULL,
    rate_limit_per_minute {int},
    spend_cap_per_day {int},
    created_at_us {int} NOT NULL,
    last_used_at_us {int},
    expires_at_us {int},
    revoked_at_us {int},
    PRIMARY KEY (tenant_id, key_id)
){clustered};

CREATE INDEX api_key_lineage ON api_key (tenant_id, lineage_id);

-- Customer accounts and wallets carry their balance. System accounts (issued, revenue, refunds) are
-- derived from transfers and have no row here, so that they are never hot.
CREATE TABLE account (
    tenant_id {text} NOT NULL,
    account_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    unit {text} NOT NULL CHECK (unit IN ('credit', 'point')),
    kind {text} NOT NULL CHECK (kind IN ('wallet', 'customer')),
    balance {int} NOT NULL,
    held {int} NOT NULL,
    floor {int} NOT NULL,
    frozen_at_us {int},
    created_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, account_id),
    CONSTRAINT account_floor CHECK (balance - held >= floor),
    CONSTRAINT account_held CHECK (held >= 0)
){hot};

-- Immutable. A correction is a new row.
CREATE TABLE transfer (
    tenant_id {text} NOT NULL,
    transfer_id {text} NOT NULL,
    debit_account_id {text} NOT NULL,
    credit_account_id {text} NOT NULL,
    unit {text} NOT NULL,
    amount {int} NOT NULL,
    kind {text} NOT NULL CHECK (kind IN ('grant', 'charge', 'capture', 'void', 'expire', 'refund', 'adjust')),
    price_id {text},
    hold_id {text},
    key_id {text},
    request_id {text} NOT NULL,
    reference {text},
    at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, transfer_id),
    CONSTRAINT transfer_amount CHECK (amount >= 0)
){clustered};

-- A hold resolves at most once.
CREATE UNIQUE INDEX transfer_resolution ON transfer (tenant_id, hold_id) WHERE hold_id IS NOT NULL;

-- A grant is booked once, however often it is sent.
CREATE UNIQUE INDEX transfer_reference ON transfer (tenant_id, credit_account_id, reference) WHERE reference IS NOT NULL;

CREATE TABLE hold (
    tenant_id {text} NOT NULL,
    hold_id {text} NOT NULL,
    account_id {text} NOT NULL,
    amount {int} NOT NULL,
    price_id {text},
    key_id {text},
    request_id {text} NOT NULL,
    created_at_us {int} NOT NULL,
    expires_at_us {int} NOT NULL,
    resolved_at_us {int},
    PRIMARY KEY (tenant_id, hold_id),
    CONSTRAINT hold_amount CHECK (amount > 0)
){clustered};

CREATE INDEX hold_open ON hold (tenant_id, expires_at_us) WHERE resolved_at_us IS NULL;

CREATE TABLE price (
    tenant_id {text} NOT NULL,
    command {text} NOT NULL,
    price_id {text} NOT NULL,
    amount {int} NOT NULL,
    created_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, command, price_id),
    CONSTRAINT price_amount CHECK (amount >= 0)
){clustered};

-- Saved replies are sealed, and open only with the raw Idempotency-Key, of which a MAC is kept.
CREATE TABLE idempotency (
    tenant_id {text} NOT NULL,
    scope {text} NOT NULL,
    key_mac {blob} NOT NULL,
    fingerprint {blob} NOT NULL,
    fence {int} NOT NULL,
    lease_until_us {int},
    hold_id {text},
    reply {blob},
    created_at_us {int} NOT NULL,
    expires_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, scope, key_mac)
){clustered};

CREATE INDEX idempotency_expiry ON idempotency (tenant_id, expires_at_us);

-- Unnumbered: a sequencer numbers committed rows later, so that writers never wait for each other.
CREATE TABLE audit (
    tenant_id {text} NOT NULL,
    audit_id {text} NOT NULL,
    environment {text},
    actor_type {text} NOT NULL,
    actor_id {text} NOT NULL,
    action {text} NOT NULL,
    target {text} NOT NULL,
    outcome {text} NOT NULL,
    request_id {text} NOT NULL,
    before_hash {blob},
    after_hash {blob},
    note {text},
    at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, audit_id)
){clustered};

CREATE TABLE outbox (
    tenant_id {text} NOT NULL,
    event_id {text} NOT NULL,
    environment {text} NOT NULL,
    service {text} NOT NULL,
    kind {text} NOT NULL,
    payload {text} NOT NULL,
    request_id {text} NOT NULL,
    at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, event_id)
){clustered};

-- Queues are keyed by lane (hash of the tenant, 0 to 63): a worker claims within one lane.
CREATE TABLE job (
    lane {int} NOT NULL,
    job_id {text} NOT NULL,
    tenant_id {text} NOT NULL,
    kind {text} NOT NULL,
    payload {text} NOT NULL,
    run_at_us {int} NOT NULL,
    lease_until_us {int} NOT NULL,
    fence {int} NOT NULL,
    attempts {int} NOT NULL,
    attempts_max {int} NOT NULL,
    failed_at_us {int},
    last_error {text},
    created_at_us {int} NOT NULL,
    PRIMARY KEY (lane, job_id)
){hot};

CREATE INDEX job_due ON job (lane, run_at_us) WHERE failed_at_us IS NULL;
