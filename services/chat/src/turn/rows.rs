//! What the rows of a history mean for a turn, without their content: what decisions are made from.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Role, Usage};

use super::answer::{goes_on, local_calls};
use super::markers;
use crate::domain::{Message, NewMessage};

/// A row of the model's view of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The snapshot version under which it was committed: equal for rows that were committed together.
    pub(super) revision: u32,
    pub(super) kind: Kind,
}

/// What a row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Instructions.
    System,
    /// What a person said.
    User,
    /// What stands in the place of all that was said before it.
    Summary,
    /// From here on nothing is known of what was said before it.
    Cleared,
    /// What the model said.
    Assistant(Said),
    /// The result of the call with this identifier.
    Result(String),
}

/// What counts of what the model said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The name of the model.
    pub(super) model: String,
    /// By which the provider knows the answer, where it keeps it.
    pub(super) response_id: Option<String>,
    /// The calls that the mesh or the client has to run.
    pub(super) calls: Vec<String>,
    /// Whether the model is to be called again with their results.
    pub(super) goes_on: bool,
    /// How long the conversation was, in tokens; 0 where it is not known.
    pub(super) tokens: u32,
    /// How long it could be; 0 where it is not known.
    pub(super) limit: u32,
}

impl Row {
    pub(super) fn of(message: &Message) -> Self {
        Self::uncommitted(&message.body, message.revision)
    }

    /// The row that a message will be when it is committed under this version.
    pub(super) fn uncommitted(body: &NewMessage, revision: u32) -> Self {
        let kind = match body.role {
            Role::System => Kind::System,
            Role::Assistant => Kind::Assistant(Said {
                model: body.model.clone().unwrap_or_default(),
                response_id: body.provider_response_id.clone(),
                calls: local_calls(&body.content).map(|call| call.call_id.clone()).collect(),
                goes_on: goes_on(body),
                tokens: tokens(body.usage.as_ref()),
                limit: body.context_limit.unwrap_or_default(),
            }),
            Role::Tool => Kind::Result(answered_call(body).unwrap_or_default().to_owned()),
            Role::User | Role::Unspecified if !body.compressed => Kind::User,
            Role::User | Role::Unspecified if markers::is_summary(body) => Kind::Summary,
            Role::User | Role::Unspecified => Kind::Cleared,
        };
        Self { revision, kind }
    }

    pub(super) fn said(&self) -> Option<&Said> {
        match &self.kind {
            Kind::Assistant(said) => Some(said),
            _ => None,
        }
    }
}

fn answered_call(body: &NewMessage) -> Option<&str> {
    body.content.iter().find_map(|part| match &part.body {
        Some(Body::ToolResult(result)) => Some(result.call_id.as_str()),
        _ => None,
    })
}

/// How many tokens the model read, from caches or not; all that it counted where it did not say.
pub(super) fn tokens(usage: Option<&Usage>) -> u32 {
    let Some(usage) = usage else { return 0 };
    let read = [usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens];
    let read = read.into_iter().flatten().fold(0_u32, u32::saturating_add);
    if read > 0 { read } else { usage.total_tokens.unwrap_or_default() }
}

/// Whether there is something to ask the model at the end of these rows. There is not where a turn was
/// committed to its end and only not ended: asking again would send a conversation that the model had closed.
pub(super) fn is_open(rows: &[Row]) -> bool {
    for row in rows.iter().rev() {
        match &row.kind {
            Kind::Result(_) => {}
            Kind::Assistant(said) => return said.goes_on,
            Kind::System | Kind::User | Kind::Summary | Kind::Cleared => return true,
        }
    }
    true
}

/// The number of rows at the end that people said and that nobody answered.
pub(super) fn unanswered(rows: &[Row]) -> usize {
    rows.iter().rev().take_while(|row| row.kind == Kind::User).count()
}

#[cfg(test)]
pub(super) mod tests {
    use chatmesh_core::{Clock as _, SystemClock, Uuid};
    use chatmesh_proto::common::v1::{FinishReason, Part, ToolCall, ToolResult};

    use super::*;
    use crate::domain::ChatId;

    /// A row of a revision of its own.
    pub(in crate::turn) fn row(revision: u32, kind: Kind) -> Row {
        Row { revision, kind }
    }

    pub(in crate::turn) fn said(tokens: u32, limit: u32) -> Kind {
        Kind::Assistant(Said { tokens, limit, ..Said::default() })
    }

