//! Commands that wait for the outside world: claim, act, record.
//!
//! *Claim* is one transaction: the checks of every command, then the command's own first half. It may end there, as
//! every command may; or it names the work, and the credits that the work may cost are held. *Act* happens outside of
//! any transaction. *Record* is the second transaction: the checks again, then the effect, its price captured from the
//! hold, its audit row, its events and its saved reply.
//!
//! The Idempotency-Key is at work meanwhile, under a lease and a fence. Whoever records needs both its own fence and a
//! hold that is still open; otherwise the result is discarded. A process that dies between claim and record leaves a
//! hold that the sweeper voids, and a lease that runs out: a retry after that takes both over and adds no second hold.
//!
//! Once claimed, the work goes on although the caller may have gone away.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use base::id::HoldId;
use base::{Code, Fault, Timestamp};
use db::Tx;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::steps::{self, KeyInUse, Outcome};
use super::{Answer, Call, Command, Ending, TURN_WAIT, credits, spend};
use crate::ctx::Ctx;
use crate::idempotency::{self, Lease, SlowClaim};
use crate::ledger::{self, wallet_id};
use crate::{Kernel, audit};

/// How long a claim is good for. A retry after a crash waits for at most as long.
pub(super) const LEASE_SECONDS: i64 = 60;
/// How long the act may take; well within the lease, so that its result can still be recorded.
pub(super) const ACT_WAIT: Duration = Duration::from_secs(30);
/// How often a caller looks whether another node has ended the work under its key.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How the first half of a slow command ended.
#[derive(Debug)]
pub enum Claimed<T, W> {
    /// Nothing has to be waited for.
    Ended(Ending<T>),
    /// `work` is to be done outside, and costs at most so many units.
    Work { work: W, units: i64 },
}

/// What the claim holds until it is recorded.
#[derive(Clone, Debug)]
struct Ticket {
    fence: i64,
    held: Option<Held>,
}

#[derive(Clone, Debug)]
struct Held {
    hold_id: HoldId,
    units: i64,
    amount: i64,
    at: Timestamp,
    /// It was counted against the key's spend cap.
    is_capped: bool,
}

impl Held {
    const fn unit_price(&self) -> i64 {
        self.amount / self.units
    }

    /// What was not charged in the end may be spent again.
    fn take_back(&self, tx: &mut Tx<'_>, ctx: &Ctx, amount: i64) -> Result<(), Fault> {
        if self.is_capped { spend::take_back(tx, ctx, self.at, amount) } else { Ok(()) }
    }
}

enum Step<T, W> {
    Ended(Outcome<T>),
    Work(W, Ticket),
}

/// One call, for as long as it takes.
struct Slow<I> {
    kernel: Kernel,
    call: Call,
    command: &'static Command,
    key: Option<KeyInUse>,
    input: I,
}

