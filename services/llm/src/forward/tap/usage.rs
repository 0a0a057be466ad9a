//! What answers say of their usage, in each protocol.

use chatmesh_proto::common::v1::Usage;
use serde::Deserialize;

use crate::compat::Dialect;

/// Reads the usage out of an event or a whole answer, where it has one.
pub(super) fn read(dialect: Dialect, json: &[u8]) -> Option<Usage> {
    match dialect {
        Dialect::ChatCompletions => serde_json::from_slice::<Chat>(json).ok()?.usage.map(ChatUsage::usage),
        Dialect::Responses => {
            let frame = serde_json::from_slice::<Responses>(json).ok()?;
            frame.response.and_then(|response| response.usage).or(frame.usage).map(ResponsesUsage::usage)
        }
        Dialect::Messages => {
            let frame = serde_json::from_slice::<Messages>(json).ok()?;
            frame.message.and_then(|message| message.usage).or(frame.usage).map(MessagesUsage::usage)
        }
    }
}

/// Later counts stand in for earlier ones; what is not said again stays.
pub(super) fn merged(before: Option<Usage>, now: Usage) -> Usage {
    let before = before.unwrap_or_default();
    Usage {
        input_tokens: now.input_tokens.or(before.input_tokens),
        output_tokens: now.output_tokens.or(before.output_tokens),
        reasoning_tokens: now.reasoning_tokens.or(before.reasoning_tokens),
        cache_read_tokens: now.cache_read_tokens.or(before.cache_read_tokens),
        cache_write_tokens: now.cache_write_tokens.or(before.cache_write_tokens),
        total_tokens: now.total_tokens.or(before.total_tokens),
    }
}

/// True for the frame that holds the usage and nothing else.
pub(super) fn is_usage_alone(frame: &[u8]) -> bool {
    let data = frame.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data:"));
    let chunk = data.and_then(|data| serde_json::from_slice::<Chat>(data).ok());
    chunk.is_some_and(|chunk| chunk.usage.is_some() && chunk.choices.is_some_and(|choices| choices.is_empty()))
}

#[derive(Deserialize)]
struct Chat {
    #[serde(default)]
    choices: Option<Vec<serde::de::IgnoredAny>>,
    #[serde(default)]
    usage: Option<ChatUsage>,
}

#[derive(Deserialize)]
struct ChatUsage {
    prompt_tokens: Option<u32>,
    completion_tokens: Option<u32>,
    total_tokens: Option<u32>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
}

#[derive(Deserialize, Default)]
struct Details {
    cached_tokens: Option<u32>,
    cache_write_tokens: Option<u32>,
    reasoning_tokens: Option<u32>,
}

impl ChatUsage {
    fn usage(self) -> Usage {
        let input = self.prompt_tokens_details.unwrap_or_default();
        let output = self.completion_tokens_details.unwrap_or_default();
        // Some servers count reasoning beside the answer and not as part of it.
        let beside = match (self.total_tokens, self.prompt_tokens, self.completion_tokens, output.reasoning_tokens) {
            (Some(total), Some(prompt), Some(completion), Some(reasoning)) if reasoning > 0 => {
                u64::from(total) == u64::from(prompt) + u64::from(completion) + u64::from(reasoning)
            }
            _ => false,
        };
        let extra = if beside { output.reasoning_tokens.unwrap_or_default() } else { 0 };
        Usage {
            input_tokens: uncached(self.prompt_tokens, input.cached_tokens, input.cache_write_tokens),
            output_tokens: self.completion_tokens.map(|tokens| tokens.saturating_add(extra)),
            reasoning_tokens: output.reasoning_tokens,
            cache_read_tokens: input.cached_tokens,
            cache_write_tokens: input.cache_write_tokens,
            total_tokens: self.total_tokens,
        }
    }
}

#[derive(Deserialize)]
struct Responses {
    #[serde(default)]
    response: Option<Inner<ResponsesUsage>>,
    #[serde(default)]
    usage: Option<ResponsesUsage>,
}

#[derive(Deserialize)]
struct Inner<U> {
    usage: Option<U>,
}

#[derive(Deserialize)]
struct ResponsesUsage {
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    total_tokens: Option<u32>,
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
}

impl ResponsesUsage {
    fn usage(self) -> Usage {
        let input = self.input_tokens_details.unwrap_or_default();
        Usage {
            input_tokens: uncached(self.input_tokens, input.cached_tokens, input.cache_write_tokens),
            output_tokens: self.output_tokens,
            reasoning_tokens: self.output_tokens_details.and_then(|details| details.reasoning_tokens),
            cache_read_tokens: input.cached_tokens,
            cache_write_tokens: input.cache_write_tokens,
            total_tokens: self.total_tokens,
        }
    }
}

#[derive(Deserialize)]
struct Messages {
    #[serde(default)]
    message: Option<Inner<MessagesUsage>>,
    #[serde(default)]
    usage: Option<MessagesUsage>,
}

#[derive(Deserialize)]
struct MessagesUsage {
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    cache_read_input_tokens: Option<u32>,
    cache_creation_input_tokens: Option<u32>,
}

impl MessagesUsage {
    fn usage(self) -> Usage {
        Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_input_tokens,
            cache_write_tokens: self.cache_creation_input_tokens,
            ..Usage::default()
        }
    }
}

fn uncached(all: Option<u32>, read: Option<u32>, written: Option<u32>) -> Option<u32> {
    all.map(|all| all.saturating_sub(read.unwrap_or_default()).saturating_sub(written.unwrap_or_default()))
}
