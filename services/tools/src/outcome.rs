//! What a tool returns to the model.

use chatmesh_proto::tools::v1::CallToolResponse;
use serde::Serialize;
use serde_json::json;

/// The outcome of a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A JSON object. One with a field `error` is a structured failure.
    Result(String),
    /// The call could not be carried out; one sentence that says what to do.
    Failure(String),
}

impl Outcome {
    /// A result from anything that serialises to an object. What does not becomes an empty object.
    pub(crate) fn of(result: &impl Serialize) -> Self {
        Self::Result(serde_json::to_string(result).unwrap_or_else(|_| "{}".to_owned()))
    }

    /// The word for it in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Result(_) => "result",
            Self::Failure(_) => "failure",
        }
    }

    /// How many bytes the model is given.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Result(text) | Self::Failure(text) => text.len(),
        }
    }
}

impl From<Outcome> for CallToolResponse {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Result(result) => Self { result, is_error: false },
            Outcome::Failure(error) => Self { result: json!({ "error": error }).to_string(), is_error: true },
        }
    }
}
