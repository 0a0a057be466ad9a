//! Error responses, before they are put into a provider's words.

/// Why a request is not answered by a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// The provider's error type.
    pub(super) kind: String,
    /// The provider's explanation.
    pub(super) message: String,
    /// The parameter at fault, where the provider names one.
    pub(super) param: Option<String>,
    /// The provider's error code, where it has one.
    pub(super) code: Option<&'static str>,
}

impl Refusal {
    pub(super) fn new(status: u16, kind: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, kind: kind.to_owned(), message, param: None, code: None }
    }

    /// The common case: the request itself is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub(super) fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(super) fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }
}
