-- A wallet's transfers, newest first, whatever else its tenant moved: points are never in these indexes, and a charge
-- is in one of them, once.

CREATE INDEX transfer_from_wallet ON transfer (tenant_id, debit_account_id, kind, transfer_id) WHERE unit = 'credit';

CREATE INDEX transfer_to_wallet ON transfer (tenant_id, credit_account_id, kind, transfer_id)
    WHERE unit = 'credit' AND kind IN ('grant', 'refund', 'adjust');
