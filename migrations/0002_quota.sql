-- quota: a tenant's own clients and their metered tokens. Points are held by ledger accounts of the same id.

CREATE TABLE quota_account (
    tenant_id {text} NOT NULL,
    account_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    name {text} NOT NULL,
    external_id {text},
    idempotency {int} NOT NULL,
    created_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, account_id)
){clustered};

CREATE UNIQUE INDEX quota_account_external_id ON quota_account (tenant_id, environment, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE quota_token (
    tenant_id {text} NOT NULL,
    token_id {text} NOT NULL,
    account_id {text} NOT NULL,
    lineage_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    points_per_call {int} NOT NULL,
    label {text} NOT NULL,
    last_four {text} NOT NULL,
    created_at_us {int} NOT NULL,
    last_used_at_us {int},
    expires_at_us {int},
    revoked_at_us {int},
    PRIMARY KEY (tenant_id, token_id),
    CONSTRAINT quota_token_points CHECK (points_per_call >= 1)
){clustered};

CREATE INDEX quota_token_account ON quota_token (tenant_id, account_id);
CREATE INDEX quota_token_lineage ON quota_token (tenant_id, lineage_id);
