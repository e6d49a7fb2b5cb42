-- codes: products, batches of signed codes, and what became of single codes.
-- A code is known by its number: its ordinal, with 2^40 added in the test environment, so that the two never meet.
-- A batch is a range of numbers. A code has no row until it is scanned, and its status none until it is changed.

ALTER TABLE idempotency ADD COLUMN tombstone_until_us {int};

CREATE TABLE codes_product (
    tenant_id {text} NOT NULL,
    product_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    name {text} NOT NULL,
    sku {text},
    gtin {text},
    prefix {text} NOT NULL,
    regions {text} NOT NULL,
    sell_by_days {int},
    page_text {text},
    page_image {text},
    status {text} NOT NULL CHECK (status IN ('active', 'archived')),
    created_at_us {int} NOT NULL,
    updated_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, product_id, environment)
){clustered};

-- The last serial number that was given under a prefix. Whoever mints holds its row.
CREATE TABLE codes_serial (
    tenant_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    prefix {text} NOT NULL,
    last_number {int} NOT NULL,
    PRIMARY KEY (tenant_id, environment, prefix)
){hot};

-- The next number of an environment, platform-wide. The last lock of a mint.
CREATE TABLE codes_next (
    environment {text} NOT NULL PRIMARY KEY CHECK (environment IN ('test', 'live')),
    next_code {int} NOT NULL
){hot};

INSERT INTO codes_next (environment, next_code) VALUES ('live', 0);
INSERT INTO codes_next (environment, next_code) VALUES ('test', 1099511627776);

CREATE TABLE codes_batch (
    tenant_id {text} NOT NULL,
    batch_id {text} NOT NULL,
    product_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    first_code {int} NOT NULL,
    quantity {int} NOT NULL,
    epoch {int} NOT NULL,
    prefix {text} NOT NULL,
    first_number {int} NOT NULL,
    address {text} NOT NULL,
    expected_region {text},
    sell_by_at_us {int},
    rules {text},
    charged {int} NOT NULL,
    created_at_us {int} NOT NULL,
    ready_at_us {int},
    csv_sha256 {blob},
    recalled_at_us {int},
    recall_reason {text},
    PRIMARY KEY (tenant_id, batch_id),
    CONSTRAINT codes_batch_quantity CHECK (quantity >= 1)
){clustered};

CREATE INDEX codes_batch_serial ON codes_batch (tenant_id, environment, prefix, first_number);

-- Look-up by a global identifier: whose the numbers from here on are.
CREATE TABLE codes_range (
    first_code {int} NOT NULL PRIMARY KEY,
    tenant_id {text} NOT NULL,
    batch_id {text} NOT NULL
){clustered};

-- An epoch of the token key that was closed: its tokens with this number and those after it are refused.
CREATE TABLE codes_epoch (
    epoch {int} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    closed_at_code {int} NOT NULL,
    closed_at_us {int} NOT NULL,
    PRIMARY KEY (epoch, environment)
){clustered};

-- Ranges of numbers whose status was changed; they never overlap. What is in none of them is active.
CREATE TABLE codes_status (
    tenant_id {text} NOT NULL,
    first_code {int} NOT NULL,
    last_code {int} NOT NULL,
    status {text} NOT NULL CHECK (status IN ('INACTIVE', 'RECALLED', 'STOLEN', 'CONSUMED')),
    changed_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, first_code)
){clustered};

-- A code that was scanned: how often, what its scans say, and the latest of its sessions.
CREATE TABLE codes_state (
    tenant_id {text} NOT NULL,
    code {int} NOT NULL,
    band {int} NOT NULL,
    reasons {int} NOT NULL,
    scans {int} NOT NULL,
    sessions {int} NOT NULL,
    first_at_us {int} NOT NULL,
    trail {blob} NOT NULL,
    PRIMARY KEY (tenant_id, code)
){clustered};

CREATE INDEX codes_state_risk ON codes_state (tenant_id, code) WHERE band > 0;

-- How often the codes of a batch are scanned, which is what one of them is measured by.
CREATE TABLE codes_batch_scan (
    tenant_id {text} NOT NULL,
    batch_id {text} NOT NULL,
    scanned_codes {int} NOT NULL,
    sessions {int} NOT NULL,
    PRIMARY KEY (tenant_id, batch_id)
){hot};
