//! Encodes a conversation: which block each part becomes and where it stands.

use std::borrow::Cow;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Reasoning, ToolCall};
use chatmesh_proto::llm::v1::{PromptMessage, Warning};
use serde_json::Value;
use serde_json::value::RawValue;

use super::types::{Block, Content, Message, ResultContent, Role, Source};
use super::{CITATION, CONTAINER, NAMESPACE, RAW, REDACTED_THINKING, SERVER_TOOL, THINKING_SIGNATURE, TOOL_USE};
use crate::classify::Failure;
use crate::codec::attachment::{Attachment, Base64, Remote, document_title, essence};
use crate::codec::history::{AssistantTurn, CallResult, Piece, Policy, Turn, arrange, plain_text};
use crate::codec::json::{empty_object, object_of};
use crate::codec::metadata;
use crate::codec::warnings::{ATTACHMENT_DROPPED, INVALID_ARGS, REASONING_DROPPED, SYSTEM_MESSAGE_CONVERTED, warning};

const POLICY: Policy = Policy { namespace: NAMESPACE, keeps_call_ids: false, provider_tools: Some(SERVER_TOOL) };

/// How many messages at the end are marked for the cache. One would do, if the one before were
/// not what the next call finds in it.
const MARKED_MESSAGES: usize = 2;

/// A conversation on the wire.
#[derive(Debug)]
pub(super) struct Prompt<'a> {
    pub(super) system: Vec<Block<'a>>,
    pub(super) messages: Vec<Message<'a>>,
    /// The identifier of the container in which the code of the last answer that ran any did so.
    pub(super) container: Option<String>,
    /// False where the model is in the middle of calls that it made without thinking.
    pub(super) allows_thinking: bool,
}

pub(super) fn encode<'a>(messages: &'a [PromptMessage], warnings: &mut Vec<Warning>) -> Result<Prompt<'a>, Failure> {
    let turns = arrange(messages, POLICY, warnings);
    let mut encoder = Encoder { system: Vec::new(), messages: Vec::new(), unsigned: 0, warnings };
    for turn in turns {
        encoder.take(turn);
    }
    let prompt = encoder.finish()?;
    Ok(Prompt { container: container(messages), ..prompt })
}

fn container(messages: &[PromptMessage]) -> Option<String> {
    let parts = messages.iter().flat_map(|message| &message.parts).rev();
    let container = parts.filter_map(|part| metadata::find(part, NAMESPACE, CONTAINER)).next()?;
    let container: Value = serde_json::from_str(container.get()).ok()?;
    container.get("id").and_then(Value::as_str).map(str::to_owned)
}

