//! Decides what a failed model call means: its kind, whether the same call may succeed later,
//! and what a user is told.
//!
//! A [`Failure`] is what was observed. [`Classifier::classify`] turns it into the
//! [`GenerationError`] of the contract; the first rule that matches decides, in the order of
//! `rules`. Nothing that a provider sent reaches the error without being shortened and redacted.

mod body;
mod detail;
mod display;
mod retry_after;
mod rules;
mod transport;
mod wording;

use chatmesh_proto::common::v1::GenerationError;
use secrecy::{ExposeSecret, SecretString};

pub use self::body::parse as parse_body;
pub use self::detail::MAX_DETAIL_CHARS;
pub use self::display::provider_name;
pub use self::retry_after::{RetryAdvice, retry_advice};
pub use self::transport::{Transport, transport_of};

/// What a failed call looked like, before anyone decided what it means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    /// Where it comes from.
    pub cause: Cause,
    /// The HTTP status, where there was one that is not a success.
    pub status: Option<u16>,
    /// The provider's machine words: types, codes and states, as it wrote them.
    pub codes: Vec<String>,
    /// The provider's sentence, or ours where the provider said nothing.
    pub message: String,
    /// How long the provider wants us to wait.
    pub retry_after_ms: Option<u32>,
    /// The provider's own word on whether to try again (`x-should-retry`).
    pub should_retry: Option<bool>,
}

/// Where a failure comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cause {
    /// The provider answered with an error; status, codes and wording decide.
    #[default]
    Provider,
    /// The way to the provider broke.
    Transport(Transport),
    /// The stream ended without its last event.
    Incomplete,
    /// The stream broke the rules of its protocol.
    Protocol,
    /// No part came in time.
    StartTimeout,
    /// The stream was silent for too long.
    SilenceTimeout,
    /// The caller's own deadline passed.
    Deadline,
    /// The caller went away.
    Canceled,
    /// An administrator disabled the provider.
    ProviderDisabled,
    /// There is no usable key.
    MissingKey,
    /// The call cannot be made as it is configured.
    Configuration,
}

impl Failure {
    /// A failure of ours, with a sentence about it.
    pub fn of(cause: Cause, message: impl Into<String>) -> Self {
        Self { cause, message: message.into(), ..Self::default() }
    }

    /// A stream that ended without its last event.
    pub fn incomplete() -> Self {
        Self::of(Cause::Incomplete, "the stream ended before the answer was complete")
    }

    /// A stream that said nothing for too long.
    pub fn silent() -> Self {
        Self::of(Cause::SilenceTimeout, "nothing came for too long")
    }

    /// A stream that broke the rules of its protocol.
    pub fn protocol(message: impl Into<String>) -> Self {
        Self::of(Cause::Protocol, message)
    }

    /// A call that cannot be made as it is configured.
    pub fn configuration(message: impl Into<String>) -> Self {
        Self::of(Cause::Configuration, message)
    }
}

/// Classifies the failures of one provider.
#[derive(Debug, Clone, Default)]
pub struct Classifier {
    provider: String,
    secret: Option<SecretString>,
}

impl Classifier {
    /// A classifier for the provider with this display name. Empty means that it is not known.
    pub fn new(provider: impl Into<String>) -> Self {
        Self { provider: provider.into(), secret: None }
    }

    /// Removes this key from everything that is shown, whatever it looks like.
    #[must_use]
    pub fn with_secret(mut self, secret: Option<SecretString>) -> Self {
        self.secret = secret;
        self
    }

    /// The display name of the provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// A provider's text without the key and without what looks like one.
    pub fn redacted(&self, text: &str) -> String {
        detail::redacted(text, self.secret.as_ref().map(ExposeSecret::expose_secret))
    }

    /// Whether the provider refused the call because it cannot read the reasoning of an earlier
    /// answer, such as one that another organisation was given. Without it the call may succeed.
    pub fn refuses_reasoning(&self, failure: &Failure) -> bool {
        rules::decide(failure).condition == display::Condition::ReasoningRefused
    }

    /// Decides what a failure means. `partial_output` is left to the caller.
    pub fn classify(&self, failure: &Failure) -> GenerationError {
        let verdict = rules::decide(failure);
        let retryable = match failure.should_retry {
            Some(advice) if !verdict.is_final => advice,
            _ => verdict.retryable,
        };
        let secret = self.secret.as_ref().map(ExposeSecret::expose_secret);
        GenerationError {
            message: display::message(&self.provider, verdict.condition),
            detail: detail::shown(&failure.message, secret),
            kind: verdict.kind.into(),
            provider: self.provider.clone(),
            retryable,
            status_code: failure.status.map(u32::from),
            retry_after_ms: failure.retry_after_ms,
            context_overflow: verdict.condition == display::Condition::ContextOverflow,
            chain_broken: verdict.condition == display::Condition::ChainBroken,
            partial_output: false,
        }
    }
}

#[cfg(test)]
mod tests;
