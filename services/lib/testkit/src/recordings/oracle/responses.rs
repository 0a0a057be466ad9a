//! OpenAI Responses: reads the items that an answer consists of.
//!
//! Of a stream only the whole items and the last event are read. The pieces say nothing new, and
//! the answer in the last event has its reasoning encrypted anew.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::sse::Event;
use super::{Finish, Reading, ToolCallReading, UsageReading, parse_args};

/// Puts the items of a stream into its answer.
pub(super) fn assemble(events: &[Event]) -> anyhow::Result<Value> {
    let mut items: Vec<(u64, Value)> = Vec::new();
    let mut answer = None;
    for event in events {
        let data: Value = serde_json::from_str(&event.data)?;
        match data["type"].as_str().unwrap_or_default() {
            "response.output_item.done" => {
                let index = data["output_index"].as_u64().context("item without output_index")?;
                items.push((index, data["item"].clone()));
            }
            "response.completed" | "response.incomplete" | "response.failed" => answer = Some(data["response"].clone()),
            "error" => bail!("error event: {data}"),
            _ => {}
        }
    }
    let mut answer = answer.context("the stream ended before its last event")?;
    items.sort_by_key(|(index, _)| *index);
    answer["output"] = items.into_iter().map(|(_, item)| item).collect();
    Ok(answer)
}

/// Reads a whole answer.
pub(super) fn read(answer: &Value) -> anyhow::Result<Reading> {
    if !answer["error"].is_null() {
        bail!("error response: {}", answer["error"]);
    }
    let items = answer["output"].as_array().context("no output")?;
    let of_kind = |kind: &'static str| items.iter().filter(move |item| item["type"] == kind);
    let contents = of_kind("message").flat_map(|item| item["content"].as_array().into_iter().flatten());
    let text = contents.filter_map(|part| part["text"].as_str().or_else(|| part["refusal"].as_str())).collect();
    let tool_calls: Vec<_> = items.iter().filter_map(tool_call).collect();
    let raw_finish = answer["incomplete_details"]["reason"].as_str().or_else(|| answer["status"].as_str());
    let raw_finish = raw_finish.context("no status")?;
    Ok(Reading {
        text,
        reasoning: of_kind("reasoning").map(summary).collect(),
        finish: finish(raw_finish, tool_calls.iter().any(|call| !call.provider_executed)),
        raw_finish: raw_finish.to_owned(),
        tool_calls,
        usage: usage(&answer["usage"]),
        signatures: of_kind("reasoning")
            .filter_map(|item| item["encrypted_content"].as_str())
            .map(str::to_owned)
            .collect(),
    })
}

/// The sections of a summary are paragraphs.
fn summary(item: &Value) -> String {
    let sections = item["summary"].as_array().into_iter().flatten();
    sections.filter_map(|section| section["text"].as_str()).collect::<Vec<_>>().join("\n\n")
}

fn tool_call(item: &Value) -> Option<ToolCallReading> {
    let kind = item["type"].as_str()?;
    if kind == "function_call" {
        return Some(ToolCallReading {
            id: item["call_id"].as_str().unwrap_or_default().to_owned(),
            name: item["name"].as_str().unwrap_or_default().to_owned(),
            args: parse_args(item["arguments"].as_str().unwrap_or_default()),
            provider_executed: false,
        });
    }
    let name = kind.strip_suffix("_call")?;
    Some(ToolCallReading {
        id: item["id"].as_str().unwrap_or_default().to_owned(),
        name: name.to_owned(),
        args: if item["action"].is_object() { item["action"].clone() } else { json!({}) },
        provider_executed: true,
    })
}

fn usage(usage: &Value) -> UsageReading {
    let (cached, written) =
        (&usage["input_tokens_details"]["cached_tokens"], &usage["input_tokens_details"]["cache_write_tokens"]);
    let apart = cached.as_u64().unwrap_or(0) + written.as_u64().unwrap_or(0);
    UsageReading {
        input_uncached: usage["input_tokens"].as_u64().map(|all| all.saturating_sub(apart)),
        output: usage["output_tokens"].as_u64(),
        reasoning: usage["output_tokens_details"]["reasoning_tokens"].as_u64(),
        cache_read: cached.as_u64(),
        cache_write: written.as_u64(),
    }
}

fn finish(raw: &str, waits: bool) -> Finish {
    match raw {
        "completed" if waits => Finish::ToolCalls,
        "completed" => Finish::Stop,
        "max_output_tokens" => Finish::Length,
        "content_filter" => Finish::ContentFilter,
        _ => Finish::Other,
    }
}
