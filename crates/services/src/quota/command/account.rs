//! The rules of accounts.

use base::id::{AccountId, TenantId, TransferId};
use base::{Environment, Fault, Timestamp};
use db::Tx;
use kernel::{Ctx, Ending, ledger};
use serde::{Deserialize, Serialize};

use super::refill;
use crate::quota::model::{Account, AutoRefill, Entry, NAME_LENGTH_MAX, NewAccount, REFERENCE_PREFIX};
use crate::quota::store::account as store;

/// An account as it is answered and saved.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuotaAccount)]
pub struct AccountView {
    #[schema(value_type = String, example = "acc_01k0example0000000000000000")]
    pub id: AccountId,
    pub environment: String,
    pub name: String,
    pub external_id: Option<String>,
    pub idempotency: bool,
    pub banned: bool,
    /// Points left.
    pub balance: i64,
    /// Below it the event `balance.low` leaves.
    #[serde(default)]
    pub low_balance_threshold: Option<i64>,
    #[serde(default)]
    pub auto_refill: Option<AutoRefillView>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: account.account_id,
            environment: account.environment.name().to_owned(),
            name: account.name,
            external_id: account.external_id,
            idempotency: account.is_idempotent,
            banned: account.is_banned,
            balance: account.balance,
            low_balance_threshold: account.low_balance_threshold,
            auto_refill: account.auto_refill.map(|refill| AutoRefillView {
                level: refill.level,
                period: refill.period.name().to_owned(),
                next_at: account.refill_due_at,
            }),
            created_at: account.created_at,
        }
    }
}

/// An allowance as it is answered.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = QuotaAutoRefill)]
pub struct AutoRefillView {
    /// What the account holds after a refill, unless it held more.
    #[schema(example = 1000)]
    pub level: i64,
    /// `day` or `month`, UTC.
    #[schema(example = "day")]
    pub period: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_at: Option<Timestamp>,
}

pub fn create_account(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    new: &NewAccount,
) -> Result<Ending<AccountView>, Fault> {
    ensure_name(&new.name)?;
    let account_id = AccountId::new(ctx.now, ctx.random.id_bits());
    ledger::open_customer(tx, ctx, account_id)?;
    store::insert(tx, ctx, account_id, new)?;
    if new.points > 0 {
        ledger::grant(tx, ctx, account_id, new.points, None)?;
        ctx.note(format!("{} points", new.points));
    }
    ctx.target(account_id.text());
    Ok(Ending::Done(find_account(tx, ctx, account_id)?.into()))
}

/// What may be changed about an account; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub name: Option<String>,
    pub is_banned: Option<bool>,
    /// `Some(None)`: none any more.
    pub low_balance_threshold: Option<Option<i64>>,
    pub auto_refill: Option<Option<AutoRefill>>,
}

/// A change of one account.
#[derive(Clone, Debug)]
pub struct AccountChange {
    pub account_id: AccountId,
    pub change: Change,
}

/// A ban locks the account as every charge does: once it is answered, nothing is charged any more.
pub fn change_account(
    tx: &mut Tx<'_>,
    ctx: &mut Ctx,
    input: &AccountChange,
) -> Result<Ending<AccountView>, Fault> {
    let (id, change) = (input.account_id, &input.change);
    find_account(tx, ctx, id)?;
    // Charges and refills read under this lock what is about to change.
    ledger::lock(tx, ctx.tenant_id, id)?;
    let before = find_account(tx, ctx, id)?;
    if let Some(name) = &change.name {
        ensure_name(name)?;
        store::rename(tx, ctx.tenant_id, id, name)?;
    }
    match change.is_banned {
        Some(true) => ledger::freeze(tx, ctx, id)?,
        Some(false) => ledger::unfreeze(tx, ctx, id)?,
        None => {}
    }
    if let Some(threshold) = change.low_balance_threshold {
        store::set_low_below(tx, ctx.tenant_id, id, threshold)?;
    }
    if let Some(refill) = change.auto_refill {
        refill::set(tx, ctx, &before, refill)?;
    }
    let after = find_account(tx, ctx, id)?;
    ctx.target(id.text());
    ctx.change(format!("{before:?}"), format!("{after:?}"));
    Ok(Ending::Done(after.into()))
}

