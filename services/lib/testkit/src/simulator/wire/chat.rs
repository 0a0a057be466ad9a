//! OpenAI Chat Completions.

use serde_json::{Value, json};

use super::{Answer, WireEvent};
use crate::recordings::oracle::Finish;

/// A fixed time, because answers are deterministic.
const CREATED: u64 = 1_700_000_000;

pub(super) fn stream(answer: &Answer<'_>) -> Vec<WireEvent> {
    let step = answer.step;
    let event = |choices: Value, is_delta| {
        let mut chunk = envelope(answer, "chat.completion.chunk");
        chunk["choices"] = choices;
        if answer.include_usage {
            chunk["usage"] = Value::Null;
        }
        WireEvent { bytes: format!("data: {chunk}\n\n"), is_delta }
    };
    let choice = |delta: Value, finish: Option<&str>| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    let delta = |delta: Value| event(choice(delta, None), true);

    let opening = json!({"role": "assistant", "content": "", "refusal": null});
    let mut events = vec![event(choice(opening, None), false)];
    let reasoning = step.reasoning.as_deref().unwrap_or_default();
    events.extend(answer.pieces(reasoning).map(|piece| delta(json!({"reasoning_content": piece}))));
    let text = step.text.as_deref().unwrap_or_default();
    events.extend(answer.pieces(text).map(|piece| delta(json!({"content": piece}))));
    for (index, call) in step.tool_calls.iter().enumerate() {
        let mut opening = call_json(answer, index, "");
        opening["index"] = json!(index);
        events.push(delta(json!({"tool_calls": [opening]})));
        events.extend(
            answer
                .pieces(&call.written_args())
                .map(|piece| delta(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))),
        );
    }
    events.push(event(choice(json!({}), Some(finish_reason(answer))), false));
    if answer.include_usage {
        let mut chunk = envelope(answer, "chat.completion.chunk");
        chunk["choices"] = json!([]);
        chunk["usage"] = usage(answer);
        events.push(WireEvent { bytes: format!("data: {chunk}\n\n"), is_delta: false });
    }
    events.push(WireEvent { bytes: "data: [DONE]\n\n".to_owned(), is_delta: false });
    events
}

pub(super) fn unary(answer: &Answer<'_>) -> Value {
    let step = answer.step;
    let mut message = json!({"role": "assistant", "content": step.text, "refusal": null});
    if let Some(reasoning) = &step.reasoning {
        message["reasoning_content"] = json!(reasoning);
    }
    if !step.tool_calls.is_empty() {
        let calls = step.tool_calls.iter().enumerate();
        message["tool_calls"] = calls.map(|(index, call)| call_json(answer, index, &call.written_args())).collect();
    }
    let mut completion = envelope(answer, "chat.completion");
    completion["choices"] = json!([{"index": 0, "message": message, "logprobs": null,
        "finish_reason": finish_reason(answer)}]);
    completion["usage"] = usage(answer);
    completion
}

fn envelope(answer: &Answer<'_>, object: &str) -> Value {
    json!({
        "id": format!("chatcmpl-sim-{}", answer.number),
        "object": object,
        "created": CREATED,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": "fp_sim",
    })
}

fn call_json(answer: &Answer<'_>, index: usize, args: &str) -> Value {
    let name = &answer.step.tool_calls[index].name;
    json!({"id": answer.call_id("call", index), "type": "function",
        "function": {"name": name, "arguments": args}})
}

fn usage(answer: &Answer<'_>) -> Value {
    let usage = answer.usage;
    let prompt = usage.input + usage.cache_read + usage.cache_write;
    let mut json = json!({
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"audio_tokens": 0, "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0},
    });
    // The provider itself has no cache that is written on purpose; its followers have.
    if usage.cache_write > 0 {
        json["prompt_tokens_details"]["cache_write_tokens"] = json!(usage.cache_write);
    }
    if let Some(reasoning) = usage.reasoning {
        json["completion_tokens_details"]["reasoning_tokens"] = json!(reasoning);
    }
    json
}

fn finish_reason(answer: &Answer<'_>) -> &'static str {
    match answer.step.finish_or_default() {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
        Finish::Error => "error",
        Finish::Other => "other",
    }
}
