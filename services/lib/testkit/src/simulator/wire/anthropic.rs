//! Anthropic Messages.

use serde_json::{Value, json};

use super::{Answer, WireEvent};
use crate::recordings::oracle::Finish;

pub(super) fn stream(answer: &Answer<'_>) -> Vec<WireEvent> {
    let step = answer.step;
    let mut events = Events::default();
    events.push(&json!({"type": "message_start", "message": message_start(answer)}));
    if let Some(reasoning) = &step.reasoning {
        events.open(&json!({"type": "thinking", "thinking": "", "signature": ""}));
        for piece in answer.pieces(reasoning) {
            events.delta(&json!({"type": "thinking_delta", "thinking": piece}));
        }
        events.delta(&json!({"type": "signature_delta", "signature": signature(answer)}));
        events.close();
    }
    if let Some(text) = &step.text {
        events.open(&json!({"type": "text", "text": ""}));
        for piece in answer.pieces(text) {
            events.delta(&json!({"type": "text_delta", "text": piece}));
        }
        events.close();
    }
    for (index, call) in step.tool_calls.iter().enumerate() {
        let args = call.written_args();
        events.open(&json!({"type": "tool_use", "id": answer.call_id("toolu", index),
            "name": call.name, "input": {}}));
        for piece in std::iter::once("").chain(answer.pieces(&args)) {
            events.delta(&json!({"type": "input_json_delta", "partial_json": piece}));
        }
        events.close();
    }
    let delta = json!({"stop_reason": stop_reason(answer), "stop_sequence": null});
    events.push(&json!({"type": "message_delta", "delta": delta, "usage": usage(answer)}));
    events.push(&json!({"type": "message_stop"}));
    events.list
}

pub(super) fn unary(answer: &Answer<'_>) -> Value {
    let step = answer.step;
    let thinking = step
        .reasoning
        .iter()
        .map(|reasoning| json!({"type": "thinking", "thinking": reasoning, "signature": signature(answer)}));
    let text = step.text.iter().map(|text| json!({"type": "text", "text": text}));
    let calls = step.tool_calls.iter().enumerate().map(|(index, call)| {
        let input = serde_json::from_str(&call.written_args()).unwrap_or_else(|_| json!({}));
        let id = answer.call_id("toolu", index);
        json!({"type": "tool_use", "id": id, "name": call.name, "input": input})
    });
    let mut message = message_start(answer);
    message["content"] = thinking.chain(text).chain(calls).collect();
    message["stop_reason"] = json!(stop_reason(answer));
    message["usage"] = usage(answer);
    message
}

/// The events so far; blocks are numbered in the order in which they open.
#[derive(Default)]
struct Events {
    list: Vec<WireEvent>,
    opened: usize,
}

impl Events {
    fn push(&mut self, data: &Value) {
        let name = data["type"].as_str().unwrap_or_default();
        let bytes = format!("event: {name}\ndata: {data}\n\n");
        self.list.push(WireEvent { bytes, is_delta: name == "content_block_delta" });
    }

    fn open(&mut self, block: &Value) {
        let index = self.opened;
        self.push(&json!({"type": "content_block_start", "index": index, "content_block": block}));
        self.opened += 1;
        if index == 0 {
            self.push(&json!({"type": "ping"}));
        }
    }

    fn delta(&mut self, delta: &Value) {
        let index = self.opened - 1;
        self.push(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
    }

    fn close(&mut self) {
        self.push(&json!({"type": "content_block_stop", "index": self.opened - 1}));
    }
}

fn message_start(answer: &Answer<'_>) -> Value {
    let mut usage = usage(answer);
    // The provider cannot know the whole output yet; what it says here must be replaced.
    usage["output_tokens"] = json!(1);
    json!({
        "id": format!("msg_sim_{}", answer.number),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    })
}

fn usage(answer: &Answer<'_>) -> Value {
    let mut usage = json!({
        "input_tokens": answer.usage.input,
        "cache_creation_input_tokens": answer.usage.cache_write,
        "cache_read_input_tokens": answer.usage.cache_read,
        "output_tokens": answer.usage.output,
    });
    if let Some(reasoning) = answer.usage.reasoning {
        usage["output_tokens_details"] = json!({"thinking_tokens": reasoning});
    }
    usage
}

fn signature(answer: &Answer<'_>) -> String {
    format!("c2lnbmF0dXJl{}==", answer.number)
}

fn stop_reason(answer: &Answer<'_>) -> &'static str {
    match answer.step.finish_or_default() {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::ContentFilter => "refusal",
        Finish::Error => "error",
        Finish::Other => "other",
    }
}
