//! The ordered list of rules. The first one that matches decides.

use chatmesh_proto::common::v1::ErrorKind;

use super::display::Condition;
use super::wording::Wording;
use super::{Cause, Failure, Transport};

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: ErrorKind,
    pub(super) condition: Condition,
    pub(super) retryable: bool,
    /// The provider's own advice on retries does not count.
    pub(super) is_final: bool,
}

impl Verdict {
    const fn retry(kind: ErrorKind, condition: Condition) -> Self {
        Self { kind, condition, retryable: true, is_final: false }
    }

    const fn stop(kind: ErrorKind, condition: Condition) -> Self {
        Self { kind, condition, retryable: false, is_final: false }
    }

    const fn never(kind: ErrorKind, condition: Condition) -> Self {
        Self { kind, condition, retryable: false, is_final: true }
    }
}

const CANCELED: Verdict = Verdict::never(ErrorKind::Generic, Condition::Canceled);
const INCOMPLETE: Verdict = Verdict::retry(ErrorKind::Timeout, Condition::Incomplete);
const CHAIN_BROKEN: Verdict = Verdict::retry(ErrorKind::Generic, Condition::ChainBroken);
const OVERLOADED: Verdict = Verdict::retry(ErrorKind::Overloaded, Condition::Overloaded);
const USAGE_LIMIT: Verdict = Verdict::never(ErrorKind::UsageLimit, Condition::UsageLimit);
const AUTH: Verdict = Verdict::never(ErrorKind::Auth, Condition::Auth);
const FORBIDDEN: Verdict = Verdict::stop(ErrorKind::Auth, Condition::Auth);
const RATE_LIMIT: Verdict = Verdict::retry(ErrorKind::RateLimit, Condition::RateLimited);
const DISABLED: Verdict = Verdict::never(ErrorKind::ProviderDisabled, Condition::ProviderDisabled);
const MISSING_KEY: Verdict = Verdict::never(ErrorKind::MissingKey, Condition::MissingKey);
const UNAVAILABLE: Verdict = Verdict::retry(ErrorKind::Timeout, Condition::Unavailable);
const NOT_STARTED: Verdict = Verdict::retry(ErrorKind::StreamSilenceTimeout, Condition::NotStarted);
const SILENT: Verdict = Verdict::retry(ErrorKind::StreamSilenceTimeout, Condition::Silent);
const DEADLINE: Verdict = Verdict::stop(ErrorKind::Timeout, Condition::DeadlineExceeded);
const BLOCKED: Verdict = Verdict::stop(ErrorKind::ContentFilter, Condition::ContentFilter);
const OVERFLOW: Verdict = Verdict::stop(ErrorKind::Config, Condition::ContextOverflow);
const CONFIG: Verdict = Verdict::stop(ErrorKind::Config, Condition::Config);
const REASONING_REFUSED: Verdict = Verdict::stop(ErrorKind::Config, Condition::ReasoningRefused);
const SERVER_ERROR: Verdict = Verdict::retry(ErrorKind::Generic, Condition::ServerError);
const FAILED: Verdict = Verdict::stop(ErrorKind::Generic, Condition::Failed);

const OVERLOADED_CODES: &[&str] =
    &["overloaded", "overloaded_error", "server_is_overloaded", "engine_overloaded", "engine_overloaded_error"];

const USAGE_LIMIT_CODES: &[&str] = &[
    "insufficient_quota",
    "billing_error",
    "billing_not_active",
    "billing_hard_limit_reached",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached",
    "ramp_limit_exceeded",
    "plan_limit_reached",
];

const AUTH_CODES: &[&str] = &[
    "authentication_error",
    "invalid_api_key",
    "api_key_invalid",
    "unauthenticated",
    "unauthorized",
    "unrecognizedclientexception",
    "expiredtokenexception",
    "expiredtoken",
    "invalidsignatureexception",
    "missingauthenticationtokenexception",
];

