//! Random sequences against a model that is simple enough to be right.

use std::collections::HashMap;
use std::sync::Arc;

use base::Code;
use base::id::{AccountId, HoldId};
use kernel::ledger;

use crate::fixture::World;

on_both_engines! { every_random_sequence_keeps_the_ledger_and_the_model_equal }

const STEPS: u32 = 250;

#[derive(Default)]
struct Account {
    balance: i64,
    held: i64,
    is_frozen: bool,
}

struct Hold {
    account: AccountId,
    amount: i64,
    expires_at: i64,
    is_open: bool,
}

#[derive(Default)]
struct Model {
    accounts: HashMap<AccountId, Account>,
    holds: HashMap<HoldId, Hold>,
    now: i64,
}

impl Model {
    fn spend(&self, id: AccountId, amount: i64) -> Result<(), Code> {
        let account = &self.accounts[&id];
        let may = !account.is_frozen && account.balance - account.held >= amount;
        if may { Ok(()) } else { Err(Code::InsufficientCredits) }
    }

    fn resolve(&mut self, id: HoldId, amount: i64) {
        let hold = self.holds.get_mut(&id).unwrap();
        hold.is_open = false;
        let account = self.accounts.get_mut(&hold.account).unwrap();
        account.held -= hold.amount;
        account.balance -= amount;
    }
}

/// SplitMix64: a failure names the seed, and the seed repeats it.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((bits ^ (bits >> 31)) % limit as u64).unwrap()
    }

    fn amount(&mut self) -> i64 {
        i64::try_from(self.below(30)).unwrap()
    }
}

async fn every_random_sequence_keeps_the_ledger_and_the_model_equal(world: Arc<World>) {
    for seed in 1..=4 {
        let (mut model, mut dice) = (Model::default(), Dice(seed));
        let mut ids = Vec::new();
        for _ in 0..3 {
            let id = world.customer(0).await;
            model.accounts.insert(id, Account::default());
            ids.push(id);
        }
        for number in 0..STEPS {
            let (got, wanted) = step(&world, &mut model, &mut dice, &ids).await;
            assert_eq!(got, wanted, "seed {seed}, step {number}");
        }
        for (id, account) in &model.accounts {
            let stored = world.account(*id).await;
            let stored = (stored.balance, stored.held, stored.frozen_at.is_some());
            assert_eq!(stored, (account.balance, account.held, account.is_frozen), "seed {seed}");
        }
        // The next seed starts without the holds of this one.
        world.clock.advance_seconds(1000);
        world.write(|tx, ctx| ledger::expire_due(tx, ctx, 1000)).await.unwrap();
        world.assert_ledger_holds().await;
    }
}

type Outcome = Result<(), Code>;

/// Does one thing in both worlds, and gives what the ledger said and what the model says.
async fn step(
    world: &Arc<World>,
    model: &mut Model,
    dice: &mut Dice,
    ids: &[AccountId],
) -> (Outcome, Outcome) {
    let id = ids[dice.below(ids.len())];
    match dice.below(10) {
        0 | 1 => {
            let amount = dice.amount() + 1;
            model.accounts.get_mut(&id).unwrap().balance += amount;
            (done(world.write(move |tx, ctx| ledger::grant(tx, ctx, id, amount, None)).await), Ok(()))
        }
        2 | 3 => charge(world, model, id, dice.amount()).await,
        4 | 5 => hold(world, model, id, dice.amount() + 1, i64::try_from(dice.below(90)).unwrap() + 1).await,
        6 if !model.holds.is_empty() => capture(world, model, any_hold(model, dice), dice.amount()).await,
        7 if !model.holds.is_empty() => void(world, model, any_hold(model, dice)).await,
        8 => expire(world, model, dice).await,
        _ => freeze_or_not(world, model, id).await,
    }
}

fn done<T>(result: Result<T, base::Fault>) -> Outcome {
    result.map(drop).map_err(|fault| fault.code)
}

fn any_hold(model: &Model, dice: &mut Dice) -> HoldId {
    let mut ids: Vec<HoldId> = model.holds.keys().copied().collect();
    ids.sort();
    ids[dice.below(ids.len())]
}

async fn charge(world: &Arc<World>, model: &mut Model, id: AccountId, amount: i64) -> (Outcome, Outcome) {
    let wanted = model.spend(id, amount);
    if wanted.is_ok() {
        model.accounts.get_mut(&id).unwrap().balance -= amount;
    }
    let charge = move |tx: &mut db::Tx<'_>, ctx: &mut kernel::Ctx| {
        let account = ledger::lock(tx, ctx.tenant_id, id)?;
        ledger::charge(tx, ctx, &account, amount, None)
    };
    (done(world.write(charge).await), wanted)
}

async fn hold(
    world: &Arc<World>,
    model: &mut Model,
    account: AccountId,
    amount: i64,
    seconds: i64,
) -> (Outcome, Outcome) {
    let wanted = model.spend(account, amount);
    let held = world.write(move |tx, ctx| ledger::hold(tx, ctx, account, amount, seconds)).await;
    if let Ok(id) = &held {
        model.accounts.get_mut(&account).unwrap().held += amount;
        model.holds.insert(*id, Hold { account, amount, expires_at: model.now + seconds, is_open: true });
    }
    (done(held), wanted)
}

async fn capture(world: &Arc<World>, model: &mut Model, id: HoldId, amount: i64) -> (Outcome, Outcome) {
    let hold = &model.holds[&id];
    let may = hold.is_open && hold.expires_at > model.now && amount <= hold.amount;
    let wanted = match may {
        false => Err(Code::Conflict),
        true if model.accounts[&hold.account].is_frozen => Err(Code::InsufficientCredits),
        true => Ok(()),
    };
    if wanted.is_ok() {
        model.resolve(id, amount);
    }
    (done(world.write(move |tx, ctx| ledger::capture(tx, ctx, id, amount)).await), wanted)
}

async fn void(world: &Arc<World>, model: &mut Model, id: HoldId) -> (Outcome, Outcome) {
    let wanted = if model.holds[&id].is_open { Ok(()) } else { Err(Code::Conflict) };
    if wanted.is_ok() {
        model.resolve(id, 0);
    }
    (done(world.write(move |tx, ctx| ledger::void(tx, ctx, id)).await), wanted)
}

async fn expire(world: &Arc<World>, model: &mut Model, dice: &mut Dice) -> (Outcome, Outcome) {
    let seconds = i64::try_from(dice.below(40)).unwrap();
    world.clock.advance_seconds(seconds);
    model.now += seconds;
    let now = model.now;
    let due = |hold: &Hold| hold.is_open && hold.expires_at <= now;
    let due: Vec<HoldId> = model.holds.iter().filter(|(_, hold)| due(hold)).map(|(id, _)| *id).collect();
    due.iter().for_each(|id| model.resolve(*id, 0));
    let expired = world.write(|tx, ctx| ledger::expire_due(tx, ctx, 1000)).await.unwrap();
    assert_eq!(expired, due.len());
    (Ok(()), Ok(()))
}

async fn freeze_or_not(world: &Arc<World>, model: &mut Model, id: AccountId) -> (Outcome, Outcome) {
    let account = model.accounts.get_mut(&id).unwrap();
    account.is_frozen = !account.is_frozen;
    let frozen = account.is_frozen;
    let set = move |tx: &mut db::Tx<'_>, ctx: &mut kernel::Ctx| {
        if frozen { ledger::freeze(tx, ctx, id) } else { ledger::unfreeze(tx, ctx, id) }
    };
    (done(world.write(set).await), Ok(()))
}
