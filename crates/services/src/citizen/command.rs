//! The rules of a verification. It runs through the spine, with its price, its audit row and its event.

use std::sync::Arc;

use base::id::TenantId;
use base::{Code, Environment, Fault};
use db::Tx;
use kernel::secrets::Mac;
use kernel::spine::{Audit, Claimed, Idempotent, Price, Scope, unit_price};
use kernel::{Command, Ctx, Ending, Secrets, settings, subjects, tenancy};

use super::model::{
    Filter, Findings, NationalId, Outcome, Question, Reason, Verification, VerificationId, judge,
};

use super::erase::ERASE;
use super::registry::imported;
use super::sandbox::{self, Word};
use super::store::{self, NewRow};
use super::view::{VerifiedData, VerifiedView};
use super::{Outside, PURPOSE_REQUIRED, Settings, events};

pub const VERIFY: Command = Command {
    name: "citizen.verification.create",
    scope: Scope::Key("verify:write"),
    price: Price::UpTo(1),
    audit: Audit::Always,
    idempotent: Idempotent::Optional,
};

/// Every command of the service, for the generated list.
pub const COMMANDS: &[&Command] = &[&VERIFY, &ERASE];

/// The plan that the published API asks for.
pub const PLAN: &str = "enterprise";

/// When a caller should ask a registry again that was out of reach.
const OUTAGE_RETRY_SECONDS: u32 = 5;
/// What a sealed answer is, for its cipher.
pub(super) const ANSWER: &str = "citizen.answer";

/// A question and what it takes to answer it.
#[derive(Debug)]
pub struct Verify {
    pub question: Question,
    pub settings: Settings,
    pub secrets: Arc<Secrets>,
    /// Whether live questions are asked over the network.
    pub has_upstream: bool,
}

/// What a question comes down to once it was answered.
struct Answer {
    reason: Reason,
    findings: Findings,
    /// The verification that was paid for, where this one repeats it.
    cached_from: Option<String>,
}

/// By which a question is known without being stored.
struct Macs {
    subject: Mac,
    query: Mac,
}

impl Macs {
    fn of(ctx: &Ctx, input: &Verify) -> Self {
        let question = &input.question;
        Self {
            subject: input.secrets.subject_mac("national_id", question.national_id.expose()),
            query: input.secrets.subject_mac("citizen.question", &question.essence(ctx.environment)),
        }
    }
}

/// The plan is judged before the body; [`claim`] asks again, behind the locks.
///
/// # Errors
/// [`Code::TenantInactive`] for a tenant on another plan; a database failure.
pub fn ensure_enterprise(tx: &mut Tx<'_>, tenant_id: TenantId) -> Result<(), Fault> {
    match tenancy::find(tx, tenant_id)?.plan.as_str() {
        PLAN => Ok(()),
        _ => Err(Fault::new(
            Code::TenantInactive,
            "This business is not on an enterprise plan. Please contact support to change it.",
        )),
    }
}

/// What has to be waited for before a question can be answered.
#[derive(Debug)]
pub enum Work {
    /// The sandbox takes its time.
    Pause,
    /// A registry is asked over the network.
    Ask(NationalId),
}

/// The first half: answers from what the tenant bought before, or from the registry that is at hand; or says what has
/// to be waited for.
///
/// # Errors
/// A plan that does not allow it; a purpose that is missing; a database failure.
pub fn claim(tx: &mut Tx<'_>, ctx: &mut Ctx, input: &Verify) -> Result<Claimed<VerifiedView, Work>, Fault> {
    ensure_enterprise(tx, ctx.tenant_id)?;
    ensure_purpose(tx, ctx, &input.question)?;
    let macs = Macs::of(ctx, input);
    if let Some(answer) = bought(tx, ctx, input, &macs)? {
        return Ok(Claimed::Ended(Ending::Done(write(tx, ctx, input, &macs, answer)?)));
    }
    let question = &input.question;
    let word = match ctx.environment {
        Environment::Test if sandbox::is_slow(question) => {
            return Ok(Claimed::Work { work: Work::Pause, units: 1 });
        }
        Environment::Live if input.has_upstream => {
            return Ok(Claimed::Work { work: Work::Ask(question.national_id.clone()), units: 1 });
        }
        Environment::Test => {
            let had_outage = sandbox::fails_once(question) && had_outage_today(tx, ctx, &macs)?;
            sandbox::ask(question, ctx.now, had_outage)
        }
        Environment::Live => imported_word(tx, input)?,
    };
    conclude(tx, ctx, input, &word).map(Claimed::Ended)
}