const FORBIDDEN_CODES: &[&str] = &["permission_error", "permission_denied", "forbidden", "accessdeniedexception"];

const RATE_LIMIT_CODES: &[&str] = &[
    "rate_limit_error",
    "rate_limit_exceeded",
    "too_many_requests",
    "resource_exhausted",
    "slow_down",
    "throttlingexception",
    "toomanyrequestsexception",
    "modelnotreadyexception",
];

const UNAVAILABLE_CODES: &[&str] = &[
    "timeout_error",
    "deadline_exceeded",
    "unavailable",
    "service_unavailable",
    "service_unavailable_error",
    "serviceunavailable",
    "serviceunavailableexception",
    "modelstreamerrorexception",
    "modeltimeoutexception",
];

const BLOCKED_CODES: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "bio_policy",
    "misalignment_policy_violation",
];

/// Reasoning of an earlier answer that the provider cannot read.
const REASONING_CODES: &[&str] = &["invalid_encrypted_content", "thinking_signature_invalid"];

/// The model cannot be used, whatever the status says.
const MODEL_CODES: &[&str] = &["model_not_found", "deploymentnotfound", "unsupported_country_region_territory"];

const CONFIG_CODES: &[&str] = &[
    "invalid_request_error",
    "invalid_argument",
    "failed_precondition",
    "not_found_error",
    "request_too_large",
    "validationexception",
    "resourcenotfoundexception",
];

const OVERFLOW_CODES: &[&str] = &["context_length_exceeded", "exceed_context_size_error"];

const SERVER_ERROR_CODES: &[&str] =
    &["server_error", "api_error", "internal_error", "internal_server_error", "internal", "internalserverexception"];

/// Decides by the rules, from top to bottom.
pub(super) fn decide(failure: &Failure) -> Verdict {
    match failure.cause {
        Cause::Canceled => CANCELED,
        Cause::Incomplete => INCOMPLETE,
        Cause::Protocol => SERVER_ERROR,
        Cause::StartTimeout => NOT_STARTED,
        Cause::SilenceTimeout => SILENT,
        Cause::Deadline => DEADLINE,
        Cause::ProviderDisabled => DISABLED,
        Cause::MissingKey => MISSING_KEY,
        Cause::Configuration => CONFIG,
        Cause::Transport(Transport::Unavailable) => UNAVAILABLE,
        Cause::Transport(Transport::Refused) => FAILED,
        Cause::Transport(Transport::Canceled) => CANCELED,
        Cause::Transport(Transport::Misconfigured) => CONFIG,
        Cause::Provider => decide_by_answer(&Answer::of(failure)),
    }
}

/// The provider's answer in the form in which the rules read it.
struct Answer<'a> {
    status: Option<u16>,
    codes: &'a [String],
    text: Wording,
}

impl<'a> Answer<'a> {
    fn of(failure: &'a Failure) -> Self {
        let text = Wording::of(&failure.message);
        Self { status: failure.status.or_else(|| text.status()), codes: &failure.codes, text }
    }

    fn has_code(&self, known: &[&str]) -> bool {
        let is_known = |code: &String| known.iter().any(|known| code.eq_ignore_ascii_case(known));
        self.codes.iter().any(is_known)
    }

    fn has_status(&self, statuses: &[u16]) -> bool {
        self.status.is_some_and(|status| statuses.contains(&status))
    }

    /// The model or its configuration is named as the cause.
    fn is_config(&self) -> bool {
        self.has_code(MODEL_CODES) || self.has_code(OVERFLOW_CODES) || self.text.is_config()
    }

    /// Words decide only where no status contradicts them.
    fn may_be_client_error(&self) -> bool {
        self.status.is_none_or(|status| status < 500)
    }
}

fn decide_by_answer(answer: &Answer<'_>) -> Verdict {
    decide_special(answer)
        .or_else(|| decide_account(answer))
        .or_else(|| decide_capacity(answer))
        .or_else(|| decide_request(answer))
        .unwrap_or_else(|| decide_rest(answer))
}

