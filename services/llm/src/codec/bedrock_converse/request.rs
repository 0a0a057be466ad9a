//! Encodes a call as a ConverseStream request.

use std::borrow::Cow;

use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, ToolChoice, Warning};
use serde_json::{Value, json};

use super::family::Family;
use super::messages;
use super::reasoning::Plan;
use super::types::{Body, CachePoint, Choice, InferenceConfig, InputSchema, ServiceTier, Tool, ToolConfig, ToolSpec};
use crate::classify::Failure;
use crate::codec::extra_body::body_with;
use crate::codec::json::{empty_object, object_of};
use crate::codec::tool_names::ToolNames;
use crate::codec::warnings::{INVALID_SCHEMA, SETTING_CHANGED, ignored, warning};
use crate::codec::{Call, Encoded, Kept, bedrock, model_path, schema, stream_headers};

/// Stands for tools where the conversation has calls and the call has no tools.
const PLACEHOLDER: &str = "unavailable";

pub(super) fn encode(call: &Call<'_>) -> Result<Encoded, Failure> {
    let Call { request, model, options } = *call;
    let path = format!("/model/{}/converse-stream", model_path::bedrock(model)?);
    let family = Family::of(model);
    let mut warnings = Vec::new();
    let mut plan = Plan::of(family, options, &mut warnings);
    let names = ToolNames::of(&request.tools);
    let prompt = messages::encode(&request.messages, family, &names, &mut warnings)?;
    if plan.budget > 0 && !prompt.allows_thinking {
        warnings.push(ignored("thinking", "the tool calls in progress were made without thinking"));
        plan = Plan::default();
    }
    let inference_config = inference(call, &plan, &mut warnings);
    let tool_config = tool_config(request, family, &names, &plan, prompt.has_calls, &mut warnings)?;
    warn_of_unsupported(options, &mut warnings);
    let mut additional = plan.fields;
    if let Some(top_k) = options.top_k {
        match family {
            Family::Claude if !plan.fixes_sampling => drop(additional.insert("top_k".to_owned(), json!(top_k))),
            Family::Nova => drop(additional.insert("inferenceConfig".to_owned(), json!({ "topK": top_k }))),
            _ => warnings.push(ignored("top_k", "the model has no such option")),
        }
    }
    let body = Body {
        system: prompt.system,
        messages: prompt.messages,
        inference_config,
        tool_config,
        output_config: output_config(request, &mut warnings),
        service_tier: options.service_tier.as_deref().filter(|tier| !tier.is_empty()).map(|kind| ServiceTier { kind }),
        additional_model_request_fields: additional,
    };
    let body = body_with(&body, options.extra_body.as_deref())?;
    let mut headers = stream_headers();
    bedrock::accept_frames(&mut headers);
    Ok(Encoded { path: path.into(), headers, body, warnings, kept: Kept::default() })
}

/// The models behind the protocol have limits of their own, so where nobody says anything, the
/// service decides.
fn inference<'a>(call: &Call<'a>, plan: &Plan, warnings: &mut Vec<Warning>) -> InferenceConfig<'a> {
    let Call { request, options, .. } = *call;
    let visible = match (options.max_output_tokens, request.max_output_tokens) {
        (Some(configured), Some(wanted)) => Some(configured.min(wanted)),
        (configured, wanted) => configured.or(wanted),
    };
    if plan.budget > 0 && visible.is_some() {
        let message = format!("max_output_tokens: raised by the {} tokens to think with", plan.budget);
        warnings.push(warning(SETTING_CHANGED, message));
    }
    // Claude takes no budget that is not smaller than the limit of the answer.
    let default = (plan.budget > 0).then_some(DEFAULT_VISIBLE);
    let max_tokens = visible.or(default).map(|visible| visible.saturating_add(plan.budget));
    let mut config = InferenceConfig {
        max_tokens,
        temperature: options.temperature,
        top_p: options.top_p,
        stop_sequences: &request.stop_sequences,
    };
    let mut forbid = |name: &str, is_set: bool| {
        if is_set {
            warnings.push(ignored(name, "cannot be set while the model thinks"));
        }
    };
    if plan.fixes_sampling {
        forbid("temperature", config.temperature.take().is_some());
        forbid("top_p", config.top_p.take().is_some());
    }
    if plan.fixes_length {
        forbid("max_output_tokens", config.max_tokens.take().is_some());
    }
    config
}

