//! What is asked for when a conversation is summarised, and what becomes of the answer.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role};
use chatmesh_proto::llm::v1::PromptMessage;

/// The longest summary, in bytes: one that is longer takes the place that it was to make.
const MAX_SUMMARY_BYTES: usize = 64 * 1024;

const INSTRUCTION: &str = "This conversation has become long, and a summary is about to take its place: from then on \
you will see only your summary and none of the messages above. Write it now, as notes to yourself. Keep whatever is \
needed to go on without asking again: what the user wants and how, in their own words where they matter; what was \
decided and why; what was done and what came of it, with the exact paths, names, commands, identifiers and numbers; \
what failed and is not to be tried again; what is under way, and what remains to be done. Leave out greetings and what \
no longer matters. Do not call tools and write nothing but the summary.";

/// Asks for the summary.
pub(super) fn instruction() -> PromptMessage {
    PromptMessage { role: Role::User.into(), parts: vec![text(INSTRUCTION.to_owned())] }
}

/// The summary in an answer; `None` where the answer has none.
pub(super) fn summary_of(content: &[Part]) -> Option<String> {
    let texts = content.iter().filter_map(|part| match &part.body {
        Some(Body::Text(text)) => Some(text.trim()),
        _ => None,
    });
    let mut summary = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
    summary.truncate(summary.floor_char_boundary(MAX_SUMMARY_BYTES));
    (!summary.is_empty()).then_some(summary)
}

pub(super) fn text(text: String) -> Part {
    Part { body: Some(Body::Text(text)), ..Part::default() }
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::common::v1::{Reasoning, ToolCall};

    use super::*;

    #[test]
    fn only_words_are_a_summary() {
        let thought = Reasoning { text: "hm".to_owned(), redacted: false };
        let thought = Part { body: Some(Body::Reasoning(thought)), ..Part::default() };
        let call = Part { body: Some(Body::ToolCall(ToolCall::default())), ..Part::default() };
        assert_eq!(summary_of(&[]), None);
        assert_eq!(summary_of(&[thought.clone(), call.clone(), text(" \n".to_owned())]), None);
        let said = [thought, text(" a ".to_owned()), call, text("b".to_owned())];
        assert_eq!(summary_of(&said), Some("a\n\nb".to_owned()));
        let long = summary_of(&[text("ä".repeat(MAX_SUMMARY_BYTES))]).expect("a summary");
        assert_eq!(long.len(), MAX_SUMMARY_BYTES);
    }
}
