//! What an answer costs.

use chatmesh_proto::common::v1::Usage;
use chatmesh_proto::llm::v1::ModelOptions;

const TOKENS_PER_PRICE: u64 = 1_000_000;

/// The prices of a million tokens in micro-dollars; absent where nobody configured one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of the prompt, where no cache is involved.
    pub input: Option<u32>,
    /// Of what the model generates, reasoning included.
    pub output: Option<u32>,
    /// Of the prompt that comes from the provider's cache.
    pub cache_read: Option<u32>,
    /// Of the prompt that goes into the provider's cache.
    pub cache_write: Option<u32>,
}

impl Prices {
    /// The prices of a model.
    #[must_use]
    pub fn of(options: &ModelOptions) -> Self {
        Self {
            input: options.input_price_micros,
            output: options.output_price_micros,
            cache_read: options.cache_read_price_micros,
            cache_write: options.cache_write_price_micros,
        }
    }

    /// The cost of an answer in micro-dollars, rounded up.
    ///
    /// `None` where something was used that has no price, and where the provider did not count
    /// prompt or answer: too low a cost is worse than none.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Option<u32> {
        let classes = [
            (Some(usage.input_tokens?), self.input),
            (Some(usage.output_tokens?), self.output),
            (usage.cache_read_tokens, self.cache_read),
            (usage.cache_write_tokens, self.cache_write),
        ];
        let mut cost = 0_u64;
        for (tokens, price) in classes {
            let tokens = tokens.unwrap_or(0);
            if tokens > 0 {
                cost = cost.saturating_add(u64::from(tokens) * u64::from(price?));
            }
        }
        Some(u32::try_from(cost.div_ceil(TOKENS_PER_PRICE)).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: Prices =
        Prices { input: Some(3_000_000), output: Some(15_000_000), cache_read: Some(300_000), cache_write: None };

    fn usage(input: u32, output: u32, read: Option<u32>, write: Option<u32>) -> Usage {
        Usage {
            input_tokens: Some(input),
            output_tokens: Some(output),
            cache_read_tokens: read,
            cache_write_tokens: write,
            ..Usage::default()
        }
    }

    #[test]
    fn a_cost_is_rounded_up_once_and_not_per_class() {
        assert_eq!(PRICES.cost(&usage(1000, 100, Some(10), None)), Some(3000 + 1500 + 3));
        assert_eq!(PRICES.cost(&usage(0, 0, Some(1), None)), Some(1), "a third of a micro-dollar");
        assert_eq!(PRICES.cost(&usage(0, 0, Some(10), Some(0))), Some(3));
        assert_eq!(PRICES.cost(&usage(0, 0, None, None)), Some(0));
    }

    #[test]
    fn what_has_no_price_is_not_cheap_but_unknown() {
        assert_eq!(PRICES.cost(&usage(1, 1, None, Some(1))), None, "a cache write has no price");
        assert_eq!(Prices::default().cost(&usage(1, 0, None, None)), None);
        assert_eq!(
            PRICES.cost(&Usage { output_tokens: Some(1), ..Usage::default() }),
            None,
            "nobody counted the prompt"
        );
    }

    #[test]
    fn a_cost_beyond_all_bounds_is_the_largest() {
        let prices = Prices { input: Some(u32::MAX), ..PRICES };
        assert_eq!(prices.cost(&usage(u32::MAX, 0, None, None)), Some(u32::MAX));
    }
}
