//! Every tool call has its result in the next message, and every result its call.

use std::collections::HashSet;

use serde_json::Value;

use super::Refusal;

/// Neighbouring messages of one role, which the provider reads as one.
struct Turn<'a> {
    /// The index of the first message.
    index: usize,
    is_user: bool,
    blocks: Vec<&'a Value>,
}

impl<'a> Turn<'a> {
    fn ids(&self, kind: &'a str, field: &'a str) -> impl Iterator<Item = &'a str> {
        let of_kind = self.blocks.iter().filter(move |block| block["type"] == kind);
        of_kind.map(move |block| block[field].as_str().unwrap_or_default())
    }

    fn calls(&self) -> impl Iterator<Item = &'a str> {
        self.ids("tool_use", "id")
    }

    fn results(&self) -> impl Iterator<Item = &'a str> {
        self.ids("tool_result", "tool_use_id")
    }
}

/// Refuses messages whose calls and results do not pair.
pub(super) fn check(messages: &[Value]) -> Result<(), Refusal> {
    let turns = turns(messages);
    check_unique_calls(&turns)?;
    for (position, turn) in turns.iter().enumerate() {
        if turn.is_user {
            let previous = position.checked_sub(1).map(|before| &turns[before]);
            check_results(turn, previous)?;
        } else {
            check_answered(turn, turns.get(position + 1))?;
        }
    }
    Ok(())
}

fn turns(messages: &[Value]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let is_user = message["role"] == "user";
        let blocks: Vec<_> = match &message["content"] {
            Value::Array(blocks) => blocks.iter().collect(),
            text => vec![text],
        };
        match turns.last_mut().filter(|last| last.is_user == is_user) {
            Some(last) => last.blocks.extend(blocks),
            None => turns.push(Turn { index, is_user, blocks }),
        }
    }
    turns
}

fn check_unique_calls(turns: &[Turn<'_>]) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    for turn in turns {
        if turn.calls().any(|id| id.is_empty() || !seen.insert(id)) {
            let message = format!("messages.{}: `tool_use` ids must be unique", turn.index);
            return Err(Refusal::invalid(message));
        }
    }
    Ok(())
}

fn check_answered(turn: &Turn<'_>, next: Option<&Turn<'_>>) -> Result<(), Refusal> {
    let answered: HashSet<_> = next.into_iter().flat_map(Turn::results).collect();
    let open: Vec<_> = turn.calls().filter(|id| !answered.contains(id)).collect();
    if open.is_empty() {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: \
         {}. Each `tool_use` block must have a corresponding `tool_result` block in the next \
         message.",
        turn.index,
        open.join(", ")
    )))
}

fn check_results(turn: &Turn<'_>, previous: Option<&Turn<'_>>) -> Result<(), Refusal> {
    let called: HashSet<_> = previous.into_iter().flat_map(Turn::calls).collect();
    let mut seen = HashSet::new();
    for id in turn.results() {
        if !called.contains(id) {
            return Err(Refusal::invalid(format!(
                "messages.{}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each \
                 `tool_result` block must have a corresponding `tool_use` block in the previous \
                 message.",
                turn.index
            )));
        }
        if !seen.insert(id) {
            return Err(Refusal::invalid(format!(
                "messages.{}: each `tool_use` must have a single result. Found multiple \
                 `tool_result` blocks with id: {id}",
                turn.index
            )));
        }
    }
    let is_result = |block: &&Value| block["type"] == "tool_result";
    let in_front = turn.blocks.iter().take_while(|block| is_result(block)).count();
    if in_front < seen.len() {
        return Err(Refusal::invalid(format!(
            "messages.{}: `tool_result` blocks must come first in the message that follows \
             `tool_use` blocks",
            turn.index
        )));
    }
    Ok(())
}
