//! Scripts: what a simulated model answers, one step per model call.
//!
//! A script is the same for every dialect; the request's path decides how it is spoken.
//! The JSON form is the one that `POST /_simulator/scripts` and `--scripts` accept.

pub(super) mod builtin;
mod fault;
mod placeholders;
mod selection;
mod step;

use std::collections::BTreeMap;

pub use fault::{FailFirst, Fault, ResetReason};
pub(super) use placeholders::fill;
pub use selection::{Case, Wait};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub use step::{ScriptedCall, Step, StepUsage};

/// The answers of one simulated model.
///
/// Step *n* answers the model call whose request already holds *n* assistant messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The model that requests name.
    pub model: String,
    /// The answers, in order.
    pub steps: Vec<Step>,
    /// Begins again after the last step.
    #[serde(default, rename = "loop")]
    pub repeat: bool,
    /// The answer after the last step of a script that does not loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Step>,
    /// Counts only the assistant messages since the user last said something, so that
    /// every message of the user starts the script again.
    #[serde(default)]
    pub per_turn: bool,
    /// Answers to what the user says, which come before the steps; of several cases that fit, the
    /// one is taken whose text stands last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Case>,
    /// The answer to a request that has tools and forbids to call them, as one for a summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Step>,
    /// What comes between two steps until a request has a certain tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// Values for `{{name}}` in texts and in tool arguments.
    ///
    /// Always known: `{{last_user_message}}`, and `{{dir}}`, which is the path in the
    /// system prompt's line `Working directory: <path>`, else `/tmp`. In tool arguments also
    /// `{{result.NAME}}`: the text in the field `NAME` of the newest tool result that has it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vars: BTreeMap<String, String>,
}

impl Script {
    /// A script without steps, for requests that name `model`.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            steps: Vec::new(),
            repeat: false,
            default: None,
            per_turn: false,
            cases: Vec::new(),
            summary: None,
            wait: None,
            vars: BTreeMap::new(),
        }
    }

    /// Reads one script or a list of them.
    pub fn parse(json: &[u8]) -> serde_json::Result<Vec<Self>> {
        match serde_json::from_slice::<Value>(json)? {
            list @ Value::Array(_) => serde_json::from_value(list),
            one => serde_json::from_value(one).map(|script| vec![script]),
        }
    }

    /// Adds the next answer.
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Begins again after the last step.
    pub fn looped(mut self) -> Self {
        self.repeat = true;
        self
    }

    /// Answers with `step` after the last step.
    pub fn with_default(mut self, step: Step) -> Self {
        self.default = Some(step);
        self
    }

    /// Starts again with every message of the user.
    pub fn per_turn(mut self) -> Self {
        self.per_turn = true;
        self
    }

    /// Gives `{{name}}` a value.
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_and_builder_make_the_same_script() {
        let from_json: Script = serde_json::from_value(json!({
            "model": "m",
            "per_turn": true,
            "vars": {"workspace": "/w"},
            "steps": [{
                "text": "hi",
                "tool_calls": [{"name": "t", "args": {"path": "{{workspace}}/a"}}],
                "usage": {"input": 3, "output": 4},
                "delta_delay_ms": 5,
                "fail_first": {"times": 2, "fault": {"type": "status", "status": 529}},
            }],
            "default": {"text": "end", "fault": {"type": "reset", "after_events": 1,
                "reason": "enhance_your_calm"}},
        }))
        .unwrap();
        let usage = StepUsage { input: 3, output: 4, ..StepUsage::default() };
        let first = Step::text("hi")
            .call("t", json!({"path": "{{workspace}}/a"}))
            .usage(usage)
            .delta_delay(std::time::Duration::from_millis(5))
            .fail_first(2, Fault::status(529));
        let default = Step::text("end").fault(Fault::reset(1, ResetReason::EnhanceYourCalm));
        let built = Script::new("m").per_turn().var("workspace", "/w").step(first).with_default(default);
        assert_eq!(from_json, built);
        let round_trip = serde_json::from_value(serde_json::to_value(&built).unwrap()).unwrap();
        assert_eq!(built, round_trip);
    }

    #[test]
    fn misspelt_fields_are_refused() {
        assert!(serde_json::from_value::<Script>(json!({"model": "m", "step": []})).is_err());
    }

    #[test]
    fn cases_and_summaries_survive_the_json_form() {
        let from_json: Script = serde_json::from_value(json!({
            "model": "m",
            "steps": [],
            "cases": [{"contains": "again", "steps": [{"text": "a"}, {"text": "b", "fault": {"type": "context_overflow"}}]}],
            "summary": {"text": "short"},
        }))
        .unwrap();
        let overflow = Step::text("b").fault(Fault::ContextOverflow);
        let built =
            Script::new("m").when_contains("again", [Step::text("a"), overflow]).when_summarising(Step::text("short"));
        assert_eq!(from_json, built);
    }
}
