//! Every tool call is answered before anything else is said.

use std::collections::HashSet;

use serde_json::Value;

use super::Refusal;

/// Refuses messages whose calls and results do not pair.
pub(super) fn check(messages: &[Value]) -> Result<(), Refusal> {
    let mut called: HashSet<&str> = HashSet::new();
    let mut answered: HashSet<&str> = HashSet::new();
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            check_result(index, id, &open, &answered)?;
            answered.insert(id);
            continue;
        }
        check_answered(index, &open, &answered)?;
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.map(|call| call["id"].as_str().unwrap_or_default()).collect();
        if let Some(id) = open.iter().find(|id| id.is_empty() || !called.insert(id)) {
            let text = format!("Duplicate or empty id in 'tool_calls': '{id}'.");
            return Err(at(index, "tool_calls", text));
        }
    }
    check_answered(messages.len(), &open, &answered)
}

fn check_result(index: usize, id: &str, open: &[&str], answered: &HashSet<&str>) -> Result<(), Refusal> {
    if !open.contains(&id) {
        let text = "Invalid parameter: messages with role 'tool' must be a response to a \
            preceding message with 'tool_calls'.";
        return Err(at(index, "role", text.to_owned()));
    }
    if answered.contains(id) {
        let text = format!("Duplicate tool message for tool_call_id '{id}'.");
        return Err(at(index, "tool_call_id", text));
    }
    Ok(())
}

fn check_answered(index: usize, open: &[&str], answered: &HashSet<&str>) -> Result<(), Refusal> {
    let missing: Vec<_> = open.iter().filter(|id| !answered.contains(*id)).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let text = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to \
         each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
        missing.join(", ")
    );
    Err(at(index, "role", text))
}

fn at(index: usize, field: &str, message: String) -> Refusal {
    Refusal::invalid(message).with_param(format!("messages.[{index}].{field}"))
}
