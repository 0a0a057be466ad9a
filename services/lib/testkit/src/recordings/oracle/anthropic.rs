//! Anthropic Messages: rebuilds the message from its events, then reads the message.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::sse::Event;
use super::{Finish, Reading, ToolCallReading, UsageReading, parse_args};

/// Rebuilds the message that the events describe.
pub(super) fn assemble(events: &[Event]) -> anyhow::Result<Value> {
    let mut message = Value::Null;
    let mut blocks: Vec<Value> = Vec::new();
    let mut inputs: Vec<String> = Vec::new();
    let mut stopped = false;
    for event in events {
        let data: Value = serde_json::from_str(&event.data)?;
        match data["type"].as_str().unwrap_or_default() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                blocks.push(data["content_block"].clone());
                inputs.push(String::new());
            }
            "content_block_delta" => {
                let index = data["index"].as_u64().context("delta without index")? as usize;
                let block = blocks.get_mut(index).context("delta before its block")?;
                apply_delta(block, &mut inputs[index], &data["delta"]);
            }
            "message_delta" => {
                merge(&mut message, &data["delta"]);
                merge(&mut message["usage"], &data["usage"]);
            }
            "message_stop" => stopped = true,
            "error" => bail!("error event: {}", data["error"]),
            _ => {}
        }
    }
    if !stopped {
        bail!("the stream ended before message_stop");
    }
    for (block, input) in blocks.iter_mut().zip(inputs) {
        if !input.is_empty() {
            block["input"] = parse_args(&input);
        }
    }
    message["content"] = Value::Array(blocks);
    Ok(message)
}

fn apply_delta(block: &mut Value, input: &mut String, delta: &Value) {
    let text = |name: &str| delta[name].as_str().unwrap_or_default();
    match text("type") {
        "text_delta" => append(&mut block["text"], text("text")),
        "thinking_delta" => append(&mut block["thinking"], text("thinking")),
        "signature_delta" => append(&mut block["signature"], text("signature")),
        "input_json_delta" => input.push_str(text("partial_json")),
        _ => {}
    }
}

fn append(target: &mut Value, text: &str) {
    *target = json!(format!("{}{text}", target.as_str().unwrap_or_default()));
}

/// Later fields replace earlier ones; fields that a later object lacks survive.
fn merge(target: &mut Value, later: &Value) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in later.as_object().into_iter().flatten() {
        if !value.is_null() {
            target[name] = value.clone();
        }
    }
}

/// Reads a whole message.
pub(super) fn read(message: &Value) -> anyhow::Result<Reading> {
    if message["type"] == "error" {
        bail!("error response: {}", message["error"]);
    }
    let raw_finish = message["stop_reason"].as_str().context("no stop_reason")?;
    let blocks = message["content"].as_array().context("no content")?;
    let all = |kind: &str, field: &str| -> Vec<String> {
        let of_kind = blocks.iter().filter(|block| block["type"] == kind);
        of_kind.filter_map(|block| block[field].as_str()).map(str::to_owned).collect()
    };
    Ok(Reading {
        text: all("text", "text").concat(),
        reasoning: all("thinking", "thinking").concat(),
        tool_calls: blocks.iter().filter_map(tool_call).collect(),
        usage: usage(&message["usage"]),
        finish: finish(raw_finish),
        raw_finish: raw_finish.to_owned(),
        signatures: all("thinking", "signature").into_iter().filter(|signature| !signature.is_empty()).collect(),
    })
}

fn tool_call(block: &Value) -> Option<ToolCallReading> {
    let provider_executed = match block["type"].as_str()? {
        "tool_use" => false,
        "server_tool_use" | "mcp_tool_use" => true,
        _ => return None,
    };
    Some(ToolCallReading {
        id: block["id"].as_str().unwrap_or_default().to_owned(),
        name: block["name"].as_str().unwrap_or_default().to_owned(),
        args: parse_args(&block["input"].to_string()),
        provider_executed,
    })
}

fn usage(usage: &Value) -> UsageReading {
    let details = &usage["output_tokens_details"];
    UsageReading {
        input_uncached: usage["input_tokens"].as_u64(),
        output: usage["output_tokens"].as_u64(),
        reasoning: details["thinking_tokens"].as_u64().or_else(|| details["reasoning_tokens"].as_u64()),
        cache_read: usage["cache_read_input_tokens"].as_u64(),
        cache_write: usage["cache_creation_input_tokens"].as_u64(),
    }
}

fn finish(raw: &str) -> Finish {
    match raw {
        "end_turn" | "stop_sequence" | "pause_turn" => Finish::Stop,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" | "content_filtered" | "guardrail_intervened" => Finish::ContentFilter,
        _ => Finish::Other,
    }
}
