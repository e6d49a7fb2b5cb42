-- Webhooks: committed events get a number, go to every endpoint that wants them, and are delivered one by one.

-- `seq` has no gaps within a tenant's environment; it is given later, so that writers never wait for each other.
-- An event with an `endpoint_id` is for that endpoint alone.
ALTER TABLE outbox ADD COLUMN seq {int};
ALTER TABLE outbox ADD COLUMN endpoint_id {text};

CREATE UNIQUE INDEX outbox_numbered ON outbox (tenant_id, environment, seq) WHERE seq IS NOT NULL;
CREATE INDEX outbox_unnumbered ON outbox (tenant_id, environment, at_us, event_id) WHERE seq IS NULL;

-- The last number that was given. Whoever numbers holds its row.
CREATE TABLE event_sequence (
    tenant_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    last_seq {int} NOT NULL,
    PRIMARY KEY (tenant_id, environment)
){hot};

-- `events` is a list with spaces, or nothing for all. `due_at_us` is never later than the earliest moment at which one
-- of its deliveries can be taken up; nothing while it is not active.
CREATE TABLE webhook_endpoint (
    tenant_id {text} NOT NULL,
    endpoint_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    service {text} NOT NULL,
    url {text} NOT NULL,
    events {text},
    description {text} NOT NULL,
    state {text} NOT NULL CHECK (state IN ('active', 'disabled', 'deleted')),
    disabled_reason {text},
    sealed_secret {blob} NOT NULL,
    sealed_previous {blob},
    previous_until_us {int},
    due_at_us {int},
    concurrency {int} NOT NULL,
    consecutive_failures {int} NOT NULL,
    failing_since_us {int},
    last_success_at_us {int},
    created_at_us {int} NOT NULL,
    updated_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, endpoint_id)
){hot};

CREATE INDEX webhook_endpoint_due ON webhook_endpoint (due_at_us) WHERE due_at_us IS NOT NULL;

-- One event on its way to one endpoint. While `leased`, `due_at_us` is the end of the lease, so that what a worker
-- left behind is due again by itself. `attempts` counts all that were recorded, `attempts_before` those before the
-- schedule last began anew.
CREATE TABLE webhook_delivery (
    tenant_id {text} NOT NULL,
    endpoint_id {text} NOT NULL,
    delivery_id {text} NOT NULL,
    event_id {text} NOT NULL,
    status {text} NOT NULL CHECK (status IN ('pending', 'retrying', 'delivered', 'failed')),
    due_at_us {int},
    leased {int} NOT NULL,
    fence {int} NOT NULL,
    attempts {int} NOT NULL,
    attempts_before {int} NOT NULL,
    created_at_us {int} NOT NULL,
    ended_at_us {int},
    PRIMARY KEY (tenant_id, endpoint_id, delivery_id)
){hot};

CREATE INDEX webhook_delivery_due ON webhook_delivery (tenant_id, endpoint_id, due_at_us, delivery_id) WHERE due_at_us IS NOT NULL;
CREATE INDEX webhook_delivery_leased ON webhook_delivery (tenant_id, endpoint_id, due_at_us) WHERE leased = 1;
CREATE INDEX webhook_delivery_undelivered ON webhook_delivery (tenant_id, endpoint_id, status, delivery_id) WHERE status <> 'delivered';

CREATE TABLE webhook_attempt (
    tenant_id {text} NOT NULL,
    endpoint_id {text} NOT NULL,
    delivery_id {text} NOT NULL,
    attempt {int} NOT NULL,
    at_us {int} NOT NULL,
    duration_us {int} NOT NULL,
    http_status {int},
    error {text},
    answer {blob} NOT NULL,
    PRIMARY KEY (tenant_id, endpoint_id, delivery_id, attempt)
){clustered};
