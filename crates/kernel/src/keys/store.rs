use std::str::FromStr;

use base::id::{KeyId, LineageId, TenantId};
use base::{Code, Environment, Fault, KeyKind, Service, Timestamp};
use db::{Row, Tx, args};

use super::{Credential, Filter, Key, Object};
use crate::secrets::Mac;

const INSERT: &str = "INSERT INTO api_key (tenant_id, key_id, lineage_id, environment, service, kind, scopes, label, last_four, pair_mac, \
    allowed_origins, allowed_ips, rate_limit_per_minute, spend_cap_per_day, created_at_us, expires_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
const FIND: &str = "SELECT tenant_id, key_id, lineage_id, environment, service, kind, scopes, label, last_four, pair_mac, \
    allowed_origins, allowed_ips, rate_limit_per_minute, spend_cap_per_day, created_at_us, last_used_at_us, expires_at_us, revoked_at_us FROM api_key \
    WHERE tenant_id = ?1 AND key_id = ?2";
const LIST: &str = "SELECT tenant_id, key_id, lineage_id, environment, service, kind, scopes, label, last_four, pair_mac, \
    allowed_origins, allowed_ips, rate_limit_per_minute, spend_cap_per_day, created_at_us, last_used_at_us, expires_at_us, revoked_at_us FROM api_key \
    WHERE tenant_id = ?1 AND environment = ?2 AND key_id > ?3 AND (?4 = '' OR service = ?4) \
    AND (revoked_at_us IS NULL OR revoked_at_us > ?5) ORDER BY key_id LIMIT ?6";
const COUNT_LIVE: &str = "SELECT COUNT(*) FROM api_key WHERE tenant_id = ?1 AND environment = ?2 \
    AND (revoked_at_us IS NULL OR revoked_at_us > ?3) AND (expires_at_us IS NULL OR expires_at_us > ?3)";
const CHANGE: &str = "UPDATE api_key SET label = ?4, scopes = ?5, allowed_origins = ?6, allowed_ips = ?7, rate_limit_per_minute = ?8, \
    spend_cap_per_day = ?9, expires_at_us = ?10 WHERE tenant_id = ?1 AND lineage_id = ?2 \
    AND (revoked_at_us IS NULL OR revoked_at_us > ?3)";
const LINEAGE: &str = "SELECT tenant_id, key_id, lineage_id, environment, service, kind, scopes, label, last_four, pair_mac, \
    allowed_origins, allowed_ips, rate_limit_per_minute, spend_cap_per_day, created_at_us, last_used_at_us, expires_at_us, revoked_at_us FROM api_key \
    WHERE tenant_id = ?1 AND lineage_id = ?2 ORDER BY key_id FOR UPDATE";
const REVOKE: &str = "UPDATE api_key SET revoked_at_us = ?3 WHERE tenant_id = ?1 AND key_id = ?2 \
    AND (revoked_at_us IS NULL OR revoked_at_us > ?3)";
const TOUCH: &str = "UPDATE api_key SET last_used_at_us = ?3 WHERE tenant_id = ?1 AND key_id = ?2 \
    AND (last_used_at_us IS NULL OR last_used_at_us < ?3)";
const FIND_CREDENTIAL: &str = "SELECT tenant_id, kind, object_id FROM credential WHERE mac = ?1";
const INSERT_CREDENTIAL: &str = "INSERT INTO credential (mac, tenant_id, kind, object_id) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (mac) DO NOTHING";

pub const STATEMENTS: &[&str] =
    &[INSERT, FIND, LIST, COUNT_LIVE, CHANGE, LINEAGE, REVOKE, TOUCH, FIND_CREDENTIAL, INSERT_CREDENTIAL];

pub(super) fn insert(tx: &mut Tx<'_>, key: &Key) -> Result<(), Fault> {
    tx.exec(
        INSERT,
        args![
            key.tenant_id,
            key.key_id,
            key.lineage_id,
            key.environment,
            key.service,
            key.kind,
            key.scopes.join(" "),
            &key.label,
            &key.last_four,
            key.pair_mac.as_deref(),
            joined(&key.allowed_origins),
            joined(&key.allowed_ips),
            key.rate_limit_per_minute.map(i64::from),
            key.spend_cap_per_day,
            key.created_at,
            key.expires_at
        ],
    )?;
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_>, tenant_id: TenantId, key_id: KeyId) -> Result<Option<Key>, Fault> {
    Ok(tx.opt(FIND, args![tenant_id, key_id], key)?)
}

