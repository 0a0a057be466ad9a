//! What providers write when they mean something. Every text is lower case already.

/// The prompt does not fit into the model's context.
const OVERFLOW: &[&str] = &[
    "prompt is too long",
    "exceed context limit",
    "maximum context length",
    "context_length_exceeded",
    "context length exceeded",
    "exceeds the context window",
    "exceeds the available context size",
    "maximum prompt length",
    "range of input length should be",
    "input is too long",
    "input too long",
    "exceeds the maximum number of tokens",
    "reduce the length of the messages",
    "exceed the configured limit of",
    "exceeded model token limit",
    "context window exceeds limit",
];

/// A model that cannot be used, whatever the status says.
const CONFIG: &[&str] = &[
    "model not found",
    "model_not_found",
    "unknown model",
    "invalid model",
    "unsupported model",
    "no such model",
    "not a valid model",
    "deploymentnotfound",
    "deployment does not exist",
    "model access",
    "not supported in your region",
    "not available in your region",
    "or territory not supported",
    "location is not supported",
    "access to the model",
    "malformed config",
];

/// What is said of a model that cannot be used, in a sentence with the word `model`.
const CONFIG_OF_A_MODEL: &[&str] = &[
    "does not exist",
    "not found",
    "is not supported",
    "isn't supported",
    "access denied",
    "not have access",
    "in this region",
];

const USAGE_LIMIT: &[&str] = &[
    "quota",
    "billing",
    "credit balance",
    "insufficient credits",
    "insufficient balance",
    "out of credits",
    "payment required",
    "spend limit",
    "spending limit",
    "budget exceeded",
    "budget has been exceeded",
];

const AUTH: &[&str] = &[
    "invalid api key",
    "invalid x-api-key",
    "incorrect api key",
    "api key not valid",
    "api key is invalid",
    "invalid authentication",
    "authentication failed",
    "unauthorized",
    "unauthorised",
];

const RATE_LIMIT: &[&str] = &["rate limit", "rate-limit", "too many requests", "throttl"];

const UNAVAILABLE: &[&str] = &[
    "connection reset",
    "connection refused",
    "connection closed",
    "broken pipe",
    "unexpected eof",
    "error decoding response body",
    "no such host",
    "dns error",
    "failed to lookup address",
    "tls handshake timeout",
    "bad gateway",
    "service unavailable",
    "temporarily unavailable",
    "gateway timeout",
    "timed out",
    "goaway",
];

const SERVER_ERROR: &[&str] = &["server error", "internal error"];

const INTERRUPTED: &[&str] = &["interrupted by user", "interrupted by the user", "chat interrupted"];

const PAIRING: &[&str] = &["no tool output found for", "no tool call found for", "without its required"];

const SIGNATURE: &[&str] = &[
    "invalid `signature` in `thinking`",
    "invalid signature in thinking",
    "invalid `data` in `redacted_thinking`",
    "encrypted content could not be",
    "thought signature is not valid",
    "corrupted thought signature",
    "invalid thought signature",
    "encrypted_content could not be",
];

fn has(text: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| text.contains(pattern))
}

/// The text of a failure in lower case, with the questions that the rules ask it.
#[derive(Debug)]
pub(super) struct Wording(String);

impl Wording {
    pub(super) fn of(message: &str) -> Self {
        Self(message.to_lowercase())
    }

    pub(super) fn is_overflow(&self) -> bool {
        has(&self.0, OVERFLOW)
    }

    /// The model or its configuration is named as the cause.
    pub(super) fn is_config(&self) -> bool {
        self.is_overflow() || has(&self.0, CONFIG) || (self.0.contains("model") && has(&self.0, CONFIG_OF_A_MODEL))
    }

    pub(super) fn is_usage_limit(&self) -> bool {
        has(&self.0, USAGE_LIMIT)
    }

    /// A quota that is refilled once a day; waiting a minute does not help.
    pub(super) fn is_daily_quota(&self) -> bool {
        has(&self.0, &["perday", "per day", "daily limit"])
    }

    pub(super) fn is_auth(&self) -> bool {
        has(&self.0, AUTH)
    }

    pub(super) fn is_rate_limit(&self) -> bool {
        has(&self.0, RATE_LIMIT)
    }

    pub(super) fn is_overloaded(&self) -> bool {
        self.0.contains("overloaded")
    }

    pub(super) fn is_unavailable(&self) -> bool {
        has(&self.0, UNAVAILABLE)
    }

    pub(super) fn is_server_error(&self) -> bool {
        has(&self.0, SERVER_ERROR)
    }

    pub(super) fn is_interrupted(&self) -> bool {
        has(&self.0, INTERRUPTED)
    }

    pub(super) fn is_deadline(&self) -> bool {
        self.0.contains("deadline exceeded")
    }

    /// A call and its result, or an item and its reasoning, came apart in our prompt.
    pub(super) fn is_broken_pairing(&self) -> bool {
        has(&self.0, PAIRING)
    }

    pub(super) fn is_bad_signature(&self) -> bool {
        has(&self.0, SIGNATURE)
    }

    pub(super) fn is_broken_chain(&self) -> bool {
        self.0.contains("previous response") && self.0.contains("not found")
    }

    /// The status that the text states in words, such as `status code: 503`.
    ///
    /// Only a number right after a word for it counts: ports, stream numbers, token counts and
    /// request ids look the same otherwise.
    pub(super) fn status(&self) -> Option<u16> {
        let words = self.0.split(|c: char| !c.is_alphanumeric() && c != '_');
        let mut before = "";
        for word in words.filter(|word| !word.is_empty()) {
            let is_status = matches!(before, "status" | "http" | "code");
            if is_status
                && word.len() == 3
                && let Ok(status @ 400..=599) = word.parse()
            {
                return Some(status);
            }
            before = word;
        }
        None
    }
}
