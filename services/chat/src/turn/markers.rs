//! The three rows that stand where the model's view of the history begins anew: a text that only
//! the model sees, and a call with its result that tell people.

use chatmesh_core::Uuid;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role, ToolCall, ToolResult};
use serde_json::{Value, json};

use super::compaction::Measure;
use crate::domain::{Message, NewMessage, Visibility};

/// The name of the call that tells of a summary.
const SUMMARIZED: &str = "chat_summarized";
/// The name of the call that tells of a cleared context.
const CLEARED: &str = "chat_cleared";
/// What the model is told where its context was cleared.
const CLEARED_TEXT: &str = "[The user cleared the conversation up to here. Nothing before this point is known.]";
/// How every summary begins for the model.
const SUMMARY_TEXT: &str = "[The conversation up to here was replaced by this summary of it, which you wrote.]";
/// How a summary ends for the model where work goes on.
const GO_ON_TEXT: &str = "[Go on from here. Where nothing remains to be done, say so in a sentence.]";

/// Who wanted a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The conversation became too long.
    Automatic,
    /// Its owner.
    Manual,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Manual => "manual",
        }
    }
}

/// What a summary is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occasion {
    /// Names the summary.
    pub(super) id: Uuid,
    pub(super) source: Source,
    /// How long the conversation was.
    pub(super) measure: Measure,
}

impl Occasion {
    /// The call that tells people of the summary.
    pub(super) fn call(&self) -> ToolCall {
        let args = json!({ "source": self.source.as_str(), "threshold_percent": self.measure.threshold_percent });
        call(SUMMARIZED, self.id, &args)
    }

    /// What people are shown where no summary came of it.
    pub(super) fn failure(&self, error: &str) -> ToolResult {
        let result = json!({ "error": error, "source": self.source.as_str() });
        ToolResult { is_error: true, ..result_of(&self.call(), &result) }
    }

    /// The rows of the summary. `answer` is what its call took.
    pub(super) fn rows(&self, summary: &str, answer: &NewMessage) -> Vec<NewMessage> {
        let told = match self.source {
            Source::Automatic => format!("{SUMMARY_TEXT}\n\n{summary}\n\n{GO_ON_TEXT}"),
            Source::Manual => format!("{SUMMARY_TEXT}\n\n{summary}"),
        };
        let result = json!({
            "summary": summary,
            "source": self.source.as_str(),
            "threshold_percent": self.measure.threshold_percent,
            "usage_percent": self.measure.percent(),
            "context_tokens": self.measure.tokens,
            "context_limit_tokens": self.measure.limit,
        });
        let call = self.call();
        let result = result_of(&call, &result);
        let [told, mut call, result] = marker(told, call, result);
        call.model = answer.model.clone();
        call.usage = answer.usage;
        call.cost_micros = answer.cost_micros;
        call.context_limit = answer.context_limit;
        call.runtime_ms = answer.runtime_ms;
        vec![told, call, result]
    }
}

/// The rows of a cleared context.
pub(crate) fn cleared_context(id: Uuid) -> Vec<NewMessage> {
    let call = call(CLEARED, id, &json!({}));
    let result = result_of(&call, &json!({ "cleared": true }));
    marker(CLEARED_TEXT.to_owned(), call, result).into()
}

/// True for what the model reads in place of a history that was summarised.
pub(super) fn is_summary(row: &NewMessage) -> bool {
    let begins = |part: &Part| matches!(&part.body, Some(Body::Text(text)) if text.starts_with(SUMMARY_TEXT));
    row.compressed && row.role == Role::User && row.content.first().is_some_and(begins)
}

