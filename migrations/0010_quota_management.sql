-- quota management: tokens that were made elsewhere, allowances that fill up, and accounts that tell when they run low.

ALTER TABLE quota_token ADD COLUMN imported {int} NOT NULL DEFAULT 0;

-- An allowance: at the start of each day or month (UTC) the account is filled up to a level.
ALTER TABLE quota_account ADD COLUMN refill_level {int};
ALTER TABLE quota_account ADD COLUMN refill_period {text};
ALTER TABLE quota_account ADD COLUMN refill_due_at_us {int};

CREATE INDEX quota_account_refill ON quota_account (tenant_id, refill_due_at_us) WHERE refill_due_at_us IS NOT NULL;

-- These two stand in the row that every charge locks and reads anyway.
ALTER TABLE account ADD COLUMN low_below {int};
-- It was told that the account cannot pay; what is added to it takes that back.
ALTER TABLE account ADD COLUMN exhausted {int} NOT NULL DEFAULT 0;

CREATE INDEX account_frozen ON account (tenant_id, account_id) WHERE frozen_at_us IS NOT NULL;
