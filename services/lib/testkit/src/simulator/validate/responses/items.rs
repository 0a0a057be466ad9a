//! What an item may contain, looked at alone.

use serde_json::Value;

use super::Refusal;

/// The kinds of items beside those that are looked at.
const OTHER_KINDS: [&str; 12] = [
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "computer_call",
    "computer_call_output",
    "mcp_call",
    "mcp_list_tools",
    "custom_tool_call",
    "custom_tool_call_output",
    "compaction",
    "item_reference",
];

/// Refuses an item of an unknown kind or with missing or odd fields.
pub(super) fn check(index: usize, item: &Value) -> Result<(), Refusal> {
    let place = format!("input[{index}]");
    match item["type"].as_str().unwrap_or("message") {
        "message" => check_message(&place, item),
        "function_call" => require_strings(&place, item, &["call_id", "name", "arguments"]),
        "function_call_output" => {
            require_strings(&place, item, &["call_id"])?;
            match &item["output"] {
                Value::String(_) | Value::Array(_) => Ok(()),
                _ => Err(missing(&format!("{place}.output"))),
            }
        }
        "reasoning" if item["encrypted_content"].as_str().is_some_and(|text| text.contains('.')) => {
            let text = "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted \
                or parsed.";
            Err(Refusal::invalid(text).with_code("invalid_encrypted_content"))
        }
        "reasoning" => match &item["summary"] {
            Value::Array(_) => require_strings(&place, item, &["id"]),
            _ => Err(missing(&format!("{place}.summary"))),
        },
        kind if OTHER_KINDS.contains(&kind) => Ok(()),
        kind => Err(invalid_value(&format!("{place}.type"), kind, "the known types of items")),
    }
}

fn check_message(place: &str, item: &Value) -> Result<(), Refusal> {
    let role = item["role"].as_str().unwrap_or_default();
    let kinds: &[&str] = match role {
        "user" | "system" | "developer" => &["input_text", "input_image", "input_file"],
        "assistant" => &["output_text", "refusal"],
        _ => {
            let roles = "'assistant', 'system', 'developer', and 'user'";
            return Err(invalid_value(&format!("{place}.role"), role, roles));
        }
    };
    let parts = match &item["content"] {
        Value::String(_) => return Ok(()),
        Value::Array(parts) if !parts.is_empty() => parts,
        _ => return Err(missing(&format!("{place}.content"))),
    };
    for (index, part) in parts.iter().enumerate() {
        let kind = part["type"].as_str().unwrap_or_default();
        if !kinds.contains(&kind) {
            return Err(invalid_value(&format!("{place}.content[{index}]"), kind, &kinds.join(", ")));
        }
    }
    Ok(())
}

fn require_strings(place: &str, item: &Value, fields: &[&str]) -> Result<(), Refusal> {
    for field in fields {
        let is_there = item[field].as_str().is_some_and(|text| !text.is_empty() || *field == "arguments");
        if !is_there {
            return Err(missing(&format!("{place}.{field}")));
        }
    }
    Ok(())
}

fn missing(param: &str) -> Refusal {
    let refusal = Refusal::invalid(format!("Missing required parameter: '{param}'."));
    refusal.with_param(param).with_code("missing_required_parameter")
}

fn invalid_value(param: &str, value: &str, known: &str) -> Refusal {
    let refusal = Refusal::invalid(format!("Invalid value: '{value}'. Supported values are: {known}."));
    refusal.with_param(param).with_code("invalid_value")
}
