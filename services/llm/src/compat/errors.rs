//! Failures as the SDKs know them: status, headers and body.

use std::fmt;

use bytes::Bytes;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::{BadRequest, Dialect};

/// The word on which an SDK of Anthropic sends whole conversations instead of threads.
pub(super) const THREAD_UNSUPPORTED: &str = "thread_unsupported_request";

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The reply to a request that failed before its answer began.
#[derive(Debug, Clone)]
pub struct ErrorReply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers, those of the body and of retries.
    pub headers: HeaderMap,
    /// The body, JSON.
    pub body: Bytes,
}

/// Why a request is refused before any provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// No model has this name.
    ModelNotFound(&'a str),
    /// There is no such address.
    NotFound(&'a str),
    /// The address takes other methods.
    MethodNotAllowed(&'a str),
    /// The caller showed no token, or one that is not good.
    Unauthenticated,
    /// The caller may not do this; a sentence about it.
    Forbidden(&'a str),
    /// Too many requests or tokens in a window of time.
    RateLimited {
        /// A sentence about the limit.
        message: &'a str,
        /// When it is worth to try again, in milliseconds.
        retry_after_ms: u32,
    },
    /// The caller's budget is used up; a sentence about it.
    BudgetUsedUp(&'a str),
    /// The body has more bytes than this.
    TooLarge(usize),
    /// A service that is needed is away.
    Unavailable,
    /// Something of ours is broken.
    Internal,
}

/// What a failure is in both families of dialects.
#[derive(Debug, Clone, Copy)]
struct Row {
    openai: (u16, &'static str, Option<&'static str>),
    anthropic: (u16, &'static str),
}

const fn row(openai: (u16, &'static str, Option<&'static str>), anthropic: (u16, &'static str)) -> Row {
    Row { openai, anthropic }
}

const OVERLOADED: Row =
    row((503, "service_unavailable_error", Some("server_is_overloaded")), (529, "overloaded_error"));
const RATE_LIMIT: Row = row((429, "rate_limit_error", Some("rate_limit_exceeded")), (429, "rate_limit_error"));
const USAGE_LIMIT: Row = row((429, "insufficient_quota", Some("insufficient_quota")), (402, "billing_error"));
const TIMEOUT: Row = row((504, "timeout_error", Some("timeout")), (504, "timeout_error"));
const PROVIDER_AUTH: Row =
    row((403, "permission_error", Some("provider_credentials_refused")), (403, "permission_error"));
const MISSING_KEY: Row = row((403, "permission_error", Some("provider_key_missing")), (403, "permission_error"));
const DISABLED: Row = row((403, "permission_error", Some("provider_disabled")), (403, "permission_error"));
const INVALID: Row = row((400, "invalid_request_error", None), (400, "invalid_request_error"));
const OVERFLOW: Row =
    row((400, "invalid_request_error", Some("context_length_exceeded")), (400, "invalid_request_error"));
const BLOCKED: Row = row((400, "invalid_request_error", Some("content_filter")), (400, "invalid_request_error"));
const CHAIN_BROKEN: Row =
    row((400, "invalid_request_error", Some("previous_response_not_found")), (400, "invalid_request_error"));
const SERVER_ERROR: Row = row((500, "server_error", Some("server_error")), (500, "api_error"));
const NOT_FOUND: Row = row((404, "invalid_request_error", Some("not_found")), (404, "not_found_error"));
const MODEL_NOT_FOUND: Row = row((404, "invalid_request_error", Some("model_not_found")), (404, "not_found_error"));
const METHOD: Row = row((405, "invalid_request_error", Some("method_not_allowed")), (405, "invalid_request_error"));
const UNAUTHENTICATED: Row =
    row((401, "invalid_request_error", Some("invalid_api_key")), (401, "authentication_error"));
const FORBIDDEN: Row = row((403, "permission_error", Some("permission_denied")), (403, "permission_error"));
const TOO_LARGE: Row = row((413, "invalid_request_error", Some("request_too_large")), (413, "request_too_large"));
const UNAVAILABLE: Row = row((503, "service_unavailable_error", Some("service_unavailable")), (503, "api_error"));

fn row_of(error: &GenerationError) -> Row {
    match error.kind() {
        _ if error.chain_broken => CHAIN_BROKEN,
        _ if error.context_overflow => OVERFLOW,
        ErrorKind::Overloaded => OVERLOADED,
        ErrorKind::RateLimit => RATE_LIMIT,
        ErrorKind::UsageLimit => USAGE_LIMIT,
        ErrorKind::Timeout | ErrorKind::StreamSilenceTimeout => TIMEOUT,
        ErrorKind::Auth => PROVIDER_AUTH,
        ErrorKind::MissingKey => MISSING_KEY,
        ErrorKind::ProviderDisabled => DISABLED,
        ErrorKind::Config => INVALID,
        ErrorKind::ContentFilter => BLOCKED,
        ErrorKind::Generic | ErrorKind::Unspecified => match error.status_code {
            Some(400..=408 | 410..=499) if !error.retryable => INVALID,
            _ => SERVER_ERROR,
        },
    }
}

/// What failed, and what the provider said about it.
struct Sentence<'a>(&'a GenerationError);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GenerationError { message, detail, .. } = self.0;
        match (message.is_empty(), detail.is_empty()) {
            (false, false) if message.contains(detail.as_str()) => formatter.write_str(message),
            (false, false) => write!(formatter, "{message} The provider said: {detail}"),
            (true, false) => formatter.write_str(detail),
            (_, true) => formatter.write_str(message),
        }
    }
}

/// The sentence of a failure.
pub(super) fn sentence(error: &GenerationError) -> String {
    Sentence(error).to_string()
}

#[derive(Serialize)]
struct OpenAiBody<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicBody<'a> {
    r#type: &'static str,
    error: AnthropicError<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

/// What an SDK needs to know to go on by itself.
#[derive(Debug, Serialize)]
struct Details<'a> {
    error_code: &'a str,
    unsupported: [&'static str; 1],
}

impl<'a> Details<'a> {
    fn of(error_code: &'a str) -> Self {
        Self { error_code, unsupported: ["thread"] }
    }
}

/// The body of an error in a stream of Chat Completions.
pub(super) fn openai_json(error: &GenerationError) -> String {
    let (_, kind, code) = row_of(error).openai;
    let message = sentence(error);
    openai_text(&OpenAiError { message: &message, r#type: kind, param: None, code })
}

fn openai_text(error: &OpenAiError<'_>) -> String {
    let OpenAiError { message, r#type, param, code } = *error;
    super::wire::json_text(&OpenAiBody { error: OpenAiError { message, r#type, param, code } })
}

/// The data of an error in a stream of Messages.
pub(super) fn anthropic_json(error: &GenerationError) -> String {
    let message = sentence(error);
    let error = AnthropicError { r#type: row_of(error).anthropic.1, message: &message, details: None };
    super::wire::json_text(&AnthropicBody { r#type: "error", error, request_id: None })
}

/// The word for a failure in a stream of Responses.
pub(super) fn responses_code(error: &GenerationError) -> &'static str {
    row_of(error).openai.2.unwrap_or("invalid_prompt")
}

/// When to try again, as headers say it.
#[derive(Debug, Clone, Copy, Default)]
struct Retry {
    after_ms: Option<u32>,
    should: Option<bool>,
}

impl Dialect {
    /// The reply to a call that failed before its answer began.
    pub fn error(self, error: &GenerationError, request_id: &str) -> ErrorReply {
        let retry = Retry { after_ms: error.retry_after_ms, should: Some(error.retryable) };
        self.reply(row_of(error), &sentence(error), None, None, retry, request_id)
    }

    /// The reply to a request that cannot be served.
    pub fn bad_request(self, bad: &BadRequest, request_id: &str) -> ErrorReply {
        let retry = Retry { should: Some(false), ..Retry::default() };
        self.reply(INVALID, &bad.message, bad.param.as_deref(), bad.code, retry, request_id)
    }

    /// The reply to a request that no provider is asked for.
    pub fn refused(self, refusal: Refusal<'_>, request_id: &str) -> ErrorReply {
        let never = Retry { should: Some(false), ..Retry::default() };
        let again = Retry { should: Some(true), ..Retry::default() };
        let (row, message, retry) = match refusal {
            Refusal::ModelNotFound(name) => {
                let message =
                    format!("The model `{name}` does not exist, or you may not use it. `GET /v1/models` lists models.");
                return self.reply(MODEL_NOT_FOUND, &message, Some("model"), None, never, request_id);
            }
            Refusal::NotFound(path) => (NOT_FOUND, format!("There is nothing at `{path}`."), never),
            Refusal::MethodNotAllowed(method) => (METHOD, format!("`{method}` is not possible here."), never),
            Refusal::Unauthenticated => {
                let message = "No valid token was given. Send one as `Authorization: Bearer` or as `x-api-key`.";
                (UNAUTHENTICATED, message.to_owned(), never)
            }
            Refusal::Forbidden(message) => (FORBIDDEN, message.to_owned(), never),
            Refusal::RateLimited { message, retry_after_ms } => {
                let retry = Retry { after_ms: Some(retry_after_ms), should: Some(true) };
                (RATE_LIMIT, message.to_owned(), retry)
            }
            Refusal::BudgetUsedUp(message) => (USAGE_LIMIT, message.to_owned(), never),
            Refusal::TooLarge(limit) => {
                (TOO_LARGE, format!("The body is larger than the {limit} bytes that are accepted."), never)
            }
            Refusal::Unavailable => (UNAVAILABLE, "A service that is needed is not available.".to_owned(), again),
            Refusal::Internal => (SERVER_ERROR, "Something went wrong here.".to_owned(), again),
        };
        self.reply(row, &message, None, None, retry, request_id)
    }

    fn reply(
        self,
        row: Row,
        message: &str,
        param: Option<&str>,
        code: Option<&str>,
        retry: Retry,
        request_id: &str,
    ) -> ErrorReply {
        let (status, body) = match self {
            Self::Messages => {
                let (status, kind) = row.anthropic;
                let details = code.filter(|code| *code == THREAD_UNSUPPORTED).map(Details::of);
                let error = AnthropicError { r#type: kind, message, details };
                let request_id = Some(request_id);
                (status, serde_json::to_vec(&AnthropicBody { r#type: "error", error, request_id }))
            }
            Self::ChatCompletions | Self::Responses => {
                let (status, kind, own) = row.openai;
                let error = OpenAiError { message, r#type: kind, param, code: code.or(own) };
                (status, serde_json::to_vec(&OpenAiBody { error }))
            }
        };
        ErrorReply {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: headers(retry, request_id),
            body: Bytes::from(body.unwrap_or_default()),
        }
    }
}

fn headers(retry: Retry, request_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id.clone());
        headers.insert(X_REQUEST_ID, request_id);
    }
    if let Some(after_ms) = retry.after_ms {
        headers.insert(RETRY_AFTER_MS, HeaderValue::from(after_ms));
        headers.insert(RETRY_AFTER, HeaderValue::from(after_ms.div_ceil(1000)));
    }
    if let Some(should) = retry.should {
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static(if should { "true" } else { "false" }));
    }
    headers
}
