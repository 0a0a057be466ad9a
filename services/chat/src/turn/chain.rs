//! Whether a call continues an answer that the provider keeps, so that only what is new is sent.
//!
//! That the model's answers are kept at all is known from the row: only then has it the identifier. Whether
//! they still are is the business of the service that calls the model.

use chatmesh_proto::llm::v1::ResponseChain;

use super::rows::{Kind, Row};

/// What has to hold for it, all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Conditions {
    /// The last answer is kept by its provider.
    is_kept: bool,
    /// The same model is called again.
    same_model: bool,
    /// Someone said something since then.
    has_new_words: bool,
    /// The instructions are the same: planning has its own.
    is_not_planning: bool,
    /// No call of the answer waits for its result.
    has_no_open_calls: bool,
    /// The provider lacks no result: those that came after the answer were never sent to it.
    lacks_no_results: bool,
    /// No chain broke in this turn.
    is_whole: bool,
}

impl Conditions {
    fn hold(self) -> bool {
        self.is_kept
            && self.same_model
            && self.has_new_words
            && self.is_not_planning
            && self.has_no_open_calls
            && self.lacks_no_results
            && self.is_whole
    }
}

/// How the next call is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Circumstances {
    /// The chat is planning.
    pub(super) planning: bool,
    /// The provider did not know an answer that was to be continued.
    pub(super) broken: bool,
}

/// The answer to continue, where the next call of `model` may. `before` counts the messages of the prompt that
/// come before the rows.
pub(super) fn decide(rows: &[Row], before: usize, model: &str, circumstances: Circumstances) -> Option<ResponseChain> {
    let last = rows.iter().rposition(|row| row.said().is_some())?;
    let said = rows.get(last)?.said()?;
    let since = rows.get(last + 1..).unwrap_or_default();
    let is_answered = |call: &String| since.iter().any(|row| row.kind == Kind::Result(call.clone()));
    let conditions = Conditions {
        is_kept: said.response_id.is_some(),
        same_model: said.model == model,
        has_new_words: since.iter().any(|row| row.kind == Kind::User),
        is_not_planning: !circumstances.planning,
        has_no_open_calls: said.calls.iter().all(is_answered),
        lacks_no_results: !since.iter().any(|row| matches!(row.kind, Kind::Result(_))),
        is_whole: !circumstances.broken,
    };
    let previous_response_id = said.response_id.clone().filter(|_| conditions.hold())?;
    let first_message = u32::try_from(before + last + 1).ok()?;
    Some(ResponseChain { previous_response_id, first_message })
}

#[cfg(test)]
mod tests {
    use super::super::rows::Said;
    use super::super::rows::tests::row;
    use super::*;

    /// An answer that its provider keeps.
    fn kept(calls: &[&str]) -> Kind {
        Kind::Assistant(Said {
            model: "m".to_owned(),
            response_id: Some("resp_1".to_owned()),
            calls: calls.iter().map(|call| (*call).to_owned()).collect(),
            ..Said::default()
        })
    }

    fn result(call: &str) -> Kind {
        Kind::Result(call.to_owned())
    }

    fn chained(kinds: Vec<Kind>) -> Option<u32> {
        let rows: Vec<Row> = kinds.into_iter().map(|kind| row(1, kind)).collect();
        decide(&rows, 2, "m", Circumstances::default()).map(|chain| chain.first_message)
    }

    /// L-T6: one condition that does not hold is enough, whatever the others say.
    #[test]
    fn a_chain_needs_all_seven_conditions() {
        let allowed = (0_u32..128).filter(|bits| {
            let holds = |bit: u32| bits & (1 << bit) != 0;
            let conditions = Conditions {
                is_kept: holds(0),
                same_model: holds(1),
                has_new_words: holds(2),
                is_not_planning: holds(3),
                has_no_open_calls: holds(4),
                lacks_no_results: holds(5),
                is_whole: holds(6),
            };
            conditions.hold()
        });
        assert_eq!(allowed.collect::<Vec<_>>(), [127]);
    }

    #[test]
    fn only_what_was_said_since_the_kept_answer_is_new() {
        assert_eq!(chained(vec![Kind::User, kept(&[]), Kind::User]), Some(4), "two instructions come before");
        assert_eq!(chained(vec![Kind::User, kept(&[]), Kind::User, Kind::User]), Some(4));
        let first = Kind::Assistant(Said { response_id: Some("resp_0".to_owned()), ..Said::default() });
        assert_eq!(chained(vec![first, Kind::User, kept(&[]), Kind::User]), Some(5), "the last answer counts");
    }

    /// F15: a provider that waits for results, or never saw them, refuses to go on.
    #[test]
    fn an_answer_with_calls_is_not_continued_whether_they_have_results_or_not() {
        let table = [
            // A turn that was ended by a tool, or while its tools ran: assistant, result, user.
            vec![Kind::User, kept(&["1"]), result("1"), Kind::User],
            vec![Kind::User, kept(&["1"]), Kind::User],
            vec![Kind::User, kept(&["1", "2"]), result("1"), Kind::User],
            // In the middle of a turn nobody said anything.
            vec![Kind::User, kept(&["1"]), result("1")],
            vec![Kind::User, kept(&[])],
        ];
        for kinds in table {
            let shape = format!("{kinds:?}");
            assert_eq!(chained(kinds), None, "{shape}");
        }
        // Once the provider answered with the results before it, it lacks none.
        assert_eq!(chained(vec![Kind::User, kept(&["1"]), result("1"), kept(&[]), Kind::User]), Some(6));
    }

    #[test]
    fn nothing_is_continued_that_another_model_said_or_that_nobody_keeps() {
        let rows = [Kind::User, kept(&[]), Kind::User].map(|kind| row(1, kind));
        assert!(decide(&rows, 0, "m", Circumstances::default()).is_some());
        assert_eq!(decide(&rows, 0, "other", Circumstances::default()), None);
        assert_eq!(decide(&rows, 0, "m", Circumstances { planning: true, broken: false }), None);
        assert_eq!(decide(&rows, 0, "m", Circumstances { planning: false, broken: true }), None);
        let unkept = Kind::Assistant(Said { model: "m".to_owned(), ..Said::default() });
        assert_eq!(chained(vec![Kind::User, unkept, Kind::User]), None);
        assert_eq!(chained(vec![Kind::Summary, Kind::User]), None, "what a summary replaced is not continued");
        assert_eq!(chained(vec![]), None);
    }
}
