//! Encodes a call as a Responses request.

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{ModelOptions, ToolChoice, Warning};

use super::chain::{self, Sent};
use super::types::{AnyTool, Body, ReasoningOptions, Tool, ToolChoice as WireChoice, ToolKind};
use super::{extras, input};
use crate::classify::Failure;
use crate::codec::extra_body::body_with;
use crate::codec::openai_models::{Family, service_tier};
use crate::codec::schema::Required;
use crate::codec::settings::{required_tool, web_search};
use crate::codec::warnings::{SETTING_CHANGED, ignored, warning};
use crate::codec::{Call, Delivery, Encoded, Kept, request_headers, schema};

/// What lets reasoning return without the provider having kept it.
const ENCRYPTED_REASONING: &[&str] = &["reasoning.encrypted_content"];

/// The shortest limit that the provider accepts, in tokens.
const MIN_OUTPUT_TOKENS: u32 = 16;

pub(super) fn encode(call: &Call<'_>, delivery: Delivery) -> Result<Encoded, Failure> {
    let Call { request, model, options } = *call;
    let family = Family::of(model);
    let mut warnings = Vec::new();
    let sent = Sent::of(call);
    let prompt = input::encode(family, sent.messages(), &mut warnings)?;
    let sampling = sampling(family, options, &mut warnings);
    let search = web_search(options)?;
    extras::warn_of_unsupported(request, options, &mut warnings);
    let mut tools = tools(&request.tools, &mut warnings);
    tools.extend(search.map(extras::search_tool).map(AnyTool::WebSearch));
    let kept = Kept { answer: chain::keeps(call), continued: sent.previous.is_some() };
    let body = Body {
        model,
        instructions: prompt.instructions,
        previous_response_id: sent.previous,
        input: prompt.items,
        tool_choice: tool_choice(call, !tools.is_empty(), &mut warnings)?,
        tools,
        max_tool_calls: search.and_then(|search| search.max_uses).filter(|uses| *uses > 0),
        parallel_tool_calls: family.parallel(call, &mut warnings),
        max_output_tokens: max_tokens(call, &mut warnings),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        reasoning: reasoning(family, options, &mut warnings),
        text: extras::text_options(request, options, &mut warnings),
        service_tier: service_tier(model, options, &mut warnings),
        include: if family.reasons { ENCRYPTED_REASONING } else { &[] },
        prompt_cache_key: Some(request.chat_id.as_str()).filter(|id| !id.is_empty()),
        store: kept.answer,
        stream: delivery == Delivery::Stream,
    };
    let body = body_with(&body, options.extra_body.as_deref())?;
    Ok(Encoded { path: "responses".into(), headers: request_headers(delivery), body, warnings, kept })
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

fn tool_choice<'a>(
    call: &Call<'a>,
    has_tools: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Option<WireChoice<'a>>, Failure> {
    let required = required_tool(call.request, warnings)?;
    if !has_tools {
        return Ok(None);
    }
    if let Some(name) = required {
        return Ok(Some(WireChoice::One { kind: ToolKind::Function, name }));
    }
    let word = match call.request.tool_choice() {
        ToolChoice::Unspecified => return Ok(None),
        ToolChoice::Auto => "auto",
        ToolChoice::Required => "required",
        ToolChoice::None => "none",
    };
    Ok(Some(WireChoice::Word(word)))
}

fn tools<'a>(tools: &'a [ToolDefinition], warnings: &mut Vec<Warning>) -> Vec<AnyTool<'a>> {
    schema::sorted(tools)
        .into_iter()
        .map(|tool| {
            let (parameters, strict) = schema::strict_of(tool, Required::All, warnings);
            AnyTool::Ours(Tool {
                kind: ToolKind::Function,
                name: &tool.name,
                description: &tool.description,
                parameters,
                strict,
            })
        })
        .collect()
}
