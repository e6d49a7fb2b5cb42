//! What can go wrong below the border, in the same words for both engines.

use std::fmt;

use base::{Code, Fault};

pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Seconds after which a caller may try again when the database is away or full.
const RETRY_AFTER_S: u32 = 2;

/// A statement, a row or a transaction that failed.
#[derive(Debug)]
pub enum Error {
    /// Exactly one row was wanted and none came.
    NoRow,
    /// The schema refused.
    Constraint {
        /// The name of the index or CHECK as the migration wrote it; `<table>_pkey`, `<table>_<column>_key`,
        /// `<table>_<column>_not_null` and `foreign_key` where it wrote none.
        name: String,
        /// Whether such a row exists already.
        unique: bool,
        source: Cause,
    },
    /// Transactions got in each other's way more often than they are retried.
    Serialization(Cause),
    /// A lock or statement took longer than it may.
    LockTimeout(Cause),
    /// The database is away; nothing was committed.
    Connection(Cause),
    /// The connection died under COMMIT: the outcome is unknown.
    AmbiguousCommit(Cause),
    /// No space is left; nothing was committed.
    Full(Cause),
    /// More callers wait than may.
    QueueFull,
    /// The database is being closed.
    Closed,
    /// A value is not what the schema promises.
    Corrupt(Cause),
    /// A mistake in a statement, or a failure without a better name.
    Other(Cause),
}

impl Error {
    /// Whether the constraint of this name refused: the name of a unique index or CHECK, or `<table>_pkey`.
    #[must_use]
    pub fn is_constraint(&self, wanted: &str) -> bool {
        matches!(self, Self::Constraint { name, .. } if name == wanted)
    }

    pub(crate) fn other(cause: impl Into<Cause>) -> Self {
        Self::Other(cause.into())
    }

    /// A stored value that cannot be what its column says.
    pub fn corrupt(cause: impl Into<Cause>) -> Self {
        Self::Corrupt(cause.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRow => f.write_str("a row was expected and none came"),
            Self::Constraint { name, .. } => write!(f, "the constraint {name} refused"),
            Self::Serialization(cause) => write!(f, "the transaction kept colliding with others: {cause}"),
            Self::LockTimeout(cause) => write!(f, "a lock or statement took too long: {cause}"),
            Self::Connection(cause) => write!(f, "the database is away: {cause}"),
            Self::AmbiguousCommit(cause) => write!(f, "the outcome of a COMMIT is unknown: {cause}"),
            Self::Full(cause) => write!(f, "no space is left for the database: {cause}"),
            Self::QueueFull => f.write_str("the database queue is full"),
            Self::Closed => f.write_str("the database is closed"),
            Self::Corrupt(cause) => write!(f, "a stored value is not what the schema promises: {cause}"),
            Self::Other(cause) => write!(f, "a statement failed: {cause}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoRow | Self::QueueFull | Self::Closed => None,
            Self::Constraint { source: cause, .. }
            | Self::Serialization(cause)
            | Self::LockTimeout(cause)
            | Self::Connection(cause)
            | Self::AmbiguousCommit(cause)
            | Self::Full(cause)
            | Self::Corrupt(cause)
            | Self::Other(cause) => Some(cause.as_ref()),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let fault = match &error {
            Error::NoRow | Error::Corrupt(_) | Error::Other(_) => return Self::internal(error),
            Error::Constraint { unique: true, .. } => {
                Self::new(Code::AlreadyExists, "It exists already. Use the one that is there, or another name.")
            }
            Error::Constraint { unique: false, .. } => {
                Self::conflict("The present state does not allow this. Read it again and decide anew.")
            }
            Error::Serialization(_) | Error::LockTimeout(_) => {
                Self::unavailable("Other requests are changing the same data. Nothing was changed. Please retry.")
            }
            Error::Connection(_) => {
                Self::unavailable("The database cannot be reached. Nothing was changed. Please retry.").retry_after(RETRY_AFTER_S)
            }
            Error::AmbiguousCommit(_) => Self::unavailable(
                "The connection to the database broke while the change was being stored: its outcome is unknown. \
                 Retry with the same Idempotency-Key to learn it.",
            )
            .retry_after(RETRY_AFTER_S),
            Error::Full(_) => {
                Self::unavailable("The server is out of disk space. Nothing was changed. Please retry later.")
                    .retry_after(10)
            }
            Error::QueueFull => {
                Self::unavailable("Too many requests are waiting. Nothing was changed. Please retry shortly.")
            }
            Error::Closed => Self::unavailable("The server is shutting down. Nothing was changed. Please retry."),
        };
        fault.caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_outcome_tells_how_to_learn_it_and_never_says_that_nothing_changed() {
        let fault = Fault::from(Error::AmbiguousCommit("gone".into()));
        assert_eq!(fault.code, Code::Unavailable);
        assert!(fault.detail.contains("Idempotency-Key") && !fault.detail.contains("Nothing was changed"));
        assert!(fault.retry_after_s.is_some());
    }

    #[test]
    fn a_cause_reaches_the_log_and_not_the_caller() {
        let fault = Fault::from(Error::other("table ledger has no column x"));
        assert_eq!(fault.code, Code::Internal);
        assert!(!fault.detail.contains("ledger") && format!("{fault:?}").contains("ledger"));
    }

    #[test]
    fn only_the_named_constraint_answers_to_its_name() {
        let error = Error::Constraint { name: "account_floor".into(), unique: false, source: "x".into() };
        assert!(error.is_constraint("account_floor") && !error.is_constraint("account_pkey"));
        assert_eq!(Fault::from(error).code, Code::Conflict);
        let taken = Error::Constraint { name: "account_pkey".into(), unique: true, source: "x".into() };
        assert_eq!(Fault::from(taken).code, Code::AlreadyExists);
    }
}
