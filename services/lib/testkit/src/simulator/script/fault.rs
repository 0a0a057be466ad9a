//! What can go wrong with an answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What goes wrong; `after_events` counts the server-sent events that still arrive.
///
/// A unary body counts as two events, its halves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// An HTTP error instead of an answer.
    Status {
        /// The HTTP status.
        status: u16,
        /// More response headers, such as `retry-after`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body; by default the provider's own words for the status.
        #[serde(default)]
        body: Option<Value>,
    },
    /// The refusal of a prompt that is longer than the model's context, in the provider's own words.
    ContextOverflow,
    /// An error event, after which the stream ends; a unary call gets an HTTP error.
    StreamError {
        /// The events before the error.
        #[serde(default)]
        after_events: usize,
        /// The provider's error type.
        kind: String,
        /// The provider's explanation.
        message: String,
    },
    /// The connection closes before any response.
    Drop,
    /// The connection closes within the response.
    Cut {
        /// The events before the cut.
        #[serde(default)]
        after_events: usize,
    },
    /// HTTP/2 resets the stream; an HTTP/1.1 connection closes.
    Reset {
        /// The events before the reset.
        #[serde(default)]
        after_events: usize,
        /// The error code.
        reason: ResetReason,
    },
    /// The response ends properly, but without its last events.
    Truncate {
        /// The events before the end.
        #[serde(default)]
        after_events: usize,
    },
    /// Nothing more comes, and the connection stays open.
    Stall {
        /// The events before the silence.
        #[serde(default)]
        after_events: usize,
    },
    /// Bytes that no provider should send, after which the response ends.
    Malformed {
        /// The events before the bytes.
        #[serde(default)]
        after_events: usize,
        /// The bytes.
        bytes: String,
    },
}

/// What goes wrong in the first attempts of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailFirst {
    /// The number of attempts that fail.
    pub times: u32,
    /// How they fail.
    pub fault: Fault,
}

/// An HTTP/2 error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "RFC 9113, section 7, explains the codes")]
pub enum ResetReason {
    NoError,
    ProtocolError,
    InternalError,
    FlowControlError,
    StreamClosed,
    FrameSizeError,
    RefusedStream,
    Cancel,
    CompressionError,
    EnhanceYourCalm,
    InadequateSecurity,
}

impl Fault {
    /// An HTTP error in the provider's own words.
    pub fn status(status: u16) -> Self {
        Self::Status { status, headers: BTreeMap::new(), body: None }
    }

    /// Adds a response header to an HTTP error.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.insert(name.into(), value.into());
        }
        self
    }

    /// Replaces the body of an HTTP error.
    pub fn with_body(mut self, json: Value) -> Self {
        if let Self::Status { body, .. } = &mut self {
            *body = Some(json);
        }
        self
    }

    /// An error event in the stream.
    pub fn stream_error(after_events: usize, kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self::StreamError { after_events, kind: kind.into(), message: message.into() }
    }

    /// A connection that closes within the response.
    pub fn cut(after_events: usize) -> Self {
        Self::Cut { after_events }
    }

    /// A reset HTTP/2 stream.
    pub fn reset(after_events: usize, reason: ResetReason) -> Self {
        Self::Reset { after_events, reason }
    }

    /// A response that ends too early.
    pub fn truncate(after_events: usize) -> Self {
        Self::Truncate { after_events }
    }

    /// A response that falls silent.
    pub fn stall(after_events: usize) -> Self {
        Self::Stall { after_events }
    }

    /// A response with bytes that are not the provider's.
    pub fn malformed(after_events: usize, bytes: impl Into<String>) -> Self {
        Self::Malformed { after_events, bytes: bytes.into() }
    }
}

impl From<ResetReason> for h2::Reason {
    fn from(reason: ResetReason) -> Self {
        match reason {
            ResetReason::NoError => Self::NO_ERROR,
            ResetReason::ProtocolError => Self::PROTOCOL_ERROR,
            ResetReason::InternalError => Self::INTERNAL_ERROR,
            ResetReason::FlowControlError => Self::FLOW_CONTROL_ERROR,
            ResetReason::StreamClosed => Self::STREAM_CLOSED,
            ResetReason::FrameSizeError => Self::FRAME_SIZE_ERROR,
            ResetReason::RefusedStream => Self::REFUSED_STREAM,
            ResetReason::Cancel => Self::CANCEL,
            ResetReason::CompressionError => Self::COMPRESSION_ERROR,
            ResetReason::EnhanceYourCalm => Self::ENHANCE_YOUR_CALM,
            ResetReason::InadequateSecurity => Self::INADEQUATE_SECURITY,
        }
    }
}
