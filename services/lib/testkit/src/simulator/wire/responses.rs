//! OpenAI Responses.

use serde_json::{Value, json};

use super::{Answer, WireEvent};
use crate::recordings::oracle::Finish;

/// A fixed time, because answers are deterministic.
const CREATED: u64 = 1_700_000_000;

const REASONING_PREFIX: &str = "rs_sim_";
/// Stands in the identifiers of items that came of reasoning, before its number.
const OF_REASONING: &str = "_simr_";

/// What the provider encrypts of a reasoning item that it gives out for good.
pub(in crate::simulator) fn encrypted_content(id: &str) -> String {
    format!("gAAAAA{id}")
}

/// The identifier of the reasoning without which an item is refused.
pub(in crate::simulator) fn reasoning_of(id: &str) -> Option<String> {
    let (_, rest) = id.split_once(OF_REASONING)?;
    let number = rest.split('_').next()?;
    Some(format!("{REASONING_PREFIX}{number}"))
}

/// The identifier of the whole answer.
pub(in crate::simulator) fn response_id(answer: &Answer<'_>) -> String {
    format!("resp_sim_{}", answer.number)
}

/// The items that the answer consists of.
pub(in crate::simulator) fn output(answer: &Answer<'_>) -> Vec<Value> {
    let step = answer.step;
    let of = if step.reasoning.is_some() { OF_REASONING } else { "_sim_" };
    let reasoning = step.reasoning.as_ref().map(|reasoning| {
        let wants_summary = answer.request["reasoning"]["summary"].is_string();
        let summary = wants_summary.then(|| json!([{"type": "summary_text", "text": reasoning}]));
        let id = format!("{REASONING_PREFIX}{}", answer.number);
        let mut item = json!({"id": id, "type": "reasoning", "content": [], "summary": summary.unwrap_or(json!([]))});
        if wants_encrypted(answer) {
            item["encrypted_content"] = json!(encrypted_content(&id));
        }
        item
    });
    let message = step.text.as_ref().map(|text| {
        json!({"id": format!("msg{of}{}", answer.number), "type": "message", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": text}]})
    });
    let calls = step.tool_calls.iter().enumerate().map(|(index, call)| {
        json!({"id": format!("fc{of}{}_{index}", answer.number), "type": "function_call", "status": "completed",
            "call_id": answer.call_id("call", index), "name": call.name, "arguments": call.written_args()})
    });
    reasoning.into_iter().chain(message).chain(calls).collect()
}

fn wants_encrypted(answer: &Answer<'_>) -> bool {
    let include = answer.request["include"].as_array();
    include.is_some_and(|include| include.iter().any(|one| one == "reasoning.encrypted_content"))
}

pub(super) fn unary(answer: &Answer<'_>) -> Value {
    let mut response = envelope(answer, end_status(answer).0);
    response["output"] = json!(output(answer));
    response["usage"] = usage(answer);
    if let Some(reason) = end_status(answer).1 {
        response["incomplete_details"] = json!({"reason": reason});
    }
    response
}

pub(super) fn stream(answer: &Answer<'_>) -> Vec<WireEvent> {
    let mut events = Events::default();
    let begun = envelope(answer, "in_progress");
    events.push(json!({"type": "response.created", "response": begun}));
    events.push(json!({"type": "response.in_progress", "response": begun}));
    for (index, item) in output(answer).iter().enumerate() {
        events.item(answer, index, item);
    }
    let whole = unary(answer);
    events.push(json!({"type": format!("response.{}", end_status(answer).0), "response": whole}));
    events.list
}

/// The event that reports an error; its fields stand by themselves.
pub(super) fn error_event(kind: &str, message: &str) -> Value {
    json!({"type": "error", "code": kind, "message": message, "param": null, "sequence_number": 0})
}

/// The events so far, each with its number.
#[derive(Default)]
struct Events {
    list: Vec<WireEvent>,
}

impl Events {
    fn push(&mut self, mut data: Value) {
        data["sequence_number"] = json!(self.list.len());
        let name = data["type"].as_str().unwrap_or_default();
        let is_delta = name.ends_with(".delta");
        self.list.push(WireEvent { bytes: format!("event: {name}\ndata: {data}\n\n"), is_delta });
    }

    fn item(&mut self, answer: &Answer<'_>, index: usize, item: &Value) {
        self.push(json!({"type": "response.output_item.added", "output_index": index, "item": begun(item)}));
        let place = Place { index, item_id: &item["id"] };
        match item["type"].as_str().unwrap_or_default() {
            "reasoning" => {
                for (section, part) in item["summary"].as_array().into_iter().flatten().enumerate() {
                    self.section(answer, &place, section, part);
                }
            }
            "message" => self.text(answer, &place, &item["content"][0]),
            _ => self.arguments(answer, &place, item["arguments"].as_str().unwrap_or_default()),
        }
        self.push(json!({"type": "response.output_item.done", "output_index": index, "item": item}));
    }

    fn section(&mut self, answer: &Answer<'_>, place: &Place<'_>, section: usize, part: &Value) {
        let event = |kind: &str, fields: Value| {
            let mut event = place.event(&format!("response.reasoning_summary_{kind}"), fields);
            event["summary_index"] = json!(section);
            event
        };
        let text = part["text"].as_str().unwrap_or_default();
        self.push(event("part.added", json!({"part": {"type": "summary_text", "text": ""}})));
        for piece in answer.pieces(text) {
            self.push(event("text.delta", json!({"delta": piece})));
        }
        self.push(event("text.done", json!({"text": text})));
        self.push(event("part.done", json!({"part": part})));
    }

    fn text(&mut self, answer: &Answer<'_>, place: &Place<'_>, part: &Value) {
        let event = |kind: &str, fields: Value| {
            let mut event = place.event(&format!("response.{kind}"), fields);
            event["content_index"] = json!(0);
            event
        };
        let text = part["text"].as_str().unwrap_or_default();
        let empty = json!({"type": "output_text", "annotations": [], "logprobs": [], "text": ""});
        self.push(event("content_part.added", json!({"part": empty})));
        for piece in answer.pieces(text) {
            self.push(event("output_text.delta", json!({"delta": piece, "logprobs": []})));
        }
        self.push(event("output_text.done", json!({"text": text, "logprobs": []})));
        self.push(event("content_part.done", json!({"part": part})));
    }

    fn arguments(&mut self, answer: &Answer<'_>, place: &Place<'_>, args: &str) {
        for piece in answer.pieces(args) {
            self.push(place.event("response.function_call_arguments.delta", json!({"delta": piece})));
        }
        self.push(place.event("response.function_call_arguments.done", json!({"arguments": args})));
    }
}

/// Which item an event belongs to.
struct Place<'i> {
    index: usize,
    item_id: &'i Value,
}

impl Place<'_> {
    fn event(&self, kind: &str, mut fields: Value) -> Value {
        fields["type"] = json!(kind);
        fields["output_index"] = json!(self.index);
        fields["item_id"] = self.item_id.clone();
        fields
    }
}

