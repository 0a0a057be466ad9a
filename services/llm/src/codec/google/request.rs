//! Encodes a call as a `streamGenerateContent` request.

use chatmesh_proto::llm::v1::{GenerateRequest, Warning};

use super::model::Model;
use super::types::{Amount, Body, GenerationConfig, ThinkingConfig};
use super::{Host, contents, thinking, tools};
use crate::classify::Failure;
use crate::codec::extra_body::body_with;
use crate::codec::json::object_of;
use crate::codec::settings::{text, unsupported};
use crate::codec::tool_names::ToolNames;
use crate::codec::warnings::{INVALID_SCHEMA, SETTING_CHANGED, ignored, warning};
use crate::codec::{Call, Encoded, Kept, stream_headers};

/// The longest answer of the models with the longest ones, in tokens; a larger limit is refused.
const MAX_TOKENS: u32 = 65_536;

/// How many sequences the provider takes.
const MAX_STOP_SEQUENCES: usize = 5;

pub(super) fn encode(host: Host, call: &Call<'_>) -> Result<Encoded, Failure> {
    let Call { request, options, .. } = *call;
    let model = Model::of(call.model)?;
    let mut warnings = Vec::new();
    let names = ToolNames::of(&request.tools);
    let prompt = contents::encode(&request.messages, host, model, &names, &mut warnings)?;
    let tools = tools::encode(call, host, model, &names, &mut warnings)?;
    let body = Body {
        system_instruction: prompt.system,
        contents: prompt.contents,
        generation_config: config(call, model, tools.has_any(), &mut warnings),
        tools: tools.tools,
        tool_config: tools.config,
    };
    let settings = [
        ("verbosity", text(&options.verbosity).is_some()),
        ("service_tier", text(&options.service_tier).is_some()),
        ("parallel_tool_calls", options.parallel_tool_calls == Some(false)),
    ];
    unsupported(&settings, "the provider has no such option", &mut warnings);
    let body = body_with(&body, options.extra_body.as_deref())?;
    let path = format!("models/{}:streamGenerateContent?alt=sse", model.name).into();
    Ok(Encoded { path, headers: stream_headers(), body, warnings, kept: Kept::default() })
}

fn config<'a>(call: &Call<'a>, model: Model<'_>, has_tools: bool, warnings: &mut Vec<Warning>) -> GenerationConfig<'a> {
    let Call { request, options, .. } = *call;
    let thinking_config = thinking::config(model, options, warnings);
    let mut config = GenerationConfig {
        max_output_tokens: max_tokens(call, thinking_config.as_ref(), warnings),
        temperature: options.temperature,
        top_p: options.top_p,
        top_k: options.top_k,
        presence_penalty: options.presence_penalty,
        frequency_penalty: options.frequency_penalty,
        // The provider's number has a sign.
        seed: options.seed.map(|seed| seed & (u32::MAX >> 1)),
        stop_sequences: stop_sequences(request, warnings),
        thinking_config,
        ..GenerationConfig::default()
    };
    if let Some(format) = &request.output_format {
        if has_tools && !model.is_third() {
            warnings.push(ignored("output_format", "the model takes none beside tools"));
            return config;
        }
        config.response_mime_type = Some("application/json");
        config.response_json_schema = object_of(&format.schema);
        if config.response_json_schema.is_none() && !format.schema.trim().is_empty() {
            warnings.push(warning(INVALID_SCHEMA, "the schema of the answer is not a JSON object"));
        }
    }
    config
}

/// The smaller of what is configured and what the caller wants; the model decides where nobody said
/// anything. Thoughts count here, so the tokens to think with come on top.
fn max_tokens(call: &Call<'_>, thinking: Option<&ThinkingConfig>, warnings: &mut Vec<Warning>) -> Option<u32> {
    let visible = match (call.options.max_output_tokens, call.request.max_output_tokens) {
        (Some(configured), Some(wanted)) => configured.min(wanted),
        (configured, wanted) => configured.or(wanted)?,
    };
    let visible = visible.max(1);
    match thinking.map(|thinking| thinking.amount) {
        Some(Amount::ThinkingBudget(budget)) if budget > 0 => {
            let raised = visible.saturating_add(budget).min(MAX_TOKENS).max(visible);
            let message = format!("max_output_tokens: raised by the {} tokens to think with", raised - visible);
            warnings.push(warning(SETTING_CHANGED, message));
            Some(raised)
        }
        _ => Some(visible),
    }
}

fn stop_sequences<'a>(request: &'a GenerateRequest, warnings: &mut Vec<Warning>) -> Vec<&'a str> {
    let all = request.stop_sequences.iter().map(String::as_str);
    let sequences: Vec<_> = all.filter(|sequence| !sequence.is_empty()).take(MAX_STOP_SEQUENCES).collect();
    if sequences.len() < request.stop_sequences.len() {
        warnings.push(ignored("stop_sequences", "the provider takes 5, and no empty ones"));
    }
    sequences
}
