//! What a tool returns to the model.

use bytes::Bytes;
use chatmesh_proto::tools::v1::{ToolAttachment, ToolOutcome};
use serde::Serialize;
use serde_json::json;

/// The outcome of a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A JSON object. One with a field `error` is a structured failure.
    Result(String),
    /// The same with a file for the chat, which adds to the object how it keeps the file.
    Attachment(String, Attachment),
    /// The call could not be carried out; one sentence that says what to do.
    Failure(String),
}

/// A file for the chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// What to call it.
    pub name: String,
    /// What its name suggests; may be empty.
    pub media_type: String,
    /// The content.
    pub data: Bytes,
    /// The outcome counts also where the chat does not take it.
    pub best_effort: bool,
}

impl Outcome {
    /// A result from anything that serialises to an object. What does not becomes an empty object.
    pub(crate) fn of(result: &impl Serialize) -> Self {
        Self::Result(serde_json::to_string(result).unwrap_or_else(|_| "{}".to_owned()))
    }

    /// The JSON object, and whether the call failed as a whole. A file is for chats only.
    pub(crate) fn into_parts(self) -> (String, bool) {
        match self {
            Self::Result(result) | Self::Attachment(result, _) => (result, false),
            Self::Failure(error) => (json!({ "error": error }).to_string(), true),
        }
    }

    /// The word for it in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Result(_) | Self::Attachment(..) => "result",
            Self::Failure(_) => "failure",
        }
    }

    /// How many bytes the model is given.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Result(text) | Self::Attachment(text, _) | Self::Failure(text) => text.len(),
        }
    }
}

impl From<Outcome> for ToolOutcome {
    fn from(outcome: Outcome) -> Self {
        let (outcome, attachment) = match outcome {
            Outcome::Attachment(result, attachment) => (Outcome::Result(result), Some(attachment.into())),
            outcome => (outcome, None),
        };
        let (result, is_error) = outcome.into_parts();
        Self { result, is_error, attachment }
    }
}

impl From<Attachment> for ToolAttachment {
    fn from(Attachment { name, media_type, data, best_effort }: Attachment) -> Self {
        Self { name, media_type, data, best_effort }
    }
}
