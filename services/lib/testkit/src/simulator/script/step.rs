//! One scripted answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::{FailFirst, Fault};
use crate::recordings::oracle::Finish;

const DEFAULT_DELTA_CHARACTERS: usize = 12;

/// One answer: what the model says, how fast, and what goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// The visible reasoning, which comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The tool calls, which come last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ScriptedCall>,
    /// The accounting; estimated from the number of characters where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<StepUsage>,
    /// Why the model stops; by default `tool_calls` with tool calls, else `stop`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    /// The length of text, reasoning and argument deltas.
    pub delta_characters: usize,
    /// The time before the response begins.
    pub first_delay_ms: u64,
    /// The time before each text, reasoning and argument delta.
    pub delta_delay_ms: u64,
    /// What goes wrong, always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// What goes wrong in the first attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_first: Option<FailFirst>,
}

/// One scripted tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The tool's name.
    pub name: String,
    /// The arguments, which a model writes as JSON.
    #[serde(default)]
    pub args: Value,
    /// The arguments exactly as written, for models that write broken JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_args: Option<String>,
    /// The call's id, where a script must not have a unique one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The accounting of one answer; the classes of input do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepUsage {
    /// Input outside of any cache.
    pub input: u64,
    /// Output, with reasoning.
    pub output: u64,
    /// Reasoning within the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache.
    pub cache_write: u64,
}

impl Default for Step {
    fn default() -> Self {
        Self {
            reasoning: None,
            text: None,
            tool_calls: Vec::new(),
            usage: None,
            finish: None,
            delta_characters: DEFAULT_DELTA_CHARACTERS,
            first_delay_ms: 0,
            delta_delay_ms: 0,
            fault: None,
            fail_first: None,
        }
    }
}

impl Step {
    /// An answer that is a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// An answer that only calls tools.
    pub fn calls() -> Self {
        Self::default()
    }

    /// Adds reasoning.
    pub fn reasoning(mut self, reasoning: impl Into<String>) -> Self {
        self.reasoning = Some(reasoning.into());
        self
    }

    /// Adds a tool call.
    pub fn call(mut self, name: impl Into<String>, args: Value) -> Self {
        let (name, raw_args, id) = (name.into(), None, None);
        self.tool_calls.push(ScriptedCall { name, args, raw_args, id });
        self
    }

    /// Adds a tool call whose arguments are written as they are, even if that is no JSON.
    pub fn raw_call(mut self, name: impl Into<String>, raw_args: impl Into<String>) -> Self {
        let (name, raw_args) = (name.into(), Some(raw_args.into()));
        self.tool_calls.push(ScriptedCall { name, args: Value::Null, raw_args, id: None });
        self
    }

    /// Claims to have read so much input and written so much output, whatever the request holds.
    pub fn tokens(self, input: u64, output: u64) -> Self {
        self.usage(StepUsage { input, output, ..StepUsage::default() })
    }

    /// Sets the accounting.
    pub fn usage(mut self, usage: StepUsage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Sets why the model stops.
    pub fn finish(mut self, finish: Finish) -> Self {
        self.finish = Some(finish);
        self
    }

    /// Sets the length of deltas.
    pub fn delta_characters(mut self, characters: usize) -> Self {
        self.delta_characters = characters;
        self
    }

    /// Waits before the response begins.
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay_ms = delay.as_millis() as u64;
        self
    }

    /// Waits before each delta.
    pub fn delta_delay(mut self, delay: Duration) -> Self {
        self.delta_delay_ms = delay.as_millis() as u64;
        self
    }

    /// Goes wrong, always.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Goes wrong in the first `times` attempts; a retry is a request with the same
    /// model and messages.
    pub fn fail_first(mut self, times: u32, fault: Fault) -> Self {
        self.fail_first = Some(FailFirst { times, fault });
        self
    }

    /// Why the model stops.
    pub(in crate::simulator) fn finish_or_default(&self) -> Finish {
        let natural = if self.tool_calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
        self.finish.unwrap_or(natural)
    }
}

impl ScriptedCall {
    /// The arguments as the model writes them.
    pub(in crate::simulator) fn written_args(&self) -> String {
        match (&self.raw_args, &self.args) {
            (Some(raw), _) => raw.clone(),
            (None, Value::Null) => String::new(),
            (None, args) => args.to_string(),
        }
    }
}
