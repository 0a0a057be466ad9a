//! Token counts of a stream, which come twice: at the start and, cumulative, at the end.

use chatmesh_proto::common::v1::Usage;
use serde::Deserialize;

use crate::codec::json::count;

/// A usage object. Absent and null are the same.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Counts {
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    cache_read_input_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    cache_creation_input_tokens: Option<u32>,
    #[serde(default)]
    output_tokens_details: Option<Details>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Details {
    #[serde(default, alias = "thinking_tokens", deserialize_with = "count")]
    reasoning_tokens: Option<u32>,
}

impl Counts {
    /// Reads a usage object; one that is not an object counts nothing.
    pub(super) fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// Takes what a later object says. Its numbers are totals and replace the earlier ones; what
    /// it does not mention stays.
    pub(super) fn merge(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation_input_tokens = later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
    }

    /// The counts of the contract; `None` where the provider gave none at all.
    pub(super) fn usage(self) -> Option<Usage> {
        let usage = Usage {
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            reasoning_tokens: self.output_tokens_details.and_then(|details| details.reasoning_tokens),
            cache_read_tokens: self.cache_read_input_tokens,
            cache_write_tokens: self.cache_creation_input_tokens,
            total_tokens: None,
        };
        (usage != Usage::default()).then_some(usage)
    }
}
