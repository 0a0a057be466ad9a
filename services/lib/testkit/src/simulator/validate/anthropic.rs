//! The rules of Anthropic Messages.

mod blocks;
mod cache;
mod pairing;

use http::HeaderMap;
use serde_json::Value;

use super::{Refusal, messages, tools};

/// The word for what cannot be kept as a thread; here nothing can.
const NO_THREADS: &str = "thread_unsupported_request";
const MAX_TOOL_NAME_LENGTH: usize = 128;

/// Refuses a request that does not name a version of the API.
pub(super) fn check_version(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("anthropic-version") {
        Some(version) if !version.is_empty() => Ok(()),
        _ => Err(Refusal::invalid("anthropic-version: header is required")),
    }
}

/// Refuses a body that Anthropic refuses.
pub(super) fn check(body: &Value) -> Result<(), Refusal> {
    check_limits(body)?;
    if !body["thread"].is_null() {
        return Err(Refusal::invalid("thread: not supported for this request").with_code(NO_THREADS));
    }
    check_tools(&body["tools"])?;
    blocks::check_system(&body["system"])?;
    let messages = messages(body);
    if messages.is_empty() {
        return Err(Refusal::invalid("messages: at least one message is required"));
    }
    for (index, message) in messages.iter().enumerate() {
        blocks::check_message(index, message)?;
    }
    if messages[0]["role"] != "user" {
        return Err(Refusal::invalid("messages: first message must use the \"user\" role"));
    }
    if messages.last().is_some_and(|last| last["role"] == "assistant") {
        return Err(Refusal::invalid(
            "This model does not support assistant message prefill. The conversation must end \
             with a user message.",
        ));
    }
    cache::check(body)?;
    pairing::check(messages)?;
    blocks::check_thinking(body, messages)
}

fn check_limits(body: &Value) -> Result<(), Refusal> {
    let max_tokens = match &body["max_tokens"] {
        Value::Null => return Err(Refusal::invalid("max_tokens: Field required")),
        limit => limit.as_u64().filter(|limit| *limit > 0),
    };
    let Some(max_tokens) = max_tokens else {
        return Err(Refusal::invalid("max_tokens: Input should be greater than or equal to 1"));
    };
    match body["thinking"]["budget_tokens"].as_u64() {
        Some(budget) if budget >= max_tokens => {
            Err(Refusal::invalid("`max_tokens` must be greater than `thinking.budget_tokens`."))
        }
        _ => Ok(()),
    }
}

fn check_tools(tools: &Value) -> Result<(), Refusal> {
    for (index, tool) in tools.as_array().into_iter().flatten().enumerate() {
        let name = tool["name"].as_str().unwrap_or_default();
        // The provider's own tools have a type, and no schema.
        let is_custom = tool["type"].is_null() || tool["type"] == "custom";
        if is_custom && !tools::is_valid_name(name, MAX_TOOL_NAME_LENGTH) {
            return Err(Refusal::invalid(format!(
                "tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )));
        }
        if is_custom && !tools::is_object_schema(&tool["input_schema"]) {
            return Err(Refusal::invalid(format!("tools.{index}.custom.input_schema.type: Input should be 'object'")));
        }
    }
    Ok(())
}
