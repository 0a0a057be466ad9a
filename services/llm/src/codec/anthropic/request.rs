//! Encodes a call as a Messages request.

use bytes::Bytes;
use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::{ModelOptions, ToolChoice, Warning};
use http::{HeaderName, HeaderValue};

use super::messages;
use super::thinking::Plan;
use super::types::{Body, OutputConfig, Tool, ToolChoice as WireChoice};
use crate::classify::Failure;
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
    let body = Body {
        model,
        max_tokens: visible.saturating_add(plan.budget()),
        stream: true,
        system: prompt.system,
        tools: tools(&request.tools, &mut warnings),
        tool_choice: tool_choice(call, &plan, &mut warnings),
        thinking: plan.thinking,
        output_config: plan.effort.map(|effort| OutputConfig { effort }),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        messages: prompt.messages,
    };
    if plan.budget() > 0 {
        let message = format!("max_output_tokens: raised by the {} tokens to think with", plan.budget());
        warnings.push(warning(SETTING_CHANGED, message));
    }
    let body = serde_json::to_vec(&body).map_err(|error| Failure::configuration(error.to_string()))?;
    let mut headers = stream_headers();
    headers.insert(VERSION.0, VERSION.1);
    Ok(Encoded { path: "messages".into(), headers, body: Bytes::from(body), warnings, kept: Kept::default() })
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

fn tools<'a>(tools: &'a [ToolDefinition], warnings: &mut Vec<Warning>) -> Vec<Tool<'a>> {
    schema::sorted(tools)
        .into_iter()
        .map(|tool| Tool { name: &tool.name, description: &tool.description, input_schema: schema::of(tool, warnings) })
        .collect()
}

fn tool_choice(call: &Call<'_>, plan: &Plan<'_>, warnings: &mut Vec<Warning>) -> Option<WireChoice> {
    if call.request.tools.is_empty() {
        return None;
    }
    let serial = call.options.parallel_tool_calls == Some(false);
    let kind = match call.request.tool_choice() {
        ToolChoice::Required if plan.is_on() => {
            warnings.push(ignored("tool_choice", "a call cannot be demanded while the model thinks"));
            "auto"
        }
        ToolChoice::Required => "any",
        ToolChoice::None => return Some(WireChoice { kind: "none", disable_parallel_tool_use: false }),
        ToolChoice::Auto | ToolChoice::Unspecified if !serial => return None,
        ToolChoice::Auto | ToolChoice::Unspecified => "auto",
    };
    Some(WireChoice { kind, disable_parallel_tool_use: serial })
}
