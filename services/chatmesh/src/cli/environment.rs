//! Providers from the environment, by the variables that people have set already.

use chatmesh_llm::Preset;
use chatmesh_proto::llm::v1::{ProviderSettings, ProviderType};

/// A provider that the environment may name, and the model that is configured for it.
struct Known {
    name: &'static str,
    provider_type: ProviderType,
    variable: &'static str,
    model: &'static str,
    context_limit: u32,
}

const KNOWN: [Known; 4] = [
    Known {
        name: "anthropic",
        provider_type: ProviderType::Anthropic,
        variable: "ANTHROPIC",
        model: "claude-sonnet-4-20250514",
        context_limit: 200_000,
    },
    Known {
        name: "openai",
        provider_type: ProviderType::OpenaiChat,
        variable: "OPENAI",
        model: "gpt-4o",
        context_limit: 128_000,
    },
    Known {
        name: "openrouter",
        provider_type: ProviderType::Openrouter,
        variable: "OPENROUTER",
        model: "openai/gpt-4o",
        context_limit: 128_000,
    },
    Known {
        name: "gemini",
        provider_type: ProviderType::Google,
        variable: "GEMINI",
        model: "gemini-2.5-flash",
        context_limit: 1_048_576,
    },
];

/// The presets: `NAME_API_KEY`, with `NAME_BASE_URL` and `NAME_MODEL` beside it where they are set,
/// and Bedrock by the variables of AWS.
pub(super) fn presets() -> Vec<Preset> {
    KNOWN.iter().map(preset).chain([bedrock()]).collect()
}

/// Bedrock by its own key. The keys of AWS are there for many things, so they count only where
/// someone named a model of Bedrock.
fn bedrock() -> Preset {
    let model = variable("BEDROCK_MODEL");
    let pair = || {
        let (id, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
        let token = variable("AWS_SESSION_TOKEN").map(|token| format!(":{token}")).unwrap_or_default();
        Some(format!("{id}:{secret}{token}"))
    };
    let key = variable("AWS_BEARER_TOKEN_BEDROCK").or_else(|| model.is_some().then(pair).flatten());
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or_default();
    Preset {
        name: "bedrock",
        provider_type: ProviderType::Bedrock,
        api_key: key.map(Into::into),
        base_url: variable("BEDROCK_BASE_URL").unwrap_or_default(),
        settings: ProviderSettings { region, ..ProviderSettings::default() },
        model: match model {
            Some(model) => (model, 0),
            None => ("global.anthropic.claude-sonnet-4-5-20250929-v1:0".to_owned(), 200_000),
        },
    }
}

fn preset(known: &Known) -> Preset {
    let model = variable(&format!("{}_MODEL", known.variable));
    Preset {
        name: known.name,
        provider_type: known.provider_type,
        api_key: variable(&format!("{}_API_KEY", known.variable)).map(Into::into),
        base_url: variable(&format!("{}_BASE_URL", known.variable)).unwrap_or_default(),
        settings: ProviderSettings::default(),
        model: match model {
            Some(model) => (model, 0),
            None => (known.model.to_owned(), known.context_limit),
        },
    }
}

/// A variable that is set to something.
#[expect(
    clippy::disallowed_methods,
    reason = "these variables belong to other programs and are no configuration of ours"
)]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
