-- A token that was revoked is dead whatever a node's clock says; only the deadline of a rotation is a matter of time.

ALTER TABLE quota_token ADD COLUMN ended {int} NOT NULL DEFAULT 0;
