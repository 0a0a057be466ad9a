//! How a model is asked to think, and what that forbids.

use chatmesh_proto::llm::v1::{ModelOptions, Warning};

use super::types::Thinking;
use crate::codec::warnings::ignored;

/// The smallest budget that the provider accepts.
const MIN_BUDGET: u32 = 1024;

/// What the options ask for.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) thinking: Option<Thinking>,
    pub(super) effort: Option<&'a str>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(model: &str, options: &'a ModelOptions, warnings: &mut Vec<Warning>) -> Self {
        let effort = options.reasoning_effort.as_deref().and_then(|effort| known_effort(effort, warnings));
        let budget = options.thinking_budget_tokens.filter(|budget| *budget > 0);
        let wants_none = options.reasoning_effort.as_deref() == Some("none");
        let thinking = match budget {
            _ if wants_none => Some(Thinking::Disabled),
            Some(_) if takes_no_budget(model) => {
                warnings.push(ignored("thinking_budget_tokens", "the model decides itself how long it thinks"));
                Some(Thinking::Adaptive { display: "summarized" })
            }
            Some(budget) if budget < MIN_BUDGET => {
                warnings.push(ignored("thinking_budget_tokens", "raised to 1024, the smallest that is accepted"));
                Some(Thinking::Enabled { budget_tokens: MIN_BUDGET })
            }
            Some(budget_tokens) => Some(Thinking::Enabled { budget_tokens }),
            None => effort.map(|_| Thinking::Adaptive { display: "summarized" }),
        };
        Self { thinking, effort }
    }

    pub(super) fn is_on(&self) -> bool {
        matches!(self.thinking, Some(Thinking::Enabled { .. } | Thinking::Adaptive { .. }))
    }

    /// The tokens to add to those of the visible answer.
    pub(super) fn budget(&self) -> u32 {
        match self.thinking {
            Some(Thinking::Enabled { budget_tokens }) => budget_tokens,
            _ => 0,
        }
    }
}

fn known_effort<'a>(effort: &'a str, warnings: &mut Vec<Warning>) -> Option<&'a str> {
    match effort {
        "low" | "medium" | "high" | "xhigh" | "max" => Some(effort),
        "minimal" => {
            warnings.push(ignored("reasoning_effort", "`minimal` was sent as `low`"));
            Some("low")
        }
        "none" => None,
        _ => {
            warnings.push(ignored("reasoning_effort", "not a known effort"));
            None
        }
    }
}

/// Models that refuse a budget: Opus from 4.7 on, and Mythos.
fn takes_no_budget(model: &str) -> bool {
    if model.contains("mythos") {
        return true;
    }
    let Some((_, version)) = model.split_once("opus-") else { return false };
    let mut numbers = version.split('-').map_while(|number| number.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        // A number that long is a date: `claude-opus-4-20250514` is 4.0.
        (Some(4), Some(minor)) => (7..100).contains(&minor),
        (Some(major), _) => (5..100).contains(&major),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_says_whether_a_budget_is_taken() {
        for model in ["claude-opus-4-7", "claude-opus-4-8-20260101", "claude-opus-5", "claude-mythos-preview"] {
            assert!(takes_no_budget(model), "{model}");
        }
        for model in ["claude-opus-4-20250514", "claude-opus-4-1", "claude-opus-4-6", "claude-sonnet-4-5", "x"] {
            assert!(!takes_no_budget(model), "{model}");
        }
    }
}
