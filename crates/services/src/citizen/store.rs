use base::id::TenantId;
use base::{Environment, Fault, Timestamp};
use db::{Row, Tx, args};
use kernel::Ctx;
use kernel::secrets::Mac;

use super::model::{Channel, Filter, Question, Reason, Verification, VerificationId};

const INSERT: &str = "INSERT INTO citizen_verification (tenant_id, verification_id, environment, subject_mac, query_mac, national_id_masked, \
    result, reason, purpose, channel, reference, cached_from, credits_used, answer_sealed, request_id, created_at_us) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
const FIND: &str = "SELECT verification_id, environment, national_id_masked, reason, purpose, channel, reference, cached_from, credits_used, \
    created_at_us FROM citizen_verification WHERE tenant_id = ?1 AND verification_id = ?2 AND environment = ?3";
/// The page is found in the index alone, so that what is skipped is never read.
const LIST: &str = "SELECT verification_id, environment, national_id_masked, reason, purpose, channel, reference, cached_from, credits_used, \
    created_at_us FROM citizen_verification WHERE tenant_id = ?1 AND verification_id IN ( \
    SELECT verification_id FROM citizen_verification WHERE tenant_id = ?1 AND environment = ?2 AND created_at_us >= ?3 AND created_at_us < ?4 \
    AND (?5 = '' OR result = ?5) AND (?6 = '' OR purpose = ?6) AND (?7 = '' OR channel = ?7) \
    ORDER BY created_at_us DESC, verification_id DESC LIMIT ?8 OFFSET ?9) ORDER BY created_at_us DESC, verification_id DESC";
const COUNT: &str = "SELECT COUNT(*) AS verifications FROM citizen_verification \
    WHERE tenant_id = ?1 AND environment = ?2 AND created_at_us >= ?3 AND created_at_us < ?4 \
    AND (?5 = '' OR result = ?5) AND (?6 = '' OR purpose = ?6) AND (?7 = '' OR channel = ?7)";
const LIST_OF_REFERENCE: &str = "SELECT verification_id, environment, national_id_masked, reason, purpose, channel, reference, cached_from, \
    credits_used, created_at_us FROM citizen_verification \
    WHERE tenant_id = ?1 AND environment = ?2 AND created_at_us >= ?3 AND created_at_us < ?4 \
    AND (?5 = '' OR result = ?5) AND (?6 = '' OR purpose = ?6) AND (?7 = '' OR channel = ?7) AND reference = ?8 \
    ORDER BY created_at_us DESC, verification_id DESC LIMIT ?9 OFFSET ?10";
const COUNT_OF_REFERENCE: &str = "SELECT COUNT(*) AS verifications FROM citizen_verification \
    WHERE tenant_id = ?1 AND environment = ?2 AND created_at_us >= ?3 AND created_at_us < ?4 \
    AND (?5 = '' OR result = ?5) AND (?6 = '' OR purpose = ?6) AND (?7 = '' OR channel = ?7) AND reference = ?8";
/// In the order of their ids, which is that of their making.
const NEWEST: &str = "SELECT verification_id, environment, national_id_masked, reason, purpose, channel, reference, cached_from, credits_used, \
    created_at_us FROM citizen_verification WHERE tenant_id = ?1 AND environment = ?2 AND verification_id < ?3 \
    ORDER BY verification_id DESC LIMIT ?4";
const BOUGHT: &str = "SELECT verification_id, reason, answer_sealed FROM citizen_verification \
    WHERE tenant_id = ?1 AND query_mac = ?2 AND created_at_us > ?3 AND cached_from IS NULL AND result <> 'provider_error' \
    ORDER BY created_at_us DESC LIMIT 1";
const OUTAGE_SINCE: &str = "SELECT verification_id FROM citizen_verification \
    WHERE tenant_id = ?1 AND subject_mac = ?2 AND created_at_us >= ?3 AND environment = ?4 AND result = 'provider_error' LIMIT 1";

const COUNT_SEALED: &str = "SELECT COUNT(*) AS verifications FROM citizen_verification \
    WHERE tenant_id = ?1 AND subject_mac = ?2 AND created_at_us >= ?3 AND answer_sealed IS NOT NULL";
/// A repeated answer is sealed where it was bought.
const KEPT: &str = "SELECT bought.subject_mac, bought.answer_sealed FROM citizen_verification AS given \
    JOIN citizen_verification AS bought ON bought.tenant_id = given.tenant_id \
    AND bought.verification_id = COALESCE(given.cached_from, given.verification_id) \
    WHERE given.tenant_id = ?1 AND given.verification_id = ?2";

pub(super) const STATEMENTS: &[&str] = &[
    INSERT,
    FIND,
    LIST,
    COUNT,
    LIST_OF_REFERENCE,
    COUNT_OF_REFERENCE,
    NEWEST,
    BOUGHT,
    OUTAGE_SINCE,
    COUNT_SEALED,
    KEPT,
];

/// What a new row holds besides the question itself.
pub(super) struct NewRow<'a> {
    pub(super) id: VerificationId,
    pub(super) subject: &'a Mac,
    pub(super) query: &'a Mac,
    pub(super) reason: Reason,
    pub(super) cached_from: Option<String>,
    pub(super) credits_used: i64,
    pub(super) answer_sealed: Option<Vec<u8>>,
}

