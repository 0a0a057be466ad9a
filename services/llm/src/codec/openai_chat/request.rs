//! Encodes a call as a Chat Completions request.

use bytes::Bytes;
use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{ModelOptions, ToolChoice, Warning};

use super::dialect::{Dialect, Effort, family};
use super::messages;
use super::types::{Body, Definition, FunctionKind, ReasoningOptions, StreamOptions, Tool};
use crate::classify::Failure;
use crate::codec::openai_models::Family;
use crate::codec::warnings::ignored;
use crate::codec::{Call, Encoded, Kept, schema, stream_headers};

pub(super) fn encode(dialect: &Dialect, call: &Call<'_>) -> Result<Encoded, Failure> {
    let Call { request, model, options } = *call;
    let family = family(dialect, model);
    let mut warnings = Vec::new();
    let messages = messages::encode(dialect, family, &request.messages, &mut warnings)?;
    let limit = max_tokens(call);
    let sampling = sampling(dialect, family, options, &mut warnings);
    let has_tools = !request.tools.is_empty();
    let (reasoning_effort, reasoning) = reasoning(dialect, family, options, &mut warnings);
    let body = Body {
        model,
        messages,
        tools: tools(&request.tools, &mut warnings),
        tool_choice: has_tools.then(|| choice(request.tool_choice())).flatten(),
        parallel_tool_calls: parallel(family, call, &mut warnings),
        max_tokens: limit.filter(|_| !family.reasons),
        max_completion_tokens: limit.filter(|_| family.reasons),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        reasoning_effort,
        reasoning,
        prompt_cache_key: Some(request.chat_id.as_str()).filter(|id| dialect.is_openai && !id.is_empty()),
        stream: true,
        stream_options: StreamOptions { include_usage: true },
    };
    let body = serde_json::to_vec(&body).map_err(|error| Failure::configuration(error.to_string()))?;
    Ok(Encoded {
        path: "chat/completions".into(),
        headers: stream_headers(),
        body: Bytes::from(body),
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

fn parallel(family: Family, call: &Call<'_>, warnings: &mut Vec<Warning>) -> Option<bool> {
    let parallel = call.options.parallel_tool_calls.filter(|_| !call.request.tools.is_empty())?;
    if family.refuses_parallel {
        warnings.push(ignored("parallel_tool_calls", "the model does not take it"));
        return None;
    }
    Some(parallel)
}

fn choice(choice: ToolChoice) -> Option<&'static str> {
    match choice {
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
            kind: FunctionKind::Function,
            function: Definition {
                name: &tool.name,
                description: &tool.description,
                parameters: schema::of(tool, warnings),
            },
        })
        .collect()
}
