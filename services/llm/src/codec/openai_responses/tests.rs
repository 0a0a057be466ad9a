#![expect(clippy::needless_pass_by_value, reason = "a literal reads best where its value is used")]

use serde_json::{Value, json};

use super::OpenAiResponses;
use crate::codec::fold::Folded;
use crate::codec::testing;

mod chain;
mod extras;
mod oddities;
mod properties;
mod replay;
mod request;
mod stream;

fn fold(stream: &str) -> Folded {
    testing::fold(&OpenAiResponses, stream)
}

fn fold_unary(response: &Value) -> Folded {
    testing::fold_unary(&OpenAiResponses, &response.to_string())
}

/// A stream of the given events.
fn frames(events: &[Value]) -> String {
    let frame = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(frame).collect()
}

fn response(status: &str, output: Value) -> Value {
    json!({"id": "resp_1", "object": "response", "model": "gpt-x-2026", "status": status, "error": null,
        "incomplete_details": null, "output": output, "store": true, "usage": {
            "input_tokens": 30, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 35}})
}

fn created() -> Value {
    let mut response = response("in_progress", json!([]));
    response["usage"] = Value::Null;
    json!({"type": "response.created", "response": response})
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "response": response("completed", output)})
}

fn incomplete(reason: &str, output: Value) -> Value {
    let mut response = response("incomplete", output);
    response["incomplete_details"] = json!({"reason": reason});
    json!({"type": "response.incomplete", "response": response})
}

fn added(index: u32, item: Value) -> Value {
    json!({"type": "response.output_item.added", "output_index": index, "item": item})
}

fn done(index: u32, item: Value) -> Value {
    json!({"type": "response.output_item.done", "output_index": index, "item": item})
}

fn delta(kind: &str, index: u32, delta: &str) -> Value {
    json!({"type": format!("response.{kind}.delta"), "output_index": index, "content_index": 0, "summary_index": 0,
        "item_id": "x", "delta": delta, "obfuscation": "abc"})
}

fn text_delta(index: u32, text: &str) -> Value {
    delta("output_text", index, text)
}

fn message(id: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]})
}

fn begun_message(id: &str) -> Value {
    json!({"type": "message", "id": id, "status": "in_progress", "role": "assistant", "content": []})
}

fn reasoning(id: &str, secret: &str, sections: &[&str]) -> Value {
    let summary: Vec<_> = sections.iter().map(|text| json!({"type": "summary_text", "text": text})).collect();
    json!({"type": "reasoning", "id": id, "content": [], "summary": summary, "encrypted_content": secret})
}

fn function_call(id: &str, call_id: &str, args: &str) -> Value {
    json!({"type": "function_call", "id": id, "status": "completed", "call_id": call_id, "name": "f", "arguments": args})
}

fn web_search(id: &str) -> Value {
    json!({"type": "web_search_call", "id": id, "status": "completed",
        "action": {"type": "search", "query": "q", "queries": ["q"]}})
}

/// The events in which whole items come when they come at once, and the end.
fn at_once(items: &[Value]) -> Vec<Value> {
    let mut events = vec![created()];
    for (index, item) in (0..).zip(items) {
        events.extend([added(index, item.clone()), done(index, item.clone())]);
    }
    events.push(completed(json!(items)));
    events
}
