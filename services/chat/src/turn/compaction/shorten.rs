//! Making a conversation fit that is too long even to be summarised: the oldest messages are left out, and
//! what is left of very long ones is their beginning and their end.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role};
use chatmesh_proto::llm::v1::PromptMessage;
use prost::Message as _;

use super::words::text;

/// How often a conversation can be shortened: what is left then is a sixteenth.
pub(super) const MAX_LEVEL: u32 = 4;
/// The longest text at the first level, in bytes; each further one halves it.
const LONGEST_TEXT: usize = 64 * 1024;
const LEFT_OUT: &str = "[Older messages of this conversation were left out here because it is too long.]";

/// The conversation at a level; whole at level 0.
pub(super) fn shorten(messages: &[PromptMessage], level: u32) -> Vec<PromptMessage> {
    if level == 0 {
        return messages.to_vec();
    }
    let longest = LONGEST_TEXT >> level.min(MAX_LEVEL);
    let mut cut: Vec<PromptMessage> = messages.iter().map(|message| cut_texts(message, longest)).collect();
    let budget = cut.iter().map(PromptMessage::encoded_len).sum::<usize>() >> level.min(MAX_LEVEL);
    let from = begin_of_the_newest(&cut, budget);
    if from > 0 {
        cut.drain(..from);
        cut.insert(0, PromptMessage { role: Role::User.into(), parts: vec![text(LEFT_OUT.to_owned())] });
    }
    cut
}

/// Where the messages begin that fit together, at least the last one: at no result, which would lack its call.
fn begin_of_the_newest(messages: &[PromptMessage], budget: usize) -> usize {
    let mut left = budget;
    let newest = messages.iter().rposition(|message| {
        let fits = left.checked_sub(message.encoded_len());
        left = fits.unwrap_or_default();
        fits.is_none()
    });
    let mut from = newest.map_or(0, |at| at + 1).min(messages.len().saturating_sub(1));
    while messages.get(from).is_some_and(|message| message.role() == Role::Tool) && from > 0 {
        from -= 1;
    }
    from
}

fn cut_texts(message: &PromptMessage, longest: usize) -> PromptMessage {
    let parts = message.parts.iter().map(|part| cut_text(part, longest));
    PromptMessage { role: message.role, parts: parts.collect() }
}

fn cut_text(part: &Part, longest: usize) -> Part {
    match &part.body {
        Some(Body::Text(whole)) if whole.len() > longest => {
            Part { body: Some(Body::Text(ends_of(whole, longest))), ..part.clone() }
        }
        Some(Body::ToolResult(result)) if !result.provider_executed && result.result.len() > longest => {
            let mut result = result.clone();
            let ends = ends_of(&result.result, longest);
            result.result = serde_json::json!({ "truncated": ends }).to_string();
            Part { body: Some(Body::ToolResult(result)), ..part.clone() }
        }
        Some(Body::File(file)) if file.data.len() > longest => {
            text(format!("[The attachment `{}` was left out because the conversation is too long.]", file.name))
        }
        _ => part.clone(),
    }
}

/// The beginning and the end of a text, about `longest` bytes together.
fn ends_of(whole: &str, longest: usize) -> String {
    let head = &whole[..whole.floor_char_boundary(longest / 2)];
    let tail = &whole[whole.ceil_char_boundary(whole.len() - longest / 2)..];
    format!("{head}\n[… {} bytes …]\n{tail}", whole.len() - head.len() - tail.len())
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::common::v1::{ToolCall, ToolResult};

    use super::*;

    fn message(role: Role, body: Body) -> PromptMessage {
        PromptMessage { role: role.into(), parts: vec![Part { body: Some(body), ..Part::default() }] }
    }

    /// Steps of a call and its result, after a question.
    fn conversation(steps: usize, result_bytes: usize) -> Vec<PromptMessage> {
        let mut messages = vec![message(Role::User, Body::Text("please".to_owned()))];
        for step in 0..steps {
            let call_id = format!("{step}");
            let call = ToolCall { call_id: call_id.clone(), ..ToolCall::default() };
            let result = ToolResult { call_id, result: "x".repeat(result_bytes), ..ToolResult::default() };
            messages.push(message(Role::Assistant, Body::ToolCall(call)));
            messages.push(message(Role::Tool, Body::ToolResult(result)));
        }
        messages
    }

    fn size(messages: &[PromptMessage]) -> usize {
        messages.iter().map(PromptMessage::encoded_len).sum()
    }

    #[test]
    fn each_level_leaves_about_half_and_tells_that_something_is_missing() {
        let whole = conversation(64, 1000);
        assert_eq!(shorten(&whole, 0), whole);
        let mut before = size(&whole);
        for level in 1..=MAX_LEVEL {
            let short = shorten(&whole, level);
            let now = size(&short);
            assert!(now < before * 2 / 3, "level {level}: {now} of {before}");
            assert_eq!(short[0].parts[0].body, Some(Body::Text(LEFT_OUT.to_owned())));
            assert_eq!(short.last(), whole.last(), "the newest stays");
            before = now;
        }
    }

    #[test]
    fn no_result_is_left_without_its_call() {
        for bytes in [10, 1000, 100_000] {
            for level in 1..=MAX_LEVEL {
                let short = shorten(&conversation(20, bytes), level);
                let first = short.iter().find(|message| message.role() != Role::User).map(PromptMessage::role);
                assert_eq!(first, Some(Role::Assistant), "{bytes} bytes at level {level}");
            }
        }
    }

    #[test]
    fn one_message_that_is_too_long_by_itself_is_cut_in_its_middle() {
        let long = format!("begin {} end", "ä".repeat(500_000));
        let short = shorten(&[message(Role::User, Body::Text(long))], 1);
        let Some(Body::Text(text)) = &short[0].parts[0].body else { panic!("{short:?}") };
        assert!(text.len() < LONGEST_TEXT && text.starts_with("begin ä") && text.ends_with("ä end"), "{}", text.len());
        let [_, call, result] = &conversation(1, 500_000)[..] else { panic!("three messages") };
        let short = shorten(&[call.clone(), result.clone()], 4);
        let Some(Body::ToolResult(result)) = &short[1].parts[0].body else { panic!("{short:?}") };
        assert!(result.result.len() < 5000 && serde_json::from_str::<serde_json::Value>(&result.result).is_ok());
    }
}