/// The tokens beside those to think with where nobody says otherwise.
const DEFAULT_VISIBLE: u32 = 8192;

fn tool_config<'a>(
    request: &'a GenerateRequest,
    family: Family,
    names: &ToolNames<'_>,
    plan: &Plan,
    has_calls: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Option<ToolConfig<'a>>, Failure> {
    let tool_choice = choice(request, names, plan, warnings)?;
    // The service cannot be told to call nothing, so it is shown nothing that can be called.
    let offered = if request.tool_choice() == ToolChoice::None { &[] } else { request.tools.as_slice() };
    if offered.is_empty() {
        return Ok(has_calls.then(placeholder));
    }
    let mut tools: Vec<_> = schema::sorted(offered)
        .into_iter()
        .map(|tool| {
            Tool::ToolSpec(ToolSpec {
                name: names.wire(&tool.name),
                description: &tool.description,
                input_schema: InputSchema::Json(schema::of(tool, warnings)),
                strict: tool.strict,
            })
        })
        .collect();
    if family.caches_tools() {
        tools.push(Tool::CachePoint(CachePoint::Default));
    }
    Ok(Some(ToolConfig { tools, tool_choice }))
}

fn placeholder<'a>() -> ToolConfig<'a> {
    let spec = ToolSpec {
        name: PLACEHOLDER.to_owned(),
        description: "No tool is available. Never call this.",
        input_schema: InputSchema::Json(
            object_of(r#"{"type":"object","properties":{}}"#).map_or_else(empty_object, Cow::Borrowed),
        ),
        strict: false,
    };
    ToolConfig { tools: vec![Tool::ToolSpec(spec)], tool_choice: None }
}

fn choice(
    request: &GenerateRequest,
    names: &ToolNames<'_>,
    plan: &Plan,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Choice>, Failure> {
    let name = request.required_tool.as_str();
    if request.tool_choice() != ToolChoice::Required {
        if !name.is_empty() {
            warnings.push(ignored("required_tool", "the call does not demand a tool"));
        }
        return Ok(None);
    }
    if !name.is_empty() && !request.tools.iter().any(|tool| tool.name == name) {
        return Err(Failure::configuration(format!("the required tool `{name}` is not among the tools")));
    }
    if plan.is_on() {
        warnings.push(ignored("tool_choice", "a call cannot be demanded while the model thinks"));
        return Ok(None);
    }
    Ok(Some(if name.is_empty() { Choice::Any {} } else { Choice::Tool { name: names.wire(name) } }))
}

/// The shape of the answer. The service takes the schema as text.
fn output_config(request: &GenerateRequest, warnings: &mut Vec<Warning>) -> Option<Value> {
    let format = request.output_format.as_ref()?;
    if object_of(&format.schema).is_none() {
        match format.schema.trim() {
            "" => warnings.push(ignored("output_format", "the provider takes no JSON without a schema")),
            _ => warnings.push(warning(INVALID_SCHEMA, "the schema of the answer is not a JSON object")),
        }
        return None;
    }
    let name = if format.name.is_empty() { "response" } else { &format.name };
    let mut schema = json!({ "name": name, "schema": format.schema });
    if !format.description.is_empty() {
        schema["description"] = json!(format.description);
    }
    Some(json!({ "textFormat": { "type": "json_schema", "structure": { "jsonSchema": schema } } }))
}

/// What other providers have and this one does not.
fn warn_of_unsupported(options: &ModelOptions, warnings: &mut Vec<Warning>) {
    let settings = [
        ("presence_penalty", options.presence_penalty.is_some()),
        ("frequency_penalty", options.frequency_penalty.is_some()),
        ("seed", options.seed.is_some()),
        ("verbosity", options.verbosity.as_deref().is_some_and(|verbosity| !verbosity.is_empty())),
        ("parallel_tool_calls", options.parallel_tool_calls == Some(false)),
        ("web_search", options.web_search.is_some()),
    ];
    let set = settings.iter().filter(|(_, is_set)| *is_set);
    warnings.extend(set.map(|(name, _)| ignored(name, "the provider has no such option")));
}