    fn counted(input: Option<u32>, read: Option<u32>, written: Option<u32>, total: Option<u32>) -> Usage {
        Usage {
            input_tokens: input,
            cache_read_tokens: read,
            cache_write_tokens: written,
            total_tokens: total,
            ..Usage::default()
        }
    }

    #[test]
    fn the_length_of_a_conversation_is_all_that_the_model_read() {
        let table = [
            (counted(Some(10), Some(20), Some(5), Some(99)), 35),
            (counted(None, Some(20), None, None), 20),
            (counted(Some(0), Some(0), Some(0), Some(99)), 99),
            (counted(None, None, None, Some(99)), 99),
            (counted(Some(u32::MAX), Some(1), None, None), u32::MAX),
            (Usage::default(), 0),
        ];
        for (usage, expected) in table {
            assert_eq!(tokens(Some(&usage)), expected, "{usage:?}");
        }
        assert_eq!(tokens(None), 0);
    }

    #[test]
    fn a_turn_that_was_committed_to_its_end_is_not_asked_again() {
        let said = |goes_on| Kind::Assistant(Said { goes_on, ..Said::default() });
        let result = || Kind::Result("1".to_owned());
        let table = [
            (vec![], true),
            (vec![Kind::User], true),
            (vec![Kind::User, said(false)], false),
            (vec![Kind::User, said(true)], true),
            (vec![Kind::User, said(true), result(), result()], true),
            (vec![Kind::User, said(false), result()], false),
            (vec![Kind::User, said(false), Kind::User], true),
            (vec![said(false), Kind::Summary], true),
            (vec![Kind::Cleared, Kind::User], true),
        ];
        for (kinds, expected) in table {
            let rows: Vec<Row> = kinds.into_iter().map(|kind| row(1, kind)).collect();
            assert_eq!(is_open(&rows), expected, "{rows:?}");
        }
    }

    #[test]
    fn only_words_at_the_end_are_unanswered() {
        let rows = [Kind::User, said(0, 0), Kind::User, Kind::User].map(|kind| row(1, kind));
        assert_eq!((unanswered(&rows), unanswered(&rows[..2]), unanswered(&rows[..1])), (2, 0, 1));
        assert_eq!(unanswered(&[row(1, Kind::Summary)]), 0);
    }

    #[test]
    fn rows_are_told_apart_by_what_they_carry() {
        let message = |body: NewMessage| Message {
            id: 1,
            chat_id: ChatId(Uuid::nil()),
            body,
            revision: 7,
            deleted: false,
            created_at: SystemClock.now(),
        };
        let text = |text: &str| Part { body: Some(Body::Text(text.to_owned())), ..Part::default() };
        let call = |id: &str, provider_executed| {
            let call = ToolCall { call_id: id.to_owned(), provider_executed, ..ToolCall::default() };
            Part { body: Some(Body::ToolCall(call)), ..Part::default() }
        };
        let answer = NewMessage {
            model: Some("m".to_owned()),
            provider_response_id: Some("r".to_owned()),
            usage: Some(counted(Some(5), None, None, None)),
            context_limit: Some(100),
            finish_reason: Some(FinishReason::ToolCalls),
            ..NewMessage::new(Role::Assistant, vec![text("a"), call("1", false), call("ws", true)])
        };
        let expected = Said {
            model: "m".to_owned(),
            response_id: Some("r".to_owned()),
            calls: vec!["1".to_owned()],
            goes_on: true,
            tokens: 5,
            limit: 100,
        };
        assert_eq!(Row::of(&message(answer)), row(7, Kind::Assistant(expected)));
        let result = ToolResult { call_id: "1".to_owned(), ..ToolResult::default() };
        let result = Part { body: Some(Body::ToolResult(result)), ..Part::default() };
        let of = |role, part: Part| Row::of(&message(NewMessage::new(role, vec![part]))).kind;
        assert_eq!(of(Role::Tool, result), Kind::Result("1".to_owned()));
        assert_eq!(of(Role::User, text("hi")), Kind::User);
        assert_eq!(of(Role::System, text("be brief")), Kind::System);
        let cleared = super::super::cleared_context(Uuid::nil()).swap_remove(0);
        assert_eq!(Row::of(&message(cleared)).kind, Kind::Cleared);
    }
}
