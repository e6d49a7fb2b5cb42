-- codes: a batch that nobody has seen can be cancelled, and a code remembers the country of its first scan.

-- When somebody first got codes of the batch. Of older batches nobody knows, so they count as seen.
ALTER TABLE codes_batch ADD COLUMN exported_at_us {int};
ALTER TABLE codes_batch ADD COLUMN cancelled_at_us {int};

UPDATE codes_batch SET exported_at_us = created_at_us;

ALTER TABLE codes_state ADD COLUMN first_country {text};
