//! What the mesh says where it does not do what it is asked.

use std::fmt;

use reqwest::StatusCode;
use serde_json::Value;

/// The mesh answered, and said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Refused {
    /// Reads an error's body.
    pub(crate) fn new(status: StatusCode, body: &Value) -> Self {
        Self { status, message: body["message"].as_str().unwrap_or("no message").to_owned() }
    }

    /// True where the same again may be answered otherwise in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.status)
    }
}

impl std::error::Error for Refused {}

/// True where another try may help: the mesh is away, or says so.
pub(crate) fn is_passing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_none_or(Refused::is_passing)
}
