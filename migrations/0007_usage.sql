-- How often each service was called, by hour. Derived from the rows that its calls leave, and never written by a call.

-- `subject_id` is an account, or empty for the whole tenant, which the accounts add up to where a service has them.
CREATE TABLE usage_hour (
    tenant_id {text} NOT NULL,
    environment {text} NOT NULL CHECK (environment IN ('test', 'live')),
    service {text} NOT NULL,
    subject_id {text} NOT NULL,
    hour_us {int} NOT NULL,
    outcome {text} NOT NULL,
    calls {int} NOT NULL,
    credits {int} NOT NULL,
    points {int} NOT NULL,
    PRIMARY KEY (tenant_id, environment, service, subject_id, hour_us, outcome)
){clustered};

-- Which rows of a service are in `usage_hour`: all whose id is below `folded_to`. While `batch_to` is not empty, the
-- rows up to it are in, too, for the subjects up to `batch_subject`.
CREATE TABLE usage_fold (
    tenant_id {text} NOT NULL,
    service {text} NOT NULL,
    folded_to {text} NOT NULL,
    batch_to {text} NOT NULL,
    batch_subject {text} NOT NULL,
    updated_at_us {int} NOT NULL,
    PRIMARY KEY (tenant_id, service)
){hot};
