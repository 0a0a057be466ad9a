#![expect(clippy::needless_pass_by_value, reason = "a literal reads best where its value is used")]

use serde_json::{Value, json};

use super::Anthropic;
use crate::codec::fold::Folded;
use crate::codec::testing;

mod carriers;
mod extras;
mod oddities;
mod properties;
mod request;
mod settings;
mod stream;

fn fold(stream: &str) -> Folded {
    testing::fold(&Anthropic, stream)
}

/// A stream of the given frames, as the provider writes it.
fn frames(frames: &[Value]) -> String {
    frames.iter().map(|frame| format!("event: {}\ndata: {frame}   \n\n", frame["type"].as_str().unwrap())).collect()
}

fn start() -> Value {
    json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": [],
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4, "output_tokens": 1},
    }})
}

fn block(index: u32, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u32, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text_delta(index: u32, text: &str) -> Value {
    delta(index, json!({"type": "text_delta", "text": text}))
}

fn json_delta(index: u32, json: &str) -> Value {
    delta(index, json!({"type": "input_json_delta", "partial_json": json}))
}

fn stop(index: u32) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn message_delta(reason: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 20}})
}

fn message_stop() -> Value {
    json!({"type": "message_stop"})
}

/// A message of the given blocks.
fn message(content: &[Value], reason: &str) -> String {
    let mut all = vec![start()];
    all.extend_from_slice(content);
    all.extend([message_delta(reason), message_stop()]);
    frames(&all)
}

fn text_block(index: u32, text: &str) -> [Value; 3] {
    [block(index, json!({"type": "text", "text": ""})), text_delta(index, text), stop(index)]
}
