//! What belongs together stands together: calls and their outputs, reasoning and what came of it.

use std::collections::HashSet;

use serde_json::Value;

use super::Refusal;
use crate::simulator::stored::Stored;
use crate::simulator::wire::{encrypted_content, reasoning_of};

/// Refuses a conversation whose items do not fit together; `before` was kept by the provider, which may know
/// further items.
pub(super) fn check(before: &[Value], input: &[Value], stored: &Stored) -> Result<(), Refusal> {
    let all: Vec<&Value> = before.iter().chain(input).collect();
    check_ids(&all)?;
    check_calls(&all)?;
    input.iter().try_for_each(|item| check_encrypted(item, stored))?;
    check_reasoning(&all)?;
    // The provider lets this pass; an agent loop that asks again after a finished answer is wrong
    // everywhere.
    match input.last() {
        Some(last) if is_of_the_model(last) => {
            Err(Refusal::invalid("Expected the input to end with what the user or a tool says.").with_param("input"))
        }
        _ => Ok(()),
    }
}

fn kind(item: &Value) -> &str {
    item["type"].as_str().unwrap_or("message")
}

fn text<'a>(item: &'a Value, field: &str) -> &'a str {
    item[field].as_str().unwrap_or_default()
}

fn is_of_the_model(item: &Value) -> bool {
    match kind(item) {
        "message" => item["role"] == "assistant",
        kind => !kind.ends_with("_output"),
    }
}

fn check_ids(all: &[&Value]) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    for id in all.iter().map(|item| text(item, "id")).filter(|id| !id.is_empty()) {
        if !seen.insert(id) {
            let message =
                format!("Duplicate item found with id {id}. Remove duplicate items from your input and try again.");
            return Err(Refusal::invalid(message).with_param("input"));
        }
    }
    Ok(())
}

fn check_calls(all: &[&Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    let mut called = HashSet::new();
    for item in all {
        let id = text(item, "call_id");
        match kind(item) {
            "function_call" if !called.insert(id) => {
                return Err(Refusal::invalid(format!("Duplicate function call with call_id {id}.")).with_param("input"));
            }
            "function_call" => open.push(id),
            "function_call_output" => {
                let answered = open.len();
                open.retain(|call| *call != id);
                if open.len() == answered {
                    let message = format!("No tool call found for function call output with call_id {id}.");
                    return Err(Refusal::invalid(message).with_param("input"));
                }
            }
            _ => {}
        }
    }
    match open.first() {
        Some(id) => Err(Refusal::invalid(format!("No tool output found for function call {id}.")).with_param("input")),
        None => Ok(()),
    }
}

/// Reasoning that the provider did not keep is known by what it encrypted, and by that alone.
fn check_encrypted(item: &Value, stored: &Stored) -> Result<(), Refusal> {
    if kind(item) != "reasoning" {
        return Ok(());
    }
    let (id, content) = (text(item, "id"), text(item, "encrypted_content"));
    if content.is_empty() && stored.has_item(id) {
        return Ok(());
    }
    if content.is_empty() {
        let message = format!(
            "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with \
             `store` set to true, or remove this item from your input."
        );
        return Err(Refusal::new(404, "invalid_request_error", message).with_param("input"));
    }
    if id.starts_with("rs_sim_") && content != encrypted_content(id) {
        let message = format!("The encrypted content for item {id} could not be verified.");
        return Err(Refusal::invalid(message).with_code("invalid_encrypted_content"));
    }
    Ok(())
}

fn check_reasoning(all: &[&Value]) -> Result<(), Refusal> {
    let mut known: HashSet<&str> = HashSet::new();
    let mut waiting: Option<&str> = None;
    for item in all {
        if kind(item) == "reasoning" {
            known.insert(text(item, "id"));
            waiting = Some(text(item, "id"));
            continue;
        }
        if let Some(id) = waiting.take().filter(|_| !is_of_the_model(item) || text(item, "id").is_empty()) {
            return Err(without_following(id));
        }
        let id = text(item, "id");
        if let Some(needed) = reasoning_of(id).filter(|needed| !known.contains(needed.as_str())) {
            let message = format!(
                "Item '{id}' of type '{}' was provided without its required 'reasoning' item: '{needed}'.",
                kind(item)
            );
            return Err(Refusal::invalid(message).with_param("input"));
        }
    }
    waiting.map_or(Ok(()), |id| Err(without_following(id)))
}

fn without_following(id: &str) -> Refusal {
    let message = format!("Item '{id}' of type 'reasoning' was provided without its required following item.");
    Refusal::invalid(message).with_param("input")
}