/// An item as it is at its beginning. What is encrypted then is not yet what the provider takes
/// back.
fn begun(item: &Value) -> Value {
    let mut begun = item.clone();
    for (field, empty) in [("summary", json!([])), ("content", json!([])), ("arguments", json!(""))] {
        if begun.get(field).is_some() {
            begun[field] = empty;
        }
    }
    if begun.get("status").is_some() {
        begun["status"] = json!("in_progress");
    }
    if begun.get("encrypted_content").is_some() {
        begun["encrypted_content"] = json!("gAAAAAprovisional");
    }
    begun
}

fn envelope(answer: &Answer<'_>, status: &str) -> Value {
    let request = answer.request;
    json!({
        "id": response_id(answer),
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": null,
        "incomplete_details": null,
        "instructions": request["instructions"],
        "max_output_tokens": request["max_output_tokens"],
        "model": answer.model,
        "output": [],
        "parallel_tool_calls": true,
        "previous_response_id": request["previous_response_id"],
        "store": is_stored(request),
        "tools": request.get("tools").cloned().unwrap_or(json!([])),
        "usage": null,
        "metadata": {},
    })
}

/// Whether the provider keeps the answer to a request, which it does unless it is told otherwise.
pub(in crate::simulator) fn is_stored(request: &Value) -> bool {
    request["store"] != false
}

fn usage(answer: &Answer<'_>) -> Value {
    let usage = answer.usage;
    let input = usage.input + usage.cache_read + usage.cache_write;
    let mut json = json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": usage.cache_read},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning.unwrap_or(0)},
        "total_tokens": input + usage.output,
    });
    if usage.cache_write > 0 {
        json["input_tokens_details"]["cache_write_tokens"] = json!(usage.cache_write);
    }
    json
}

/// The status of the answer, and what cut it.
fn end_status(answer: &Answer<'_>) -> (&'static str, Option<&'static str>) {
    match answer.step.finish_or_default() {
        Finish::Stop | Finish::ToolCalls => ("completed", None),
        Finish::Length => ("incomplete", Some("max_output_tokens")),
        Finish::ContentFilter => ("incomplete", Some("content_filter")),
        Finish::Error | Finish::Other => ("incomplete", Some("other")),
    }
}