/// True for the row that tells people of a summary that its owner wanted.
pub(super) fn tells_of_wanted_summary(message: &Message) -> bool {
    let body = &message.body;
    let is_wanted = |part: &Part| match &part.body {
        Some(Body::ToolResult(result)) if result.name == SUMMARIZED => {
            let told: Value = serde_json::from_str(&result.result).unwrap_or_default();
            told["source"] == Source::Manual.as_str()
        }
        _ => false,
    };
    body.compressed && body.role == Role::Tool && body.content.iter().any(is_wanted)
}

fn call(name: &str, id: Uuid, args: &Value) -> ToolCall {
    ToolCall { call_id: format!("{name}_{id}"), name: name.to_owned(), args: args.to_string(), ..ToolCall::default() }
}

fn result_of(call: &ToolCall, result: &Value) -> ToolResult {
    ToolResult {
        call_id: call.call_id.clone(),
        name: call.name.clone(),
        result: result.to_string(),
        ..ToolResult::default()
    }
}

/// What the model reads in place of the history, and what people are shown.
fn marker(told: String, call: ToolCall, result: ToolResult) -> [NewMessage; 3] {
    [
        (Role::User, Visibility::Model, Body::Text(told)),
        (Role::Assistant, Visibility::User, Body::ToolCall(call)),
        (Role::Tool, Visibility::Both, Body::ToolResult(result)),
    ]
    .map(|(role, visibility, body)| NewMessage {
        visibility,
        compressed: true,
        ..NewMessage::new(role, vec![Part { body: Some(body), ..Part::default() }])
    })
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::common::v1::Usage;

    use super::*;

    fn occasion(source: Source) -> Occasion {
        let measure = Measure { tokens: 80, limit: 100, threshold_percent: 70 };
        Occasion { id: Uuid::nil(), source, measure }
    }

    fn rows(source: Source) -> Vec<NewMessage> {
        let usage = Some(Usage { input_tokens: Some(7), ..Usage::default() });
        let answer = NewMessage { usage, cost_micros: Some(3), ..NewMessage::new(Role::Assistant, Vec::new()) };
        occasion(source).rows("all of it", &answer)
    }

    #[test]
    fn a_summary_is_for_the_model_and_its_marker_for_people() {
        let rows = rows(Source::Automatic);
        let shapes: Vec<_> = rows.iter().map(|row| (row.role, row.visibility, row.compressed)).collect();
        let expected = [
            (Role::User, Visibility::Model, true),
            (Role::Assistant, Visibility::User, true),
            (Role::Tool, Visibility::Both, true),
        ];
        assert_eq!(shapes, expected);
        assert!(is_summary(&rows[0]) && !is_summary(&rows[1]));
        assert!(!is_summary(&cleared_context(Uuid::nil())[0]));
        // Making it was paid for.
        assert_eq!((rows[1].usage.and_then(|usage| usage.input_tokens), rows[1].cost_micros), (Some(7), Some(3)));
        let (Some(Body::ToolCall(call)), Some(Body::ToolResult(result))) =
            (&rows[1].content[0].body, &rows[2].content[0].body)
        else {
            panic!("{rows:?}")
        };
        assert_eq!(
            (call.call_id.as_str(), call.call_id.as_str()),
            (result.call_id.as_str(), "chat_summarized_00000000-0000-0000-0000-000000000000")
        );
        assert_eq!(call.args, r#"{"source":"automatic","threshold_percent":70}"#);
        let result: Value = serde_json::from_str(&result.result).expect("JSON");
        let expected = json!({
            "summary": "all of it", "source": "automatic", "threshold_percent": 70, "usage_percent": 80,
            "context_tokens": 80, "context_limit_tokens": 100,
        });
        assert_eq!(result, expected);
    }

    #[test]
    fn a_summary_that_someone_wanted_does_not_ask_to_go_on() {
        let told = |source| match &rows(source)[0].content[0].body {
            Some(Body::Text(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert!(told(Source::Automatic).contains(GO_ON_TEXT));
        assert!(!told(Source::Manual).contains(GO_ON_TEXT) && told(Source::Manual).ends_with("all of it"));
    }
}
