//! The spine: every command of every service runs through [`Kernel::run`], in one transaction, in one order.
//!
//! 1. Claim the Idempotency-Key. A saved reply is given back, free of charge.
//! 2. Lock: the gates of the tenant and of the key in share, then the wallet if the command has a price.
//! 3. Only then, in later statements, read whether key and tenant are still live: see [`crate::tenancy`] for why.
//! 4. Run the command; charge what its result costs; write the audit row and the outbox rows; save the reply. COMMIT.
//!
//! A command ends in one of three ways.
//! *Done*: all of the above. *Refuse* (an `Err`): everything is undone, the key included, so that a retry is judged
//! afresh. *Record*: nothing is charged and the key is free again, but rows, events and the audit row stay.
//!
//! A command that waits for the outside world runs through [`Kernel::run_slow`], which does the same in two
//! transactions with a hold between them: see [`slow`].

mod credits;
mod slow;
mod spend;
mod steps;
mod suspension;

use std::time::Duration;

use base::id::{LineageId, RequestId, TenantId};
use base::{Code, Environment, Fault, Secret, Service};
use db::Tx;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ctx::{Actor, Ctx, Event};
use crate::idempotency::{self, Fingerprint, Turn};
use crate::{Kernel, audit, outbox, tenancy};

pub use credits::CreditEvent;
pub use slow::Claimed;
pub(crate) use spend::STATEMENTS;
pub use steps::unit_price;
use steps::{KeyInUse, Outcome, run_in};
pub use suspension::{Suspension, tell_suspended};

/// How a service writes, for its webhooks, what happens to the tenant itself.
#[derive(Clone, Copy, Debug)]
pub struct Renderer {
    pub service: Service,
    /// The body of an event about the wallet: a JSON object. Without a renderer it is that of
    /// [`outbox::standard_body`].
    pub credits: fn(&CreditEvent) -> String,
    /// The event of a suspension. Without a renderer the service tells of none.
    pub suspension: fn(&Suspension<'_>) -> Event,
}

/// The services that have a form of their own.
pub type Renderers = Vec<Renderer>;

/// A command is data: what it is called, who may run it, what it costs, and whether it is audited.
#[derive(Debug)]
pub struct Command {
    /// `service.noun.verb`; the price list and the audit log know it by this name.
    pub name: &'static str,
    pub scope: Scope,
    pub price: Price,
    pub audit: Audit,
    pub idempotent: Idempotent,
}

/// A permission of a service's keys, `noun:read` or `noun:write`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    Key(&'static str),
    /// No key can hold it.
    OperatorOnly,
}

