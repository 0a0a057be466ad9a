//! Which answer a request gets: by what is asked for, by what the user says, by its number, by the tools that it has.

use serde::{Deserialize, Serialize};

use super::{Script, Step};
use crate::simulator::conversation::Conversation;

/// The answers to what a user says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// A part of what the user says last; several messages in a row count as one.
    pub contains: String,
    /// The answers, in order, one per model call since then.
    pub steps: Vec<Step>,
}

/// What a model does until it has a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// The tool.
    pub tool: String,
    /// The number of steps that come before.
    pub after: usize,
    /// The answer until then. Its text tells it from all others; it does not count as a step.
    pub step: Step,
}

/// After so many answers a model does without the tool, so that a test ends.
const MAX_WAITS: usize = 200;

impl Script {
    /// Gives `step` after the steps so far, again and again, until a request has `tool`.
    pub fn until_offered(mut self, tool: impl Into<String>, step: Step) -> Self {
        self.wait = Some(Wait { tool: tool.into(), after: self.steps.len(), step });
        self
    }

    /// Gives these answers, one per model call, where the user's last words contain `text`.
    pub fn when_contains(mut self, text: impl Into<String>, steps: impl IntoIterator<Item = Step>) -> Self {
        self.cases.push(Case { contains: text.into(), steps: steps.into_iter().collect() });
        self
    }

    /// Gives this answer where tools are there and none may be called.
    pub fn when_summarising(mut self, step: Step) -> Self {
        self.summary = Some(step);
        self
    }

    /// The answer to a request.
    pub(in crate::simulator) fn answer_to(&self, conversation: &Conversation) -> Step {
        if conversation.tools_are_barred {
            return self.summary.clone().unwrap_or_else(|| Step::text("This is a summary of the conversation."));
        }
        let said = conversation.last_user_text();
        let step = match self.case_for(said) {
            Some(case) => case.steps.get(conversation.answers_in_turn),
            None => {
                let answers = if self.per_turn { conversation.answers_in_turn } else { conversation.answers };
                let waits = self.waits(conversation);
                let answers = answers.saturating_sub(waits);
                match &self.wait {
                    Some(wait)
                        if wait.after == answers && waits < MAX_WAITS && !conversation.tools.contains(&wait.tool) =>
                    {
                        Some(&wait.step)
                    }
                    _ => self.step_at(answers),
                }
            }
        };
        let step = step.or(self.default.as_ref());
        step.cloned().unwrap_or_else(|| Step::text("Nothing more is scripted."))
    }

    /// The case whose text stands last, the first of those that stand at the same place: several
    /// messages in a row are about what the last one says.
    fn case_for(&self, said: &str) -> Option<&Case> {
        let found = self.cases.iter().filter_map(|case| Some((said.rfind(&case.contains)?, case)));
        found.rev().max_by_key(|(at, _)| *at).map(|(_, case)| case)
    }

    /// How often the model has waited.
    fn waits(&self, conversation: &Conversation) -> usize {
        let text = self.wait.as_ref().and_then(|wait| wait.step.text.as_deref());
        text.map_or(0, |text| conversation.times_said(text))
    }

    /// The step after `answers` assistant messages.
    fn step_at(&self, answers: usize) -> Option<&Step> {
        match self.steps.len() {
            0 => None,
            count if self.repeat => self.steps.get(answers % count),
            _ => self.steps.get(answers),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::simulator::dialect::Dialect;

    fn answer(script: &Script, messages: impl Into<Value>, more: &[(&str, Value)]) -> String {
        let mut body = json!({"model": "m", "messages": messages.into()});
        for (name, value) in more {
            body[*name] = value.clone();
        }
        script.answer_to(&Conversation::read(Dialect::Chat, &body)).text.unwrap()
    }

    fn after(answers: usize) -> Value {
        let said = json!({"role": "assistant", "content": "x"});
        std::iter::once(json!({"role": "user", "content": "go"})).chain(std::iter::repeat_n(said, answers)).collect()
    }

    #[test]
    fn scripts_loop_or_end() {
        let two = Script::new("m").step(Step::text("a")).step(Step::text("b"));
        assert_eq!(answer(&two, after(1), &[]), "b");
        assert_eq!(answer(&two, after(2), &[]), "Nothing more is scripted.");
        assert_eq!(answer(&two.clone().with_default(Step::text("z")), after(9), &[]), "z");
        assert_eq!(answer(&two.looped(), after(3), &[]), "b");
    }

    #[test]
    fn what_the_user_says_comes_before_the_number_of_the_answer() {
        let script = Script::new("m")
            .step(Step::text("plain"))
            .when_contains("summary", [Step::text("first"), Step::text("second")])
            .when_contains("sum", [Step::text("other")])
            .with_default(Step::text("end"));
        let user = |text: &str| json!({"role": "user", "content": text});
        let said = json!({"role": "assistant", "content": "x"});
        assert_eq!(answer(&script, json!([user("go")]), &[]), "plain");
        assert_eq!(answer(&script, json!([user("the summary:"), user("go on")]), &[]), "first");
        assert_eq!(answer(&script, json!([user("a"), said, user("summary"), said]), &[]), "second");
        assert_eq!(answer(&script, json!([user("summary"), said, said]), &[]), "end");
        assert_eq!(answer(&script, json!([user("summary"), said, user("the sum")]), &[]), "other");
        assert_eq!(answer(&script, json!([user("summary"), user("a sum")]), &[]), "other", "the last word counts");
    }

    #[test]
    fn a_model_waits_for_a_tool_that_it_does_not_have_yet() {
        let script =
            Script::new("m").step(Step::text("a")).until_offered("late", Step::text("wait")).step(Step::text("b"));
        let waited = |times: usize| {
            let said = |text: &str| json!({"role": "assistant", "content": text});
            let result = json!({"role": "tool", "content": "done"});
            let mut messages = vec![json!({"role": "user", "content": "go"}), said("a"), result.clone()];
            messages.extend((0..times).flat_map(|_| [said("wait"), result.clone()]));
            Value::from(messages)
        };
        let tools = |name: &str| [("tools", json!([{"type": "function", "function": {"name": name}}]))];
        assert_eq!(answer(&script, after(0), &tools("other")), "a");
        assert_eq!(answer(&script, waited(0), &tools("other")), "wait");
        assert_eq!(answer(&script, waited(7), &tools("other")), "wait");
        assert_eq!(answer(&script, waited(7), &tools("late")), "b");
        assert_eq!(answer(&script, waited(0), &tools("late")), "b", "it is there at once");
        assert_eq!(answer(&script, waited(MAX_WAITS), &tools("other")), "b", "it does without");
    }

    #[test]
    fn a_request_that_forbids_its_tools_gets_a_summary() {
        let tools = ("tools", json!([{"type": "function", "function": {"name": "t"}}]));
        let script = Script::new("m").step(Step::text("plain")).when_contains("go", [Step::text("case")]);
        let barred = [tools.clone(), ("tool_choice", json!("none"))];
        assert_eq!(answer(&script, after(0), &barred), "This is a summary of the conversation.");
        let script = script.when_summarising(Step::text("short"));
        assert_eq!(answer(&script, after(0), &barred), "short");
        assert_eq!(answer(&script, after(0), &[tools.clone(), ("tool_choice", json!({"type": "none"}))]), "short");
        assert_eq!(answer(&script, after(0), &[tools, ("tool_choice", json!("auto"))]), "case");
        assert_eq!(answer(&script, after(0), &[("tool_choice", json!("none"))]), "case", "there are no tools");
    }
}
