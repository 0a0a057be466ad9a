//! What a call may ask for beside the conversation: a format, a search, an early end.

use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, Warning};

use super::dialect::Dialect;
use super::types::{JsonSchema, Plugin, ResponseFormat, WebSearchOptions};
use crate::classify::Failure;
use crate::codec::Call;
use crate::codec::openai_models::{self, Family};
use crate::codec::settings::{self, Format, non_empty, unsupported, web_search};
use crate::codec::warnings::ignored;

/// The format of the answer.
pub(super) fn response_format<'a>(
    request: &'a GenerateRequest,
    warnings: &mut Vec<Warning>,
) -> Option<ResponseFormat<'a>> {
    let Format { name, description, schema, is_strict } = settings::format(request, warnings)?;
    Some(match schema {
        Some(schema) => {
            let description = non_empty(description);
            ResponseFormat::JsonSchema { json_schema: JsonSchema { name, description, schema, strict: is_strict } }
        }
        None => ResponseFormat::JsonObject,
    })
}

/// What makes words less likely.
#[derive(Debug, Default)]
pub(super) struct Penalties {
    pub(super) presence: Option<f64>,
    pub(super) frequency: Option<f64>,
}

pub(super) fn penalties(family: Family, options: &ModelOptions, warnings: &mut Vec<Warning>) -> Penalties {
    let ModelOptions { presence_penalty: presence, frequency_penalty: frequency, .. } = *options;
    if !family.reasons {
        return Penalties { presence, frequency };
    }
    let settings = [("presence_penalty", presence.is_some()), ("frequency_penalty", frequency.is_some())];
    unsupported(&settings, "models that reason do not take it", warnings);
    Penalties::default()
}

/// Before which words the model stops.
pub(super) fn stop<'a>(family: Family, request: &'a GenerateRequest, warnings: &mut Vec<Warning>) -> &'a [String] {
    if !family.reasons {
        return &request.stop_sequences;
    }
    let settings = [("stop_sequences", !request.stop_sequences.is_empty())];
    unsupported(&settings, "models that reason do not take it", warnings);
    &[]
}

/// The tier of service. Only of OpenAI's own models is it known which they have.
pub(super) fn tier<'a>(dialect: &Dialect, call: &Call<'a>, warnings: &mut Vec<Warning>) -> Option<&'a str> {
    match dialect.is_openai {
        true => openai_models::service_tier(call.model, call.options, warnings),
        false => settings::text(&call.options.service_tier),
    }
}

/// How the server is asked to search the web.
#[derive(Debug, Default)]
pub(super) struct Search<'a> {
    pub(super) options: Option<WebSearchOptions<'a>>,
    pub(super) plugins: Vec<Plugin<'a>>,
}

pub(super) fn search<'a>(
    dialect: &Dialect,
    options: &'a ModelOptions,
    warnings: &mut Vec<Warning>,
) -> Result<Search<'a>, Failure> {
    let Some(search) = web_search(options)? else { return Ok(Search::default()) };
    let search_context_size = non_empty(&search.context_size);
    let max_uses = search.max_uses.filter(|uses| *uses > 0);
    if dialect.is_vercel() {
        warnings.push(ignored("web_search", "the provider has no such option"));
        return Ok(Search::default());
    }
    if dialect.is_openrouter() {
        let (include_domains, exclude_domains) = (&*search.allowed_domains, &*search.blocked_domains);
        let options = search_context_size.map(|size| WebSearchOptions { search_context_size: Some(size) });
        return Ok(Search { options, plugins: vec![Plugin::Web { max_uses, include_domains, exclude_domains }] });
    }
    let settings = [
        ("web_search.allowed_domains", !search.allowed_domains.is_empty()),
        ("web_search.blocked_domains", !search.blocked_domains.is_empty()),
        ("web_search.max_uses", max_uses.is_some()),
    ];
    unsupported(&settings, "the provider has no such option", warnings);
    Ok(Search { options: Some(WebSearchOptions { search_context_size }), plugins: Vec::new() })
}
