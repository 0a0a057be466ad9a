//! Token counts. Servers agree on the names and not on what is part of what.

use chatmesh_proto::common::v1::Usage;
use serde::Deserialize;

use crate::codec::json::count;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    #[serde(deserialize_with = "count")]
    prompt_tokens: Option<u32>,
    #[serde(deserialize_with = "count")]
    completion_tokens: Option<u32>,
    #[serde(deserialize_with = "count")]
    total_tokens: Option<u32>,
    #[serde(deserialize_with = "count")]
    prompt_cache_hit_tokens: Option<u32>,
    #[serde(deserialize_with = "count")]
    cache_creation_input_tokens: Option<u32>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<u32>,
    #[serde(deserialize_with = "count")]
    cache_write_tokens: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    #[serde(deserialize_with = "count")]
    reasoning_tokens: Option<u32>,
}

/// Reads a usage object; `None` where it counts nothing.
pub(super) fn parse(json: &str) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(json).ok()?;
    let prompt = counts.prompt_tokens_details.unwrap_or_default();
    let cache_read_tokens = prompt.cached_tokens.or(counts.prompt_cache_hit_tokens);
    let cache_write_tokens = prompt.cache_write_tokens.or(counts.cache_creation_input_tokens);
    let reasoning_tokens = counts.completion_tokens_details.unwrap_or_default().reasoning_tokens;
    let cached = cache_read_tokens.unwrap_or(0).saturating_add(cache_write_tokens.unwrap_or(0));
    let usage = Usage {
        input_tokens: counts.prompt_tokens.map(|prompt| prompt.saturating_sub(cached)),
        output_tokens: output(counts.prompt_tokens, counts.completion_tokens, reasoning_tokens, counts.total_tokens),
        reasoning_tokens,
        cache_read_tokens,
        cache_write_tokens,
        total_tokens: counts.total_tokens,
    };
    (usage != Usage::default()).then_some(usage)
}

/// All generated tokens. Some servers leave the reasoning out of the completion; then the total
/// gives it away.
fn output(prompt: Option<u32>, completion: Option<u32>, reasoning: Option<u32>, total: Option<u32>) -> Option<u32> {
    let completion = completion?;
    let with_reasoning = completion.saturating_add(reasoning.unwrap_or(0));
    let is_apart = prompt.is_some_and(|prompt| Some(prompt.saturating_add(with_reasoning)) == total);
    Some(if is_apart { with_reasoning } else { completion })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_is_part_of_the_output_wherever_the_server_counts_it() {
        let apart = r#"{"prompt_tokens":468,"completion_tokens":77,"total_tokens":1127,
            "completion_tokens_details":{"reasoning_tokens":582}}"#;
        assert_eq!(parse(apart).unwrap().output_tokens, Some(659));
        let inside = r#"{"prompt_tokens":10,"completion_tokens":90,"total_tokens":100,
            "completion_tokens_details":{"reasoning_tokens":80}}"#;
        assert_eq!(parse(inside).unwrap().output_tokens, Some(90));
    }

    #[test]
    fn input_is_what_no_cache_held() {
        let usage = parse(
            r#"{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30}}"#,
        );
        let usage = usage.unwrap();
        assert_eq!(usage.input_tokens, Some(10));
        assert_eq!((usage.cache_read_tokens, usage.cache_write_tokens), (Some(60), Some(30)));
    }

    #[test]
    fn odd_counts_are_unknown() {
        let usage = parse(r#"{"prompt_tokens":-5,"completion_tokens":null,"total_tokens":7}"#).unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (None, None));
        assert_eq!(parse("null"), None);
        assert_eq!(parse("{}"), None);
        assert_eq!(parse(r#""many""#), None);
    }
}