/// Waits for the outside world.
pub async fn act(work: Work, outside: Outside) -> Option<Word> {
    match (work, &outside.upstream) {
        (Work::Pause, _) => {
            (outside.pause)(sandbox::SLOW).await;
            None
        }
        (Work::Ask(national_id), Some(upstream)) => {
            Some(match upstream(national_id.expose().to_owned()).await {
                Ok(found) => Word::Found(found),
                Err(outage) => {
                    tracing::warn!(cause = outage.cause, "the registry could not say");
                    Word::Unavailable
                }
            })
        }
        (Work::Ask(_), None) => Some(Word::Unavailable),
    }
}

/// The second half of what had to be waited for. Without a word from outside, the sandbox speaks now.
///
/// # Errors
/// A database failure.
pub fn record(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &Verify,
    word: &Option<Word>,
) -> Result<Ending<VerifiedView>, Fault> {
    match word {
        Some(word) => conclude(tx, ctx, input, word),
        None => conclude(tx, ctx, input, &sandbox::ask(&input.question, ctx.now, false)),
    }
}

/// Writes what a registry's word comes to.
fn conclude(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &Verify,
    word: &Word,
) -> Result<Ending<VerifiedView>, Fault> {
    let macs = Macs::of(ctx, input);
    match word {
        Word::Found(found) => {
            let (reason, findings) = judge(&input.question, found);
            let answer = Answer { reason, findings, cached_from: None };
            Ok(Ending::Done(write(tx, ctx, input, &macs, answer)?))
        }
        Word::Unavailable => {
            let (reason, findings) = (Reason::RegistryUnavailable, Findings::default());
            write(tx, ctx, input, &macs, Answer { reason, findings, cached_from: None })?;
            Ok(Ending::Record(outage()))
        }
        Word::OutOfCredits => {
            events::emit_exhausted(tx, ctx)?;
            Ok(Ending::Record(Fault::new(
                Code::InsufficientCredits,
                "The wallet cannot pay for this verification. Top it up and try again.",
            )))
        }
    }
}

fn ensure_purpose(tx: &mut Tx<'_>, ctx: &Ctx, question: &Question) -> Result<(), Fault> {
    let is_said = question.purpose.as_deref().is_some_and(|purpose| !purpose.trim().is_empty());
    if is_said || !settings::flag(tx, ctx.tenant_id, ctx.environment, &PURPOSE_REQUIRED)? {
        return Ok(());
    }
    Err(Fault::invalid("purpose", "is required: this business asks for one with every verification"))
}

/// The final answer to the same question that this tenant bought, if it is young enough and its subject not erased.
fn bought(tx: &mut Tx<'_>, ctx: &Ctx, input: &Verify, macs: &Macs) -> Result<Option<Answer>, Fault> {
    let max_age_seconds = input.question.max_age_seconds;
    if max_age_seconds == 0 {
        return Ok(None);
    }
    let since = ctx.now.plus_seconds(-max_age_seconds);
    let Some(bought) = store::bought(tx, ctx.tenant_id, &macs.query, since)? else { return Ok(None) };
    let findings = match &bought.answer_sealed {
        None => Some(Findings::default()),
        Some(sealed) => {
            let plain = subjects::open(tx, ctx.tenant_id, &input.secrets, &macs.subject, ANSWER, sealed)?;
            plain.map(|plain| serde_json::from_slice(&plain).map_err(Fault::internal)).transpose()?
        }
    };
    let cached_from = Some(bought.verification_id);
    Ok(findings.map(|findings| Answer { reason: bought.reason, findings, cached_from }))
}

