-- What a tenant sets for itself, per environment. Only what differs from the default has a row; `value` is JSON.
CREATE TABLE tenant_setting (
    tenant_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    name {text} NOT NULL,
    value {text} NOT NULL,
    updated_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, environment, name)
){clustered};

-- Personal data is sealed under a key of its subject, which is wrapped by its tenant's, which is wrapped by a root
-- secret outside the database. Without its key, what was sealed is gone: that is how a person is erased.
CREATE TABLE tenant_key (
    tenant_id {text} NOT NULL PRIMARY KEY,
    wrapped_key {blob} NOT NULL,
    created_at_us {int} NOT NULL
){clustered};

CREATE TABLE subject_key (
    tenant_id {text} NOT NULL,
    subject_mac {blob} NOT NULL,
    wrapped_key {blob},
    created_at_us {int} NOT NULL,
    erased_at_us {int},
    PRIMARY KEY (tenant_id, subject_mac)
){clustered};

-- What the keys of a lineage have spent on a day (days since 1970, UTC), where a cap is set.
CREATE TABLE key_spend (
    tenant_id {text} NOT NULL,
    lineage_id {text} NOT NULL,
    day {int} NOT NULL,
    amount {int} NOT NULL,
    PRIMARY KEY (tenant_id, lineage_id, day)
){hot};

-- A MAC of each root secret over a constant: a node that was given other secrets than the rest notices at its start.
CREATE TABLE secret_check (
    kind {text} NOT NULL,
    version {int} NOT NULL,
    mac {blob} NOT NULL,
    PRIMARY KEY (kind, version)
){clustered};