struct Encoder<'a, 'w> {
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
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
            Turn::User(parts) => {
                let blocks = parts.into_iter().filter_map(|part| self.user_block(part)).collect();
                self.push(Role::User, blocks);
            }
            Turn::Assistant(said) => self.take_assistant(said),
        }
    }

    fn take_assistant(&mut self, said: AssistantTurn<'a>) {
        let blocks = said.pieces.into_iter().filter_map(|piece| self.assistant_block(piece)).collect();
        self.push(Role::Assistant, blocks);
        let results = said.results.into_iter().map(|result| self.result_block(result)).collect();
        self.push(Role::User, results);
    }

    fn result_block(&mut self, result: CallResult<'a>) -> Block<'a> {
        let content = match result.files() {
            [] => ResultContent::Text(result.text()),
            files => {
                let text = Some(result.text()).filter(|text| !text.trim().is_empty()).map(Block::text);
                ResultContent::Blocks(text.into_iter().chain(files.iter().map(|file| self.file_block(file))).collect())
            }
        };
        let is_error = result.is_error();
        Content::ToolResult { tool_use_id: result.call_id, content, is_error }.into()
    }

    /// Neighbours of one role are one message, so that results and what the user said after
    /// them stand together, results first.
    fn push(&mut self, role: Role, blocks: Vec<Block<'a>>) {
        match self.messages.last_mut() {
            _ if blocks.is_empty() => {}
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => self.messages.push(Message { role, content: blocks }),
        }
    }

    fn user_block(&mut self, part: &'a Part) -> Option<Block<'a>> {
        match part.body.as_ref()? {
            Body::File(file) => Some(self.file_block(file)),
            _ => plain_text(part).map(Block::text),
        }
    }

    fn file_block(&mut self, file: &'a File) -> Block<'a> {
        let base64 = || Source::Base64 { media_type: essence(&file.media_type), data: Base64::plain(&file.data) };
        let title = || document_title(&file.name);
        match Remote::of(file) {
            Some(Remote::Image(url)) => return Content::Image { source: Source::Url { url } }.into(),
            Some(Remote::Pdf(url)) => return Content::Document { source: Source::Url { url }, title: title() }.into(),
            None => {}
        }
        match Attachment::of(file) {
            Attachment::Image => Content::Image { source: base64() }.into(),
            Attachment::Pdf => Content::Document { source: base64(), title: title() }.into(),
            Attachment::Text(data) => {
                let source = Source::Text { media_type: "text/plain", data };
                Content::Document { source, title: title() }.into()
            }
            Attachment::Note(note) => {
                self.warnings.push(warning(ATTACHMENT_DROPPED, note.clone()));
                Block::text(note)
            }
        }
    }

    fn assistant_block(&mut self, piece: Piece<'a>) -> Option<Block<'a>> {
        let part = piece.part;
        if let Some(raw) = metadata::find(part, NAMESPACE, RAW) {
            return Some(Block::Raw(raw));
        }
        match part.body.as_ref()? {
            Body::Text(text) if text.trim().is_empty() => None,
            Body::Text(text) => {
                let citations = metadata::all(part, NAMESPACE, CITATION).collect();
                Some(Content::Text { text: Cow::Borrowed(text), citations }.into())
            }
            Body::Reasoning(reasoning) => {
                let block = thinking_block(part, reasoning);
                self.unsigned += usize::from(block.is_none());
                block
            }
            Body::ToolCall(call) if !call.provider_executed => Some(self.call_block(part, call, piece.call_id)),
            Body::ToolCall(_) | Body::ToolResult(_) => metadata::find(part, NAMESPACE, SERVER_TOOL).map(Block::Raw),
            _ => plain_text(part).map(Block::text),
        }
    }

    fn call_block(&mut self, part: &'a Part, call: &'a ToolCall, id: String) -> Block<'a> {
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
        let more = metadata::find(part, NAMESPACE, TOOL_USE)
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        Content::ToolUse { id, name: &call.name, input, more }.into()
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
        trim_last(&mut self.messages);
        if let Some(last) = self.system.last_mut() {
            last.mark();
        }
        for message in self.messages.iter_mut().rev().take(MARKED_MESSAGES) {
            let _is_marked = message.content.iter_mut().rev().any(Block::mark);
        }
        let allows_thinking = allows_thinking(&self.messages);
        Ok(Prompt { system: self.system, messages: self.messages, container: None, allows_thinking })
    }
}

fn thinking_block<'a>(part: &'a Part, reasoning: &'a Reasoning) -> Option<Block<'a>> {
    if let Some(raw) = metadata::find(part, NAMESPACE, REDACTED_THINKING) {
        return Some(Block::Redacted(raw));
    }
    let signature: &RawValue = metadata::find(part, NAMESPACE, THINKING_SIGNATURE)?;
    Some(Content::Thinking { thinking: &reasoning.text, signature }.into())
}

/// A conversation that ends with the model's words must not end with white space.
fn trim_last(messages: &mut [Message<'_>]) {
    let last = messages.last_mut().filter(|last| last.role == Role::Assistant);
    if let Some(Block::Ours(block)) = last.and_then(|last| last.content.last_mut())
        && let Content::Text { text, .. } = &mut block.content
    {
        *text = Cow::Owned(text.trim_end().to_owned());
    }
}

/// While calls are in progress, the provider takes thinking only where the model's message
/// begins with it.
fn allows_thinking(messages: &[Message<'_>]) -> bool {
    let is_result = |block: &Block<'_>| match block {
        Block::Ours(block) => matches!(block.content, Content::ToolResult { .. }),
        Block::Redacted(_) | Block::Raw(_) => false,
    };
    let [.., said, last] = messages else { return true };
    let in_progress = last.role == Role::User && last.content.iter().all(is_result);
    !in_progress || said.content.first().is_some_and(Block::is_thinking)
}
