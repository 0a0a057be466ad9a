//! What a message may contain, looked at alone.

use serde_json::Value;

use super::{Refusal, empty_array};

/// Refuses a message that has the wrong role, no content, or broken tool calls.
pub(super) fn check(index: usize, message: &Value) -> Result<(), Refusal> {
    let place = format!("messages[{index}]");
    let role = message["role"].as_str().unwrap_or_default();
    if !["system", "developer", "user", "assistant", "tool", "function"].contains(&role) {
        let text = format!("Invalid value: '{role}'.");
        let refusal = Refusal::invalid(text).with_code("invalid_value");
        return Err(refusal.with_param(format!("{place}.role")));
    }
    if message["tool_calls"].as_array().is_some_and(Vec::is_empty) {
        return Err(empty_array(&format!("{place}.tool_calls")));
    }
    check_content(&place, message, role)?;
    for (call_index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        if !call["function"]["arguments"].is_string() {
            let param = format!("{place}.tool_calls[{call_index}].function.arguments");
            let text = format!("Invalid type for '{param}': expected a string.");
            return Err(Refusal::invalid(text).with_param(param).with_code("invalid_type"));
        }
    }
    Ok(())
}

fn check_content(place: &str, message: &Value, role: &str) -> Result<(), Refusal> {
    let param = format!("{place}.content");
    match &message["content"] {
        Value::String(_) => Ok(()),
        Value::Array(parts) if parts.is_empty() => Err(empty_array(&param)),
        Value::Array(_) => Ok(()),
        Value::Null if role == "assistant" && message["tool_calls"].is_array() => Ok(()),
        Value::Null => {
            let text = format!("Invalid value for '{param}': expected a string, got null.");
            Err(Refusal::invalid(text).with_param(param))
        }
        _ => {
            let text = format!("Invalid type for '{param}': expected a string or an array.");
            Err(Refusal::invalid(text).with_param(param).with_code("invalid_type"))
        }
    }
}
