#![expect(clippy::needless_pass_by_value, reason = "a literal reads best where its value is used")]

use serde_json::{Value, json};

use super::COMPATIBLE;
use crate::codec::fold::Folded;
use crate::codec::testing;

mod extras;
mod oddities;
mod properties;
mod replay;
mod request;
mod stream;

fn fold(stream: &str) -> Folded {
    testing::fold(&COMPATIBLE, stream)
}

/// A stream of the given chunks and its end, as most servers write it.
fn frames(chunks: &[Value]) -> String {
    format!("{}data: [DONE]\n\n", open_frames(chunks))
}

fn open_frames(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn delta(delta: Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "acme-1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null})
}

fn content(text: &str) -> Value {
    delta(json!({"content": text}))
}

fn calls(calls: Value) -> Value {
    delta(json!({"tool_calls": calls}))
}

fn function(name: &str, args: &str) -> Value {
    json!({"name": name, "arguments": args})
}

fn args(index: u32, args: &str) -> Value {
    calls(json!([{"index": index, "function": {"arguments": args}}]))
}

fn finish(reason: &str) -> Value {
    json!({"id": "chatcmpl-1", "model": "acme-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn usage(prompt: u32, completion: u32) -> Value {
    json!({"id": "chatcmpl-1", "choices": [],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}})
}

/// The lines of an answer that consists of these chunks and finishes for this reason.
fn lines(chunks: &[Value], reason: &str) -> Vec<String> {
    let chunks = [chunks, &[finish(reason)]].concat();
    fold(&frames(&chunks)).lines()
}
