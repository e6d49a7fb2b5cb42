use base::id::{AccountId, HoldId, KeyId, RequestId, TenantId, TransferId};
use base::{Code, Environment, Fault, Timestamp};

use crate::ctx::Ctx;

/// What is counted. Units never mix in a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A tenant's prepaid credits.
    Credit,
    /// Points of a tenant's own clients.
    Point,
}

impl Unit {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Point => "point",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Credit, Self::Point].into_iter().find(|unit| unit.name() == text)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountKind {
    Wallet,
    Customer,
}

impl AccountKind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Customer => "customer",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Wallet, Self::Customer].into_iter().find(|kind| kind.name() == text)
    }
}

/// The other side of money in and money out. Their ids follow from the tenant's, so that no look-up is needed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SystemAccount {
    /// Where grants come from: its balance is minus all that was ever issued.
    Issued,
    /// Where charges go.
    Revenue,
    /// Where refunds come from.
    Refunds,
}

impl SystemAccount {
    /// The id of this account in a tenant's environment: the tenant's id with a few low bits changed.
    #[must_use]
    pub const fn id(self, tenant_id: TenantId, environment: Environment, unit: Unit) -> AccountId {
        let account = match self {
            Self::Issued => 1,
            Self::Revenue => 2,
            Self::Refunds => 3,
        };
        derived_id(tenant_id, account, environment, unit)
    }

    /// Which system account an id is, if any.
    #[must_use]
    pub fn of(tenant_id: TenantId, account_id: AccountId) -> Option<Self> {
        [Self::Issued, Self::Revenue, Self::Refunds].into_iter().find(|account| {
            Environment::ALL.iter().any(|&environment| {
                [Unit::Credit, Unit::Point]
                    .into_iter()
                    .any(|unit| account.id(tenant_id, environment, unit) == account_id)
            })
        })
    }
}

/// The wallet of a tenant's environment.
#[must_use]
pub const fn wallet_id(tenant_id: TenantId, environment: Environment) -> AccountId {
    derived_id(tenant_id, 4, environment, Unit::Credit)
}

const fn derived_id(tenant_id: TenantId, account: u128, environment: Environment, unit: Unit) -> AccountId {
    let environment = match environment {
        Environment::Test => 0,
        Environment::Live => 1,
    };
    let unit = match unit {
        Unit::Credit => 0,
        Unit::Point => 1,
    };
    AccountId::from_bits(tenant_id.bits() ^ ((account << 2) | (environment << 1) | unit))
}

/// An account with a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    pub account_id: AccountId,
    pub environment: Environment,
    pub unit: Unit,
    pub kind: AccountKind,
    pub balance: i64,
    /// The sum of the open holds.
    pub held: i64,
    /// `balance - held` never goes below it.
    pub floor: i64,
    pub frozen_at: Option<Timestamp>,
}

impl Account {
    pub(super) const fn empty(
        account_id: AccountId,
        environment: Environment,
        unit: Unit,
        kind: AccountKind,
    ) -> Self {
        Self { account_id, environment, unit, kind, balance: 0, held: 0, floor: 0, frozen_at: None }
    }

    /// What may still be spent.
    #[must_use]
    pub const fn available(&self) -> i64 {
        self.balance.saturating_sub(self.held).saturating_sub(self.floor)
    }

    pub(super) fn ensure_not_frozen(&self) -> Result<(), Fault> {
        match self.frozen_at {
            Some(_) => Err(Fault::new(Code::InsufficientCredits, "The account is banned.")),
            None => Ok(()),
        }
    }

    pub(super) fn ensure_can_spend(&self, amount: i64) -> Result<(), Fault> {
        self.ensure_not_frozen()?;
        if self.available() < amount {
            return Err(Fault::new(
                Code::InsufficientCredits,
                format!(
                    "This costs {amount}, and {} is left. Top up and try again.",
                    self.available().max(0)
                ),
            ));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransferKind {
    Grant,
    Charge,
    Capture,
    Void,
    Expire,
    Refund,
    Adjust,
}

impl TransferKind {
    pub const ALL: [Self; 7] =
        [Self::Grant, Self::Charge, Self::Capture, Self::Void, Self::Expire, Self::Refund, Self::Adjust];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Charge => "charge",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Expire => "expire",
            Self::Refund => "refund",
            Self::Adjust => "adjust",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text)
    }
}

/// One immutable movement: `amount` leaves the debit account and enters the credit account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    pub transfer_id: TransferId,
    pub kind: TransferKind,
    pub debit_account_id: AccountId,
    pub credit_account_id: AccountId,
    pub unit: Unit,
    pub amount: i64,
    pub price_id: Option<String>,
    pub hold_id: Option<HoldId>,
    pub key_id: Option<KeyId>,
    pub request_id: RequestId,
    pub reference: Option<String>,
    pub at: Timestamp,
}

impl Transfer {
    pub(super) fn new(
        ctx: &Ctx,
        kind: TransferKind,
        debit_account_id: AccountId,
        credit_account_id: AccountId,
        unit: Unit,
        amount: i64,
    ) -> Self {
        Self {
            transfer_id: TransferId::new(ctx.now, ctx.random.id_bits()),
            kind,
            debit_account_id,
            credit_account_id,
            unit,
            amount,
            price_id: None,
            hold_id: None,
            key_id: ctx.actor.key_id(),
            request_id: ctx.request_id,
            reference: None,
            at: ctx.now,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_accounts_of_a_tenant_never_share_an_id() {
        let tenant_id = TenantId::from_bits(0x0190_7f3b_77aa_7000_8000_0000_0000_0000);
        let mut seen = HashSet::new();
        for &environment in Environment::ALL {
            assert!(seen.insert(wallet_id(tenant_id, environment)));
            for account in [SystemAccount::Issued, SystemAccount::Revenue, SystemAccount::Refunds] {
                for unit in [Unit::Credit, Unit::Point] {
                    let id = account.id(tenant_id, environment, unit);
                    assert!(seen.insert(id));
                    assert_eq!(SystemAccount::of(tenant_id, id), Some(account));
                }
            }
        }
    }
}
