//! The rules of OpenAI Responses.

mod items;
mod pairing;

use serde_json::Value;

use super::{Refusal, Stored, tools};

const MAX_TOOL_NAME_LENGTH: usize = 64;
const MIN_OUTPUT_TOKENS: u64 = 16;

/// The beginnings of the names of models that reason.
const REASONING_MODELS: [&str; 4] = ["o1", "o3", "o4", "gpt-5"];

/// Refuses a body that OpenAI refuses; `before` is the conversation that it continues, one of those that are stored.
pub(super) fn check(body: &Value, before: &[Value], stored: &Stored) -> Result<(), Refusal> {
    let input = match &body["input"] {
        Value::Null => {
            let refusal = Refusal::invalid("Missing required parameter: 'input'.");
            return Err(refusal.with_param("input").with_code("missing_required_parameter"));
        }
        Value::String(_) => &[],
        Value::Array(items) if !items.is_empty() => items.as_slice(),
        _ => {
            let text = "Invalid type for 'input': expected a string or a non-empty array.";
            return Err(Refusal::invalid(text).with_param("input").with_code("invalid_type"));
        }
    };
    check_settings(body)?;
    check_tools(&body["tools"])?;
    for (index, item) in input.iter().enumerate() {
        items::check(index, item)?;
    }
    pairing::check(before, input, stored)
}

fn check_settings(body: &Value) -> Result<(), Refusal> {
    if body["max_output_tokens"].as_u64().is_some_and(|limit| limit < MIN_OUTPUT_TOKENS) {
        let text = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.";
        return Err(Refusal::invalid(text).with_param("max_output_tokens").with_code("integer_below_min_value"));
    }
    let model = body["model"].as_str().unwrap_or_default();
    let reasons = REASONING_MODELS.iter().any(|name| model.starts_with(name));
    for param in ["temperature", "top_p"] {
        if reasons && !body[param].is_null() {
            let text = format!("Unsupported parameter: '{param}' is not supported with this model.");
            return Err(Refusal::invalid(text).with_param(param).with_code("unsupported_parameter"));
        }
    }
    Ok(())
}

fn check_tools(tools: &Value) -> Result<(), Refusal> {
    for (index, tool) in tools.as_array().into_iter().flatten().enumerate() {
        if tool["type"] != "function" {
            continue;
        }
        let name = tool["name"].as_str().unwrap_or_default();
        if !tools::is_valid_name(name, MAX_TOOL_NAME_LENGTH) {
            let param = format!("tools[{index}].name");
            let text = format!(
                "Invalid '{param}': string does not match pattern. Expected a string that matches \
                 the pattern '^[a-zA-Z0-9_-]+$'."
            );
            return Err(Refusal::invalid(text).with_param(param).with_code("invalid_value"));
        }
        let parameters = &tool["parameters"];
        let has_odd_required = parameters.get("required").is_some_and(|required| !required.is_array());
        if !tools::is_object_schema(parameters) || has_odd_required {
            let text = format!("Invalid schema for function '{name}': {parameters} is not a schema of an object.");
            let refusal = Refusal::invalid(text).with_code("invalid_function_parameters");
            return Err(refusal.with_param(format!("tools[{index}].parameters")));
        }
    }
    Ok(())
}
