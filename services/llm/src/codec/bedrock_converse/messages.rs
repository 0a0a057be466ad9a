//! Encodes a conversation: which block each part becomes and where it stands.

use std::borrow::Cow;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ToolCall};
use chatmesh_proto::llm::v1::{PromptMessage, Warning};

use super::documents::Documents;
use super::family::Family;
use super::types::{Block, CachePoint, Message, Reasoning, Role, ToolResult, ToolUse};
use super::{NAMESPACE, REDACTED_CONTENT, THINKING_SIGNATURE};
use crate::classify::Failure;
use crate::codec::history::{AssistantTurn, CallResult, Piece, Policy, Turn, arrange, plain_text};
use crate::codec::json::{empty_object, object_of};
use crate::codec::metadata;
use crate::codec::tool_names::ToolNames;
use crate::codec::warnings::{ATTACHMENT_DROPPED, INVALID_ARGS, REASONING_DROPPED, SYSTEM_MESSAGE_CONVERTED, warning};

const POLICY: Policy = Policy { namespace: NAMESPACE, keeps_call_ids: false, provider_tools: None };

/// How many of the user's messages at the end are marked for the cache: the last, and what the
/// next call finds in the cache.
const MARKED_MESSAGES: usize = 2;

/// A conversation on the wire.
#[derive(Debug)]
pub(super) struct Prompt<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Message<'a>>,
    /// There are calls of tools, without whose definitions the service refuses the conversation.
    pub(super) has_calls: bool,
    /// False where the model is in the middle of calls that it made without thinking.
    pub(super) allows_thinking: bool,
}

pub(super) fn encode<'a>(
    messages: &'a [PromptMessage],
    family: Family,
    names: &'a ToolNames<'a>,
    warnings: &mut Vec<Warning>,
) -> Result<Prompt<'a>, Failure> {
    let turns = arrange(messages, POLICY, warnings);
    let mut encoder = Encoder {
        family,
        names,
        system: Vec::new(),
        messages: Vec::new(),
        documents: Documents::default(),
        unsigned: 0,
        warnings,
    };
    for turn in turns {
        encoder.take(turn);
    }
    encoder.finish()
}

struct Encoder<'a, 'w> {
    family: Family,
    names: &'a ToolNames<'a>,
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
    documents: Documents,
    /// How many reasoning parts could not be sent.
    unsigned: usize,
    warnings: &'w mut Vec<Warning>,
}

