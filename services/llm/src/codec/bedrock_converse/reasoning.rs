//! How a model is asked to reason. The protocol has no word for it; each family has its own.

use chatmesh_proto::llm::v1::{ModelOptions, Warning};
use serde_json::{Map, Value, json};

use super::family::Family;
use crate::codec::warnings::ignored;

/// The smallest budget that Claude accepts.
const MIN_BUDGET: u32 = 1024;

/// What to send, and what it forbids.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) fields: Map<String, Value>,
    /// The tokens to add to those of the visible answer.
    pub(super) budget: u32,
    /// Sampling cannot be set beside it, and no call can be demanded.
    pub(super) fixes_sampling: bool,
    /// Nor can the length of the answer.
    pub(super) fixes_length: bool,
}

impl Plan {
    pub(super) fn of(family: Family, options: &ModelOptions, warnings: &mut Vec<Warning>) -> Self {
        let effort = options.reasoning_effort.as_deref().filter(|effort| !matches!(*effort, "" | "none"));
        let budget = options.thinking_budget_tokens.filter(|budget| *budget > 0);
        let is_off = options.reasoning_effort.as_deref() == Some("none");
        if family != Family::Claude && budget.is_some() {
            warnings.push(ignored("thinking_budget_tokens", "the model has no such option"));
        }
        match (family, effort) {
            (_, None) if is_off => Self::default(),
            (Family::Claude, effort) => claude(effort, budget),
            (_, None) => Self::default(),
            (Family::Nova2, Some(effort)) => nova(effort),
            (Family::GptOss, Some(effort)) => {
                Self { fields: object(json!({ "reasoning_effort": of_three(effort) })), ..Self::default() }
            }
            (Family::Nova | Family::Other, Some(_)) => {
                warnings.push(ignored("reasoning_effort", "the model has no such option"));
                Self::default()
            }
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.fixes_sampling
    }
}

fn claude(effort: Option<&str>, budget: Option<u32>) -> Plan {
    let effort = effort.map(|effort| if effort == "minimal" { "low" } else { effort });
    let budget = budget.map(|budget| budget.max(MIN_BUDGET));
    let mut fields = match (budget, effort) {
        (None, None) => return Plan::default(),
        (Some(budget), _) => object(json!({ "thinking": { "type": "enabled", "budget_tokens": budget } })),
        (None, Some(_)) => object(json!({ "thinking": { "type": "adaptive" } })),
    };
    if let Some(effort) = effort {
        fields.insert("output_config".to_owned(), json!({ "effort": effort }));
    }
    Plan { fields, budget: budget.unwrap_or_default(), fixes_sampling: true, fixes_length: false }
}

fn nova(effort: &str) -> Plan {
    let effort = of_three(effort);
    let config = json!({ "reasoningConfig": { "type": "enabled", "maxReasoningEffort": effort } });
    Plan { fields: object(config), budget: 0, fixes_sampling: true, fixes_length: effort == "high" }
}

/// The nearest of the three efforts that most models know.
fn of_three(effort: &str) -> &'static str {
    match effort {
        "minimal" | "low" => "low",
        "medium" => "medium",
        _ => "high",
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
