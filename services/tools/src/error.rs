//! What callers are told when a call is not about a tool at all.

use chatmesh_core::Violations;
use chatmesh_rpc::{Code, Denied, ServiceError};

/// An operation of the service failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong.
    #[error("invalid request: {0}")]
    Invalid(Violations),
    /// The caller may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

impl ServiceError for Error {
    const DOMAIN: &'static str = "chatmesh.tools.v1";

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Denied(_) => Code::PermissionDenied,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST",
            Self::Denied(_) => "DENIED",
        }
    }

    fn violations(&self) -> Option<&Violations> {
        match self {
            Self::Invalid(violations) => Some(violations),
            Self::Denied(_) => None,
        }
    }
}
