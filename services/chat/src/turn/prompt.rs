//! What the model is told: instructions, then the history. Built from committed messages only,
//! so that a prompt is the same whether it was extended step by step or read anew.
//!
//! The instructions have an order: what the deployment and the chat said when the chat began, what the workspace says,
//! the skills that there are, what the user wants of all chats.
//!
//! Files that tools gave to the chat are for its people: the model knows them by the results that came with them.
//!
//! Results without a call, calls without a result and identifiers that a provider would refuse are the business of
//! the service that calls the model: it puts every conversation in order, whoever sends it.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role};
use chatmesh_proto::llm::v1::{PromptMessage, ResponseChain};
use prost::Message as _;

use super::chain::{self, Circumstances};
use super::own::Frame;
use super::rows::{Row, unanswered};
use crate::domain::{Message, NewMessage, Visibility};
use crate::files::names_file;

/// A prompt that grows with the turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Prompt {
    frame: Frame,
    instructions: Vec<PromptMessage>,
    messages: Vec<PromptMessage>,
    /// What each message is.
    rows: Vec<Row>,
    /// What people said at the end and nobody answered, as it is stored.
    unanswered: Vec<NewMessage>,
    /// The size of the messages on the wire.
    bytes: usize,
}

impl Prompt {
    /// The prompt of a history. `unanswered` is its end as it is stored, `blocks` what is said between the frame's
    /// instructions: of the workspace and of skills.
    pub(super) fn new(frame: Frame, blocks: &[String], history: Vec<Message>, unanswered: Vec<NewMessage>) -> Self {
        let mut prompt = Self { frame, ..Self::default() };
        prompt.instruct(blocks);
        prompt.read(history, unanswered);
        prompt
    }

    /// Takes other instructions into its frame.
    pub(super) fn instruct(&mut self, blocks: &[String]) {
        let Frame { deployment, chat, user } = &self.frame;
        let texts = [deployment, chat].into_iter().chain(blocks).chain([user]).map(String::as_str);
        let texts = texts.filter(|text| !text.trim().is_empty());
        let message = |text: &str| PromptMessage {
            role: Role::System.into(),
            parts: vec![Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }],
        };
        self.instructions = texts.map(message).collect();
    }

    /// Takes another history.
    pub(super) fn read(&mut self, history: Vec<Message>, unanswered: Vec<NewMessage>) {
        self.messages.clear();
        self.rows.clear();
        self.bytes = 0;
        for message in history {
            self.push(message);
        }
        self.unanswered = unanswered;
    }

    /// Goes on with what was committed.
    pub(super) fn extend(&mut self, committed: Vec<Message>) {
        for message in committed {
            let body = &message.body;
            if body.visibility != Visibility::User && !body.compressed {
                self.push(message);
                self.unanswered.clear();
            }
        }
    }

    fn push(&mut self, message: Message) {
        self.rows.push(Row::of(&message));
        let mut parts = message.body.content;
        if message.body.role != Role::User {
            parts.retain(|part| !names_file(part));
        }
        let message = PromptMessage { role: message.body.role.into(), parts };
        self.bytes += message.encoded_len();
        self.messages.push(message);
    }

    /// What the messages are.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Everything, instructions first.
    pub(super) fn messages(&self) -> Vec<PromptMessage> {
        self.instructions.iter().chain(&self.messages).cloned().collect()
    }

    pub(super) fn instructions(&self) -> &[PromptMessage] {
        &self.instructions
    }

    /// What was said, without what nobody answered at the end.
    pub(super) fn answered(&self) -> &[PromptMessage] {
        let end = self.messages.len() - unanswered(&self.rows);
        &self.messages[..end]
    }

    /// What people said at the end and nobody answered.
    pub(super) fn unanswered(&self) -> &[NewMessage] {
        &self.unanswered
    }

    /// Whether the model said anything that a summary could tell of.
    pub(super) fn has_answers(&self) -> bool {
        self.rows.iter().any(|row| row.said().is_some())
    }

    /// The answer to continue, where the next call may.
    pub(super) fn chain(&self, model: &str, circumstances: Circumstances) -> Option<ResponseChain> {
        chain::decide(&self.rows, self.instructions.len(), model, circumstances)
    }

    /// How many messages it has, and how many bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        let instructions = self.instructions.iter().map(PromptMessage::encoded_len).sum::<usize>();
        (self.instructions.len() + self.messages.len(), instructions + self.bytes)
    }
}

/// What people said at the end of a history and nobody answered, to be kept behind a summary. People have seen
/// it where it was said first.
pub(super) fn unanswered_of(history: &[Message]) -> Vec<NewMessage> {
    let rows: Vec<Row> = history.iter().map(Row::of).collect();
    let from = history.len() - unanswered(&rows);
    let again =
        |message: &Message| NewMessage { visibility: Visibility::Model, request_id: None, ..message.body.clone() };
    history.iter().skip(from).map(again).collect()
}
