//! How much a model is asked to think.

use chatmesh_proto::llm::v1::{ModelOptions, Warning};

use super::model::Model;
use super::types::{Amount, ThinkingConfig};
use crate::codec::settings::text;
use crate::codec::warnings::{SETTING_CHANGED, ignored, warning};

/// The smallest budget that is accepted, but for none.
const MIN_BUDGET: u32 = 128;

/// A budget where one is set, else a level for models of the third generation and a budget for
/// those before; nothing where the model decides itself.
pub(super) fn config(model: Model<'_>, options: &ModelOptions, warnings: &mut Vec<Warning>) -> Option<ThinkingConfig> {
    let effort = text(&options.reasoning_effort);
    let budget = options.thinking_budget_tokens;
    if !model.thinks() {
        if effort.is_some_and(|effort| effort != "none") || budget.is_some_and(|budget| budget > 0) {
            warnings.push(ignored("thinking", "the model does not think"));
        }
        return None;
    }
    if let Some(budget) = budget {
        if effort.is_some() {
            warnings.push(ignored("reasoning_effort", "cannot be set beside thinking_budget_tokens"));
        }
        return Some(with_budget(model, budget, warnings));
    }
    match (effort?, model.is_third()) {
        (effort, true) => with_level(model, effort, warnings),
        ("none", false) => Some(with_budget(model, 0, warnings)),
        (effort, false) => {
            let budget = match effort {
                "minimal" => MIN_BUDGET,
                "low" => 1024,
                "medium" => 8192,
                "high" | "xhigh" | "max" => 24_576,
                _ => return unknown(warnings),
            };
            Some(with_budget(model, budget, warnings))
        }
    }
}

fn with_budget(model: Model<'_>, wanted: u32, warnings: &mut Vec<Warning>) -> ThinkingConfig {
    let is_too_small = wanted < MIN_BUDGET && (wanted > 0 || model.is_pro());
    let budget = if is_too_small { MIN_BUDGET } else { wanted };
    if is_too_small {
        let message = "thinking_budget_tokens: raised to 128, the smallest that is accepted";
        warnings.push(warning(SETTING_CHANGED, message));
    }
    ThinkingConfig { amount: Amount::ThinkingBudget(budget), include_thoughts: wanted > 0 }
}

fn with_level(model: Model<'_>, effort: &str, warnings: &mut Vec<Warning>) -> Option<ThinkingConfig> {
    let least = if model.is_pro() { "LOW" } else { "MINIMAL" };
    let (level, is_exact) = match effort {
        "none" => (least, false),
        "minimal" => (least, least == "MINIMAL"),
        "low" => ("LOW", true),
        "medium" => ("MEDIUM", true),
        "high" => ("HIGH", true),
        "xhigh" | "max" => ("HIGH", false),
        _ => return unknown(warnings),
    };
    if !is_exact {
        let message = format!("reasoning_effort: `{effort}` was sent as `{}`", level.to_ascii_lowercase());
        warnings.push(warning(SETTING_CHANGED, message));
    }
    Some(ThinkingConfig { amount: Amount::ThinkingLevel(level), include_thoughts: effort != "none" })
}

fn unknown(warnings: &mut Vec<Warning>) -> Option<ThinkingConfig> {
    warnings.push(ignored("reasoning_effort", "not a known effort"));
    None
}
