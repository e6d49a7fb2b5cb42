-- citizen: a tenant's verifications against a national registry.
-- A number is known by its MAC and shown masked; names and birth dates are in `answer_sealed` alone, under the key of
-- their subject. A row is never changed.

CREATE TABLE citizen_verification (
    tenant_id {text} NOT NULL,
    verification_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    subject_mac {blob} NOT NULL,
    query_mac {blob} NOT NULL,
    national_id_masked {text} NOT NULL,
    result {text} NOT NULL CHECK (result IN ('verified', 'failed', 'not_found', 'provider_error')),
    reason {text} NOT NULL,
    purpose {text},
    channel {text} NOT NULL CHECK (channel IN ('api', 'portal')),
    reference {text},
    cached_from {text},
    credits_used {int} NOT NULL,
    answer_sealed {blob},
    request_id {text} NOT NULL,
    created_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, verification_id)
){clustered};

CREATE INDEX citizen_verification_newest ON citizen_verification (tenant_id, environment, created_at_us, verification_id);
CREATE INDEX citizen_verification_reference ON citizen_verification (tenant_id, environment, reference, created_at_us, verification_id) WHERE reference IS NOT NULL;
CREATE INDEX citizen_verification_subject ON citizen_verification (tenant_id, subject_mac, created_at_us);

-- What a repeated question is answered from: bought answers, and no outage.
CREATE INDEX citizen_verification_bought ON citizen_verification (tenant_id, query_mac, created_at_us) WHERE cached_from IS NULL AND result <> 'provider_error';
