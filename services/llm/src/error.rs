//! What callers are told.

use chatmesh_core::Violations;
use chatmesh_db::DbError;
use chatmesh_host::{db_code, db_reason};
use chatmesh_rpc::{Code, Denied, ServiceError};
use chatmesh_seal::SealError;

/// An operation of the service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong.
    #[error("invalid request: {0}")]
    Invalid(Violations),
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such thing.
    #[error("{kind} `{name}` not found")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
        /// What it was called.
        name: String,
    },
    /// There is no default model.
    #[error("no default model is configured: create a provider and a model first")]
    NoDefaultModel,
    /// The name is taken.
    #[error("a {kind} named `{name}` exists: use it or choose another name")]
    Exists {
        /// What there is.
        kind: &'static str,
        /// What it is called.
        name: String,
    },
    /// Models use the provider.
    #[error("provider `{0}` has models: delete them first")]
    InUse(String),
    /// The provider's policy allows no such key.
    #[error("provider `{provider}` takes no keys of {whose}: an administrator can change its key policy")]
    KeysNotAllowed {
        /// The provider.
        provider: String,
        /// Whose they would be.
        whose: &'static str,
    },
    /// There are too many keys.
    #[error("there are {max} keys of provider `{provider}` already: delete one first")]
    TooManyKeys {
        /// The provider.
        provider: String,
        /// How many there may be.
        max: usize,
    },
    /// There is such a limit.
    #[error("a limit for this subject and period exists: change it or delete it first")]
    LimitExists,
    /// A key could not be sealed or opened.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// The HTTP client could not be made.
    #[error("the client of providers cannot be made")]
    Client(#[from] reqwest::Error),
    /// The database failed.
    #[error("the database of providers failed")]
    Database(#[from] DbError),
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl ServiceError for Error {
    const DOMAIN: &'static str = "chatmesh.llm.v1";

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Denied(_) => Code::PermissionDenied,
            Self::NotFound { .. } | Self::NoDefaultModel => Code::NotFound,
            Self::Exists { .. } | Self::LimitExists => Code::AlreadyExists,
            Self::InUse(_) | Self::KeysNotAllowed { .. } | Self::TooManyKeys { .. } => Code::FailedPrecondition,
            // Someone has to set the key again; trying again does not help.
            Self::Sealed(SealError::CannotOpen) => Code::FailedPrecondition,
            Self::Sealed(_) | Self::Client(_) => Code::Internal,
            Self::Database(error) => db_code(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Denied(_) => "DENIED",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::NoDefaultModel => "NO_DEFAULT_MODEL",
            Self::Exists { .. } | Self::LimitExists => "EXISTS",
            Self::KeysNotAllowed { .. } => "KEYS_NOT_ALLOWED",
            Self::TooManyKeys { .. } => "TOO_MANY_KEYS",
            Self::InUse(_) => "PROVIDER_IN_USE",
            Self::Sealed(SealError::CannotOpen) => "KEY_UNREADABLE",
            Self::Sealed(_) | Self::Client(_) => "INTERNAL",
            Self::Database(error) => db_reason(error),
        }
    }

    fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Invalid(violations) => Some(violations),
            _ => None,
        }
    }
}