/// An installation that never imported a registry has none to ask.
fn imported_word(tx: &mut Tx<'_>, input: &Verify) -> Result<Word, Fault> {
    let found = imported::find(tx, &input.secrets, input.question.national_id.expose())?;
    Ok(found.map_or(Word::Unavailable, Word::Found))
}

fn had_outage_today(tx: &mut Tx<'_>, ctx: &Ctx, macs: &Macs) -> Result<bool, Fault> {
    store::had_outage(tx, ctx, &macs.subject, ctx.now.start_of_day())
}

/// Writes the verification, and what the spine charges, audits and tells for it.
fn write(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &Verify,
    macs: &Macs,
    answer: Answer,
) -> Result<VerifiedView, Fault> {
    let question = &input.question;
    let id = VerificationId::new(ctx.now, ctx.random.id_bits());
    let units = units(&answer, input.settings);
    let credits_used = if units == 0 { 0 } else { unit_price(tx, ctx, &VERIFY)? * units };
    let outcome = answer.reason.outcome();
    let row = NewRow {
        id,
        subject: &macs.subject,
        query: &macs.query,
        reason: answer.reason,
        cached_from: answer.cached_from.clone(),
        credits_used,
        answer_sealed: sealed(tx, ctx, input, macs, &answer)?,
    };
    store::insert(tx, ctx, question, row)?;
    ctx.charge(units);
    ctx.target(id.text());
    if let Some(purpose) = &question.purpose {
        ctx.note(purpose.clone());
    }
    events::emit_verification(ctx, id, outcome, question);
    Ok(VerifiedView {
        message: "Verification completed".to_owned(),
        cached: answer.cached_from.is_some(),
        credit_deducted: credits_used > 0,
        data: VerifiedData {
            id: id.text(),
            result: outcome,
            purpose: question.purpose.clone(),
            channel: question.channel,
            credits_used,
            reason: answer.reason,
            environment: ctx.environment.name().to_owned(),
            created_at: ctx.now,
            reference: question.reference.clone(),
            matched: answer.findings.matched,
        },
        citizen: answer.findings.citizen,
    })
}

const fn units(answer: &Answer, settings: Settings) -> i64 {
    match answer.reason.outcome() {
        _ if answer.cached_from.is_some() => 0,
        Outcome::ProviderError => 0,
        Outcome::NotFound if !settings.charges_not_found => 0,
        Outcome::NotFound | Outcome::Verified | Outcome::Failed => 1,
    }
}

/// A repeated answer is not stored again: its row names the one that was bought.
fn sealed(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    input: &Verify,
    macs: &Macs,
    answer: &Answer,
) -> Result<Option<Vec<u8>>, Fault> {
    if answer.cached_from.is_some() || answer.findings.is_empty() {
        return Ok(None);
    }
    let plain = serde_json::to_vec(&answer.findings).map_err(Fault::internal)?;
    subjects::seal(tx, ctx, &input.secrets, &macs.subject, ANSWER, &plain).map(Some)
}

fn outage() -> Fault {
    Fault::unavailable("The registry cannot be reached just now. Nothing was charged. Please try again.")
        .retry_after(OUTAGE_RETRY_SECONDS)
}

/// # Errors
/// Not found, which another tenant's or environment's verification is too; a database failure.
pub fn read(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    id: VerificationId,
) -> Result<Verification, Fault> {
    store::find(tx, tenant_id, environment, id)?.ok_or_else(|| Fault::not_found("verification"))
}

/// How many verifications pass a filter, and a page of them, the newest first.
///
/// # Errors
/// A database failure.
pub fn list(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    filter: &Filter,
    (limit, offset): (i64, i64),
) -> Result<(i64, Vec<Verification>), Fault> {
    let total = store::count(tx, tenant_id, environment, filter)?;
    if offset >= total {
        return Ok((total, Vec::new()));
    }
    Ok((total, store::list(tx, tenant_id, environment, filter, (limit, offset))?))
}

/// Verifications before `before`, the newest first: for operators.
///
/// # Errors
/// A database failure.
pub fn newest(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    before: Option<VerificationId>,
    limit: i64,
) -> Result<Vec<Verification>, Fault> {
    store::newest(tx, tenant_id, environment, before, limit)
}
