//! What those see who follow chats, and the list of chats, through the HTTP door.

mod edits;
mod joining;
mod reading;
mod secrets;
mod sse;
mod watching;

use serde_json::Value;

/// The text of a message's parts, joined.
fn text_of(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

/// The kind of an event: what it sets beside the chat's identifier.
fn kind(event: &Value) -> &str {
    let fields = event.as_object().into_iter().flatten();
    fields.map(|(name, _)| name.as_str()).find(|name| *name != "chat_id").unwrap_or_default()
}
