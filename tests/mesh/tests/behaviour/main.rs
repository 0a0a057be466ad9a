//! What users see of a mesh whose provider, readers and connections behave in every way.

mod concurrency;
mod doors;
mod failures;
mod grpc;
mod reconnects;
mod streams;

use serde_json::Value;

/// The text of a message's parts, joined.
fn text_of(message: &Value) -> String {
    let parts = message["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

/// Each message as its role and its text.
fn said(messages: &[Value]) -> Vec<(&str, String)> {
    messages.iter().map(|message| (message["role"].as_str().unwrap_or_default(), text_of(message))).collect()
}

/// The events of one kind.
fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter_map(|event| event.get(kind)).collect()
}
