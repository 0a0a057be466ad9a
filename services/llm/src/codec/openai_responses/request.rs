//! Encodes a call as a Responses request.

use bytes::Bytes;
use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{ModelOptions, ToolChoice, Warning};

use super::chain::{self, Sent};
use super::input;
use super::types::{Body, ReasoningOptions, Tool, ToolKind};
use crate::classify::Failure;
use crate::codec::openai_models::Family;
use crate::codec::warnings::{SETTING_CHANGED, ignored, warning};
use crate::codec::{Call, Encoded, Kept, schema, stream_headers};

/// What lets reasoning return without the provider having kept it.
const ENCRYPTED_REASONING: &[&str] = &["reasoning.encrypted_content"];

/// The shortest limit that the provider accepts, in tokens.
const MIN_OUTPUT_TOKENS: u32 = 16;

pub(super) fn encode(call: &Call<'_>) -> Result<Encoded, Failure> {
    let Call { request, model, options } = *call;
    let family = Family::of(model);
    let mut warnings = Vec::new();
    let sent = Sent::of(call);
    let prompt = input::encode(family, sent.messages(), &mut warnings)?;
    let sampling = sampling(family, options, &mut warnings);
    let kept = Kept { answer: chain::keeps(call), continued: sent.previous.is_some() };
    let body = Body {
        model,
        instructions: prompt.instructions,
        previous_response_id: sent.previous,
        input: prompt.items,
        tools: tools(&request.tools, &mut warnings),
        tool_choice: tool_choice(call),
        parallel_tool_calls: parallel(family, call, &mut warnings),
        max_output_tokens: max_tokens(call, &mut warnings),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        reasoning: reasoning(family, options, &mut warnings),
        include: if family.reasons { ENCRYPTED_REASONING } else { &[] },
        prompt_cache_key: Some(request.chat_id.as_str()).filter(|id| !id.is_empty()),
        store: kept.answer,
        stream: true,
    };
    let body = serde_json::to_vec(&body).map_err(|error| Failure::configuration(error.to_string()))?;
    Ok(Encoded { path: "responses".into(), headers: stream_headers(), body: Bytes::from(body), warnings, kept })
}

/// The smaller of what is configured and what the caller wants; the provider decides where nobody
/// said anything.
fn max_tokens(call: &Call<'_>, warnings: &mut Vec<Warning>) -> Option<u32> {
    let limits = [call.options.max_output_tokens, call.request.max_output_tokens];
    let limit = limits.into_iter().flatten().min()?;
    if limit < MIN_OUTPUT_TOKENS {
        warnings.push(warning(SETTING_CHANGED, "max_output_tokens: raised to 16, the smallest that is accepted"));
    }
    Some(limit.max(MIN_OUTPUT_TOKENS))
}

#[derive(Default)]
struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
}

fn sampling(family: Family, options: &ModelOptions, warnings: &mut Vec<Warning>) -> Sampling {
    let ModelOptions { temperature, top_p, top_k, .. } = *options;
    if top_k.is_some() {
        warnings.push(ignored("top_k", "the provider has no such option"));
    }
    if !family.reasons {
        return Sampling { temperature, top_p };
    }
    for (name, is_set) in [("temperature", temperature.is_some()), ("top_p", top_p.is_some())] {
        if is_set {
            warnings.push(ignored(name, "models that reason do not take it"));
        }
    }
    Sampling::default()
}

/// How hard to reason. Whoever sets that wants to read about it, too; without it no summary is
/// asked for, because the provider gives none to organisations that it did not verify.
fn reasoning<'a>(
    family: Family,
    options: &'a ModelOptions,
    warnings: &mut Vec<Warning>,
) -> Option<ReasoningOptions<'a>> {
    if options.thinking_budget_tokens.is_some_and(|budget| budget > 0) {
        warnings.push(ignored("thinking_budget_tokens", "the provider has no such option"));
    }
    let effort = options.reasoning_effort.as_deref().filter(|effort| !effort.is_empty())?;
    if !family.reasons {
        warnings.push(ignored("reasoning_effort", "the model does not reason"));
        return None;
    }
    Some(ReasoningOptions { effort, summary: (effort != "none").then_some("auto") })
}

fn parallel(family: Family, call: &Call<'_>, warnings: &mut Vec<Warning>) -> Option<bool> {
    let parallel = call.options.parallel_tool_calls.filter(|_| !call.request.tools.is_empty())?;
    if family.refuses_parallel {
        warnings.push(ignored("parallel_tool_calls", "the model does not take it"));
        return None;
    }
    Some(parallel)
}

fn tool_choice(call: &Call<'_>) -> Option<&'static str> {
    if call.request.tools.is_empty() {
        return None;
    }
    match call.request.tool_choice() {
        ToolChoice::Unspecified => None,
        ToolChoice::Auto => Some("auto"),
        ToolChoice::Required => Some("required"),
        ToolChoice::None => Some("none"),
    }
}

fn tools<'a>(tools: &'a [ToolDefinition], warnings: &mut Vec<Warning>) -> Vec<Tool<'a>> {
    schema::sorted(tools)
        .into_iter()
        .map(|tool| Tool {
            kind: ToolKind::Function,
            name: &tool.name,
            description: &tool.description,
            parameters: schema::of(tool, warnings),
            strict: false,
        })
        .collect()
}