/// Conditions with a meaning of their own, which no status states reliably.
fn decide_special(answer: &Answer<'_>) -> Option<Verdict> {
    let text = &answer.text;
    if answer.status.is_none() && text.is_interrupted() {
        return Some(CANCELED);
    }
    if text.is_broken_pairing() {
        return Some(FAILED);
    }
    if answer.has_code(&["previous_response_not_found"]) || text.is_broken_chain() {
        return Some(CHAIN_BROKEN);
    }
    if answer.has_code(REASONING_CODES) || text.is_bad_signature() {
        return Some(REASONING_REFUSED);
    }
    let overloaded = answer.has_status(&[529]) || answer.has_code(OVERLOADED_CODES) || text.is_overloaded();
    overloaded.then_some(OVERLOADED)
}

/// Money, credentials and permissions.
fn decide_account(answer: &Answer<'_>) -> Option<Verdict> {
    let text = &answer.text;
    let is_rate_status = answer.has_status(&[429]);
    if answer.has_code(USAGE_LIMIT_CODES)
        || answer.has_status(&[402])
        || (answer.has_code(&["resource_exhausted"]) && text.is_daily_quota())
    {
        return Some(USAGE_LIMIT);
    }
    let is_rate_code = is_rate_status || answer.has_code(RATE_LIMIT_CODES);
    if !is_rate_code && answer.may_be_client_error() && text.is_usage_limit() {
        return Some(USAGE_LIMIT);
    }
    let words_may_decide = matches!(answer.status, None | Some(400 | 403));
    if answer.has_status(&[401]) || answer.has_code(AUTH_CODES) || (words_may_decide && text.is_auth()) {
        return Some(AUTH);
    }
    let forbidden = answer.has_status(&[403]) || answer.has_code(FORBIDDEN_CODES);
    (forbidden && !answer.is_config()).then_some(FORBIDDEN)
}

/// The provider cannot answer now.
fn decide_capacity(answer: &Answer<'_>) -> Option<Verdict> {
    let text = &answer.text;
    if answer.is_config() {
        return None;
    }
    let no_status = answer.status.is_none();
    if answer.has_status(&[429]) || answer.has_code(RATE_LIMIT_CODES) || (no_status && text.is_rate_limit()) {
        return Some(RATE_LIMIT);
    }
    if answer.has_code(&["provider_disabled"]) {
        return Some(DISABLED);
    }
    let unavailable = answer.has_status(&[408, 424, 502, 503, 504])
        || answer.has_code(UNAVAILABLE_CODES)
        || (no_status && text.is_unavailable());
    unavailable.then_some(UNAVAILABLE)
}

/// The request itself is wrong.
fn decide_request(answer: &Answer<'_>) -> Option<Verdict> {
    let text = &answer.text;
    if answer.status.is_none() && text.is_deadline() {
        return Some(DEADLINE);
    }
    if answer.has_code(BLOCKED_CODES) {
        return Some(BLOCKED);
    }
    if answer.has_code(OVERFLOW_CODES) || text.is_overflow() {
        return Some(OVERFLOW);
    }
    let wrong = answer.has_status(&[400, 404, 405, 413, 415, 422])
        || answer.status.is_some_and(|status| (300..400).contains(&status))
        || answer.has_code(CONFIG_CODES)
        || answer.is_config();
    wrong.then_some(CONFIG)
}

fn decide_rest(answer: &Answer<'_>) -> Verdict {
    let is_conflict = answer.has_status(&[409]) || answer.has_code(&["conflict_error"]);
    let is_server_error = answer.status.is_some_and(|status| status >= 500)
        || answer.has_code(SERVER_ERROR_CODES)
        || (answer.status.is_none() && answer.text.is_server_error());
    if is_conflict || is_server_error { SERVER_ERROR } else { FAILED }
}
