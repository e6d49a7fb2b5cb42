-- The audit log that anyone can check: committed rows get a place in one log, whose tiles and checkpoint are kept here.

-- What blinds the row's personal fields in the log. Rows of before have none, and are given one before they are sealed.
ALTER TABLE audit ADD COLUMN salt {blob};
-- The personal fields were erased with their salt, and these five hashes stand in their place.
ALTER TABLE audit ADD COLUMN erased {blob};
-- The row's number within its tenant and environment, from 1, without gaps; and its place in the log.
ALTER TABLE audit ADD COLUMN row_number {int};
ALTER TABLE audit ADD COLUMN log_number {int};
ALTER TABLE audit ADD COLUMN log_index {int};

CREATE INDEX audit_unsealed ON audit (tenant_id, audit_id) WHERE log_index IS NULL;
CREATE UNIQUE INDEX audit_numbered ON audit (tenant_id, environment, row_number) WHERE row_number IS NOT NULL;
CREATE INDEX audit_sealed ON audit (log_number, log_index) WHERE log_index IS NOT NULL;

-- The tables below belong to the installation: there is one log at a time.

-- The highest number is the log that grows. A new one begins when the database is not the one that the last was of.
CREATE TABLE audit_log (
    log_number {int} NOT NULL,
    origin {text} NOT NULL,
    -- What leaf 0 is the hash of: it names the log before, and why this one began.
    beginning {text} NOT NULL,
    size {int} NOT NULL,
    root {blob} NOT NULL,
    -- The newest signed note, and the size it is of.
    checkpoint {text},
    signed_size {int} NOT NULL,
    -- Who may append: counts up each time that the lease is taken.
    fence {int} NOT NULL,
    lease_until_us {int} NOT NULL,
    began_at_us {int} NOT NULL,
    PRIMARY KEY (log_number)
){hot};

-- Hashes of 32 bytes each, at most 256. Level 0 has those of the leaves, level -1 the entries that they are hashes of.
CREATE TABLE audit_tile (
    log_number {int} NOT NULL,
    level {int} NOT NULL,
    tile_number {int} NOT NULL,
    hashes {blob} NOT NULL,
    PRIMARY KEY (log_number, level, tile_number)
){clustered};

-- Rows that have a place in the log and may not have been told: `[[tenant, audit id, row number], …]` in their order.
CREATE TABLE audit_chunk (
    log_number {int} NOT NULL,
    first_index {int} NOT NULL,
    places {text} NOT NULL,
    PRIMARY KEY (log_number, first_index)
){clustered};