pub(super) fn insert(tx: &mut Tx<'_>, ctx: &Ctx, question: &Question, row: NewRow<'_>) -> Result<(), Fault> {
    tx.exec(
        INSERT,
        args![
            ctx.tenant_id,
            row.id.text(),
            ctx.environment,
            &row.subject[..],
            &row.query[..],
            question.national_id.masked(),
            row.reason.outcome().name(),
            row.reason.name(),
            question.purpose.as_deref(),
            question.channel.name(),
            question.reference.as_deref(),
            row.cached_from,
            row.credits_used,
            row.answer_sealed,
            ctx.request_id,
            ctx.now
        ],
    )?;
    Ok(())
}

pub(super) fn find(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    id: VerificationId,
) -> Result<Option<Verification>, Fault> {
    Ok(tx.opt(FIND, args![tenant_id, id.text(), environment], verification)?)
}

/// How many verifications pass a filter.
pub(super) fn count(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    filter: &Filter,
) -> Result<i64, Fault> {
    let (result, purpose, channel) = filter.texts();
    let (from, to) = (filter.from, filter.to);
    Ok(match &filter.reference {
        None => tx.one(COUNT, args![tenant_id, environment, from, to, result, purpose, channel], counted)?,
        Some(reference) => tx.one(
            COUNT_OF_REFERENCE,
            args![tenant_id, environment, from, to, result, purpose, channel, reference],
            counted,
        )?,
    })
}

/// A page of them, the newest first.
pub(super) fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    filter: &Filter,
    (limit, offset): (i64, i64),
) -> Result<Vec<Verification>, Fault> {
    let (result, purpose, channel) = filter.texts();
    let (from, to) = (filter.from, filter.to);
    Ok(match &filter.reference {
        None => tx.all(
            LIST,
            args![tenant_id, environment, from, to, result, purpose, channel, limit, offset],
            verification,
        )?,
        Some(reference) => tx.all(
            LIST_OF_REFERENCE,
            args![tenant_id, environment, from, to, result, purpose, channel, reference, limit, offset],
            verification,
        )?,
    })
}

pub(super) fn newest(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    before: Option<VerificationId>,
    limit: i64,
) -> Result<Vec<Verification>, Fault> {
    let before = before.unwrap_or(VerificationId::LAST).text();
    Ok(tx.all(NEWEST, args![tenant_id, environment, before, limit], verification)?)
}

/// An answer that the tenant bought.
pub(super) struct Bought {
    pub(super) verification_id: String,
    pub(super) reason: Reason,
    pub(super) answer_sealed: Option<Vec<u8>>,
}

/// The newest answer to the same question after `since`.
pub(super) fn bought(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    query: &Mac,
    since: Timestamp,
) -> Result<Option<Bought>, Fault> {
    Ok(tx.opt(BOUGHT, args![tenant_id, &query[..], since], |row| {
        Ok(Bought {
            verification_id: row.text("verification_id")?,
            reason: reason(row)?,
            answer_sealed: row.opt_bytes("answer_sealed")?,
        })
    })?)
}

/// Whether a subject's registry was out of reach since then.
pub(super) fn had_outage(tx: &mut Tx<'_>, ctx: &Ctx, subject: &Mac, since: Timestamp) -> Result<bool, Fault> {
    let found = tx.opt(OUTAGE_SINCE, args![ctx.tenant_id, &subject[..], since, ctx.environment], |row| {
        row.text("verification_id")
    })?;
    Ok(found.is_some())
}

/// How many verifications of a subject since then have something sealed.
pub(super) fn count_sealed(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    subject: &Mac,
    since: Timestamp,
) -> Result<i64, Fault> {
    Ok(tx.one(COUNT_SEALED, args![tenant_id, &subject[..], since], counted)?)
}

/// The subject of a verification, and what it said of it, sealed. `None` when it said nothing.
pub(super) fn kept(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    id: VerificationId,
) -> Result<Option<(Mac, Vec<u8>)>, Fault> {
    let found = tx.opt(KEPT, args![tenant_id, id.text()], |row| {
        let subject = Mac::try_from(row.bytes("subject_mac")?).map_err(|_| db::Error::corrupt("a MAC"))?;
        Ok((subject, row.opt_bytes("answer_sealed")?))
    })?;
    Ok(found.and_then(|(subject, sealed)| Some((subject, sealed?))))
}

fn counted(row: &Row<'_>) -> Result<i64, db::Error> {
    row.int("verifications")
}

fn reason(row: &Row<'_>) -> Result<Reason, db::Error> {
    Reason::parse(row.str_ref("reason")?).ok_or_else(|| db::Error::corrupt("an unknown reason"))
}

fn verification(row: &Row<'_>) -> Result<Verification, db::Error> {
    let reason = reason(row)?;
    Ok(Verification {
        id: row.text("verification_id")?,
        environment: row.text("environment")?,
        national_id_masked: row.text("national_id_masked")?,
        result: reason.outcome(),
        reason,
        purpose: row.opt_text("purpose")?,
        channel: Channel::parse(row.str_ref("channel")?)
            .ok_or_else(|| db::Error::corrupt("an unknown channel"))?,
        reference: row.opt_text("reference")?,
        is_cached: row.opt_str_ref("cached_from")?.is_some(),
        credits_used: row.int("credits_used")?,
        created_at: row.timestamp("created_at_us")?,
    })
}
