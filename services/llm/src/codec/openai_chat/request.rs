//! Encodes a call as a Chat Completions request.

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{ModelOptions, ToolChoice, Warning};

use super::dialect::{Dialect, Effort, family};
use super::types::{
    Body, Definition, FunctionKind, Named, ReasoningOptions, StreamOptions, Tool, ToolChoice as WireChoice,
    UsageOptions,
};
use super::{extras, messages};
use crate::classify::Failure;
use crate::codec::extra_body::body_with;
use crate::codec::openai_models::Family;
use crate::codec::schema::Required;
use crate::codec::settings::{required_tool, text};
use crate::codec::warnings::ignored;
use crate::codec::{Call, Delivery, Encoded, Kept, request_headers, schema};

pub(super) fn encode(dialect: &Dialect, call: &Call<'_>, delivery: Delivery) -> Result<Encoded, Failure> {
    let Call { request, model, options } = *call;
    let family = family(dialect, model);
    let mut warnings = Vec::new();
    let messages = messages::encode(dialect, family, &request.messages, &mut warnings)?;
    let limit = max_tokens(call);
    let sampling = sampling(dialect, family, options, &mut warnings);
    let has_tools = !request.tools.is_empty();
    let (reasoning_effort, reasoning) = reasoning(dialect, family, options, &mut warnings);
    let penalties = extras::penalties(family, options, &mut warnings);
    let search = extras::search(dialect, options, &mut warnings)?;
    let body = Body {
        model,
        messages,
        tools: tools(&request.tools, &mut warnings),
        tool_choice: choice(call, has_tools, &mut warnings)?,
        parallel_tool_calls: family.parallel(call, &mut warnings),
        max_tokens: limit.filter(|_| !family.reasons),
        max_completion_tokens: limit.filter(|_| family.reasons),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        presence_penalty: penalties.presence,
        frequency_penalty: penalties.frequency,
        seed: options.seed,
        stop: extras::stop(family, request, &mut warnings),
        response_format: extras::response_format(request, &mut warnings),
        verbosity: text(&options.verbosity),
        service_tier: extras::tier(dialect, call, &mut warnings),
        web_search_options: search.options,
        plugins: search.plugins,
        reasoning_effort,
        reasoning,
        prompt_cache_key: Some(request.chat_id.as_str()).filter(|id| dialect.is_openai && !id.is_empty()),
        stream: delivery == Delivery::Stream,
        stream_options: (delivery == Delivery::Stream).then_some(StreamOptions { include_usage: true }),
        usage: dialect.is_openrouter().then_some(UsageOptions { include: true }),
    };
    let body = body_with(&body, options.extra_body.as_deref())?;
    Ok(Encoded {
        path: "chat/completions".into(),
        headers: request_headers(delivery),
        body,
        warnings,
        kept: Kept::default(),
    })
}

/// The smaller of what is configured and what the caller wants; the server decides where nobody
/// said anything.
fn max_tokens(call: &Call<'_>) -> Option<u32> {
    match (call.options.max_output_tokens, call.request.max_output_tokens) {
        (Some(configured), Some(wanted)) => Some(configured.min(wanted)),
        (configured, wanted) => configured.or(wanted),
    }
}

#[derive(Default)]
struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u32>,
}

fn sampling(dialect: &Dialect, family: Family, options: &ModelOptions, warnings: &mut Vec<Warning>) -> Sampling {
    let ModelOptions { temperature, top_p, top_k, .. } = *options;
    if dialect.is_openai && top_k.is_some() {
        warnings.push(ignored("top_k", "the provider has no such option"));
    }
    let top_k = top_k.filter(|_| !dialect.is_openai);
    if !family.reasons {
        return Sampling { temperature, top_p, top_k };
    }
    for (name, is_set) in [("temperature", temperature.is_some()), ("top_p", top_p.is_some())] {
        if is_set {
            warnings.push(ignored(name, "models that reason do not take it"));
        }
    }
    Sampling { top_k, ..Sampling::default() }
}

type Reasoning<'a> = (Option<&'a str>, Option<ReasoningOptions<'a>>);

fn reasoning<'a>(
    dialect: &Dialect,
    family: Family,
    options: &'a ModelOptions,
    warnings: &mut Vec<Warning>,
) -> Reasoning<'a> {
    let effort = options.reasoning_effort.as_deref().filter(|effort| !effort.is_empty());
    let budget = options.thinking_budget_tokens.filter(|budget| *budget > 0);
    if dialect.effort == Effort::Object {
        let by_budget = budget.map(ReasoningOptions::MaxTokens);
        return (None, effort.map(ReasoningOptions::Effort).or(by_budget));
    }
    if budget.is_some() {
        warnings.push(ignored("thinking_budget_tokens", "the provider has no such option"));
    }
    if effort.is_some() && dialect.is_openai && !family.reasons {
        warnings.push(ignored("reasoning_effort", "the model does not reason"));
        return (None, None);
    }
    (effort, None)
}

fn choice<'a>(
    call: &Call<'a>,
    has_tools: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Option<WireChoice<'a>>, Failure> {
    let required = required_tool(call.request, warnings)?;
    if !has_tools {
        return Ok(None);
    }
    if let Some(name) = required {
        return Ok(Some(WireChoice::One { kind: FunctionKind::Function, function: Named { name } }));
    }
    let word = match call.request.tool_choice() {
        ToolChoice::Unspecified => return Ok(None),
        ToolChoice::Auto => "auto",
        ToolChoice::Required => "required",
        ToolChoice::None => "none",
    };
    Ok(Some(WireChoice::Word(word)))
}

fn tools<'a>(tools: &'a [ToolDefinition], warnings: &mut Vec<Warning>) -> Vec<Tool<'a>> {
    schema::sorted(tools)
        .into_iter()
        .map(|tool| {
            let (parameters, strict) = schema::strict_of(tool, Required::All, warnings);
            let function = Definition { name: &tool.name, description: &tool.description, parameters, strict };
            Tool { kind: FunctionKind::Function, function }
        })
        .collect()
}
