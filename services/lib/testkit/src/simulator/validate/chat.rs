//! The rules of OpenAI Chat Completions.

mod message;
mod pairing;

use serde_json::Value;

use super::{Refusal, messages, tools};

const MAX_TOOL_NAME_LENGTH: usize = 64;

/// Refuses a body that OpenAI refuses.
pub(super) fn check(body: &Value) -> Result<(), Refusal> {
    if body["messages"].is_null() {
        let refusal = Refusal::invalid("Missing required parameter: 'messages'.");
        return Err(refusal.with_param("messages").with_code("missing_required_parameter"));
    }
    let messages = messages(body);
    if messages.is_empty() {
        return Err(empty_array("messages"));
    }
    if body["stream_options"].is_object() && body["stream"] != true {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::invalid(message).with_param("stream_options"));
    }
    check_tools(&body["tools"])?;
    for (index, one) in messages.iter().enumerate() {
        message::check(index, one)?;
    }
    // OpenAI itself lets this pass; several servers that speak its dialect do not, and an
    // agent loop that asks again after a finished answer is wrong everywhere.
    if messages.last().is_some_and(|last| last["role"] == "assistant") {
        let message = "Expected last role User or Tool for serving but got assistant";
        return Err(Refusal::invalid(message).with_param("messages"));
    }
    pairing::check(messages)
}

fn check_tools(tools: &Value) -> Result<(), Refusal> {
    if tools.as_array().is_some_and(Vec::is_empty) {
        return Err(empty_array("tools"));
    }
    for (index, tool) in tools.as_array().into_iter().flatten().enumerate() {
        if tool["type"] != "function" {
            continue;
        }
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap_or_default();
        if !tools::is_valid_name(name, MAX_TOOL_NAME_LENGTH) {
            let param = format!("tools[{index}].function.name");
            let message = format!(
                "Invalid '{param}': string does not match pattern. Expected a string that matches \
                 the pattern '^[a-zA-Z0-9_-]+$'."
            );
            return Err(Refusal::invalid(message).with_param(param).with_code("invalid_value"));
        }
        let parameters = &function["parameters"];
        if !parameters.is_null() && !tools::is_object_schema(parameters) {
            let message = format!(
                "Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \
                 \"object\"', got 'type: {}'.",
                parameters["type"]
            );
            let refusal = Refusal::invalid(message).with_code("invalid_function_parameters");
            return Err(refusal.with_param(format!("tools[{index}].function.parameters")));
        }
    }
    Ok(())
}

fn empty_array(param: &str) -> Refusal {
    let message = format!(
        "Invalid '{param}': empty array. Expected an array with minimum length 1, but got an \
         empty array instead."
    );
    Refusal::invalid(message).with_param(param).with_code("empty_array")
}
