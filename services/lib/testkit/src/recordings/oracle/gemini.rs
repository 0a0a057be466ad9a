//! Gemini: reads a list of chunks; a unary response is a list of one.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{Finish, Reading, ToolCallReading, UsageReading};

/// Reads all chunks of one response.
pub(super) fn read(chunks: &[Value]) -> anyhow::Result<Reading> {
    if let Some(error) = chunks.iter().find(|chunk| !chunk["error"].is_null()) {
        bail!("error in the response: {error}");
    }
    let parts: Vec<&Value> =
        chunks.iter().flat_map(|chunk| list(&chunk["candidates"][0]["content"]["parts"])).collect();
    let said = |thought: bool| {
        let of_kind = parts.iter().filter(move |part| (part["thought"] == json!(true)) == thought);
        of_kind.filter_map(|part| part["text"].as_str()).collect::<String>()
    };
    let tool_calls: Vec<_> = parts.iter().filter_map(|part| tool_call(&part["functionCall"])).collect();
    let raw_finish = chunks.iter().filter_map(|chunk| chunk["candidates"][0]["finishReason"].as_str()).next_back();
    let raw_finish = raw_finish.context("no finishReason")?;
    let counted = chunks.iter().rev().map(|chunk| &chunk["usageMetadata"]).find(|it| it["totalTokenCount"].is_u64());
    Ok(Reading {
        text: said(false),
        reasoning: said(true),
        finish: finish(raw_finish, !tool_calls.is_empty()),
        raw_finish: raw_finish.to_owned(),
        tool_calls,
        usage: counted.map(usage).context("no usage")?,
        signatures: parts.iter().filter_map(|part| part["thoughtSignature"].as_str()).map(str::to_owned).collect(),
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn tool_call(call: &Value) -> Option<ToolCallReading> {
    Some(ToolCallReading {
        id: call["id"].as_str().unwrap_or_default().to_owned(),
        name: call["name"].as_str()?.to_owned(),
        args: if call["args"].is_object() { call["args"].clone() } else { json!({}) },
        provider_executed: false,
    })
}

/// What was generated is what is left of the total, thoughts among it.
fn usage(usage: &Value) -> UsageReading {
    let count = |name: &str| usage[name].as_u64();
    let input = count("promptTokenCount").unwrap_or(0) + count("toolUsePromptTokenCount").unwrap_or(0);
    UsageReading {
        input_uncached: Some(input - count("cachedContentTokenCount").unwrap_or(0)),
        output: count("totalTokenCount").map(|total| total - input),
        reasoning: count("thoughtsTokenCount"),
        cache_read: count("cachedContentTokenCount"),
        cache_write: None,
    }
}

fn finish(raw: &str, has_calls: bool) -> Finish {
    match raw {
        "STOP" if has_calls => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY" | "PROHIBITED_CONTENT" => Finish::ContentFilter,
        "MALFORMED_FUNCTION_CALL" => Finish::Error,
        _ => Finish::Other,
    }
}
