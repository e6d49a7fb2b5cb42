-- Verifications are counted and paged in the index alone: the rows that a filter leaves out, or a page skips, are
-- never read. It takes the place of one without the columns to filter by.

CREATE INDEX citizen_verification_listed ON citizen_verification (tenant_id, environment, created_at_us, verification_id, result, channel, purpose);

DROP INDEX citizen_verification_newest;
