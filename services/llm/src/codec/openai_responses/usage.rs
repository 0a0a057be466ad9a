//! Token counts. The input includes what a cache held, the output includes the reasoning.

use chatmesh_proto::common::v1::Usage;
use serde::Deserialize;

use crate::codec::json::count;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    #[serde(deserialize_with = "count")]
    input_tokens: Option<u32>,
    #[serde(deserialize_with = "count")]
    output_tokens: Option<u32>,
    #[serde(deserialize_with = "count")]
    total_tokens: Option<u32>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<u32>,
    #[serde(deserialize_with = "count")]
    cache_write_tokens: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    #[serde(deserialize_with = "count")]
    reasoning_tokens: Option<u32>,
}

/// Reads a usage object; `None` where it counts nothing.
pub(super) fn parse(json: &str) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(json).ok()?;
    let input = counts.input_tokens_details.unwrap_or_default();
    let cached = input.cached_tokens.unwrap_or(0).saturating_add(input.cache_write_tokens.unwrap_or(0));
    let usage = Usage {
        input_tokens: counts.input_tokens.map(|all| all.saturating_sub(cached)),
        output_tokens: counts.output_tokens,
        reasoning_tokens: counts.output_tokens_details.unwrap_or_default().reasoning_tokens,
        cache_read_tokens: input.cached_tokens,
        cache_write_tokens: input.cache_write_tokens,
        total_tokens: counts.total_tokens,
    };
    (usage != Usage::default()).then_some(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_is_what_no_cache_held_and_odd_counts_are_unknown() {
        let usage = parse(
            r#"{"input_tokens":100,"input_tokens_details":{"cached_tokens":60,"cache_write_tokens":30},
                "output_tokens":20,"output_tokens_details":{"reasoning_tokens":15},"total_tokens":120}"#,
        )
        .unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (Some(10), Some(20)));
        assert_eq!((usage.cache_read_tokens, usage.cache_write_tokens), (Some(60), Some(30)));
        assert_eq!((usage.reasoning_tokens, usage.total_tokens), (Some(15), Some(120)));
        let odd = parse(r#"{"input_tokens":-5,"input_tokens_details":null,"output_tokens":7}"#).unwrap();
        assert_eq!((odd.input_tokens, odd.output_tokens), (None, Some(7)));
        let inconsistent = parse(r#"{"input_tokens":5,"input_tokens_details":{"cached_tokens":9}}"#).unwrap();
        assert_eq!(inconsistent.input_tokens, Some(0));
        assert_eq!(parse("null"), None);
        assert_eq!(parse("{}"), None);
    }
}
