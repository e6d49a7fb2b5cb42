use std::collections::HashMap;

use base::id::{AccountId, LineageId, TenantId, TokenId};
use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};
use kernel::secrets::Mac;

use crate::quota::index::Identity;
use crate::quota::model::Token;

const INSERT_TOKEN: &str = "INSERT INTO quota_token (tenant_id, token_id, account_id, lineage_id, environment, points_per_call, label, \
    last_four, created_at_us, expires_at_us, imported) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const FIND_TOKEN: &str = "SELECT token_id, account_id, lineage_id, environment, points_per_call, label, last_four, created_at_us, \
    last_used_at_us, expires_at_us, revoked_at_us, ended, imported FROM quota_token WHERE tenant_id = ?1 AND token_id = ?2";
const LIST_TOKENS: &str = "SELECT token_id, account_id, lineage_id, environment, points_per_call, label, last_four, created_at_us, \
    last_used_at_us, expires_at_us, revoked_at_us, ended, imported FROM quota_token WHERE tenant_id = ?1 AND environment = ?2 AND token_id > ?3 \
    ORDER BY token_id LIMIT ?4";
const LIST_OF_ACCOUNT: &str = "SELECT token_id, account_id, lineage_id, environment, points_per_call, label, last_four, created_at_us, \
    last_used_at_us, expires_at_us, revoked_at_us, ended, imported FROM quota_token WHERE tenant_id = ?1 AND environment = ?2 AND token_id > ?3 \
    AND account_id = ?4 ORDER BY token_id LIMIT ?5";
const LINEAGE: &str = "SELECT token_id, account_id, lineage_id, environment, points_per_call, label, last_four, created_at_us, \
    last_used_at_us, expires_at_us, revoked_at_us, ended, imported FROM quota_token WHERE tenant_id = ?1 AND lineage_id = ?2 ORDER BY token_id";
/// A deadline is never put off.
const RETIRE_TOKEN: &str = "UPDATE quota_token SET revoked_at_us = ?3 WHERE tenant_id = ?1 AND token_id = ?2 \
    AND (revoked_at_us IS NULL OR revoked_at_us > ?3)";
const END_TOKEN: &str = "UPDATE quota_token SET ended = 1, revoked_at_us = ?3 WHERE tenant_id = ?1 AND token_id = ?2 AND ended = 0";
const FIND_IDENTITY: &str = "SELECT quota_token.token_id AS token_id, quota_token.account_id AS account_id, \
    quota_token.environment AS environment, idempotency FROM quota_token \
    JOIN quota_account ON quota_account.tenant_id = quota_token.tenant_id AND quota_account.account_id = quota_token.account_id \
    WHERE quota_token.tenant_id = ?1 AND quota_token.token_id = ?2";
const FIND_OWNED: &str =
    "SELECT mac, object_id FROM credential WHERE mac = ANY(?1) AND tenant_id = ?2 AND kind = 'token'";
const FIND_IDENTITIES: &str = "SELECT quota_token.token_id AS token_id, quota_token.account_id AS account_id, \
    quota_token.environment AS environment, idempotency FROM quota_token \
    JOIN quota_account ON quota_account.tenant_id = quota_token.tenant_id AND quota_account.account_id = quota_token.account_id \
    WHERE quota_token.tenant_id = ?1 AND quota_token.token_id = ANY(?2)";

pub(in crate::quota) const STATEMENTS: &[&str] = &[
    INSERT_TOKEN,
    FIND_TOKEN,
    LIST_TOKENS,
    LIST_OF_ACCOUNT,
    LINEAGE,
    RETIRE_TOKEN,
    END_TOKEN,
    FIND_IDENTITY,
];
/// Those that PostgreSQL alone runs.
pub(in crate::quota) const POSTGRES_STATEMENTS: &[&str] = &[FIND_OWNED, FIND_IDENTITIES];

