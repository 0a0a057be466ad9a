//! What a request says, whatever the dialect and whatever else it carries.

mod read;

use serde_json::Value;

use super::dialect::Dialect;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    User,
    Assistant,
    /// Tool results in the dialects of OpenAI; Anthropic has them in user messages.
    Tool,
}

/// A tool call that the client replays.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReplayedCall {
    pub(crate) name: String,
    pub(crate) args: Value,
}

/// Neighbouring messages of one role.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Utterance {
    pub(crate) role: Role,
    pub(crate) text: String,
    pub(crate) calls: Vec<ReplayedCall>,
    pub(crate) results: Vec<String>,
}

/// The part of a request that decides the answer.
///
/// Two clients that mean the same produce equal conversations: neighbours of one role are
/// merged, surrounding whitespace is trimmed, ids and unknown fields are left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Conversation {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) utterances: Vec<Utterance>,
    /// The number of assistant messages, before merging.
    pub(crate) answers: usize,
    /// The number of assistant messages since a user last said something.
    pub(crate) answers_in_turn: usize,
    /// Whether tools are there and none may be called, as where a summary is asked for.
    pub(crate) tools_are_barred: bool,
    /// The names of the tools that the model may call.
    pub(crate) tools: Vec<String>,
}

impl Conversation {
    /// Reads a request body; what is missing or odd is read as empty.
    pub(crate) fn read(dialect: Dialect, body: &Value) -> Self {
        let said = match dialect {
            Dialect::Anthropic | Dialect::Chat => read::messages(dialect, &body["messages"]),
            Dialect::Responses => read::answers(&body["input"]),
        };
        let mut utterances = Vec::new();
        let system = read::text_of(if dialect == Dialect::Responses { &body["instructions"] } else { &body["system"] });
        if !system.is_empty() {
            let (role, calls, results) = (Role::System, Vec::new(), Vec::new());
            utterances.push(Utterance { role, text: system, calls, results });
        }
        let (mut answers, mut answers_in_turn) = (0, 0);
        for utterance in said {
            match utterance.role {
                Role::Assistant => {
                    answers += 1;
                    answers_in_turn += 1;
                }
                Role::User if !utterance.text.is_empty() => answers_in_turn = 0,
                _ => {}
            }
            merge(&mut utterances, utterance);
        }
        Self {
            model: body["model"].as_str().unwrap_or_default().to_owned(),
            stream: body["stream"].as_bool().unwrap_or(false),
            utterances,
            answers,
            answers_in_turn,
            tools_are_barred: read::are_tools_barred(body),
            tools: read::tool_names(body),
        }
    }

    /// How many times the model said exactly this.
    pub(crate) fn times_said(&self, text: &str) -> usize {
        self.utterances.iter().filter(|one| one.role == Role::Assistant && one.text == text).count()
    }

    /// Whether another request to the same effect may get the same answer.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        (&self.model, self.stream, &self.utterances) == (&other.model, other.stream, &other.utterances)
    }

    /// What the user said last, or an empty string.
    pub(crate) fn last_user_text(&self) -> &str {
        let said = |one: &&Utterance| one.role == Role::User && !one.text.is_empty();
        self.utterances.iter().rev().find(said).map_or("", |one| &one.text)
    }

    /// The path in the system prompt's line `Working directory: <path>`.
    pub(crate) fn working_directory(&self) -> Option<&str> {
        let system = self.utterances.iter().filter(|one| one.role == Role::System);
        let mut lines = system.flat_map(|one| one.text.lines());
        lines.find_map(|line| line.trim().strip_prefix("Working directory:")).map(str::trim)
    }

    /// The number of characters that a provider would count as input.
    pub(crate) fn characters(&self) -> usize {
        let of_one = |one: &Utterance| {
            let calls = one.calls.iter().map(|call| call.name.len() + call.args.to_string().len());
            one.text.len() + calls.sum::<usize>() + one.results.iter().map(String::len).sum::<usize>()
        };
        self.utterances.iter().map(of_one).sum()
    }
}

fn merge(utterances: &mut Vec<Utterance>, next: Utterance) {
    match utterances.last_mut().filter(|last| last.role == next.role) {
        Some(last) => join(last, next),
        None => utterances.push(next),
    }
}

fn join(last: &mut Utterance, mut next: Utterance) {
    if !last.text.is_empty() && !next.text.is_empty() {
        last.text.push('\n');
    }
    last.text.push_str(&next.text);
    last.calls.append(&mut next.calls);
    last.results.append(&mut next.results);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dialects_differ_only_in_the_role_of_results() {
        let anthropic = Conversation::read(
            Dialect::Anthropic,
            &json!({"model": "m", "system": "S\nWorking directory: /w\n", "messages": [
                {"role": "user", "content": "hi"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "tool_use", "id": "1", "name": "t", "input": {"a": 1}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "1", "content": "ok"}]}]}),
        );
        let chat = Conversation::read(
            Dialect::Chat,
            &json!({"model": "m", "stream": false, "messages": [
                {"role": "developer", "content": "S\nWorking directory: /w\n"},
                {"role": "user", "content": [{"type": "text", "text": " hi "}]},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "9", "type": "function",
                    "function": {"name": "t", "arguments": "{ \"a\": 1 }"}}]},
                {"role": "tool", "tool_call_id": "9", "content": "ok"}]}),
        );
        assert_eq!(anthropic.utterances[..3], chat.utterances[..3]);
        assert_eq!(anthropic.utterances[3].results, chat.utterances[3].results);
        assert_eq!((anthropic.answers, anthropic.answers_in_turn), (1, 1));
        assert_eq!((chat.last_user_text(), chat.working_directory()), ("hi", Some("/w")));
    }

    #[test]
    fn a_new_user_text_begins_a_turn() {
        let body = json!({"model": "m", "messages": [
            {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"}]});
        let conversation = Conversation::read(Dialect::Chat, &body);
        assert_eq!((conversation.answers, conversation.answers_in_turn), (1, 0));
    }
}
