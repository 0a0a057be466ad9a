//! What operations on chats are given, and what they return.

use std::collections::BTreeMap;

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_proto::common::v1::ToolDefinition;

use crate::domain::{Chat, ChatId, Message, NewMessage, QueuedMessage, RunnerId};

/// A chat to insert with its first message.
#[derive(Debug, Clone)]
pub struct NewChat {
    /// The chat; its versions and numbers are set by the store.
    pub chat: Chat,
    /// The first message.
    pub message: NewMessage,
    /// The tools that the client runs.
    pub dynamic_tools: Vec<ToolDefinition>,
    /// What the deployment tells the chat, for as long as it lasts.
    pub deployment_prompt: String,
    /// The client's identifier of the request.
    pub request_id: Option<Uuid>,
}

/// What a sent message became.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The chat afterwards.
    pub chat: Chat,
    /// The messages that were committed, in order.
    pub messages: Vec<Message>,
    /// The queued message, where it was queued.
    pub queued: Option<QueuedMessage>,
    /// False where the same request was made before and this is its result.
    pub changed: bool,
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The message.
    pub message: NewMessage,
    /// The model for this and the following turns; the chat's where it is empty.
    pub model: String,
    /// True to interrupt a busy chat.
    pub interrupt: bool,
    /// The trace of the request.
    pub traceparent: Option<String>,
}

/// Another word in place of one that was said.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The message to replace, one of the user's.
    pub message_id: u32,
    /// What takes its place.
    pub message: NewMessage,
    /// The model for this and the following turns; the chat's where it is empty.
    pub model: String,
    /// The trace of the request.
    pub traceparent: Option<String>,
}

/// What an edit did.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The chat afterwards.
    pub chat: Chat,
    /// The messages that were committed, in order; the last is the user's.
    pub messages: Vec<Message>,
    /// The messages that are forgotten.
    pub deleted: Vec<u32>,
    /// False where the same request was made before and this is its result.
    pub changed: bool,
}

/// What is written on a chat; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The title.
    pub title: Option<String>,
    /// All labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// The workspace; `Some(None)` for none.
    pub workspace_id: Option<Option<Uuid>>,
    /// The chosen MCP servers.
    pub mcp_server_ids: Option<Vec<Uuid>>,
}

/// What an owner changes about a chat; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// What is written on it. Its place in lists stays.
    pub metadata: Metadata,
    /// Whether the chat and all that it started are put away. That also unpins it.
    pub archived: Option<bool>,
    /// Its place among the pinned chats of the owner, 0 for none.
    pub pin_order: Option<u32>,
}

/// What an update did.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// The chat afterwards.
    pub chat: Chat,
    /// The chats that it started and that were put away or taken out with it.
    pub family: Vec<Chat>,
    /// The other chats whose places among the pinned ones changed.
    pub moved: Vec<Chat>,
}

/// What a tool of the client returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientResult {
    /// The call.
    pub call_id: String,
    /// JSON as text.
    pub output: String,
    /// True where the tool failed.
    pub is_error: bool,
}

/// An answer that was kept while its tools ran.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptStep {
    /// The answer.
    pub answer: NewMessage,
    /// The workspace that its tools act on; `None` where the chat had none.
    pub workspace_id: Option<Uuid>,
}

/// The workspace that a tool made for a chat, starts or stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The workspace that the chat had when the tool was called.
    pub expected: Option<Uuid>,
    /// The workspace that it has from now on.
    pub workspace_id: Uuid,
    /// The build that is waited for.
    pub build_id: Option<Uuid>,
}

/// Names the lease under which a runner writes, and the history that it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The chat.
    pub chat_id: ChatId,
    /// The lease.
    pub runner_id: RunnerId,
    /// The version of the history that the work is based on.
    pub history_version: u32,
}

/// A chat as it is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// The chat.
    pub chat: Chat,
    /// The messages that were asked for.
    pub messages: Vec<Message>,
    /// The queue, where it changed after the version that was asked with.
    pub queue: Option<Vec<QueuedMessage>>,
}

/// Which messages a subscriber wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The ones after this number.
    Message(u32),
    /// The ones that changed after this revision, and the queue where it changed after the other.
    Versions {
        /// `history_version` that the subscriber has seen.
        history: u32,
        /// `queue_version` that the subscriber has seen.
        queue: u32,
    },
}

/// Where a page of a list ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListCursor {
    /// The last chat's place among the pinned ones; 0 where it is not pinned.
    pub pin_order: u32,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The chat itself.
    pub id: ChatId,
}

impl ListCursor {
    /// After this chat.
    #[must_use]
    pub fn after(chat: &Chat) -> Self {
        Self { pin_order: chat.pin_order, updated_at: chat.updated_at, id: chat.id }
    }
}
