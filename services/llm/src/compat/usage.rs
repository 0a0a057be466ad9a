//! Token counts as each dialect counts them.

use chatmesh_proto::common::v1::Usage;
use serde::Serialize;

/// All tokens of the prompt; `None` where none of them is known.
fn prompt(usage: &Usage) -> Option<u32> {
    let known = [usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens];
    known.into_iter().flatten().reduce(u32::saturating_add)
}

/// Usage in Chat Completions.
#[derive(Debug, Serialize)]
pub(super) struct ChatUsage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
    prompt_tokens_details: InputDetails,
    completion_tokens_details: OutputDetails,
}

/// Usage in Responses.
#[derive(Debug, Serialize)]
pub(super) struct ResponsesUsage {
    input_tokens: u32,
    input_tokens_details: InputDetails,
    output_tokens: u32,
    output_tokens_details: OutputDetails,
    total_tokens: u32,
}

#[derive(Debug, Serialize)]
struct InputDetails {
    cached_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u32>,
}

#[derive(Debug, Serialize)]
struct OutputDetails {
    reasoning_tokens: u32,
}

/// Usage in Messages. At the end of a stream only what is known is said, because it replaces what
/// was said at its start.
#[derive(Debug, Serialize)]
pub(super) struct MessagesUsage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_creation_input_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_read_input_tokens: Option<u32>,
    pub(super) output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<ThinkingDetails>,
}

#[derive(Debug, Serialize)]
struct ThinkingDetails {
    thinking_tokens: u32,
}

impl ChatUsage {
    pub(super) fn of(usage: &Usage) -> Self {
        let (prompt_tokens, completion_tokens) = (prompt(usage).unwrap_or(0), usage.output_tokens.unwrap_or(0));
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
            prompt_tokens_details: InputDetails::of(usage),
            completion_tokens_details: OutputDetails::of(usage),
        }
    }
}

impl ResponsesUsage {
    pub(super) fn of(usage: &Usage) -> Self {
        let (input_tokens, output_tokens) = (prompt(usage).unwrap_or(0), usage.output_tokens.unwrap_or(0));
        Self {
            input_tokens,
            input_tokens_details: InputDetails::of(usage),
            output_tokens,
            output_tokens_details: OutputDetails::of(usage),
            total_tokens: input_tokens.saturating_add(output_tokens),
        }
    }
}

impl InputDetails {
    fn of(usage: &Usage) -> Self {
        Self { cached_tokens: usage.cache_read_tokens.unwrap_or(0), cache_write_tokens: usage.cache_write_tokens }
    }
}

impl OutputDetails {
    fn of(usage: &Usage) -> Self {
        Self { reasoning_tokens: usage.reasoning_tokens.unwrap_or(0) }
    }
}

impl MessagesUsage {
    pub(super) fn of(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_tokens,
            cache_creation_input_tokens: usage.cache_write_tokens,
            cache_read_input_tokens: usage.cache_read_tokens,
            output_tokens: usage.output_tokens.unwrap_or(0),
            output_tokens_details: usage.reasoning_tokens.map(|thinking_tokens| ThinkingDetails { thinking_tokens }),
        }
    }
}