pub(in crate::quota) fn insert(tx: &mut Tx<'_>, tenant_id: TenantId, token: &Token) -> Result<(), Fault> {
    tx.exec(
        INSERT_TOKEN,
        args![
            tenant_id,
            token.token_id,
            token.account_id,
            token.lineage_id,
            token.environment,
            token.points_per_call,
            &token.label,
            &token.last_four,
            token.created_at,
            token.expires_at,
            token.is_imported
        ],
    )?;
    Ok(())
}

pub(in crate::quota) fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: TokenId,
) -> Result<Option<Token>, Fault> {
    Ok(tx.opt(FIND_TOKEN, args![tenant_id, id], token)?)
}

pub(in crate::quota) fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    account_id: Option<AccountId>,
    after: TokenId,
    limit: i64,
) -> Result<Vec<Token>, Fault> {
    Ok(match account_id {
        None => tx.all(LIST_TOKENS, args![tenant_id, environment, after, limit], token)?,
        Some(id) => tx.all(LIST_OF_ACCOUNT, args![tenant_id, environment, after, id, limit], token)?,
    })
}

/// Oldest first.
pub(in crate::quota) fn lineage(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    lineage_id: LineageId,
) -> Result<Vec<Token>, Fault> {
    Ok(tx.all(LINEAGE, args![tenant_id, lineage_id], token)?)
}

/// Sets the deadline of a rotated token.
pub(in crate::quota) fn retire(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: TokenId,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.exec(RETIRE_TOKEN, args![tenant_id, id, at])?;
    Ok(())
}

/// Ends a token on every node at once, whatever their clocks say.
pub(in crate::quota) fn end(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: TokenId,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.exec(END_TOKEN, args![tenant_id, id, at])?;
    Ok(())
}

pub(in crate::quota) fn find_identity(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: TokenId,
) -> Result<Option<Identity>, Fault> {
    Ok(tx.opt(FIND_IDENTITY, args![tenant_id, id], |row| identity(row, tenant_id))?)
}

/// One for each list of MACs that a token may be stored under, in two round trips. PostgreSQL only.
pub(in crate::quota) fn find_identities(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    macs: &[Vec<Mac>],
) -> Result<Vec<Option<Identity>>, Fault> {
    let wanted: Vec<Vec<u8>> = macs.iter().flatten().map(|mac| mac.to_vec()).collect();
    let owned: HashMap<Vec<u8>, String> = tx
        .all(FIND_OWNED, args![&wanted, tenant_id], |row| Ok((row.bytes("mac")?, row.text("object_id")?)))?
        .into_iter()
        .collect();
    let tokens: Vec<String> = owned.values().cloned().collect();
    let found: HashMap<String, Identity> = tx
        .all(FIND_IDENTITIES, args![tenant_id, &tokens], |row| {
            Ok((row.text("token_id")?, identity(row, tenant_id)?))
        })?
        .into_iter()
        .collect();
    let find = |macs: &Vec<Mac>| {
        macs.iter().find_map(|mac| owned.get(&mac[..])).and_then(|token| found.get(token)).copied()
    };
    Ok(macs.iter().map(find).collect())
}

fn identity(row: &Row<'_>, tenant_id: TenantId) -> Result<Identity, db::Error> {
    Ok(Identity {
        tenant_id,
        token_id: row.id("token_id")?,
        account_id: row.id("account_id")?,
        environment: row.named("environment", Environment::parse)?,
        is_idempotent: row.bool("idempotency")?,
    })
}

fn token(row: &Row<'_>) -> Result<Token, db::Error> {
    Ok(Token {
        token_id: row.id("token_id")?,
        account_id: row.id("account_id")?,
        lineage_id: row.id("lineage_id")?,
        environment: row.named("environment", Environment::parse)?,
        points_per_call: row.int("points_per_call")?,
        label: row.text("label")?,
        last_four: row.text("last_four")?,
        created_at: row.timestamp("created_at_us")?,
        last_used_at: row.opt_timestamp("last_used_at_us")?,
        expires_at: row.opt_timestamp("expires_at_us")?,
        revoked_at: row.opt_timestamp("revoked_at_us")?,
        is_ended: row.bool("ended")?,
        is_imported: row.bool("imported")?,
    })
}
