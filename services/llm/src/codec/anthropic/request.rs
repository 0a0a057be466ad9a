//! Encodes a call as a Messages request.

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{ModelOptions, ToolChoice, Warning};
use http::{HeaderName, HeaderValue};

use super::thinking::Plan;
use super::types::{AnyTool, Body, Tool, ToolChoice as WireChoice};
use super::{messages, output, search};
use crate::classify::Failure;
use crate::codec::extra_body::body_with;
use crate::codec::schema::Required;
use crate::codec::settings::{required_tool, text, unsupported};
use crate::codec::warnings::{SETTING_CHANGED, ignored, warning};
use crate::codec::{Call, Encoded, Kept, schema, stream_headers};

/// The longest answer where nobody says otherwise, in tokens.
const DEFAULT_MAX_TOKENS: u32 = 32_000;

const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

pub(super) fn encode(call: &Call<'_>) -> Result<Encoded, Failure> {
    let Call { request, model, options } = *call;
    let mut warnings = Vec::new();
    let mut plan = Plan::of(model, options, &mut warnings);
    let prompt = messages::encode(&request.messages, &mut warnings)?;
    if plan.budget() > 0 && !prompt.allows_thinking {
        warnings.push(ignored("thinking", "the tool calls in progress were made without thinking"));
        plan.thinking = None;
    }
    let visible = max_tokens(call);
    let sampling = sampling(options, plan.is_on(), &mut warnings);
    let mut tools = tools(&request.tools, &mut warnings);
    tools.extend(search::tool(options, &mut warnings)?.map(AnyTool::WebSearch));
    warn_of_unsupported(options, &mut warnings);
    let body = Body {
        model,
        max_tokens: visible.saturating_add(plan.budget()),
        stream: true,
        system: prompt.system,
        tool_choice: tool_choice(call, &plan, !tools.is_empty(), &mut warnings)?,
        tools,
        output_config: output::config(request, plan.effort, &mut warnings),
        thinking: plan.thinking,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences: output::stop_sequences(request, &mut warnings),
        service_tier: text(&options.service_tier),
        container: prompt.container,
        messages: prompt.messages,
    };
    if plan.budget() > 0 {
        let message = format!("max_output_tokens: raised by the {} tokens to think with", plan.budget());
        warnings.push(warning(SETTING_CHANGED, message));
    }
    let body = body_with(&body, options.extra_body.as_deref())?;
    let mut headers = stream_headers();
    headers.insert(VERSION.0, VERSION.1);
    Ok(Encoded { path: "messages".into(), headers, body, warnings, kept: Kept::default() })
}

fn max_tokens(call: &Call<'_>) -> u32 {
    let configured = call.options.max_output_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
    let wanted = call.request.max_output_tokens.unwrap_or(configured);
    configured.min(wanted).max(1)
}

#[derive(Default)]
struct Sampling {
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u32>,
}

/// Thinking fixes the sampling, and of temperature and nucleus newer models take one.
fn sampling(options: &ModelOptions, thinks: bool, warnings: &mut Vec<Warning>) -> Sampling {
    let ModelOptions { temperature, top_p, top_k, .. } = *options;
    if thinks {
        let set = [("temperature", temperature.is_some()), ("top_p", top_p.is_some()), ("top_k", top_k.is_some())];
        let unused = set.iter().filter(|(_, is_set)| *is_set);
        warnings.extend(unused.map(|(name, _)| ignored(name, "cannot be set while the model thinks")));
        return Sampling::default();
    }
    if temperature.is_some() && top_p.is_some() {
        warnings.push(ignored("top_p", "cannot be set beside temperature"));
    }
    if temperature.is_some_and(|temperature| temperature > 1.0) {
        warnings.push(ignored("temperature", "lowered to 1, the largest that is accepted"));
    }
    Sampling {
        temperature: temperature.map(|temperature| temperature.min(1.0)),
        top_p: top_p.filter(|_| temperature.is_none()),
        top_k,
    }
}

/// What other providers have and this one does not.
fn warn_of_unsupported(options: &ModelOptions, warnings: &mut Vec<Warning>) {
    let settings = [
        ("presence_penalty", options.presence_penalty.is_some()),
        ("frequency_penalty", options.frequency_penalty.is_some()),
        ("seed", options.seed.is_some()),
        ("verbosity", text(&options.verbosity).is_some()),
    ];
    unsupported(&settings, "the provider has no such option", warnings);
}

fn tools<'a>(tools: &'a [ToolDefinition], warnings: &mut Vec<Warning>) -> Vec<AnyTool<'a>> {
    schema::sorted(tools)
        .into_iter()
        .map(|tool| {
            let (input_schema, strict) = schema::strict_of(tool, Required::Named, warnings);
            AnyTool::Ours(Tool { name: &tool.name, description: &tool.description, input_schema, strict })
        })
        .collect()
}

fn tool_choice<'a>(
    call: &Call<'a>,
    plan: &Plan<'_>,
    has_tools: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Option<WireChoice<'a>>, Failure> {
    let required = required_tool(call.request, warnings)?;
    if !has_tools {
        return Ok(None);
    }
    let serial = call.options.parallel_tool_calls == Some(false);
    let mut name = None;
    let kind = match call.request.tool_choice() {
        ToolChoice::Required if plan.is_on() => {
            warnings.push(ignored("tool_choice", "a call cannot be demanded while the model thinks"));
            "auto"
        }
        ToolChoice::Required if required.is_some() => {
            name = required;
            "tool"
        }
        ToolChoice::Required => "any",
        ToolChoice::None => return Ok(Some(WireChoice { kind: "none", name, disable_parallel_tool_use: false })),
        ToolChoice::Auto | ToolChoice::Unspecified if !serial => return Ok(None),
        ToolChoice::Auto | ToolChoice::Unspecified => "auto",
    };
    Ok(Some(WireChoice { kind, name, disable_parallel_tool_use: serial }))
}
