//! What Gemini says and refuses, as far as it is known, in its third generation.

use chatmesh_testkit::simulator::Step;
use serde_json::{Value, json};

pub(super) const ENDPOINT: &str = ":streamGenerateContent";

/// The answer of a step as one document. The first call is signed where there is something to hide.
pub(super) fn answer(step: &Step, is_signed: bool) -> Value {
    let mut parts = Vec::new();
    parts.extend(step.reasoning.as_ref().map(|thought| json!({"text": thought, "thought": true})));
    parts.extend(step.text.as_ref().map(|text| json!({ "text": text })));
    for (number, call) in step.tool_calls.iter().enumerate() {
        let args = call.raw_args.as_deref().and_then(|args| serde_json::from_str::<Value>(args).ok());
        let mut part = json!({"functionCall": {"name": call.name, "args": args.unwrap_or_else(|| json!({}))}});
        if number == 0 && is_signed {
            part["thoughtSignature"] = json!("c2lnbmVk");
        }
        parts.push(part);
    }
    // Nothing at all is no answer.
    parts.push(json!({"text": ".", "thoughtSignature": "c2lnbmVk"}));
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]})
}

/// Why a request is refused; `None` where it is taken.
pub(super) fn refusal(body: &Value) -> Option<String> {
    check(body).err()
}

fn check(body: &Value) -> Result<(), String> {
    let contents = list(&body["contents"]);
    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    ensure(contents.first().is_some_and(|first| first["role"] == "user"), "the user begins")?;
    // The names of the calls that wait for results.
    let mut open: Vec<&str> = Vec::new();
    let mut last = "";
    for content in contents {
        let parts = list(&content["parts"]);
        ensure(!parts.is_empty(), "a content is empty")?;
        parts.iter().try_for_each(check_part)?;
        let named = |kind: &str| -> Vec<&str> { parts.iter().filter_map(|part| part[kind]["name"].as_str()).collect() };
        let (calls, results) = (named("functionCall"), named("functionResponse"));
        let role = content["role"].as_str().unwrap_or_default();
        ensure(results == open, "results do not follow their calls")?;
        ensure(results.is_empty() || results.len() == parts.len(), "something stands beside results")?;
        ensure(role != last || role == "user", "the model speaks twice")?;
        ensure(calls.is_empty() || role == "model", "the user calls")?;
        ensure(results.is_empty() || role == "user", "the model answers itself")?;
        let first = parts.iter().find(|part| part["functionCall"].is_object());
        ensure(first.is_none_or(|call| call["thoughtSignature"].is_string()), "a call lacks its signature")?;
        open = calls;
        last = role;
    }
    ensure(open.is_empty() && last == "user", "the user does not end")
}

fn check_part(part: &Value) -> Result<(), String> {
    let kinds = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];
    let count = kinds.iter().filter(|kind| !part[**kind].is_null()).count();
    if count != 1 {
        return Err(format!("a part of {count} kinds: {part}"));
    }
    let is_empty = part["text"] == "" && part["thoughtSignature"].is_null();
    let is_odd = |name: &str, inner: &str| part[name].is_object() && !part[name][inner].is_object();
    match is_empty || is_odd("functionCall", "args") || is_odd("functionResponse", "response") {
        true => Err(format!("an odd part: {part}")),
        false => Ok(()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
