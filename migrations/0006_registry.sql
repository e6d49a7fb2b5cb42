-- The imported registry. It belongs to the installation and to no tenant: a citizen is the same citizen for all.
-- A number is kept as a keyed MAC, and its record is sealed under the key of its generation, which is sealed under a
-- root secret: without the secrets file the tables list nobody, and a generation without its key is gone.

-- One import. States: loading, active (one for each environment), retired (replaced or given up; its key is wiped).
CREATE TABLE registry_generation (
    generation {int} NOT NULL PRIMARY KEY,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    state {text} NOT NULL CHECK (state IN ('loading', 'active', 'retired')),
    sealed_key {blob} NOT NULL,
    next_part {int} NOT NULL,
    next_bucket {int} NOT NULL,
    accepted {int} NOT NULL,
    rejected {int} NOT NULL,
    records {int} NOT NULL,
    last_reply {text} NOT NULL,
    begun_by {text} NOT NULL,
    begun_at_us {int} NOT NULL,
    touched_at_us {int} NOT NULL,
    activated_at_us {int},
    retired_at_us {int},
    swept_at_us {int}
){hot};

CREATE UNIQUE INDEX registry_generation_active ON registry_generation (environment) WHERE state = 'active';
CREATE UNIQUE INDEX registry_generation_loading ON registry_generation (environment) WHERE state = 'loading';

-- Look-up by a global identifier: the first 16 bytes of the number's keyed MAC.
CREATE TABLE registry_record (
    generation {int} NOT NULL,
    mac {blob} NOT NULL,
    sealed {blob} NOT NULL,
    PRIMARY KEY (generation, mac)
){clustered};

-- Sealed rows as they came, in buckets by the first byte of the MAC, until they are written in order. A tree whose
-- keys come in random order is written anew once per row; in order, once per page.
CREATE TABLE registry_staged (
    generation {int} NOT NULL,
    bucket {int} NOT NULL,
    part {int} NOT NULL,
    lines {blob} NOT NULL,
    PRIMARY KEY (generation, bucket, part)
){strict};
