//! Chats, messages and the queue.

mod content;
mod dynamic_tools;
mod filter;
mod labels;

use std::collections::BTreeMap;

use chatmesh_core::{Timestamp, Uuid, typed_id};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::{FinishReason, GenerationError, Part, Role, Usage};
use chatmesh_rpc::UserId;
pub(crate) use content::{check_user_content, files_in, title_from};
pub(crate) use dynamic_tools::check_dynamic_tools;
pub use filter::ChatFilter;
pub(crate) use filter::parse_filter;
pub(crate) use labels::check_labels;

use crate::machine::{State, Status};

typed_id!(
    /// A chat.
    ChatId,
    /// One lease of a chat by a worker.
    RunnerId,
    /// A worker: one process, from its start to its end.
    WorkerId,
);

/// A conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Chat {
    /// The identifier.
    pub id: ChatId,
    /// Who owns it.
    pub owner_id: UserId,
    /// What it is called.
    pub title: String,
    /// What it is doing.
    pub status: Status,
    /// True for a chat that was put away.
    pub archived: bool,
    /// The name of the model of the next step.
    pub model: String,
    /// The workspace that its tools act on.
    pub workspace_id: Option<Uuid>,
    /// The MCP servers that it chose; `None` where nothing was chosen.
    pub mcp_server_ids: Option<Vec<Uuid>>,
    /// The build of that workspace that a tool of the chat asked for last.
    pub build_id: Option<Uuid>,
    /// Instructions of this chat.
    pub system_prompt: String,
    /// Free labels.
    pub labels: BTreeMap<String, String>,
    /// The chat that started it.
    pub parent_id: Option<ChatId>,
    /// The uppermost chat of its family; `None` for that one itself.
    pub root_id: Option<ChatId>,
    /// The place among the pinned chats of its owner, from 1; 0 where it is not pinned.
    pub pin_order: u32,
    /// The lease.
    pub lease: Option<Lease>,
    /// Why the last turn failed; set exactly while the status is [`Status::Error`].
    pub last_error: Option<GenerationError>,
    /// The pause before the next call of the model, while there is one.
    pub retry_state: Option<Retry>,
    /// The versions.
    pub versions: Versions,
    /// Until when the client's tools may take; set exactly while the status is [`Status::RequiresAction`].
    pub action_deadline_at: Option<Timestamp>,
    /// Since when a summary of the history is wanted.
    pub compaction_requested_at: Option<Timestamp>,
    /// The highest message number.
    pub last_message_id: u32,
    /// The number of the last thing that the model said to people.
    pub last_assistant_message_id: u32,
    /// The number of the last message that the owner has seen.
    pub last_read_message_id: u32,
    /// The highest number of a queued message.
    pub last_queued_id: u32,
    /// How many messages wait.
    pub queued_count: u32,
    /// The trace of the request that made the chat runnable.
    pub traceparent: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed in a way that lists show.
    pub updated_at: Timestamp,
}

impl Chat {
    /// A chat that runs and has no messages yet.
    #[must_use]
    pub fn new(id: ChatId, owner_id: UserId, model: String, now: Timestamp) -> Self {
        Self {
            id,
            owner_id,
            title: String::new(),
            status: Status::Running,
            archived: false,
            model,
            workspace_id: None,
            mcp_server_ids: None,
            build_id: None,
            system_prompt: String::new(),
            labels: BTreeMap::new(),
            parent_id: None,
            root_id: None,
            pin_order: 0,
            lease: None,
            last_error: None,
            retry_state: None,
            versions: Versions::default(),
            action_deadline_at: None,
            compaction_requested_at: None,
            last_message_id: 0,
            last_assistant_message_id: 0,
            last_read_message_id: 0,
            last_queued_id: 0,
            queued_count: 0,
            traceparent: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// What subscribers and workers compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Versions {
    /// Grows by one with every transaction.
    pub snapshot: u32,
    /// `snapshot` at the last change of the messages, or at the end of a turn whose last call of the model left
    /// none: with `generation_attempt` it names a call of the model for good.
    pub history: u32,
    /// `snapshot` at the last change of the queue.
    pub queue: u32,
    /// `snapshot` at the last change of the retry state.
    pub retry_state: u32,
    /// How many model calls were begun since `history` last changed.
    pub generation_attempt: u32,
}

/// Who may write to a running chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The process.
    pub worker_id: WorkerId,
    /// The lease itself; new each time.
    pub runner_id: RunnerId,
}

impl Chat {
    /// The state that operations depend on.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.status, self.queued_count > 0, self.archived)
    }

    /// The uppermost chat of the family.
    #[must_use]
    pub fn family(&self) -> ChatId {
        self.root_id.unwrap_or(self.id)
    }

    /// True where the model said something that the owner has not seen.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.last_assistant_message_id > self.last_read_message_id
    }
}

/// Who is shown a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// People only.
    User,
    /// The model only.
    Model,
    /// Both.
    Both,
}

/// A message to insert; its number is given under the row lock.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: Vec<Part>,
    /// Who is shown it.
    pub visibility: Visibility,
    /// The user who sent it.
    pub created_by: Option<UserId>,
    /// The model that spoke.
    pub model: Option<String>,
    /// What the step took.
    pub usage: Option<Usage>,
    /// The context limit that held.
    pub context_limit: Option<u32>,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// How long the step took, in milliseconds.
    pub runtime_ms: Option<u32>,
    /// What the step cost, in micro-dollars; `None` where no price is known.
    pub cost_micros: Option<u32>,
    /// The provider's identifier of the response, where the provider keeps it.
    pub provider_response_id: Option<String>,
    /// True for a row of a compaction: the summary, its marker and the marker's result.
    pub compressed: bool,
    /// The client's identifier of the request that sent it.
    pub request_id: Option<Uuid>,
}

impl NewMessage {
    /// A message of `role` with no more than its content.
    #[must_use]
    pub fn new(role: Role, content: Vec<Part>) -> Self {
        Self {
            role,
            content,
            visibility: Visibility::Both,
            created_by: None,
            model: None,
            usage: None,
            context_limit: None,
            finish_reason: None,
            runtime_ms: None,
            cost_micros: None,
            provider_response_id: None,
            compressed: false,
            request_id: None,
        }
    }

    /// A message that a user sent.
    #[must_use]
    pub fn from_user(user: UserId, content: Vec<Part>, request_id: Option<Uuid>) -> Self {
        Self { created_by: Some(user), request_id, ..Self::new(Role::User, content) }
    }
}

/// A committed message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The number within the chat.
    pub id: u32,
    /// The chat.
    pub chat_id: ChatId,
    /// What was inserted.
    pub body: NewMessage,
    /// `snapshot_version` at the last change.
    pub revision: u32,
    /// True for a message that an edit removed.
    pub deleted: bool,
    /// When it was committed.
    pub created_at: Timestamp,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedMessage {
    /// The number within the chat's queue.
    pub id: u32,
    /// The chat.
    pub chat_id: ChatId,
    /// What is said.
    pub content: Vec<Part>,
    /// The model to use; empty for the chat's.
    pub model: String,
    /// Who sent it.
    pub created_by: UserId,
    /// The client's identifier of the request.
    pub request_id: Option<Uuid>,
    /// The trace of the request.
    pub traceparent: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
}
