//! What a user is told. One sentence with the condition and, where the error is final, the
//! remedy; numbers and codes are fields of the error and never part of the sentence.

use chatmesh_proto::llm::v1::ProviderType;

/// What happened, as far as wording is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Overloaded,
    RateLimited,
    Unavailable,
    Incomplete,
    NotStarted,
    Silent,
    DeadlineExceeded,
    Canceled,
    Auth,
    Config,
    ContextOverflow,
    ReasoningRefused,
    UsageLimit,
    MissingKey,
    ProviderDisabled,
    ContentFilter,
    ChainBroken,
    ServerError,
    Failed,
}

/// The name of a provider's type as users know it; neutral where the type is not known.
pub fn provider_name(provider: ProviderType) -> &'static str {
    match provider {
        ProviderType::Unspecified => "The AI provider",
        ProviderType::Anthropic => "Anthropic",
        ProviderType::Openai | ProviderType::OpenaiChat => "OpenAI",
        ProviderType::OpenaiCompatible => "OpenAI Compatible",
        ProviderType::Google | ProviderType::Vertex => "Google",
        ProviderType::Azure => "Azure OpenAI",
        ProviderType::Bedrock => "AWS Bedrock",
        ProviderType::Openrouter => "OpenRouter",
        ProviderType::Vercel => "Vercel AI Gateway",
        ProviderType::Simulated => "Simulated",
    }
}

/// The sentence for a user.
pub(super) fn message(provider: &str, condition: Condition) -> String {
    let who = match provider {
        "" => provider_name(ProviderType::Unspecified),
        name => name,
    };
    let rest = match condition {
        Condition::Overloaded => "is overloaded.",
        Condition::RateLimited => "is limiting the rate of requests.",
        Condition::Unavailable => "is not available.",
        Condition::Incomplete => "ended the answer before it was complete.",
        Condition::NotStarted => "did not begin to answer in time.",
        Condition::Silent => "went silent in the middle of the answer.",
        Condition::DeadlineExceeded => "did not answer before the deadline of the request.",
        Condition::Canceled => "was not asked to the end: the request was canceled.",
        Condition::Auth => "refused the credentials; check the API key and its permissions.",
        Condition::Config => "rejected the request; check the settings of the model.",
        Condition::ContextOverflow => {
            "rejected the conversation because it is longer than the model's context; \
             shorten it or choose a model with a larger context."
        }
        Condition::ReasoningRefused => {
            "cannot read the reasoning of an earlier answer; check the settings of the model."
        }
        Condition::UsageLimit => "reports that its quota is used up; check billing and limits.",
        Condition::MissingKey => "has no API key; add one to the provider.",
        Condition::ProviderDisabled => "is disabled; ask an administrator to enable it.",
        Condition::ContentFilter => "blocked the answer; change what is asked for.",
        Condition::ChainBroken => "no longer knows the previous response.",
        Condition::ServerError => "answered with an unexpected error.",
        Condition::Failed => "could not be asked: the request failed unexpectedly.",
    };
    format!("{who} {rest}")
}
