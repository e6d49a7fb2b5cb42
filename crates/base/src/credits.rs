//! Amounts: whole credits or points, 64-bit, never a fraction, never silently wrapped.

use std::fmt;

/// An amount of credits or points. Negative only where an operator allowed a floor below zero.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Credits(i64);

impl Credits {
    pub const ZERO: Self = Self(0);

    #[must_use]
    pub const fn new(amount: i64) -> Self {
        Self(amount)
    }

    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// `None` when the sum does not fit 64 bits.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// `None` when the difference does not fit 64 bits.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `None` when the product does not fit 64 bits.
    #[must_use]
    pub fn checked_mul(self, times: i64) -> Option<Self> {
        self.0.checked_mul(times).map(Self)
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