/// A ceiling: the result may cost less, and a saved reply costs nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Price {
    Free,
    /// At most so many units of the tenant's price list.
    UpTo(i64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Audit {
    Never,
    Always,
    /// Refusals too, in a small transaction of their own.
    WithRefusals,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idempotent {
    /// A key is ignored.
    No,
    Optional,
    /// As `Optional`, and a key whose reply is not kept any more is refused for 30 days: see
    /// [`idempotency::TOMBSTONE_SECONDS`].
    OptionalOnce,
    /// Money-in: a call without a key is refused.
    Required,
}

/// Who calls, proven.
#[derive(Clone, Debug)]
pub struct Caller {
    pub tenant_id: TenantId,
    pub environment: Environment,
    pub service: Service,
    pub actor: Actor,
    pub scopes: Vec<String>,
}

impl Caller {
    /// # Errors
    /// [`Code::ScopeMissing`], naming the scope.
    pub fn ensure_scope(&self, scope: Scope) -> Result<(), Fault> {
        match (&self.actor, scope) {
            (Actor::Operator { .. } | Actor::System { .. }, _) => Ok(()),
            (Actor::Key { .. }, Scope::Key(name)) => ensure_held(&self.scopes, name),
            (Actor::Key { .. }, Scope::OperatorOnly) => {
                Err(Fault::new(Code::ScopeMissing, "Only an operator may do this."))
            }
        }
    }
}

/// Whether a key holds a scope.
///
/// # Errors
/// [`Code::ScopeMissing`], naming the scope.
pub fn ensure_held(held: &[String], scope: &str) -> Result<(), Fault> {
    if held.iter().any(|name| name == scope) {
        return Ok(());
    }
    Err(scope_missing(scope))
}

/// The refusal of a key without the scope.
#[must_use]
pub fn scope_missing(scope: &str) -> Fault {
    Fault::new(Code::ScopeMissing, format!("This needs the scope {scope}, which the key lacks."))
}

/// What a request brings besides its input.
#[derive(Clone, Debug)]
pub struct Call {
    pub caller: Caller,
    pub request_id: RequestId,
    /// The route's template: keys are scoped by it.
    pub route: &'static str,
    pub idempotency_key: Option<Secret>,
    pub fingerprint: Fingerprint,
}

/// How a command that was not refused ended.
#[derive(Debug)]
pub enum Ending<T> {
    Done(T),
    /// Answer with this fault, charge nothing, keep the rows.
    Record(Fault),
}

/// What the caller gets.
#[derive(Debug)]
pub struct Answer<T> {
    pub value: T,
    /// It was done before, and is given back free of charge.
    pub is_replay: bool,
}

/// How long a caller waits for another one with the same Idempotency-Key before it is told to come back.
pub const TURN_WAIT: Duration = Duration::from_secs(10);

/// How often a drain is tried. Each try takes the database's lock timeout at most.
pub const DRAIN_ATTEMPTS_MAX: u32 = 3;

impl Kernel {
    /// Runs a command; see the module's words for the order of things.
    ///
    /// # Errors
    /// The command's own refusals; a dead key, an inactive tenant, a missing scope; an empty wallet; an
    /// Idempotency-Key that is missing, busy or of another request; a database failure.
    pub async fn run<I, T>(
        &self,
        call: Call,
        command: &'static Command,
        input: I,
        body: fn(&mut Tx<'_>, &mut Ctx, &I) -> Result<Ending<T>, Fault>,
    ) -> Result<Answer<T>, Fault>
    where
        I: Send + Sync + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        let refused_call = call.clone();
        let outcome = self.attempt(call, command, input, body).await;
        if let Err(refusal) = &outcome {
            self.note_refusal(refused_call, command, refusal).await?;
        }
        match outcome? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Recorded(fault) => Err(fault),
        }
    }

    async fn attempt<I, T>(
        &self,
        call: Call,
        command: &'static Command,
        input: I,
        body: fn(&mut Tx<'_>, &mut Ctx, &I) -> Result<Ending<T>, Fault>,
    ) -> Result<Outcome<T>, Fault>
    where
        I: Send + Sync + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
    {
        call.caller.ensure_scope(command.scope)?;
        let key = KeyInUse::of(self, &call, command)?;
        let _turn = self.take_turn(&call, key.as_ref()).await?;
        let (kernel, tenant_id) = (self.clone(), call.caller.tenant_id);
        self.db
            .write(tenant_id, move |tx| run_in(tx, &kernel, &call, command, key.as_ref(), &input, body))
            .await
    }

    /// Waits until every command inside a gate has ended, after a new state was committed. Tries up to
    /// [`DRAIN_ATTEMPTS_MAX`] times, because the caller was promised more than the new state.
    ///
    /// # Errors
    /// [`Code::Unavailable`] after a database failure, or when commands did not end in time: the new state holds, and
    /// the call may be repeated.
    pub async fn drain(&self, tenant_id: TenantId, subject: String) -> Result<(), Fault> {
        for _ in 1..DRAIN_ATTEMPTS_MAX {
            match self.drain_once(tenant_id, subject.clone()).await {
                Err(fault) if fault.code == Code::Unavailable => {}
                outcome => return outcome.map_err(unconfirmed),
            }
        }
        self.drain_once(tenant_id, subject).await.map_err(unconfirmed)
    }

    async fn drain_once(&self, tenant_id: TenantId, subject: String) -> Result<(), Fault> {
        let clock = self.clock.clone();
        self.db.write(tenant_id, move |tx| tenancy::drain(tx, tenant_id, &subject, clock.now())).await
    }

    /// Waits until every command has ended that a live key of this lineage began before a change of the key was
    /// committed. Its gates stay open, and those that began later hold to the change.
    ///
    /// # Errors
    /// [`Code::Unavailable`] as of [`Self::drain`], and for a key that is so busy that its gate is never empty.
    pub async fn wait_for_live(&self, tenant_id: TenantId, lineage_id: LineageId) -> Result<(), Fault> {
        let now = self.clock.now();
        let keys = self.db.read(move |tx| tenancy::live_keys(tx, tenant_id, lineage_id, now)).await;
        // One after the other: while one gate is waited for, no newcomer waits at another.
        for key in keys.map_err(unconfirmed)? {
            let wait = self.db.write(tenant_id, move |tx| tenancy::pass_through(tx, tenant_id, &key));
            wait.await.map_err(unconfirmed)?;
        }
        Ok(())
    }

    /// Waits until no other caller of this node works under the same key.
    async fn take_turn(&self, call: &Call, key: Option<&KeyInUse>) -> Result<Option<Turn>, Fault> {
        let Some(key) = key else { return Ok(None) };
        let place = (call.caller.tenant_id, key.scope.clone(), key.mac);
        match tokio::time::timeout(TURN_WAIT, self.in_flight.take_turn(place)).await {
            Ok(turn) => Ok(Some(turn)),
            Err(_) => Err(idempotency::in_progress()),
        }
    }

    /// What a refusal leaves behind, in a small transaction of its own: an audit row where the command wants one, and
    /// the event of an empty wallet.
    async fn note_refusal(
        &self,
        call: Call,
        command: &'static Command,
        refusal: &Fault,
    ) -> Result<(), Fault> {
        let is_audited = command.audit == Audit::WithRefusals && !refusal.is_ours();
        let is_unpaid = command.price != Price::Free && refusal.code == Code::InsufficientCredits;
        if !is_audited && !is_unpaid {
            return Ok(());
        }
        let (kernel, note) = (self.clone(), format!("{:?}", refusal.code));
        self.db
            .write(call.caller.tenant_id, move |tx| {
                let mut ctx = kernel.ctx(&call);
                ctx.note(note.as_str());
                if is_unpaid {
                    credits::note_exhausted(tx, &mut ctx, &kernel.renderers, call.caller.service, command)?;
                }
                if is_audited {
                    audit::write(tx, &ctx, command.name, audit::Outcome::Refused)?;
                }
                outbox::write(tx, &ctx, &ctx.effects.events)
            })
            .await
    }

    fn ctx(&self, call: &Call) -> Ctx {
        let caller = &call.caller;
        Ctx::new(
            caller.tenant_id,
            caller.environment,
            caller.actor.clone(),
            call.request_id,
            self.clock.now(),
            self.random.clone(),
        )
    }
}

/// The database says that nothing was changed, which is true of the drain and not of the call.
fn unconfirmed(fault: Fault) -> Fault {
    Fault::unavailable(
        "The change was made and holds: new calls are refused. Whether calls that had begun before it have ended \
         could not be confirmed. Repeat the call to wait for them.",
    )
    .caused_by(fault)
}

/// What a key's revocation or rotation drains: the gates of its lineage's dead keys.
#[must_use]
pub fn lineage_gate(lineage_id: LineageId) -> String {
    lineage_id.text()
}
