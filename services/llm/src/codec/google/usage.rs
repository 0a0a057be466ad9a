//! Token counts: every chunk has the totals so far, and the last decides.

use chatmesh_proto::common::v1::Usage;
use serde::Deserialize;

use crate::codec::json::count;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Counts {
    #[serde(deserialize_with = "count")]
    prompt_token_count: Option<u32>,
    #[serde(deserialize_with = "count")]
    cached_content_token_count: Option<u32>,
    #[serde(deserialize_with = "count")]
    candidates_token_count: Option<u32>,
    #[serde(deserialize_with = "count")]
    thoughts_token_count: Option<u32>,
    #[serde(deserialize_with = "count")]
    tool_use_prompt_token_count: Option<u32>,
    #[serde(deserialize_with = "count")]
    total_token_count: Option<u32>,
}

/// Reads a usage object; `None` where it counts nothing, as in the middle of Vertex's streams.
pub(super) fn parse(json: &str) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(json).ok()?;
    let cached = counts.cached_content_token_count;
    let searched = counts.tool_use_prompt_token_count.unwrap_or(0);
    let visible = counts.candidates_token_count;
    let thoughts = counts.thoughts_token_count;
    let output = visible.unwrap_or(0).saturating_add(thoughts.unwrap_or(0));
    let usage = Usage {
        input_tokens: counts
            .prompt_token_count
            .map(|prompt| prompt.saturating_sub(cached.unwrap_or(0)).saturating_add(searched)),
        output_tokens: visible.or(thoughts).map(|_| output),
        reasoning_tokens: thoughts,
        cache_read_tokens: cached,
        cache_write_tokens: None,
        total_tokens: counts.total_token_count,
    };
    (usage != Usage::default()).then_some(usage)
}
