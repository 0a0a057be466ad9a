//! What the mesh knows of models by their names: limits, prices and what they can do.
//!
//! The file is a set of defaults. What is configured for a model always wins, and a model that is
//! not in it works all the same. Prices are in micro-dollars for a million tokens; a model whose
//! price depends on the length of the prompt has none, because too low a cost is worse than none.

use std::sync::LazyLock;

use chatmesh_proto::llm::v1::{KnownModel, ModelOptions, ProviderType};
use serde::Deserialize;

use crate::domain::Model;

static CATALOGUE: LazyLock<Catalogue> =
    LazyLock::new(|| serde_json::from_str(include_str!("catalogue/models.json")).unwrap_or_default());

/// The longest answer of a model for which nobody said another.
const DEFAULT_MAX_OUTPUT: u32 = 32_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    #[cfg_attr(not(test), expect(dead_code, reason = "for readers of the file"))]
    version: u32,
    models: Vec<Known>,
}

/// A model that the mesh knows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    context_limit: u32,
    max_output_tokens: u32,
    input: Option<u32>,
    output: Option<u32>,
    cache_read: Option<u32>,
    cache_write: Option<u32>,
    capabilities: Vec<String>,
}

/// Finds a model by what its provider calls it: with or without the vendor in front, and with or
/// without a date or `latest` behind.
pub(crate) fn find(model: &str) -> Option<&'static Known> {
    let bare = bare(model);
    CATALOGUE.models.iter().find(|known| {
        let mut names = std::iter::once(&known.id).chain(&known.aliases);
        names.any(|name| bare.strip_prefix(name.as_str()).is_some_and(is_version))
    })
}

/// A model of a provider's type that is cheap to ask, where one is known.
pub(crate) fn cheapest(provider: ProviderType) -> Option<&'static str> {
    match provider {
        ProviderType::Anthropic => Some("claude-3-5-haiku-latest"),
        ProviderType::Openai | ProviderType::OpenaiChat => Some("gpt-4o-mini"),
        ProviderType::Google | ProviderType::Vertex => Some("gemini-2.5-flash"),
        ProviderType::Openrouter | ProviderType::Vercel => Some("openai/gpt-4o-mini"),
        _ => None,
    }
}

/// The name without the vendor, the region and the version of a deployment.
fn bare(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    // Bedrock: `us.anthropic.claude-sonnet-4-20250514-v1:0`
    let name = name.rsplit_once("anthropic.").map_or(name, |(_, name)| name);
    name.strip_suffix(":0").and_then(|name| name.rsplit_once("-v")).map_or(name, |(name, _)| name)
}

/// Nothing, `-latest`, or a date like `-20250514`, `-2024-08-06`, `@20250514`, `-001`.
fn is_version(rest: &str) -> bool {
    let Some(version) = rest.strip_prefix(['-', '@']) else { return rest.is_empty() };
    let mut numbers = version.split('-');
    // `-5` is another model, `-001`, `-20250514` and `-2024-08-06` are not.
    let begins_long = numbers.next().is_some_and(|first| first.len() >= 3 && is_number(first));
    version == "latest" || (begins_long && numbers.all(is_number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

impl Known {
    /// Puts what is known in the place of what is not configured.
    pub(crate) fn complete(&self, provider: ProviderType, model: &mut Model) {
        if model.context_limit == 0 {
            model.context_limit = self.context_limit;
        }
        let options = &mut model.options;
        if options.max_output_tokens.is_none() && self.max_output_tokens < DEFAULT_MAX_OUTPUT {
            options.max_output_tokens = Some(self.max_output_tokens);
        }
        // Someone else's server may serve anything under any name, for any price.
        let is_priced = provider != ProviderType::OpenaiCompatible;
        if is_priced && has_no_price(options) {
            options.input_price_micros = self.input;
            options.output_price_micros = self.output;
            options.cache_read_price_micros = self.cache_read;
            options.cache_write_price_micros = self.cache_write;
        }
    }
}

fn has_no_price(options: &ModelOptions) -> bool {
    let prices = [
        options.input_price_micros,
        options.output_price_micros,
        options.cache_read_price_micros,
        options.cache_write_price_micros,
    ];
    prices.iter().all(Option::is_none)
}

impl From<&Known> for KnownModel {
    fn from(known: &Known) -> Self {
        Self {
            context_limit: known.context_limit,
            max_output_tokens: known.max_output_tokens,
            input_price_micros: known.input,
            output_price_micros: known.output,
            cache_read_price_micros: known.cache_read,
            cache_write_price_micros: known.cache_write,
            capabilities: known.capabilities.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const CAPABILITIES: [&str; 7] = ["tools", "vision", "pdf", "audio", "reasoning", "structured", "web_search"];

    #[test]
    fn the_file_is_sound() {
        let catalogue: Catalogue = serde_json::from_str(include_str!("catalogue/models.json")).unwrap();
        assert!(catalogue.version >= 1 && catalogue.models.len() > 20);
        let mut names = HashSet::new();
        for model in &catalogue.models {
            let id = &model.id;
            for name in std::iter::once(id).chain(&model.aliases) {
                assert!(names.insert(name.clone()), "{name} is there twice");
                assert_eq!(find(name).map(|found| &found.id), Some(id), "{name} is found as itself");
            }
            assert!(model.context_limit >= 4096, "{id}");
            assert!((1..=model.context_limit).contains(&model.max_output_tokens), "{id}");
            assert_eq!(model.input.is_some(), model.output.is_some(), "{id}: both prices or none");
            assert!(model.input <= model.output, "{id}: answers cost more than prompts");
            assert!(model.cache_read.is_none_or(|price| Some(price) < model.input), "{id}: caches save money");
            for capability in &model.capabilities {
                assert!(CAPABILITIES.contains(&capability.as_str()), "{id}: {capability}");
            }
        }
    }

    #[test]
    fn models_are_known_by_the_names_that_providers_use() {
        for (name, expected) in [
            ("claude-sonnet-4-20250514", Some("claude-sonnet-4")),
            ("claude-sonnet-4-5-20250929", Some("claude-sonnet-4-5")),
            ("anthropic/claude-sonnet-4.5", Some("claude-sonnet-4-5")),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", Some("claude-sonnet-4")),
            ("claude-sonnet-4@20250514", Some("claude-sonnet-4")),
            ("claude-3-5-haiku-latest", Some("claude-3-5-haiku")),
            ("gpt-4o-2024-08-06", Some("gpt-4o")),
            ("gpt-4o-mini-2024-07-18", Some("gpt-4o-mini")),
            ("openai/gpt-5", Some("gpt-5")),
            ("gemini-2.0-flash-001", Some("gemini-2.0-flash")),
            ("gpt-5-scripted", None),
            ("claude-sonnet-4-9", None),
            ("openai/gpt-4o:free", None),
            ("quick", None),
            ("", None),
        ] {
            assert_eq!(find(name).map(|known| known.id.as_str()), expected, "{name}");
        }
    }
}
