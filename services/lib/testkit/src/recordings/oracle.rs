//! An independent reading of a recorded response, to compare the codecs with.
//!
//! It is deliberately naive: it takes the whole body at once, knows nothing of streaming,
//! and shares no code with the providers' codecs. Where both agree, both are believed.

mod anthropic;
mod chat;
mod frames;
mod gemini;
mod responses;
mod sse;

use anyhow::bail;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a response says, whatever the provider's way to say it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// All text parts, in order, without separators.
    pub text: String,
    /// All visible reasoning, in order.
    pub reasoning: String,
    /// The tool calls, in order of first appearance.
    pub tool_calls: Vec<ToolCallReading>,
    /// The provider's accounting.
    pub usage: UsageReading,
    /// Why the model stopped.
    pub finish: Finish,
    /// The provider's own word for it.
    pub raw_finish: String,
    /// The signatures of thinking blocks and of other parts, and the encrypted contents of reasoning, in order.
    pub signatures: Vec<String>,
}

/// One tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCallReading {
    /// The provider's id for the call.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments; an empty object where the provider sent none.
    pub args: Value,
    /// Whether the provider ran the tool itself.
    pub provider_executed: bool,
}

/// Tokens, in classes that do not overlap; `None` where the provider does not tell.
///
/// `reasoning` is the part of `output` that was reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageReading {
    /// Input that was neither read from nor written to a cache.
    pub input_uncached: Option<u64>,
    /// Output, with reasoning.
    pub output: Option<u64>,
    /// Reasoning within the output.
    pub reasoning: Option<u64>,
    /// Input read from a cache.
    pub cache_read: Option<u64>,
    /// Input written to a cache.
    pub cache_write: Option<u64>,
}

/// Why a model stopped, in words common to all providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The answer is complete.
    Stop,
    /// A token limit was reached.
    Length,
    /// The model waits for tool results.
    ToolCalls,
    /// The provider withheld the rest.
    ContentFilter,
    /// The provider failed in the middle.
    Error,
    /// Anything else.
    Other,
}

/// Reads a response of Anthropic Messages, streamed or not.
///
/// Fails on an error response and on a stream that is not complete.
pub fn anthropic(content_type: &str, body: &[u8]) -> anyhow::Result<Reading> {
    let body = std::str::from_utf8(body)?;
    let message = if is_event_stream(content_type) {
        anthropic::assemble(&sse::events(body))?
    } else {
        serde_json::from_str(body)?
    };
    anthropic::read(&message)
}

/// Reads a response of Claude on Bedrock, streamed or not.
///
/// Fails as [`anthropic`] does, and on a stream that does not end with a frame.
pub fn bedrock_claude(content_type: &str, body: &[u8]) -> anyhow::Result<Reading> {
    if !content_type.starts_with("application/vnd.amazon.eventstream") {
        return anthropic(content_type, body);
    }
    anthropic::read(&anthropic::assemble(&frames::events(body)?)?)
}

/// Reads a response of Chat Completions, streamed or not.
///
/// Fails on an error response and on a stream without an end.
pub fn chat(content_type: &str, body: &[u8]) -> anyhow::Result<Reading> {
    let body = std::str::from_utf8(body)?;
    let chunks = if is_event_stream(content_type) {
        sse::events(body)
            .iter()
            .filter(|event| event.data.trim() != "[DONE]")
            .map(|event| serde_json::from_str(&event.data))
            .collect::<Result<Vec<Value>, _>>()?
    } else {
        vec![serde_json::from_str(body)?]
    };
    chat::read(&chunks)
}

/// Reads a response of Gemini's `generateContent`, streamed or not.
///
/// Fails on an error response, on a stream without an end and where no tokens are counted.
pub fn gemini(content_type: &str, body: &[u8]) -> anyhow::Result<Reading> {
    let body = std::str::from_utf8(body)?;
    let chunks = if is_event_stream(content_type) {
        sse::events(body).iter().map(|event| serde_json::from_str(&event.data)).collect::<Result<Vec<Value>, _>>()?
    } else {
        vec![serde_json::from_str(body)?]
    };
    gemini::read(&chunks)
}

/// Reads a response of OpenAI Responses, streamed or not.
///
/// Fails on an error response and on a stream without an end.
pub fn responses(content_type: &str, body: &[u8]) -> anyhow::Result<Reading> {
    let body = std::str::from_utf8(body)?;
    let answer = if is_event_stream(content_type) {
        responses::assemble(&sse::events(body))?
    } else {
        serde_json::from_str(body)?
    };
    responses::read(&answer)
}

/// Reads a response by the endpoint that gave it.
pub fn read(path: &str, content_type: &str, body: &[u8]) -> anyhow::Result<Reading> {
    match path.split('?').next().unwrap_or_default() {
        path if path.ends_with("/messages") => anthropic(content_type, body),
        path if path.ends_with("awPredict") => anthropic(content_type, body),
        path if path.ends_with("/invoke") || path.ends_with("/invoke-with-response-stream") => {
            bedrock_claude(content_type, body)
        }
        path if path.ends_with("/chat/completions") => chat(content_type, body),
        path if path.ends_with("/responses") => responses(content_type, body),
        path if path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent") => {
            gemini(content_type, body)
        }
        path => bail!("no reading for {path}"),
    }
}

fn is_event_stream(content_type: &str) -> bool {
    content_type.starts_with("text/event-stream")
}

/// Arguments as the provider wrote them; what cannot be parsed counts as no arguments.
fn parse_args(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(args @ Value::Object(_)) => args,
        _ => Value::Object(serde_json::Map::new()),
    }
}

#[cfg(test)]
mod tests;