type ClaimBody<I, T, W> = fn(&mut Tx<'_>, &mut Ctx, &I) -> Result<Claimed<T, W>, Fault>;
type RecordBody<I, R, T> = fn(&mut Tx<'_>, &mut Ctx, &I, &R) -> Result<Ending<T>, Fault>;

impl Kernel {
    /// Runs a command that waits for the outside world; see the module's words for the order of things.
    /// `claim` and `record` may be run more than once, `act` is run once at most, for 30 seconds.
    ///
    /// # Errors
    /// As [`Kernel::run`]; [`Code::RequestInProgress`] when another call with this Idempotency-Key did not end within
    /// [`TURN_WAIT`]; [`Code::Unavailable`] when the act took too long or its claim was lost: nothing was charged.
    pub async fn run_slow<I, W, R, T, F>(
        &self,
        call: Call,
        command: &'static Command,
        input: I,
        claim: ClaimBody<I, T, W>,
        act: impl FnOnce(W) -> F + Send + 'static,
        record: RecordBody<I, R, T>,
    ) -> Result<Answer<T>, Fault>
    where
        I: Send + Sync + 'static,
        W: Send + 'static,
        R: Send + Sync + 'static,
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Future<Output = R> + Send + 'static,
    {
        let (kernel, refused_call) = (self.clone(), call.clone());
        let work = tokio::spawn(async move {
            call.caller.ensure_scope(command.scope)?;
            let key = KeyInUse::of(&kernel, &call, command)?;
            let _turn = kernel.take_turn(&call, key.as_ref()).await?;
            let slow = Arc::new(Slow { kernel, call, command, key, input });
            match slow.claim(claim).await? {
                Step::Ended(outcome) => Ok(outcome),
                Step::Work(work, ticket) => {
                    let result = in_time(act(work)).await;
                    slow.record(ticket, result, record).await
                }
            }
        });
        let outcome = work.await.map_err(Fault::internal)?;
        if let Err(refusal) = &outcome {
            self.note_refusal(refused_call, command, refusal).await?;
        }
        match outcome? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Recorded(fault) => Err(fault),
        }
    }
}

impl<I: Send + Sync + 'static> Slow<I> {
    /// Claims, and waits while another node is at work under the same key.
    async fn claim<T, W>(self: &Arc<Self>, body: ClaimBody<I, T, W>) -> Result<Step<T, W>, Fault>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        W: Send + 'static,
    {
        for _ in 0..TURN_WAIT.as_millis() / LOOK_AGAIN.as_millis() {
            match self.write(move |slow, tx| slow.claim_in(tx, body)).await {
                Err(fault) if fault.code == Code::RequestInProgress => look_again_later().await,
                outcome => return outcome,
            }
        }
        Err(idempotency::in_progress())
    }

    async fn record<R, T>(
        self: &Arc<Self>,
        ticket: Ticket,
        result: Result<R, Fault>,
        body: RecordBody<I, R, T>,
    ) -> Result<Outcome<T>, Fault>
    where
        R: Send + Sync + 'static,
        T: Serialize + Send + 'static,
    {
        let mine = ticket.clone();
        let recorded = match result {
            Ok(result) => self.write(move |slow, tx| slow.record_in(tx, &mine, &result, body)).await,
            Err(fault) => Err(fault),
        };
        if recorded.is_err() {
            let abandoned = self.write(move |slow, tx| slow.abandon_in(tx, &ticket)).await;
            if let Err(fault) = abandoned {
                tracing::warn!(?fault, "a claim was not given up: its hold and its lease will run out");
            }
        }
        recorded
    }

    async fn write<T, F>(self: &Arc<Self>, body: F) -> Result<T, Fault>
    where
        F: Fn(&Self, &mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        let slow = Arc::clone(self);
        self.kernel.db.write(self.call.caller.tenant_id, move |tx| body(&slow, tx)).await
    }

    fn claim_in<T, W>(&self, tx: &mut Tx<'_>, body: ClaimBody<I, T, W>) -> Result<Step<T, W>, Fault>
    where
        T: Serialize + DeserializeOwned,
    {
        let Self { kernel, call, command, key, input } = self;
        let mut hold_left = None;
        let fence = (kernel.random.id_bits() >> 1).cast_signed();
        if let Some(key) = key {
            let slot = key.slot(call.caller.tenant_id);
            let lease = Lease { seconds: LEASE_SECONDS, fence };
            match idempotency::claim_slowly(tx, slot, &call.fingerprint, kernel.clock.now(), lease)? {
                SlowClaim::Done(sealed) => {
                    return steps::replay(kernel, key, &sealed)
                        .map(|answer| Step::Ended(Outcome::Done(answer)));
                }
                SlowClaim::Fresh { hold_left: left } => hold_left = left,
            }
        }
        let mut entered = steps::enter(tx, kernel, call, command)?;
        if let (Some(hold_id), Some(account)) = (hold_left, &mut entered.wallet) {
            ledger::void_if_open(tx, &kernel.ctx(call), hold_id)?;
            *account = ledger::lock(tx, call.caller.tenant_id, account.account_id)?;
        }
        let mut ctx = kernel.ctx(call);
        match body(tx, &mut ctx, input)? {
            Claimed::Ended(ending) => {
                steps::end(tx, kernel, call, command, key.as_ref(), &mut ctx, ending, &entered)
                    .map(Step::Ended)
            }
            Claimed::Work { work, units } => {
                let held = if units > 0 {
                    Some(self.hold(tx, &mut ctx, entered.spend_cap_per_day, units)?)
                } else {
                    None
                };
                if let (Some(key), Some(held)) = (key, &held) {
                    idempotency::note_hold(tx, key.slot(ctx.tenant_id), fence, held.hold_id)?;
                }
                Ok(Step::Work(work, Ticket { fence, held }))
            }
        }
    }

    fn hold(&self, tx: &mut Tx<'_>, ctx: &mut Ctx, cap: Option<i64>, units: i64) -> Result<Held, Fault> {
        let (price_id, amount) = steps::price_of(tx, ctx, self.command, units)?;
        let wallet = wallet_id(ctx.tenant_id, ctx.environment);
        spend::add(tx, ctx, cap, amount)?;
        let hold_id = ledger::hold_at_price(tx, ctx, wallet, amount, LEASE_SECONDS, price_id.as_deref())?;
        Ok(Held { hold_id, units, amount, at: ctx.now, is_capped: cap.is_some() })
    }

    fn record_in<R, T: Serialize>(
        &self,
        tx: &mut Tx<'_>,
        ticket: &Ticket,
        result: &R,
        body: RecordBody<I, R, T>,
    ) -> Result<Outcome<T>, Fault> {
        let Self { kernel, call, command, key, input } = self;
        if let Some(key) = key
            && !idempotency::is_held(tx, key.slot(call.caller.tenant_id), ticket.fence)?
        {
            return Err(lost());
        }
        let entered = steps::enter(tx, kernel, call, command)?;
        let mut ctx = kernel.ctx(call);
        ctx.effects.price = ticket.held.as_ref().map(|held| (None, held.unit_price()));
        match body(tx, &mut ctx, input, result)? {
            Ending::Done(value) => {
                self.capture(tx, &mut ctx, ticket, entered.wallet.as_ref())?;
                steps::publish(tx, &ctx, command, audit::Outcome::Done)?;
                steps::save(tx, kernel, call, key.as_ref(), &value)?;
                Ok(Outcome::Done(Answer { value, is_replay: false }))
            }
            Ending::Record(fault) => {
                self.free_in(tx, &ctx, ticket)?;
                steps::publish(tx, &ctx, command, audit::Outcome::Recorded)?;
                Ok(Outcome::Recorded(fault))
            }
        }
    }

    /// Charges what the result costs from what was held, and frees the rest.
    fn capture(
        &self,
        tx: &mut Tx<'_>,
        ctx: &mut Ctx,
        ticket: &Ticket,
        wallet: Option<&ledger::Account>,
    ) -> Result<(), Fault> {
        let units = ctx.effects.cost;
        let (Some(held), Some(wallet)) = (&ticket.held, wallet) else {
            return if units == 0 { Ok(()) } else { Err(steps::over_price(self.command, units)) };
        };
        if units > held.units {
            return Err(steps::over_price(self.command, units));
        }
        // The price of the day it was held: the caller was told that it can pay.
        let amount = held.unit_price() * units;
        if !ledger::is_open(tx, ctx, held.hold_id)? {
            return Err(lost());
        }
        if amount == 0 {
            ledger::void(tx, ctx, held.hold_id)?;
        } else {
            ledger::capture(tx, ctx, held.hold_id, amount)?;
        }
        held.take_back(tx, ctx, held.amount - amount)?;
        let service = self.call.caller.service;
        credits::note_low(tx, ctx, &self.kernel.renderers, service, wallet.balance, amount)
    }

    /// After a refusal, a failure or a lost claim: charges nothing and leaves nothing behind.
    fn abandon_in(&self, tx: &mut Tx<'_>, ticket: &Ticket) -> Result<(), Fault> {
        self.free_in(tx, &self.kernel.ctx(&self.call), ticket)
    }

    /// Frees the key, if it is still this call's, and then the hold, in the order in which a claim locks them.
    fn free_in(&self, tx: &mut Tx<'_>, ctx: &Ctx, ticket: &Ticket) -> Result<(), Fault> {
        if let Some(key) = &self.key {
            idempotency::free_held(tx, key.slot(ctx.tenant_id), ticket.fence)?;
        }
        if let Some(held) = &ticket.held
            && ledger::void_if_open(tx, ctx, held.hold_id)?
        {
            held.take_back(tx, ctx, held.amount)?;
        }
        Ok(())
    }
}

/// Apart from its caller, so that a panic in it is an error and not a claim that nobody gives up.
async fn in_time<R: Send + 'static>(act: impl Future<Output = R> + Send + 'static) -> Result<R, Fault> {
    let mut task = tokio::spawn(act);
    match tokio::time::timeout(ACT_WAIT, &mut task).await {
        Ok(result) => result.map_err(Fault::internal),
        Err(_) => {
            task.abort();
            Err(Fault::unavailable(
                "The work took too long and was given up. Nothing was charged. Please retry.",
            ))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks at the work of another node")]
async fn look_again_later() {
    tokio::time::sleep(LOOK_AGAIN).await;
}

fn lost() -> Fault {
    Fault::unavailable("This took longer than its claim was good for. Nothing was charged. Please retry.")
        .retry_after(1)
}
