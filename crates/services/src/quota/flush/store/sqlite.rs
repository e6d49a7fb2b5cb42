//! SQLite: statements of many rows, because most of what a statement of one row costs is the statement.

use base::id::TenantId;
use base::{Environment, Fault, Timestamp};
use db::{Arg, Tx};
use kernel::tenancy;

use super::{Charge, States, account, revenue, token};
use crate::quota::flush::Ask;

/// Rows of one statement. Each number has a text of its own, prepared once; what is left over goes row by row.
const MANY: usize = 64;
const SOME: usize = 8;

macro_rules! some {
    ($row:literal) => {
        concat!($row, ", ", $row, ", ", $row, ", ", $row, ", ", $row, ", ", $row, ", ", $row, ", ", $row)
    };
}

macro_rules! many {
    ($row:literal) => {
        concat!(
            some!($row),
            ", ",
            some!($row),
            ", ",
            some!($row),
            ", ",
            some!($row),
            ", ",
            some!($row),
            ", ",
            some!($row),
            ", ",
            some!($row),
            ", ",
            some!($row)
        )
    };
}

/// A bare `?` is the next number: the text of each row is the same.
macro_rules! read {
    ($tokens:expr) => {
        concat!(
            "SELECT quota_token.token_id, quota_token.account_id, account.balance, account.held, account.floor, \
             account.frozen_at_us, account.low_below, account.exhausted, points_per_call, expires_at_us, revoked_at_us, ended, \
             last_used_at_us FROM quota_token CROSS JOIN account ON account.tenant_id = ?1 \
             AND account.account_id = quota_token.account_id WHERE quota_token.tenant_id = ?1 AND quota_token.token_id IN (",
            $tokens,
            ")"
        )
    };
}

macro_rules! insert {
    ($rows:expr) => {
        concat!(
            "INSERT INTO transfer (tenant_id, at_us, transfer_id, debit_account_id, credit_account_id, amount, key_id, request_id, \
             unit, kind) VALUES ",
            $rows
        )
    };
}

/// An upsert that never inserts, since the accounts were read in this transaction: of the statements that change many
/// rows it is the one that looks each of them up once. What it offers to insert passes the checks of the table.
macro_rules! spend {
    ($rows:expr) => {
        concat!(
            "INSERT INTO account (tenant_id, account_id, balance, environment, unit, kind, held, floor, created_at_us) VALUES ",
            $rows,
            " ON CONFLICT (tenant_id, account_id) DO UPDATE SET balance = account.balance - excluded.balance"
        )
    };
}

/// The same statement for one row, for some and for many.
struct Sized {
    one: &'static str,
    some: &'static str,
    many: &'static str,
}

const READ: Sized = Sized { one: read!("?"), some: read!(some!("?")), many: read!(many!("?")) };
const INSERT: Sized = Sized {
    one: insert!("(?1, ?2, ?, ?, ?, ?, ?, ?, 'point', 'charge')"),
    some: insert!(some!("(?1, ?2, ?, ?, ?, ?, ?, ?, 'point', 'charge')")),
    many: insert!(many!("(?1, ?2, ?, ?, ?, ?, ?, ?, 'point', 'charge')")),
};
const SPEND: Sized = Sized {
    one: spend!("(?1, ?, ?, 'live', 'point', 'customer', 0, 0, 0)"),
    some: spend!(some!("(?1, ?, ?, 'live', 'point', 'customer', 0, 0, 0)")),
    many: spend!(many!("(?1, ?, ?, 'live', 'point', 'customer', 0, 0, 0)")),
};
const NOTE_USE: Sized = Sized {
    one: "UPDATE quota_token SET last_used_at_us = ?2 WHERE tenant_id = ?1 AND token_id IN (?)",
    some: concat!(
        "UPDATE quota_token SET last_used_at_us = ?2 WHERE tenant_id = ?1 AND token_id IN (",
        some!("?"),
        ")"
    ),
    many: concat!(
        "UPDATE quota_token SET last_used_at_us = ?2 WHERE tenant_id = ?1 AND token_id IN (",
        many!("?"),
        ")"
    ),
};

/// Prepared on SQLite alone.
pub(in crate::quota) const STATEMENTS: &[&str] = &[
    READ.one,
    READ.some,
    READ.many,
    INSERT.one,
    INSERT.some,
    INSERT.many,
    SPEND.one,
    SPEND.some,
    SPEND.many,
    NOTE_USE.one,
    NOTE_USE.some,
    NOTE_USE.many,
];