/// Points for an account.
#[derive(Clone, Debug)]
pub struct TopUp {
    pub account_id: AccountId,
    pub points: i64,
    /// The payment's own name: booked once per account.
    pub reference: Option<String>,
}

pub fn top_up(tx: &mut Tx<'_>, ctx: &mut Ctx, top_up: &TopUp) -> Result<Ending<AccountView>, Fault> {
    find_account(tx, ctx, top_up.account_id)?;
    if top_up.reference.as_ref().is_some_and(|reference| reference.starts_with(REFERENCE_PREFIX)) {
        return Err(Fault::invalid(
            "reference",
            format!("must not start with {REFERENCE_PREFIX}, which names automatic refills"),
        ));
    }
    ledger::grant(tx, ctx, top_up.account_id, top_up.points, top_up.reference.as_deref())
        .map_err(|fault| rename_field(fault, "amount", "points"))?;
    ctx.target(top_up.account_id.text());
    ctx.note(format!("{} points", top_up.points));
    Ok(Ending::Done(find_account(tx, ctx, top_up.account_id)?.into()))
}

/// # Errors
/// Not found, which another tenant's or environment's account is too; a database failure.
pub fn read_account(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    id: AccountId,
) -> Result<Account, Fault> {
    store::find(tx, tenant_id, id)?
        .filter(|account| account.environment == environment)
        .ok_or_else(|| Fault::not_found("account"))
}

/// Which accounts of a tenant's environment are wanted.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    pub external_id: Option<String>,
    pub is_banned: Option<bool>,
}

/// Accounts after `after`, oldest first.
///
/// # Errors
/// A database failure.
pub fn list_accounts(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    filter: &AccountFilter,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Account>, Fault> {
    let after = after.unwrap_or(AccountId::from_bits(0));
    let Some(external_id) = &filter.external_id else {
        return store::list(tx, tenant_id, environment, filter.is_banned, after, limit);
    };
    let found = match store::find_by_external_id(tx, tenant_id, environment, external_id)? {
        Some(id) => store::find(tx, tenant_id, id)?,
        None => None,
    };
    let is_wanted = |account: &Account| {
        account.account_id > after && filter.is_banned.is_none_or(|wanted| wanted == account.is_banned)
    };
    Ok(found.filter(is_wanted).into_iter().collect())
}

/// Entries of an account before `before`, newest first, and where the look ended before it came to the oldest one.
/// A page may hold fewer entries than asked for, even none, although there are more behind that end.
///
/// # Errors
/// Not found; a database failure.
pub fn list_entries(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    environment: Environment,
    id: AccountId,
    before: Option<TransferId>,
    limit: i64,
) -> Result<(Vec<Entry>, Option<TransferId>), Fault> {
    read_account(tx, tenant_id, environment, id)?;
    store::entries(tx, tenant_id, id, before.unwrap_or(TransferId::from_bits(u128::MAX)), limit)
}

pub(super) fn find_account(tx: &mut Tx<'_>, ctx: &Ctx, id: AccountId) -> Result<Account, Fault> {
    read_account(tx, ctx.tenant_id, ctx.environment, id)
}

fn ensure_name(name: &str) -> Result<(), Fault> {
    if name.trim().is_empty() || name.chars().count() > NAME_LENGTH_MAX {
        return Err(Fault::invalid("name", format!("must be a text of 1 to {NAME_LENGTH_MAX} characters")));
    }
    Ok(())
}

fn rename_field(fault: Fault, from: &str, to: &'static str) -> Fault {
    match fault.fields.as_slice() {
        [only] if only.field == from => Fault::invalid(to, only.message.clone()),
        _ => fault,
    }
}
