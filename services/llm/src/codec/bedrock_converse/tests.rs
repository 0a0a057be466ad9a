#![expect(clippy::needless_pass_by_value, reason = "a literal reads best where its value is used")]

use serde_json::{Value, json};

use super::BedrockConverse;
use crate::codec::fold::Folded;
use crate::codec::testing;
use crate::event_stream::tests::frame;

mod properties;
mod request;
mod settings;
mod stream;

/// An event: its name and its payload.
type Named = (&'static str, Value);

fn bytes(events: &[Named]) -> Vec<u8> {
    events
        .iter()
        .flat_map(|(name, payload)| {
            let mut payload = payload.clone();
            payload["p"] = json!("abcdefgh");
            frame("event", name, &payload.to_string())
        })
        .collect()
}

fn fold(events: &[Named]) -> Folded {
    testing::fold_chunks(&BedrockConverse, &[&bytes(events)])
}

fn start() -> Named {
    ("messageStart", json!({"role": "assistant"}))
}

fn delta(index: u32, delta: Value) -> Named {
    ("contentBlockDelta", json!({"contentBlockIndex": index, "delta": delta}))
}

fn text(index: u32, text: &str) -> Named {
    delta(index, json!({"text": text}))
}

fn call(index: u32, id: &str, name: &str) -> Named {
    ("contentBlockStart", json!({"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": id, "name": name}}}))
}

fn input(index: u32, input: &str) -> Named {
    delta(index, json!({"toolUse": {"input": input}}))
}

fn reasoning(index: u32, reasoning: Value) -> Named {
    delta(index, json!({"reasoningContent": reasoning}))
}

fn stop(index: u32) -> Named {
    ("contentBlockStop", json!({"contentBlockIndex": index}))
}

fn message_stop(reason: &str) -> Named {
    ("messageStop", json!({"stopReason": reason}))
}

fn metadata() -> Named {
    let usage = json!({"inputTokens": 10, "outputTokens": 20, "totalTokens": 37,
        "cacheReadInputTokens": 3, "cacheWriteInputTokens": 4});
    ("metadata", json!({"usage": usage, "metrics": {"latencyMs": 12}}))
}

/// A message of the given events.
fn message(content: &[Named], reason: &str) -> Vec<Named> {
    let mut all = vec![start()];
    all.extend_from_slice(content);
    all.extend([message_stop(reason), metadata()]);
    all
}
