//! Marks for the prompt cache.

use serde_json::Value;

use super::Refusal;

const MAX_MARKS: usize = 4;

/// Refuses more marks than the provider follows, and marks on what it does not cache by itself.
pub(super) fn check(body: &Value) -> Result<(), Refusal> {
    let contents = body["messages"].as_array().into_iter().flatten().map(|message| &message["content"]);
    let blocks = [&body["system"], &body["tools"]].into_iter().chain(contents);
    let marked: Vec<_> =
        blocks.filter_map(Value::as_array).flatten().filter(|block| block["cache_control"].is_object()).collect();
    if let Some(block) = marked.iter().find(|block| block["type"] == "thinking" || block["type"] == "redacted_thinking")
    {
        let message = format!("{}.cache_control: Extra inputs are not permitted", block["type"]);
        return Err(Refusal::invalid(message));
    }
    if marked.len() > MAX_MARKS {
        let found = marked.len();
        let message = format!("A maximum of {MAX_MARKS} blocks with cache_control may be provided. Found {found}.");
        return Err(Refusal::invalid(message));
    }
    Ok(())
}
