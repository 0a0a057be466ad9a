//! From the domain to the contract. What is internal is left behind here.

use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::common::v1::Part;
use chatmesh_proto::common::v1::part::Body;

use crate::domain::{Chat, Message, QueuedMessage, Visibility};
use crate::files::StoredFile;
use crate::machine::Status;
use crate::skills::Skill;
use crate::store::UserSettings;

pub(crate) fn status(status: Status) -> pb::ChatStatus {
    match status {
        Status::Waiting => pb::ChatStatus::Waiting,
        Status::Running => pb::ChatStatus::Running,
        Status::Interrupting => pb::ChatStatus::Interrupting,
        Status::RequiresAction => pb::ChatStatus::RequiresAction,
        Status::Error => pb::ChatStatus::Error,
    }
}

impl From<Chat> for pb::Chat {
    fn from(chat: Chat) -> Self {
        let has_unread = chat.has_unread();
        let queued_for_capacity = chat.status.needs_worker() && chat.lease.is_none();
        Self {
            id: chat.id.to_string(),
            owner_id: chat.owner_id.to_string(),
            title: chat.title,
            status: status(chat.status).into(),
            model: chat.model,
            workspace_id: chat.workspace_id.map(|id| id.to_string()).unwrap_or_default(),
            last_error: chat.last_error,
            snapshot_version: chat.versions.snapshot,
            history_version: chat.versions.history,
            queue_version: chat.versions.queue,
            archived: chat.archived,
            labels: chat.labels.into_iter().collect(),
            create_time: Some(chat.created_at.into()),
            update_time: Some(chat.updated_at.into()),
            parent_chat_id: chat.parent_id.map(|id| id.to_string()).unwrap_or_default(),
            root_chat_id: chat.root_id.map(|id| id.to_string()).unwrap_or_default(),
            pin_order: chat.pin_order,
            has_unread,
            action_deadline: chat.action_deadline_at.map(Into::into),
            queued_for_capacity,
            default_mcp_servers: chat.mcp_server_ids.is_none(),
            mcp_server_ids: chat.mcp_server_ids.iter().flatten().map(ToString::to_string).collect(),
            build_id: chat.build_id.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

impl From<Message> for pb::Message {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            chat_id: message.chat_id.to_string(),
            role: message.body.role.into(),
            content: message.body.content.into_iter().map(public).collect(),
            model: message.body.model.unwrap_or_default(),
            usage: message.body.usage,
            finish_reason: message.body.finish_reason.unwrap_or_default().into(),
            revision: message.revision,
            runtime_ms: message.body.runtime_ms.unwrap_or_default(),
            create_time: Some(message.created_at.into()),
            cost_micros: message.body.cost_micros,
            compressed: message.body.compressed,
        }
    }
}

/// The messages that people are shown: what only the model reads never leaves.
pub(crate) fn visible(messages: Vec<Message>) -> Vec<pb::Message> {
    let shown = messages.into_iter().filter(|message| message.body.visibility != Visibility::Model);
    shown.map(Into::into).collect()
}

impl From<StoredFile> for pb::FileInfo {
    fn from(file: StoredFile) -> Self {
        Self {
            id: file.id.to_string(),
            owner_id: file.owner_id.to_string(),
            chat_id: file.chat_id.map(|id| id.to_string()).unwrap_or_default(),
            name: file.name,
            media_type: file.media_type,
            size_bytes: file.size_bytes,
            create_time: Some(file.created_at.into()),
        }
    }
}

impl From<Skill> for pb::Skill {
    fn from(skill: Skill) -> Self {
        Self {
            id: skill.id.to_string(),
            user_id: skill.user_id.to_string(),
            name: skill.name,
            description: skill.description,
            content: skill.content,
            create_time: Some(skill.created_at.into()),
            update_time: Some(skill.updated_at.into()),
        }
    }
}

impl From<UserSettings> for pb::UserSettings {
    fn from(settings: UserSettings) -> Self {
        Self { custom_prompt: settings.custom_prompt, update_time: settings.updated_at.map(Into::into) }
    }
}

impl From<QueuedMessage> for pb::QueuedMessage {
    fn from(message: QueuedMessage) -> Self {
        Self {
            id: message.id,
            chat_id: message.chat_id.to_string(),
            content: message.content.into_iter().map(public).collect(),
            model: message.model,
            create_time: Some(message.created_at.into()),
        }
    }
}

/// Removes what only providers may see.
pub(crate) fn public(mut part: Part) -> Part {
    part.provider_metadata.clear();
    match &mut part.body {
        Some(Body::ContextFile(file)) => file.content.clear(),
        Some(Body::Skill(skill)) => skill.directory.clear(),
        _ => {}
    }
    part
}
