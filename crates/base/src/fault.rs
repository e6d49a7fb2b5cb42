//! The one error of the platform.
//!
//! A [`Fault`] says what went wrong in a closed set of codes, what the caller should do in `detail`, and what the
//! operator needs in `source`, which only the log sees.
//! HTTP statuses and wire shapes are decided above, in `web`.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// What kind of failure it is. Closed: a new code needs a line in every dialect.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    /// The body, query or header cannot be read at all.
    Malformed,
    /// It can be read, and a field is wrong: see [`Fault::fields`].
    Invalid,
    /// No credential was sent.
    CredentialMissing,
    /// The credential is malformed, unknown, revoked or of another service: all the same to the caller.
    CredentialInvalid,
    /// The credential was right once.
    CredentialExpired,
    /// The wallet or account cannot pay, or the account is banned.
    InsufficientCredits,
    /// The key lacks a scope.
    ScopeMissing,
    /// The key may not be used from here.
    OriginDenied,
    /// The tenant is suspended, closed or not on a plan that allows this.
    TenantInactive,
    /// Not there, or not the caller's: all the same to the caller.
    NotFound,
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The state does not allow it.
    Conflict,
    /// It exists already.
    AlreadyExists,
    /// The same Idempotency-Key came with another request.
    IdempotencyMismatch,
    /// The Idempotency-Key was used before, and its reply is not kept any more.
    IdempotencyExpired,
    /// The same Idempotency-Key is still at work.
    RequestInProgress,
    BodyTooLarge,
    UnsupportedMediaType,
    RateLimited,
    /// Our mistake. The detail never says more than that.
    Internal,
    /// Not now: full, restarting, out of space, or an outcome that only a retry can tell.
    Unavailable,
}

impl Code {
    pub const ALL: &'static [Self] = &[
        Self::Malformed,
        Self::Invalid,
        Self::CredentialMissing,
        Self::CredentialInvalid,
        Self::CredentialExpired,
        Self::InsufficientCredits,
        Self::ScopeMissing,
        Self::OriginDenied,
        Self::TenantInactive,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::AlreadyExists,
        Self::IdempotencyMismatch,
        Self::IdempotencyExpired,
        Self::RequestInProgress,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
    ];
}

/// One field that is wrong, and how to put it right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FieldError {
    /// The field as the caller wrote it, `items.0.count` for nested ones, or a header's name.
    pub field: Cow<'static, str>,
    pub message: Cow<'static, str>,
}

/// An error with a message for the caller and a cause for the log.
pub struct Fault {
    pub code: Code,
    /// For the caller: what happened and what to do about it.
    pub detail: Cow<'static, str>,
    pub fields: Vec<FieldError>,
    /// Whole seconds after which a retry makes sense.
    pub retry_after_s: Option<u32>,
    /// For the log only.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    #[must_use]
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), fields: Vec::new(), retry_after_s: None, source: None }
    }

    #[must_use]
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Malformed, detail)
    }

    /// One wrong field.
    #[must_use]
    pub fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        let (field, message) = (field.into(), message.into());
        let mut fault = Self::new(Code::Invalid, format!("{field}: {message}"));
        fault.fields.push(FieldError { field, message });
        fault
    }

    /// `what` is the noun: "account", "token".
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }

    #[must_use]
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Conflict, detail)
    }

    /// A bug or a broken machine; `source` says which, to the log.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "Something went wrong on our side. Please try again.").caused_by(source)
    }

    /// Nothing was done, or an idempotent retry will tell.
    #[must_use]
    pub fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, detail).retry_after(1)
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether the log should hear of it: our mistakes and outages, not the caller's.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self.code, Code::Internal | Code::Unavailable)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.code, self.detail)?;
        match &self.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
