//! Providers from the environment, by the variables that people have set already.

use chatmesh_llm::Preset;
use chatmesh_proto::llm::v1::ProviderType;

/// A provider that the environment may name, and the model that is configured for it.
struct Known {
    name: &'static str,
    provider_type: ProviderType,
    variable: &'static str,
    model: &'static str,
    context_limit: u32,
}

const KNOWN: [Known; 3] = [
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
];

/// The presets: `NAME_API_KEY`, with `NAME_BASE_URL` and `NAME_MODEL` beside it where they are set.
pub(super) fn presets() -> Vec<Preset> {
    KNOWN.iter().map(preset).collect()
}

/// Variables with keys that this version cannot use.
pub(super) fn unused() -> Vec<&'static str> {
    ["GEMINI_API_KEY"].into_iter().filter(|name| variable(name).is_some()).collect()
}

fn preset(known: &Known) -> Preset {
    let model = variable(&format!("{}_MODEL", known.variable));
    Preset {
        name: known.name,
        provider_type: known.provider_type,
        api_key: variable(&format!("{}_API_KEY", known.variable)).map(Into::into),
        base_url: variable(&format!("{}_BASE_URL", known.variable)).unwrap_or_default(),
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
