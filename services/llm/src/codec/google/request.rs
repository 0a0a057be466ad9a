//! Encodes a call as a `generateContent` request.

use bytes::Bytes;
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, ToolChoice, Warning};
use serde_json::{Map, Value, json};

use super::contents::{self, Demands};
use super::schema::subset;
use crate::classify::Failure;
use crate::codec::warnings::ignored;
use crate::codec::{Call, Encoded, Kept, schema, stream_headers};

/// The longest answer where nobody says otherwise, in tokens.
const DEFAULT_MAX_TOKENS: u32 = 32_000;
/// The smallest budget to think with that is accepted.
const MIN_BUDGET: u32 = 128;

pub(super) fn encode(call: &Call<'_>, call_ids: bool) -> Result<Encoded, Failure> {
    let Call { request, model, options } = *call;
    let model = checked(model)?;
    let mut warnings = Vec::new();
    let demands = Demands { call_ids, signatures: generation(model) >= 3 };
    let prompt = contents::encode(&request.messages, demands, &mut warnings)?;
    let mut body = json!({ "contents": prompt.contents, "generationConfig": config(call, model, &mut warnings) });
    if !prompt.system.is_empty() {
        body["systemInstruction"] = json!({ "parts": prompt.system });
    }
    tools(request, options, &mut body, &mut warnings);
    for (name, is_set) in [
        ("verbosity", options.verbosity.is_some()),
        ("service_tier", options.service_tier.is_some()),
        ("parallel_tool_calls", options.parallel_tool_calls == Some(false)),
    ] {
        if is_set {
            warnings.push(ignored(name, "the provider has no such setting"));
        }
    }
    if let Some(extra) = &options.extra_body {
        match serde_json::from_str::<Value>(extra) {
            Ok(extra @ Value::Object(_)) => merge(&mut body, extra),
            _ => warnings.push(ignored("extra_body", "not a JSON object")),
        }
    }
    let body = serde_json::to_vec(&body).map_err(|error| Failure::configuration(error.to_string()))?;
    let path = format!("models/{model}:streamGenerateContent?alt=sse").into();
    Ok(Encoded { path, headers: stream_headers(), body: Bytes::from(body), warnings, kept: Kept::default() })
}

/// A model's name that can stand in a path.
fn checked(model: &str) -> Result<&str, Failure> {
    let model = model.strip_prefix("models/").unwrap_or(model);
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    match !model.is_empty() && model.chars().all(is_allowed) && !model.contains("..") && model != "." {
        true => Ok(model),
        false => Err(Failure::configuration("the model's name cannot stand in a path")),
    }
}

/// 3 of `gemini-3-pro`; 0 where the name does not say.
fn generation(model: &str) -> u32 {
    let digits = model.split_once("gemini-").map_or("", |(_, rest)| rest);
    digits.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn config(call: &Call<'_>, model: &str, warnings: &mut Vec<Warning>) -> Value {
    let Call { request, options, .. } = *call;
    let configured = options.max_output_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
    let wanted = request.max_output_tokens.unwrap_or(configured);
    let mut config = Map::new();
    let mut set = |key: &str, value: Value| {
        if !value.is_null() {
            config.insert(key.to_owned(), value);
        }
    };
    set("maxOutputTokens", json!(configured.min(wanted).max(1)));
    set("temperature", json!(options.temperature));
    set("topP", json!(options.top_p));
    set("topK", json!(options.top_k));
    set("presencePenalty", json!(options.presence_penalty));
    set("frequencyPenalty", json!(options.frequency_penalty));
    set("seed", json!(options.seed));
    if !request.stop_sequences.is_empty() {
        set("stopSequences", json!(request.stop_sequences));
    }
    set("thinkingConfig", thinking(options, model, warnings));
    if let Some(format) = &request.output_format {
        set("responseMimeType", json!("application/json"));
        match serde_json::from_str::<Value>(&format.schema) {
            Ok(schema @ Value::Object(_)) => set("responseJsonSchema", schema),
            _ if format.schema.trim().is_empty() => {}
            _ => warnings.push(ignored("output_format", "the schema is not a JSON object")),
        }
    }
    Value::Object(config)
}

/// A level for Gemini 3, a budget for those before; never both.
fn thinking(options: &ModelOptions, model: &str, warnings: &mut Vec<Warning>) -> Value {
    let effort = options.reasoning_effort.as_deref();
    if let Some(budget) = options.thinking_budget_tokens {
        if effort.is_some() {
            warnings.push(ignored("reasoning_effort", "cannot be set beside thinking_budget_tokens"));
        }
        if (1..MIN_BUDGET).contains(&budget) {
            warnings.push(ignored("thinking_budget_tokens", "raised to 128, the smallest that is accepted"));
        }
        let budget = if budget == 0 { 0 } else { budget.max(MIN_BUDGET) };
        return json!({ "thinkingBudget": budget, "includeThoughts": budget > 0 });
    }
    let Some(effort) = effort else { return Value::Null };
    let (level, budget) = match effort {
        "none" => ("MINIMAL", 0),
        "minimal" => ("MINIMAL", MIN_BUDGET),
        "low" => ("LOW", 1024),
        "medium" => ("MEDIUM", 8192),
        "high" | "xhigh" | "max" => ("HIGH", 24_576),
        _ => {
            warnings.push(ignored("reasoning_effort", "not a known effort"));
            return Value::Null;
        }
    };
    match generation(model) {
        0..3 => json!({ "thinkingBudget": budget, "includeThoughts": budget > 0 }),
        _ => json!({ "thinkingLevel": level, "includeThoughts": effort != "none" }),
    }
}

fn tools(request: &GenerateRequest, options: &ModelOptions, body: &mut Value, warnings: &mut Vec<Warning>) {
    let declarations: Vec<_> = schema::sorted(&request.tools)
        .into_iter()
        .map(|tool| {
            let raw = schema::of(tool, warnings);
            let schema: Value = serde_json::from_str(raw.get()).unwrap_or_default();
            let (key, schema) = match subset(&schema) {
                Some(schema) => ("parameters", schema),
                None => ("parametersJsonSchema", schema),
            };
            json!({ "name": tool.name, "description": tool.description, key: schema })
        })
        .collect();
    let mut tools = Vec::new();
    if !declarations.is_empty() {
        tools.push(json!({ "functionDeclarations": declarations }));
        let mode = match request.tool_choice() {
            ToolChoice::Required => "ANY",
            ToolChoice::None => "NONE",
            ToolChoice::Auto | ToolChoice::Unspecified => "AUTO",
        };
        let mut choice = json!({ "mode": mode });
        if mode == "ANY" && !request.required_tool.is_empty() {
            choice["allowedFunctionNames"] = json!([request.required_tool]);
        }
        body["toolConfig"] = json!({ "functionCallingConfig": choice });
    }
    if options.web_search.is_some() {
        tools.push(json!({ "googleSearch": {} }));
    }
    if !tools.is_empty() {
        body["tools"] = json!(tools);
    }
}

/// Objects are merged, everything else is replaced.
fn merge(own: &mut Value, more: Value) {
    match (own, more) {
        (Value::Object(own), Value::Object(more)) => {
            more.into_iter().for_each(|(key, value)| merge(own.entry(key).or_insert(Value::Null), value));
        }
        (own, more) => *own = more,
    }
}
