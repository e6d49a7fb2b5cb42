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

use base::id::{KeyId, LineageId, RequestId, TenantId};
use base::{Code, Environment, Fault, Secret, Service};
use db::Tx;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ctx::{Actor, Ctx};
use crate::idempotency::{self, Claim, Fingerprint, Slot};
use crate::ledger::{self, wallet_id};
use crate::secrets::Mac;
use crate::{Kernel, audit, keys, outbox, tenancy};

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
    Err(Fault::new(Code::ScopeMissing, format!("This needs the scope {scope}, which the key lacks.")))
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
            self.audit_refusal(refused_call, command, refusal).await?;
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
        let _turn = match &key {
            Some(key) => {
                let place = (call.caller.tenant_id, key.scope.clone(), key.mac);
                Some(self.in_flight.take_turn(place).await)
            }
            None => None,
        };
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

    async fn audit_refusal(
        &self,
        call: Call,
        command: &'static Command,
        refusal: &Fault,
    ) -> Result<(), Fault> {
        if command.audit != Audit::WithRefusals || refusal.is_ours() {
            return Ok(());
        }
        let (kernel, note) = (self.clone(), format!("{:?}", refusal.code));
        self.db
            .write(call.caller.tenant_id, move |tx| {
                let mut ctx = kernel.ctx(&call);
                ctx.note(note.as_str());
                audit::write(tx, &ctx, command.name, audit::Outcome::Refused)
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

/// The Idempotency-Key of a call, ready to be looked up.
struct KeyInUse {
    raw: Secret,
    mac: Mac,
    scope: String,
}

impl KeyInUse {
    fn of(kernel: &Kernel, call: &Call, command: &Command) -> Result<Option<Self>, Fault> {
        let raw = match (command.idempotent, &call.idempotency_key) {
            (Idempotent::No, _) | (Idempotent::Optional, None) => return Ok(None),
            (Idempotent::Required, None) => {
                return Err(Fault::invalid(
                    "Idempotency-Key",
                    "is required here: send any unique value, and the same one when you retry",
                ));
            }
            (Idempotent::Optional | Idempotent::Required, Some(raw)) => raw.clone(),
        };
        let caller = &call.caller;
        let scope = format!("{}:{}:{}", caller.environment, caller.service, call.route);
        Ok(Some(Self { mac: kernel.secrets.idempotency_mac(raw.expose()), raw, scope }))
    }

    fn slot(&self, tenant_id: TenantId) -> Slot<'_> {
        Slot { tenant_id, scope: &self.scope, key_mac: &self.mac }
    }
}

enum Outcome<T> {
    Done(Answer<T>),
    Recorded(Fault),
}

fn run_in<I, T>(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    call: &Call,
    command: &'static Command,
    key: Option<&KeyInUse>,
    input: &I,
    body: fn(&mut Tx<'_>, &mut Ctx, &I) -> Result<Ending<T>, Fault>,
) -> Result<Outcome<T>, Fault>
where
    T: Serialize + DeserializeOwned,
{
    let tenant_id = call.caller.tenant_id;
    if let Some(key) = key {
        let claim = idempotency::claim(tx, key.slot(tenant_id), &call.fingerprint, kernel.clock.now())?;
        if let Claim::Done(sealed) = claim {
            let saved = kernel.secrets.open_reply(&key.scope, key.raw.expose(), &sealed)?;
            let value = serde_json::from_slice(&saved).map_err(Fault::internal)?;
            return Ok(Outcome::Done(Answer { value, is_replay: true }));
        }
    }
    let wallet = enter(tx, kernel, call, command)?;
    let mut ctx = kernel.ctx(call);
    match body(tx, &mut ctx, input)? {
        Ending::Done(value) => {
            settle(tx, &ctx, command, wallet.as_ref())?;
            publish(tx, &ctx, command, audit::Outcome::Done)?;
            if let Some(key) = key {
                let reply = serde_json::to_vec(&value).map_err(Fault::internal)?;
                let sealed = kernel.secrets.seal_reply(&kernel.random, &key.scope, key.raw.expose(), &reply);
                idempotency::complete(tx, key.slot(tenant_id), &call.fingerprint, &sealed)?;
            }
            Ok(Outcome::Done(Answer { value, is_replay: false }))
        }
        Ending::Record(fault) => {
            publish(tx, &ctx, command, audit::Outcome::Recorded)?;
            if let Some(key) = key {
                idempotency::free(tx, key.slot(tenant_id))?;
            }
            Ok(Outcome::Recorded(fault))
        }
    }
}

/// Refuses early, locks, and then reads again what the locks protect.
fn enter(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    call: &Call,
    command: &Command,
) -> Result<Option<ledger::Account>, Fault> {
    let caller = &call.caller;
    ensure_live(tx, kernel, caller)?;
    let key = caller.actor.key_id().map(KeyId::text);
    tenancy::enter(tx, caller.tenant_id, key.as_deref())?;
    let wallet = match command.price {
        Price::Free => None,
        Price::UpTo(_) => {
            Some(ledger::lock(tx, caller.tenant_id, wallet_id(caller.tenant_id, caller.environment))?)
        }
    };
    ensure_live(tx, kernel, caller)?;
    Ok(wallet)
}

/// Operators may work on a tenant that is suspended, and on one that does not exist yet.
fn ensure_live(tx: &mut Tx<'_>, kernel: &Kernel, caller: &Caller) -> Result<(), Fault> {
    let Actor::Key { key_id, .. } = caller.actor else {
        return Ok(());
    };
    keys::ensure_still_live(tx, caller.tenant_id, key_id, kernel.clock.now())?;
    tenancy::ensure_active(tx, caller.tenant_id)
}

fn settle(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    command: &Command,
    wallet: Option<&ledger::Account>,
) -> Result<(), Fault> {
    let units = ctx.effects.cost;
    match (command.price, wallet) {
        (_, _) if units == 0 => Ok(()),
        (Price::UpTo(ceiling), Some(wallet)) if (1..=ceiling).contains(&units) => {
            let (price_id, price) = ledger::price(tx, ctx.tenant_id, command.name)?;
            let amount =
                price.checked_mul(units).ok_or_else(|| Fault::internal("a price list overflows 64 bits"))?;
            ledger::charge(tx, ctx, wallet, amount, price_id).map(drop)
        }
        (Price::Free | Price::UpTo(_), _) => Err(Fault::internal(format!(
            "{} asked for {units} units, more than its price allows",
            command.name
        ))),
    }
}

fn publish(tx: &mut Tx<'_>, ctx: &Ctx, command: &Command, outcome: audit::Outcome) -> Result<(), Fault> {
    match command.audit {
        Audit::Never => {}
        Audit::Always | Audit::WithRefusals => audit::write(tx, ctx, command.name, outcome)?,
    }
    outbox::write(tx, ctx, &ctx.effects.events)
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
