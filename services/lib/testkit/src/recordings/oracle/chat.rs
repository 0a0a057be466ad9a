//! Chat Completions: reads a list of chunks; a unary response is a list of one.

use anyhow::{Context, bail};
use serde_json::Value;

use super::{Finish, Reading, ToolCallReading, UsageReading, parse_args};

/// Reads all chunks of one response.
pub(super) fn read(chunks: &[Value]) -> anyhow::Result<Reading> {
    let (mut text, mut reasoning) = (String::new(), String::new());
    let mut calls: Vec<Call> = Vec::new();
    let mut raw_finish = None;
    let mut usage = &Value::Null;
    for chunk in chunks {
        if !chunk["error"].is_null() {
            bail!("error in the response: {}", chunk["error"]);
        }
        if chunk["usage"].is_object() {
            usage = &chunk["usage"];
        }
        let choices = chunk["choices"].as_array().map_or(&[][..], Vec::as_slice);
        for choice in choices.iter().filter(|choice| choice["index"].as_u64().unwrap_or(0) == 0) {
            let said = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
            text.push_str(said["content"].as_str().unwrap_or_default());
            reasoning.push_str(reasoning_of(said));
            for piece in said["tool_calls"].as_array().into_iter().flatten() {
                add_call_piece(&mut calls, piece);
            }
            raw_finish = raw_finish.or_else(|| choice["finish_reason"].as_str());
        }
    }
    let tool_calls: Vec<_> = calls.into_iter().map(Call::into_reading).collect();
    let raw_finish = match raw_finish {
        Some(raw) => raw,
        None if !tool_calls.is_empty() => "",
        None => return Err(anyhow::anyhow!("no finish_reason")),
    };
    Ok(Reading {
        text,
        reasoning,
        finish: finish(raw_finish, !tool_calls.is_empty()),
        raw_finish: raw_finish.to_owned(),
        tool_calls,
        usage: read_usage(usage).context("usage")?,
        signatures: Vec::new(),
    })
}

/// Vendors name the field in two ways; one that sends both sends the same twice.
fn reasoning_of(said: &Value) -> &str {
    let field = |name: &str| said[name].as_str().filter(|text| !text.is_empty());
    field("reasoning_content").or_else(|| field("reasoning")).unwrap_or_default()
}

struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    args: String,
}

impl Call {
    fn into_reading(self) -> ToolCallReading {
        ToolCallReading { args: parse_args(&self.args), id: self.id, name: self.name, provider_executed: false }
    }
}

fn add_call_piece(calls: &mut Vec<Call>, piece: &Value) {
    let index = piece["index"].as_u64();
    let id = piece["id"].as_str().unwrap_or_default();
    let same_id = |call: &Call| id.is_empty() || call.id == id;
    let position = match index {
        Some(_) => calls.iter().rposition(|call| call.index == index && same_id(call)),
        None if id.is_empty() => calls.len().checked_sub(1),
        None => calls.iter().rposition(|call| call.id == id),
    };
    let position = position.unwrap_or_else(|| {
        let (id, name, args) = (id.to_owned(), String::new(), String::new());
        calls.push(Call { index, id, name, args });
        calls.len() - 1
    });
    let (call, function) = (&mut calls[position], &piece["function"]);
    if call.name.is_empty() {
        function["name"].as_str().unwrap_or_default().clone_into(&mut call.name);
    }
    match &function["arguments"] {
        Value::String(text) => call.args.push_str(text),
        Value::Null => {}
        object => call.args.push_str(&object.to_string()),
    }
}

fn finish(raw: &str, has_calls: bool) -> Finish {
    match raw {
        "" | "stop" | "tool_calls" | "function_call" if has_calls => Finish::ToolCalls,
        // A model cannot wait for results of calls that it did not make.
        "stop" | "tool_calls" | "function_call" => Finish::Stop,
        "length" => Finish::Length,
        "content_filter" => Finish::ContentFilter,
        "error" => Finish::Error,
        _ => Finish::Other,
    }
}

fn read_usage(usage: &Value) -> Option<UsageReading> {
    if usage.is_null() {
        return Some(UsageReading::default());
    }
    let prompt = usage["prompt_tokens"].as_u64()?;
    let completion = usage["completion_tokens"].as_u64()?;
    let cache_read = usage["prompt_tokens_details"]["cached_tokens"].as_u64();
    let cache_write = usage["prompt_tokens_details"]["cache_write_tokens"]
        .as_u64()
        .or_else(|| usage["cache_creation_input_tokens"].as_u64());
    let reasoning = usage["completion_tokens_details"]["reasoning_tokens"].as_u64();
    // One vendor leaves reasoning out of its completion tokens; its total gives it away.
    let hidden = reasoning.filter(|reasoning| usage["total_tokens"].as_u64() == Some(prompt + completion + reasoning));
    Some(UsageReading {
        input_uncached: Some(prompt.saturating_sub(cache_read.unwrap_or(0)).saturating_sub(cache_write.unwrap_or(0))),
        output: Some(completion + hidden.unwrap_or(0)),
        reasoning,
        cache_read,
        cache_write,
    })
}
