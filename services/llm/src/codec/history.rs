//! Brings a conversation into the order that every provider demands: each call of a tool has
//! exactly one result right after the message that asked for it, and nothing else is a result.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Role, ToolResult};
use chatmesh_proto::llm::v1::{PromptMessage, Warning};

use super::attachment::{context_file_text, reference_text, skill_text};
use super::call_ids::{CallIds, sanitize};
use super::json::string_of;
use super::metadata;
use super::warnings::{MISSING_RESULT, ORPHAN_RESULT, PROVIDER_TOOL_DROPPED, warning};

/// What stands for the result of a call that was interrupted.
const NO_RESULT: &str = r#"{"error":"the tool was interrupted and gave no result"}"#;

/// The kind of metadata with a provider's own identifier of a call, where ours is another.
pub(super) const ORIGINAL_CALL_ID: &str = "call_id";

/// One step of the conversation.
#[derive(Debug)]
pub(super) enum Turn<'a> {
    System(Vec<Cow<'a, str>>),
    User(Vec<&'a Part>),
    Assistant(AssistantTurn<'a>),
}

/// What the model said and what its calls returned.
#[derive(Debug, Default)]
pub(super) struct AssistantTurn<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    /// One per call of a tool of ours, in the order of the calls.
    pub(super) results: Vec<CallResult<'a>>,
}

/// A part of the model's message.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    pub(super) part: &'a Part,
    /// What the call is named on the wire; empty for everything that is not a call of ours.
    pub(super) call_id: String,
}

/// The result of a call of a tool of ours.
#[derive(Debug)]
pub(super) struct CallResult<'a> {
    pub(super) call_id: String,
    result: Option<&'a ToolResult>,
}

impl<'a> CallResult<'a> {
    pub(super) fn text(&self) -> &'a str {
        self.result.map_or(NO_RESULT, |result| &result.result)
    }

    pub(super) fn is_error(&self) -> bool {
        self.result.is_none_or(|result| result.is_error)
    }

    /// The name of the tool; empty where there is no result.
    pub(super) fn name(&self) -> &'a str {
        self.result.map_or("", |result| &result.name)
    }

    /// Images and documents that belong to the result.
    pub(super) fn files(&self) -> &'a [File] {
        self.result.map_or(&[], |result| &result.files)
    }
}

/// How a protocol wants its conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// Whose metadata counts.
    pub(super) namespace: &'static str,
    /// Whether the provider takes its own identifiers back as it made them.
    pub(super) keeps_call_ids: bool,
    /// Metadata without which what the provider ran cannot be replayed; `None` where it cannot
    /// be replayed at all.
    pub(super) provider_tools: Option<&'static str>,
}

/// Orders a conversation. What was repaired or left out is said in `warnings`.
pub(super) fn arrange<'a>(
    messages: impl IntoIterator<Item = &'a PromptMessage>,
    policy: Policy,
    warnings: &mut Vec<Warning>,
) -> Vec<Turn<'a>> {
    let mut arranger = Arranger { policy, turns: Vec::new(), open: HashMap::new(), ids: CallIds::default(), warnings };
    for message in messages {
        arranger.take(message);
    }
    arranger.report_missing_results();
    arranger.drop_broken_provider_tools();
    arranger.turns
}

struct Arranger<'a, 'w> {
    policy: Policy,
    turns: Vec<Turn<'a>>,
    /// Where the results of calls go that have none yet: turn and position.
    open: HashMap<&'a str, (usize, usize)>,
    ids: CallIds,
    warnings: &'w mut Vec<Warning>,
}