impl<'a> Encoder<'a, '_> {
    fn take(&mut self, turn: Turn<'a>) {
        match turn {
            Turn::System(texts) if self.messages.is_empty() => {
                self.system.extend(texts.into_iter().map(Block::text));
            }
            Turn::System(texts) => {
                let message = "a system message after the first other one was sent as the user's";
                self.warnings.push(warning(SYSTEM_MESSAGE_CONVERTED, message));
                self.push(Role::User, texts.into_iter().map(Block::text).collect());
            }
            Turn::User(parts) => self.take_user(parts),
            Turn::Assistant(said) => self.take_assistant(said),
        }
    }

    fn take_user(&mut self, parts: Vec<&'a Part>) {
        let mut blocks = Vec::new();
        for part in parts {
            match &part.body {
                Some(Body::File(file)) => {
                    let block = self.file_block(file, &blocks);
                    blocks.push(block);
                }
                _ => blocks.extend(plain_text(part).map(Block::text)),
            }
        }
        self.push(Role::User, blocks);
    }

    fn file_block(&mut self, file: &'a File, before: &[Block<'_>]) -> Block<'a> {
        let attached = self.documents.attach(file, before);
        self.warnings.extend(attached.note.map(|note| warning(ATTACHMENT_DROPPED, note)));
        attached.block
    }

    fn take_assistant(&mut self, said: AssistantTurn<'a>) {
        let blocks = said.pieces.into_iter().filter_map(|piece| self.assistant_block(piece)).collect();
        self.push(Role::Assistant, blocks);
        let results = said.results.into_iter().map(|result| self.result_block(result)).collect();
        self.push(Role::User, results);
    }

    /// Neighbours of one role are one message: the service demands that the roles take turns.
    fn push(&mut self, role: Role, blocks: Vec<Block<'a>>) {
        match self.messages.last_mut() {
            _ if blocks.is_empty() => {}
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => self.messages.push(Message { role, content: blocks }),
        }
    }

    fn assistant_block(&mut self, piece: Piece<'a>) -> Option<Block<'a>> {
        let part = piece.part;
        match part.body.as_ref()? {
            Body::Reasoning(reasoning) => {
                let block = reasoning_block(part, &reasoning.text);
                self.unsigned += usize::from(block.is_none());
                block
            }
            Body::ToolCall(call) => Some(self.call_block(call, piece.call_id)),
            _ => plain_text(part).map(Block::text),
        }
    }

    fn call_block(&mut self, call: &'a ToolCall, tool_use_id: String) -> Block<'a> {
        let input = match object_of(&call.args) {
            Some(input) => Cow::Borrowed(input),
            None => {
                if !call.args.trim().is_empty() {
                    let message = format!("the arguments of a call of `{}` were replaced by none", call.name);
                    self.warnings.push(warning(INVALID_ARGS, message));
                }
                empty_object()
            }
        };
        Block::ToolUse(ToolUse { tool_use_id, name: self.names.wire(&call.name), input })
    }

    fn result_block(&mut self, result: CallResult<'a>) -> Block<'a> {
        let status = (result.is_error() && self.family.takes_status()).then_some("error");
        let mut content = Vec::new();
        if !result.text().trim().is_empty() {
            content.push(Block::text(result.text()));
        }
        for file in result.files() {
            let block = self.file_block(file, &content);
            content.push(block);
        }
        if content.is_empty() {
            content.push(Block::text("{}"));
        }
        Block::ToolResult(ToolResult { tool_use_id: result.call_id, content, status })
    }

    fn finish(mut self) -> Result<Prompt<'a>, Failure> {
        if self.unsigned > 0 {
            let message = format!("{} reasoning parts without a signature were left out", self.unsigned);
            self.warnings.push(warning(REASONING_DROPPED, message));
        }
        match self.messages.first() {
            None => return Err(Failure::configuration("the conversation has no message")),
            Some(first) if first.role == Role::Assistant => {
                let content = vec![Block::text("Continue.")];
                self.messages.insert(0, Message { role: Role::User, content });
            }
            Some(_) => {}
        }
        for message in &mut self.messages {
            settle(message);
        }
        let has_calls = self.messages.iter().flat_map(|message| &message.content).any(is_of_a_tool);
        let allows_thinking = allows_thinking(&self.messages);
        if self.family.caches() {
            let mark = || Block::CachePoint(CachePoint::Default);
            if !self.system.is_empty() {
                self.system.push(mark());
            }
            let said = self.messages.iter_mut().rev().filter(|message| message.role == Role::User);
            for message in said.take(MARKED_MESSAGES) {
                message.content.push(mark());
            }
        }
        Ok(Prompt { system: self.system, messages: self.messages, has_calls, allows_thinking })
    }
}

/// Puts a message into the order that the service demands: results first, reasoning first, and a
/// text beside every document.
fn settle(message: &mut Message<'_>) {
    message.content.sort_by_key(|block| match block {
        Block::ToolResult(_) | Block::ReasoningContent(_) => 0,
        _ => 1,
    });
    let has = |is: fn(&Block<'_>) -> bool| message.content.iter().any(is);
    if has(|block| matches!(block, Block::Document(_))) && !has(|block| matches!(block, Block::Text(_))) {
        message.content.push(Block::text("[Documents are attached.]"));
    }
}

fn is_of_a_tool(block: &Block<'_>) -> bool {
    matches!(block, Block::ToolUse(_) | Block::ToolResult(_))
}

fn reasoning_block<'a>(part: &'a Part, text: &'a str) -> Option<Block<'a>> {
    if let Some(raw) = metadata::find(part, NAMESPACE, REDACTED_CONTENT) {
        return Some(Block::ReasoningContent(Reasoning::RedactedContent(raw)));
    }
    let signature = metadata::find(part, NAMESPACE, THINKING_SIGNATURE)?;
    Some(Block::ReasoningContent(Reasoning::ReasoningText { text, signature }))
}

/// While calls are in progress, Claude takes thinking only where its message begins with it.
fn allows_thinking(messages: &[Message<'_>]) -> bool {
    let [.., said, last] = messages else { return true };
    let in_progress = last.role == Role::User && last.content.iter().all(|block| matches!(block, Block::ToolResult(_)));
    !in_progress || matches!(said.content.first(), Some(Block::ReasoningContent(_)))
}