pub(super) fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    filter: Filter,
    after: KeyId,
    limit: i64,
) -> Result<Vec<Key>, Fault> {
    let service = filter.service.map_or("", Service::name);
    // Every end lies after the beginning of time: without a moment, revoked keys are listed, too.
    let live_at = filter.live_at.map_or(i64::MIN, Timestamp::micros);
    Ok(tx.all(LIST, args![tenant_id, environment, after, service, live_at, limit], key)?)
}

pub(super) fn count_live(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    now: Timestamp,
) -> Result<i64, Fault> {
    Ok(tx.one(COUNT_LIVE, args![tenant_id, environment, now], |row| row.int(0))?)
}

/// Writes what may be changed to every key of the lineage that is not revoked.
pub(super) fn change(tx: &mut Tx<'_>, key: &Key, now: Timestamp) -> Result<(), Fault> {
    tx.exec(
        CHANGE,
        args![
            key.tenant_id,
            key.lineage_id,
            now,
            &key.label,
            key.scopes.join(" "),
            joined(&key.allowed_origins),
            joined(&key.allowed_ips),
            key.rate_limit_per_minute.map(i64::from),
            key.spend_cap_per_day,
            key.expires_at
        ],
    )?;
    Ok(())
}

/// Locked, so that no first use is noted between the look at it and the rotation.
pub(super) fn lineage(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    lineage_id: LineageId,
) -> Result<Vec<Key>, Fault> {
    Ok(tx.all(LINEAGE, args![tenant_id, lineage_id], key)?)
}

/// Ends a key at `at`, unless it ends before that anyway: an end is never put off.
pub(super) fn revoke(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    key_id: KeyId,
    at: Timestamp,
) -> Result<(), Fault> {
    tx.exec(REVOKE, args![tenant_id, key_id, at])?;
    Ok(())
}

pub(super) fn touch(tx: &mut Tx<'_>, tenant_id: TenantId, key_id: KeyId, at: Timestamp) -> Result<(), Fault> {
    tx.exec(TOUCH, args![tenant_id, key_id, at])?;
    Ok(())
}

pub(super) fn find_credential(tx: &mut Tx<'_>, mac: &Mac) -> Result<Option<Credential>, Fault> {
    Ok(tx.opt(FIND_CREDENTIAL, args![&mac[..]], |row| {
        let object = match row.text("kind")?.as_str() {
            "token" => Object::Token(row.id("object_id")?),
            _ => Object::Key(row.id("object_id")?),
        };
        Ok(Credential { tenant_id: row.id("tenant_id")?, object })
    })?)
}

pub(super) fn insert_credential(tx: &mut Tx<'_>, mac: &Mac, credential: Credential) -> Result<(), Fault> {
    let (kind, object_id) = match credential.object {
        Object::Key(key_id) => ("key", key_id.text()),
        Object::Token(token_id) => ("token", token_id.text()),
    };
    let inserted = tx.exec(INSERT_CREDENTIAL, args![&mac[..], credential.tenant_id, kind, object_id])?;
    if inserted == 1 { Ok(()) } else { Err(Fault::new(Code::AlreadyExists, "This secret exists already.")) }
}

fn key(row: &Row<'_>) -> Result<Key, db::Error> {
    Ok(Key {
        key_id: row.id("key_id")?,
        lineage_id: row.id("lineage_id")?,
        tenant_id: row.id("tenant_id")?,
        environment: row.named("environment", Environment::parse)?,
        service: row.named("service", Service::parse)?,
        kind: row.named("kind", KeyKind::parse)?,
        scopes: row.text("scopes")?.split_whitespace().map(str::to_owned).collect(),
        label: row.text("label")?,
        last_four: row.text("last_four")?,
        pair_mac: row.opt_bytes("pair_mac")?,
        allowed_origins: row.named("allowed_origins", split)?,
        allowed_ips: row.named("allowed_ips", split)?,
        rate_limit_per_minute: row
            .opt_int("rate_limit_per_minute")?
            .and_then(|limit| u32::try_from(limit).ok()),
        spend_cap_per_day: row.opt_int("spend_cap_per_day")?,
        created_at: row.timestamp("created_at_us")?,
        last_used_at: row.opt_timestamp("last_used_at_us")?,
        expires_at: row.opt_timestamp("expires_at_us")?,
        revoked_at: row.opt_timestamp("revoked_at_us")?,
    })
}

/// Neither an origin nor a network has a space in it.
fn joined(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn split<T: FromStr>(text: &str) -> Option<Vec<T>> {
    text.split_whitespace().map(|item| item.parse().ok()).collect()
}