impl Sized {
    /// Calls `run` with statements that take all items between them, in order.
    fn for_each<T>(
        &self,
        items: &[T],
        mut run: impl FnMut(&'static str, &[T]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (many, rest) = items.as_chunks::<MANY>();
        let (some, ones) = rest.as_chunks::<SOME>();
        many.iter().try_for_each(|items| run(self.many, items))?;
        some.iter().try_for_each(|items| run(self.some, items))?;
        ones.iter().try_for_each(|item| run(self.one, std::slice::from_ref(item)))
    }
}

/// SQLite's writer is alone: there is nothing to lock.
pub(super) fn lock(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    asks: &[Ask],
    states: &mut States,
) -> Result<bool, Fault> {
    let is_tenant_active = tenancy::is_active(tx, tenant_id)?;
    let unknown = asks.iter().filter(|ask| !states.tokens.contains_key(&ask.token.token_id));
    let mut tokens: Vec<&str> = unknown.map(|ask| ask.token.token_text.as_str()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    states.accounts.reserve(tokens.len());
    states.tokens.reserve(tokens.len());
    let tenant = tenant_id.text();
    READ.for_each(&tokens, |sql, tokens| {
        let mut args = vec![Arg::from(&tenant)];
        args.extend(tokens.iter().map(|token| Arg::from(*token)));
        tx.all(sql, &args, |row| {
            states.tokens.insert(row.id(0)?, token(row, 8)?);
            states.accounts.insert(row.id(1)?, account(row, 2)?);
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(is_tenant_active)
}

pub(super) fn note_use(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    tokens: &[&str],
) -> Result<(), Fault> {
    let tenant = tenant_id.text();
    NOTE_USE.for_each(tokens, |sql, tokens| {
        let mut args = vec![Arg::from(&tenant), Arg::from(now)];
        args.extend(tokens.iter().map(|token| Arg::from(*token)));
        tx.exec(sql, &args)?;
        Ok(())
    })
}

pub(super) fn write(
    tx: &mut Tx<'_>,
    tenant_id: TenantId,
    now: Timestamp,
    charges: &[Charge<'_>],
    spent: &[(&str, i64)],
) -> Result<(), Fault> {
    let tenant = tenant_id.text();
    let revenues = [Environment::Test, Environment::Live].map(|environment| revenue(tenant_id, environment));
    INSERT.for_each(charges, |sql, charges| {
        let requests = request_texts(charges);
        let mut args = Vec::with_capacity(2 + 6 * charges.len());
        args.extend([Arg::from(&tenant), Arg::from(now)]);
        for (Charge { ask, transfer_id, cost }, request) in charges.iter().zip(requests.of_each()) {
            let [test, live] = &revenues;
            let revenue = if ask.token.environment == Environment::Test { test } else { live };
            let (account, token) = (&ask.token.account_text, &ask.token.token_text);
            let spent = [Arg::from(*transfer_id), Arg::from(account), Arg::from(revenue), Arg::from(*cost)];
            args.extend(spent);
            args.extend([Arg::from(token), Arg::from(request)]);
        }
        tx.exec(sql, &args)?;
        Ok(())
    })?;
    SPEND.for_each(spent, |sql, spent| {
        let mut args = vec![Arg::from(&tenant)];
        for (account, cost) in spent {
            args.extend([Arg::from(*account), Arg::from(*cost)]);
        }
        tx.exec(sql, &args)?;
        Ok(())
    })
}

/// The ids of requests as text, once for those that stand side by side: the items of a bulk call share theirs.
struct RequestTexts {
    texts: Vec<String>,
    /// Which text belongs to each charge.
    positions: Vec<usize>,
}

fn request_texts(charges: &[Charge<'_>]) -> RequestTexts {
    let mut requests = RequestTexts { texts: Vec::new(), positions: Vec::with_capacity(charges.len()) };
    let mut last = None;
    for charge in charges {
        let request_id = charge.ask.request_id;
        if last != Some(request_id) {
            requests.texts.push(request_id.text());
            last = Some(request_id);
        }
        requests.positions.push(requests.texts.len() - 1);
    }
    requests
}

impl RequestTexts {
    fn of_each(&self) -> impl Iterator<Item = &str> {
        self.positions.iter().map(|position| self.texts[*position].as_str())
    }
}
