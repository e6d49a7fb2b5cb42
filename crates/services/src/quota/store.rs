use std::collections::HashMap;

use base::id::{AccountId, LineageId, TenantId, TokenId};
use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};
use kernel::Ctx;
use kernel::secrets::Mac;

use super::index::Identity;
use super::model::{Account, NewAccount, Token};

const INSERT_ACCOUNT: &str = "INSERT INTO quota_account (tenant_id, account_id, environment, name, external_id, idempotency, created_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const FIND_ACCOUNT: &str = "SELECT quota_account.account_id AS account_id, quota_account.environment AS environment, name, external_id, \
    idempotency, quota_account.created_at_us AS created_at_us, frozen_at_us, balance - held AS balance FROM quota_account \
    JOIN account ON account.tenant_id = quota_account.tenant_id AND account.account_id = quota_account.account_id \
    WHERE quota_account.tenant_id = ?1 AND quota_account.account_id = ?2";
const LIST_ACCOUNTS: &str = "SELECT quota_account.account_id AS account_id, quota_account.environment AS environment, name, external_id, \
    idempotency, quota_account.created_at_us AS created_at_us, frozen_at_us, balance - held AS balance FROM quota_account \
    JOIN account ON account.tenant_id = quota_account.tenant_id AND account.account_id = quota_account.account_id \
    WHERE quota_account.tenant_id = ?1 AND quota_account.environment = ?2 AND quota_account.account_id > ?3 \
    ORDER BY quota_account.account_id LIMIT ?4";
const RENAME_ACCOUNT: &str = "UPDATE quota_account SET name = ?3 WHERE tenant_id = ?1 AND account_id = ?2";
const INSERT_TOKEN: &str = "INSERT INTO quota_token (tenant_id, token_id, account_id, lineage_id, environment, points_per_call, label, \
    last_four, created_at_us, expires_at_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const FIND_TOKEN: &str = "SELECT token_id, account_id, lineage_id, environment, points_per_call, label, last_four, created_at_us, \
    last_used_at_us, expires_at_us, revoked_at_us, ended FROM quota_token WHERE tenant_id = ?1 AND token_id = ?2";
const LIST_TOKENS: &str = "SELECT token_id, account_id, lineage_id, environment, points_per_call, label, last_four, created_at_us, \
    last_used_at_us, expires_at_us, revoked_at_us, ended FROM quota_token WHERE tenant_id = ?1 AND environment = ?2 AND token_id > ?3 \
    ORDER BY token_id LIMIT ?4";
const LINEAGE: &str = "SELECT token_id, account_id, lineage_id, environment, points_per_call, label, last_four, created_at_us, \
    last_used_at_us, expires_at_us, revoked_at_us, ended FROM quota_token WHERE tenant_id = ?1 AND lineage_id = ?2 ORDER BY token_id";
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

/// Every statement of the service that runs on both engines.
pub(super) const STATEMENTS: &[&str] = &[
    INSERT_ACCOUNT,
    FIND_ACCOUNT,
    LIST_ACCOUNTS,
    RENAME_ACCOUNT,
    INSERT_TOKEN,
    FIND_TOKEN,
    LIST_TOKENS,
    LINEAGE,
    RETIRE_TOKEN,
    END_TOKEN,
    FIND_IDENTITY,
];

/// Those that PostgreSQL alone runs.
pub(super) const POSTGRES_STATEMENTS: &[&str] = &[FIND_OWNED, FIND_IDENTITIES];

pub(super) fn insert_account(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    id: AccountId,
    new: &NewAccount,
) -> Result<(), Fault> {
    let inserted = tx.exec(
        INSERT_ACCOUNT,
        args![
            ctx.tenant_id,
            id,
            ctx.environment,
            &new.name,
            new.external_id.as_deref(),
            new.is_idempotent,
            ctx.now
        ],
    );
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.is_constraint("quota_account_external_id") => Err(Fault::new(
            base::Code::AlreadyExists,
            "Another account has this externalId. Use that one, or another externalId.",
        )),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn find_account(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
) -> Result<Option<Account>, Fault> {
    Ok(tx.opt(FIND_ACCOUNT, args![tenant_id, id], account)?)
}

pub(super) fn list_accounts(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    after: AccountId,
    limit: i64,
) -> Result<Vec<Account>, Fault> {
    Ok(tx.all(LIST_ACCOUNTS, args![tenant_id, environment, after, limit], account)?)
}

pub(super) fn rename_account(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: AccountId,
    name: &str,
) -> Result<(), Fault> {
    tx.exec(RENAME_ACCOUNT, args![tenant_id, id, name])?;
    Ok(())
}

pub(super) fn insert_token(tx: &mut Tx<'_>, tenant_id: TenantId, token: &Token) -> Result<(), Fault> {
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
            token.expires_at
        ],
    )?;
    Ok(())
}

pub(super) fn find_token(tx: &mut Tx<'_>, tenant_id: TenantId, id: TokenId) -> Result<Option<Token>, Fault> {
    Ok(tx.opt(FIND_TOKEN, args![tenant_id, id], token)?)
}

pub(super) fn list_tokens(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    after: TokenId,
    limit: i64,
) -> Result<Vec<Token>, Fault> {
    Ok(tx.all(LIST_TOKENS, args![tenant_id, environment, after, limit], token)?)
}

/// Oldest first.
pub(super) fn lineage(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    lineage_id: LineageId,
) -> Result<Vec<Token>, Fault> {
    Ok(tx.all(LINEAGE, args![tenant_id, lineage_id], token)?)
}

/// Sets the deadline of a rotated token.
pub(super) fn retire_token(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: TokenId,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.exec(RETIRE_TOKEN, args![tenant_id, id, at])?;
    Ok(())
}

/// Ends a token on every node at once, whatever their clocks say.
pub(super) fn end_token(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: TokenId,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.exec(END_TOKEN, args![tenant_id, id, at])?;
    Ok(())
}

pub(super) fn find_identity(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: TokenId,
) -> Result<Option<Identity>, Fault> {
    Ok(tx.opt(FIND_IDENTITY, args![tenant_id, id], |row| identity(row, tenant_id))?)
}

/// One for each list of MACs that a token may be stored under, in two round trips. PostgreSQL only.
pub(super) fn find_identities(
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

fn account(row: &Row<'_>) -> Result<Account, db::Error> {
    Ok(Account {
        account_id: row.id("account_id")?,
        environment: row.named("environment", Environment::parse)?,
        name: row.text("name")?,
        external_id: row.opt_text("external_id")?,
        is_idempotent: row.bool("idempotency")?,
        is_banned: row.opt_int("frozen_at_us")?.is_some(),
        balance: row.int("balance")?,
        created_at: row.timestamp("created_at_us")?,
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
    })
}