impl<'a> Arranger<'a, '_> {
    fn take(&mut self, message: &'a PromptMessage) {
        match message.role() {
            Role::System => {
                let texts: Vec<_> = message.parts.iter().filter_map(plain_text).collect();
                if !texts.is_empty() {
                    self.turns.push(Turn::System(texts));
                }
            }
            Role::Assistant => self.take_assistant(&message.parts),
            Role::User | Role::Tool | Role::Unspecified => self.take_user(&message.parts),
        }
    }

    fn take_user(&mut self, parts: &'a [Part]) {
        let mut said = Vec::new();
        for part in parts {
            match &part.body {
                Some(Body::ToolResult(result)) => self.take_result(result),
                Some(Body::Reasoning(_) | Body::ToolCall(_) | Body::Source(_)) | None => {}
                Some(_) => said.push(part),
            }
        }
        if !said.is_empty() {
            self.turns.push(Turn::User(said));
        }
    }

    fn take_assistant(&mut self, parts: &'a [Part]) {
        let turn = self.turns.len();
        let mut said = AssistantTurn::default();
        let mut own_results = Vec::new();
        for part in parts {
            let mut call_id = String::new();
            match &part.body {
                Some(Body::ToolResult(result)) if !result.provider_executed => {
                    own_results.push(result);
                    continue;
                }
                Some(Body::ToolCall(call)) if !call.provider_executed => {
                    call_id = self.ids.claim(&self.wire_id(part, &call.call_id));
                    self.open.insert(&call.call_id, (turn, said.results.len()));
                    said.results.push(CallResult { call_id: call_id.clone(), result: None });
                }
                _ => {}
            }
            said.pieces.push(Piece { part, call_id });
        }
        self.turns.push(Turn::Assistant(said));
        for result in own_results {
            self.take_result(result);
        }
    }

    fn wire_id<'p>(&self, part: &'p Part, id: &'p str) -> Cow<'p, str> {
        let original = match self.policy.keeps_call_ids {
            true => metadata::find(part, self.policy.namespace, ORIGINAL_CALL_ID).and_then(string_of),
            false => None,
        };
        original.unwrap_or_else(|| sanitize(id))
    }

    fn take_result(&mut self, result: &'a ToolResult) {
        let slot = self.open.remove(result.call_id.as_str());
        let turn = slot.and_then(|(turn, at)| match self.turns.get_mut(turn) {
            Some(Turn::Assistant(said)) => said.results.get_mut(at),
            _ => None,
        });
        match turn {
            Some(slot) => slot.result = Some(result),
            None => self.warnings.push(warning(
                ORPHAN_RESULT,
                format!("a result of `{}` answers no call and was left out", result.name),
            )),
        }
    }

    fn report_missing_results(&mut self) {
        let assistants = self.turns.iter().filter_map(|turn| match turn {
            Turn::Assistant(said) => Some(said),
            _ => None,
        });
        let missing = assistants.flat_map(|said| &said.results).filter(|slot| slot.result.is_none()).count();
        if missing > 0 {
            let message = format!("{missing} calls without a result were answered with an error");
            self.warnings.push(warning(MISSING_RESULT, message));
        }
    }

    /// Leaves out what a provider ran where it cannot be replayed or one half is missing.
    ///
    /// An answer that paused in a call of the provider's and the one that went on from there are
    /// one: the result stands in the second. The last message may end with a call without its
    /// result, because the provider goes on from it.
    fn drop_broken_provider_tools(&mut self) {
        let last = self.turns.len().saturating_sub(1);
        let policy = self.policy;
        let mut dropped = 0;
        let mut start = 0;
        while start < self.turns.len() {
            let end = start + answer_length(&self.turns[start..]);
            let turns = &mut self.turns[start..end];
            let (calls, results) = replayable_halves(turns, policy);
            for (at, said) in (start..).zip(turns).filter_map(|(at, turn)| Some((at, assistant_of(turn)?))) {
                let before = said.pieces.len();
                said.pieces.retain(|piece| match &piece.part.body {
                    Some(Body::ToolCall(call)) if call.provider_executed => {
                        calls.contains(&call.call_id) && (results.contains(&call.call_id) || at == last)
                    }
                    Some(Body::ToolResult(result)) => {
                        calls.contains(&result.call_id) && results.contains(&result.call_id)
                    }
                    _ => true,
                });
                dropped += before - said.pieces.len();
            }
            start = end;
        }
        if dropped > 0 {
            let message = format!("{dropped} parts of tools that a provider ran were left out");
            self.warnings.push(warning(PROVIDER_TOOL_DROPPED, message));
        }
    }
}

fn assistant_of<'t, 'a>(turn: &'t mut Turn<'a>) -> Option<&'t mut AssistantTurn<'a>> {
    match turn {
        Turn::Assistant(said) => Some(said),
        _ => None,
    }
}

/// How many of the next turns are one answer: those of the model that nothing stands between.
fn answer_length(turns: &[Turn<'_>]) -> usize {
    let goes_on = |turn: &&Turn<'_>| matches!(turn, Turn::Assistant(said) if said.results.is_empty());
    let paused = turns.iter().take_while(goes_on).count();
    let has_end = matches!(turns.get(paused), Some(Turn::Assistant(_)));
    (paused + usize::from(has_end)).max(1)
}

/// The identifiers of what a provider ran and of what came of it, as far as it can be replayed.
fn replayable_halves(turns: &[Turn<'_>], policy: Policy) -> (HashSet<String>, HashSet<String>) {
    let is_replayable =
        |part: &Part| policy.provider_tools.is_some_and(|kind| metadata::find(part, policy.namespace, kind).is_some());
    let (mut calls, mut results) = (HashSet::new(), HashSet::new());
    let pieces = turns.iter().flat_map(|turn| match turn {
        Turn::Assistant(said) => said.pieces.as_slice(),
        _ => &[],
    });
    for piece in pieces.filter(|piece| is_replayable(piece.part)) {
        match &piece.part.body {
            Some(Body::ToolCall(call)) => calls.insert(call.call_id.clone()),
            Some(Body::ToolResult(result)) => results.insert(result.call_id.clone()),
            _ => false,
        };
    }
    (calls, results)
}

/// The text of a part that can be read as text, where there is any.
pub(super) fn plain_text(part: &Part) -> Option<Cow<'_, str>> {
    match &part.body {
        Some(Body::Text(text)) if text.trim().is_empty() => None,
        Some(Body::Text(text)) => Some(Cow::Borrowed(text)),
        Some(Body::FileReference(reference)) => Some(Cow::Owned(reference_text(reference))),
        Some(Body::ContextFile(file)) => context_file_text(file).map(Cow::Owned),
        Some(Body::Skill(skill)) => Some(Cow::Owned(skill_text(skill))),
        _ => None,
    }
}
