//! Token counts. What was read from a cache or written to one is not part of the input.

use chatmesh_proto::common::v1::Usage;
use serde::Deserialize;

use crate::codec::json::count;

/// A usage object. Absent and null are the same.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    cache_read_input_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    cache_write_input_tokens: Option<u32>,
}

/// The counts of the contract; `None` where the provider gave none at all.
pub(super) fn parse(json: &str) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(json).unwrap_or_default();
    let usage = Usage {
        input_tokens: counts.input_tokens,
        output_tokens: counts.output_tokens,
        reasoning_tokens: None,
        cache_read_tokens: counts.cache_read_input_tokens,
        cache_write_tokens: counts.cache_write_input_tokens,
        total_tokens: None,
    };
    (usage != Usage::default()).then_some(usage)
}
