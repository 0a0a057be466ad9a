//! What a message may contain, looked at alone.

use serde_json::Value;

use super::Refusal;

/// Refuses a system prompt with empty blocks.
pub(super) fn check_system(system: &Value) -> Result<(), Refusal> {
    check_text_blocks("system", system)
}

/// Refuses a message that has the wrong role or empty or incomplete content.
pub(super) fn check_message(index: usize, message: &Value) -> Result<(), Refusal> {
    match message["role"].as_str() {
        Some("user" | "assistant") => {}
        role => {
            return Err(Refusal::invalid(format!(
                "messages: Unexpected role \"{}\". Allowed roles are \"user\" and \"assistant\".",
                role.unwrap_or_default()
            )));
        }
    }
    let is_empty = match &message["content"] {
        Value::String(text) => text.is_empty(),
        Value::Array(blocks) => blocks.is_empty(),
        _ => {
            return Err(Refusal::invalid(format!("messages.{index}.content: Field required")));
        }
    };
    if is_empty {
        return Err(Refusal::invalid(format!(
            "messages.{index}: all messages must have non-empty content except for the optional \
             final assistant message"
        )));
    }
    check_text_blocks("messages", &message["content"])?;
    let blocks = message["content"].as_array().into_iter().flatten();
    blocks
        .enumerate()
        .try_for_each(|(block_index, block)| check_block(&format!("messages.{index}.content.{block_index}"), block))
}

/// Refuses calls in progress that the model made without thinking, where it is to think. What the
/// user says beside the results begins a turn of its own.
pub(super) fn check_thinking(body: &Value, messages: &[Value]) -> Result<(), Refusal> {
    let [.., said, last] = messages else { return Ok(()) };
    let blocks_of = |message: &'_ Value| message["content"].as_array().cloned().unwrap_or_default();
    let results = blocks_of(last);
    let is_in_progress = !results.is_empty() && results.iter().all(|block| block["type"] == "tool_result");
    if body["thinking"]["type"] != "enabled" || !is_in_progress {
        return Ok(());
    }
    let first = blocks_of(said).first().and_then(|block| block["type"].as_str().map(str::to_owned)).unwrap_or_default();
    if !matches!(first.as_str(), "thinking" | "redacted_thinking") {
        return Err(Refusal::invalid(format!(
            "messages.{}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first}`. When \
             `thinking` is enabled, a final `assistant` message must start with a thinking block.",
            messages.len() - 2
        )));
    }
    Ok(())
}

fn check_block(place: &str, block: &Value) -> Result<(), Refusal> {
    match block["type"].as_str().unwrap_or_default() {
        "" => Err(Refusal::invalid(format!("{place}.type: Field required"))),
        "tool_use" if !block["input"].is_object() => {
            Err(Refusal::invalid(format!("{place}.tool_use.input: Input should be a valid dictionary")))
        }
        "thinking" if block["signature"].as_str().is_none_or(str::is_empty) => {
            Err(Refusal::invalid(format!("{place}.thinking.signature: Field required")))
        }
        "thinking" if !is_base64(&block["signature"]) => {
            Err(Refusal::invalid(format!("{place}: Invalid `signature` in `thinking` block")))
        }
        "redacted_thinking" if !is_base64(&block["data"]) => {
            Err(Refusal::invalid(format!("{place}: Invalid `data` in `redacted_thinking` block")))
        }
        "tool_result" => check_text_blocks("messages", &block["content"]),
        _ => Ok(()),
    }
}

/// Whether it could be what the provider made.
fn is_base64(value: &Value) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    value.as_str().is_some_and(|text| text.bytes().all(is_known))
}

fn check_text_blocks(place: &str, content: &Value) -> Result<(), Refusal> {
    let blocks = content.as_array().into_iter().flatten();
    for block in blocks.filter(|block| block["type"] == "text") {
        let text = block["text"].as_str().unwrap_or_default();
        if text.is_empty() {
            let message = format!("{place}: text content blocks must be non-empty");
            return Err(Refusal::invalid(message));
        }
        if text.trim().is_empty() {
            let message = format!("{place}: text content blocks must contain non-whitespace text");
            return Err(Refusal::invalid(message));
        }
    }
    Ok(())
}
