//! What a stream of Gemini becomes, and what goes back.

mod oddities;
mod properties;
mod request;
mod settings;
mod stream;

use serde_json::{Value, json};

use super::{GOOGLE, VERTEX};
use crate::codec::testing;

/// A chunk with these parts.
fn chunk(parts: &Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}], "responseId": "r",
        "modelVersion": "gemini-x"})
}

/// The last chunk, with a reason and the counts of all.
fn last(parts: &Value, reason: &str) -> Value {
    let mut last = chunk(parts);
    last["candidates"][0]["finishReason"] = json!(reason);
    last["usageMetadata"] = json!({"promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 3,
        "thoughtsTokenCount": 7, "totalTokenCount": 20});
    last
}

/// Chunks as the provider writes them.
fn frames(chunks: &[Value]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\r\n\r\n")).collect()
}

fn fold(chunks: &[Value]) -> crate::codec::fold::Folded {
    testing::fold(&GOOGLE, &frames(chunks))
}
