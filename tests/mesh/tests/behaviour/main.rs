//! What users see of a mesh whose provider, readers and connections behave in every way.

mod clearing;
mod client_tools;
mod compaction;
mod concurrency;
mod doors;
mod edits;
mod errors;
mod failures;
mod files;
mod flaky_providers;
mod grpc;
mod interruptions;
mod lists;
mod mcp_door;
mod mcp_servers;
mod owners;
mod promotions;
mod queue;
mod reconnects;
mod spend;
mod streams;

use std::time::Duration;

use chatmesh_mesh_tests::{Client, Events};
use chatmesh_testkit::simulator::{Fault, Step};
use serde_json::{Value, json};

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

/// How many pieces an answer has that falls silent.
const PIECES: usize = 6;

/// An answer that begins and then falls silent for good: whoever asked for it waits until it is stopped.
fn never_ending(text: &str) -> Step {
    Step::text(text.repeat(PIECES * 4)).delta_characters(text.len()).fault(Fault::stall(PIECES))
}

/// An answer that comes late enough for everyone to see what was so before.
fn deliberate(text: &str) -> Step {
    Step::text(text).first_delay(Duration::from_secs(1))
}

/// Reads until the model has said something.
async fn until_said(events: &mut Events) -> Vec<Value> {
    events.until(|event| event.get("message_part").is_some()).await
}

/// The waiting messages of each event that tells of the queue, as their texts.
fn queues(events: &[Value]) -> Vec<Vec<String>> {
    let waiting = |update: &Value| update["queued_messages"].as_array().cloned().unwrap_or_default();
    of_kind(events, "queue_update").into_iter().map(|update| waiting(update).iter().map(text_of).collect()).collect()
}

/// Posts a verb of a chat without anything else.
async fn verb(client: &Client, chat: &str, verb: &str) -> chatmesh_mesh_tests::Answer {
    client.post(&format!("/api/v1/chats/{chat}:{verb}"), &json!({})).await
}

/// Lets a waiting message be the next.
async fn promote(client: &Client, chat: &str, queued: &Value) -> chatmesh_mesh_tests::Answer {
    client.post(&format!("/api/v1/chats/{chat}/queue/{queued}:promote"), &json!({})).await
}

/// The numbers of messages.
fn ids(messages: &[Value]) -> Vec<u64> {
    messages.iter().filter_map(|message| message["id"].as_u64()).collect()
}
