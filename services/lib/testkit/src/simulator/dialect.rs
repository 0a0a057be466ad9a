//! The wire protocols that the simulator speaks.

use serde_json::{Value, json};

use super::refusal::Refusal;

/// A provider's wire protocol, chosen by the request's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses.
    Responses,
}

impl Dialect {
    /// The dialect spoken at `path`, whatever the prefix.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        if path.ends_with("/v1/messages") {
            Some(Self::Anthropic)
        } else if path.ends_with("/chat/completions") {
            Some(Self::Chat)
        } else if path.ends_with("/responses") {
            Some(Self::Responses)
        } else {
            None
        }
    }

    /// The body of an error response.
    pub(super) fn error_body(self, refusal: &Refusal) -> Value {
        let Refusal { kind, message, param, code, .. } = refusal;
        match self {
            Self::Anthropic => {
                let mut error = json!({"type": kind, "message": message});
                if let Some(code) = code {
                    error["details"] = json!({"error_code": code});
                }
                json!({"type": "error", "error": error, "request_id": "req_sim_error"})
            }
            Self::Chat | Self::Responses => json!({
                "error": {"message": message, "type": kind, "param": param, "code": code},
            }),
        }
    }

    /// The refusal of a prompt that is longer than the model's context.
    pub(super) fn context_overflow(self) -> Refusal {
        match self {
            Self::Anthropic => Refusal::invalid("prompt is too long: 210000 tokens > 200000 maximum"),
            Self::Chat => {
                let message = "This model's maximum context length is 200000 tokens. However, your messages \
                    resulted in 210000 tokens. Please reduce the length of the messages.";
                Refusal::invalid(message).with_param("messages").with_code("context_length_exceeded")
            }
            Self::Responses => {
                let message = "Your input exceeds the context window of this model. Please adjust your input and \
                    try again.";
                Refusal::invalid(message).with_param("input").with_code("context_length_exceeded")
            }
        }
    }

    /// What the provider calls an error of this status.
    pub(super) fn error_kind(self, status: u16) -> &'static str {
        match (self, status) {
            (Self::Anthropic, 401) => "authentication_error",
            (Self::Anthropic, 402) => "billing_error",
            (Self::Anthropic, 403) => "permission_error",
            (Self::Anthropic, 404) => "not_found_error",
            (Self::Anthropic, 409) => "conflict_error",
            (Self::Anthropic, 413) => "request_too_large",
            (Self::Anthropic, 504) => "timeout_error",
            (Self::Anthropic, 529) => "overloaded_error",
            (_, 429) => "rate_limit_error",
            (_, 400..=499) => "invalid_request_error",
            (Self::Anthropic, _) => "api_error",
            (Self::Chat | Self::Responses, 503) => "service_unavailable_error",
            (Self::Chat | Self::Responses, _) => "server_error",
        }
    }

    /// The status that the provider uses for an error of this kind.
    pub(super) fn error_status(self, kind: &str) -> u16 {
        let statuses = [400, 401, 402, 403, 404, 409, 413, 429, 503, 504, 529];
        statuses.into_iter().find(|status| self.error_kind(*status) == kind).unwrap_or(500)
    }
}
