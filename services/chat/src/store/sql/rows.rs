//! Between rows and the domain.

use std::collections::BTreeMap;

use chatmesh_core::Uuid;
use chatmesh_db::{DbError, FromRow, Row};
use chatmesh_proto::chat::v1 as pb;
use chatmesh_proto::common::v1::{FinishReason, Part, Role, ToolDefinition, Usage};
use prost::Message as _;

use crate::domain::{Chat, ChatId, Lease, Message, NewMessage, QueuedMessage, RunnerId, Versions, Visibility};
use crate::machine::Status;
use crate::store::KeptStep;

impl FromRow for Chat {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let worker = row.id_or_null("worker_id")?;
        let runner = row.id_or_null("runner_id")?;
        Ok(Self {
            id: row.id("id")?,
            owner_id: row.id("owner_id")?,
            title: row.get("title")?,
            status: status(&row.get::<String>("status")?)?,
            archived: row.get("archived")?,
            model: row.get("model")?,
            workspace_id: row.get("workspace_id")?,
            mcp_server_ids: decode_ids(row.get::<Option<String>>("mcp_server_ids")?.as_deref())?,
            build_id: row.get("build_id")?,
            system_prompt: row.get("system_prompt")?,
            labels: decode_labels(&row.get::<String>("labels")?)?,
            parent_id: row.id_or_null("parent_chat_id")?,
            root_id: row.id_or_null("root_chat_id")?,
            pin_order: row.u32("pin_order")?,
            lease: worker.zip(runner).map(|(worker_id, runner_id)| Lease { worker_id, runner_id }),
            last_error: decode_optional(row, "last_error")?,
            retry_state: decode_optional(row, "retry_state")?,
            versions: Versions {
                snapshot: row.u32("snapshot_version")?,
                history: row.u32("history_version")?,
                queue: row.u32("queue_version")?,
                retry_state: row.u32("retry_state_version")?,
                generation_attempt: row.u32("generation_attempt")?,
            },
            action_deadline_at: row.get("requires_action_deadline_at")?,
            compaction_requested_at: row.get("compaction_requested_at")?,
            last_message_id: row.u32("last_message_id")?,
            last_assistant_message_id: row.u32("last_assistant_message_id")?,
            last_read_message_id: row.u32("last_read_message_id")?,
            last_queued_id: row.u32("last_queued_id")?,
            queued_count: row.u32("queued_count")?,
            traceparent: row.get("traceparent")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl FromRow for Message {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let finish_reason = row.get::<Option<i64>>("finish_reason")?;
        let body = NewMessage {
            role: role(&row.get::<String>("role")?)?,
            content: decode_content(&row.get::<Vec<u8>>("content")?)?,
            visibility: visibility(&row.get::<String>("visibility")?)?,
            created_by: row.id_or_null("created_by")?,
            model: row.get("model")?,
            usage: usage(row)?,
            context_limit: row.u32_or_null("context_limit")?,
            finish_reason: finish_reason
                .map(|reason| i32::try_from(reason).unwrap_or_default())
                .map(|reason| FinishReason::try_from(reason).unwrap_or(FinishReason::Other)),
            runtime_ms: row.u32_or_null("runtime_ms")?,
            cost_micros: row.u32_or_null("total_cost_micros")?,
            provider_response_id: row.get("provider_response_id")?,
            compressed: row.get("compressed")?,
            request_id: row.get("request_id")?,
        };
        Ok(Self {
            id: row.u32("id")?,
            chat_id: row.id("chat_id")?,
            body,
            revision: row.u32("revision")?,
            deleted: row.get("deleted")?,
            created_at: row.get("created_at")?,
        })
    }
}

impl FromRow for QueuedMessage {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.u32("id")?,
            chat_id: row.id("chat_id")?,
            content: decode_content(&row.get::<Vec<u8>>("content")?)?,
            model: row.get("model")?,
            created_by: row.id("created_by")?,
            request_id: row.get("request_id")?,
            traceparent: row.get("traceparent")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// A chat's identifier alone.
pub(super) struct IdRow(pub(super) ChatId);

impl FromRow for IdRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.id("id").map(Self)
    }
}

/// The number of a message alone.
pub(super) struct NumberRow(pub(super) u32);

impl FromRow for NumberRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.u32("id").map(Self)
    }
}

/// A lease that was renewed.
pub(super) struct HeldRow(pub(super) ChatId, pub(super) RunnerId);

impl FromRow for HeldRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.id("chat_id")?, row.id("runner_id")?))
    }
}

/// A workspace of a chat.
pub(super) struct WorkspaceRow(pub(super) Uuid);

impl FromRow for WorkspaceRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("workspace_id")?))
    }
}

impl FromRow for KeptStep {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let bytes = row.get::<Vec<u8>>("answer")?;
        let stored = pb::StoredAnswer::decode(&*bytes).map_err(|error| DbError::inconsistent("answer", error))?;
        let finish_reason = stored.finish_reason.map(|_| stored.finish_reason());
        let mut answer = NewMessage::new(Role::Assistant, stored.parts);
        answer.model = stored.model;
        answer.usage = stored.usage;
        answer.context_limit = stored.context_limit;
        answer.finish_reason = finish_reason;
        answer.runtime_ms = stored.runtime_ms;
        answer.provider_response_id = stored.provider_response_id;
        answer.cost_micros = stored.cost_micros;
        let workspace_id = stored.workspace_id.map(|id| id.parse()).transpose();
        let workspace_id = workspace_id.map_err(|error| DbError::inconsistent("answer", error))?;
        Ok(Self { answer, workspace_id })
    }
}

/// Encodes an answer to keep.
pub(super) fn encode_step(answer: &NewMessage, workspace: Option<Uuid>) -> Vec<u8> {
    let stored = pb::StoredAnswer {
        parts: answer.content.clone(),
        model: answer.model.clone(),
        usage: answer.usage,
        context_limit: answer.context_limit,
        finish_reason: answer.finish_reason.map(Into::into),
        runtime_ms: answer.runtime_ms,
        provider_response_id: answer.provider_response_id.clone(),
        cost_micros: answer.cost_micros,
        workspace_id: workspace.map(|id| id.to_string()),
    };
    stored.encode_to_vec()
}

/// The client's tools of a chat.
pub(super) struct ToolsRow(pub(super) Vec<ToolDefinition>);

impl FromRow for ToolsRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let stored: Option<pb::StoredTools> = decode_optional(row, "dynamic_tools")?;
        Ok(Self(stored.unwrap_or_default().tools))
    }
}

/// Encodes the client's tools; `None` where there are none.
pub(super) fn encode_tools(tools: &[ToolDefinition]) -> Option<Vec<u8>> {
    let stored = pb::StoredTools { tools: tools.to_vec() };
    (!tools.is_empty()).then(|| stored.encode_to_vec())
}

/// Content is kept as protobuf: exact for any text, NUL included, on both engines.
pub(super) fn encode_content(content: &[Part]) -> Vec<u8> {
    pb::StoredContent { parts: content.to_vec() }.encode_to_vec()
}

fn decode_content(bytes: &[u8]) -> Result<Vec<Part>, DbError> {
    let stored = pb::StoredContent::decode(bytes).map_err(|error| DbError::inconsistent("content", error))?;
    Ok(stored.parts)
}

pub(super) fn encode_labels(labels: &BTreeMap<String, String>) -> String {
    serde_json::to_string(labels).unwrap_or_else(|_| "{}".to_owned())
}

fn decode_labels(text: &str) -> Result<BTreeMap<String, String>, DbError> {
    serde_json::from_str(text).map_err(|error| DbError::inconsistent("labels", error))
}

pub(super) fn encode_ids(ids: Option<&[Uuid]>) -> Option<String> {
    ids.map(|ids| serde_json::to_string(ids).unwrap_or_else(|_| "[]".to_owned()))
}

fn decode_ids(text: Option<&str>) -> Result<Option<Vec<Uuid>>, DbError> {
    let ids = text.map(serde_json::from_str).transpose();
    ids.map_err(|error| DbError::inconsistent("mcp_server_ids", error))
}

fn decode_optional<M: prost::Message + Default>(row: &Row, column: &str) -> Result<Option<M>, DbError> {
    let bytes = row.get::<Option<Vec<u8>>>(column)?;
    bytes.map(|bytes| M::decode(&*bytes).map_err(|error| DbError::inconsistent(column, error))).transpose()
}

fn usage(row: &Row) -> Result<Option<Usage>, DbError> {
    let usage = Usage {
        input_tokens: row.u32_or_null("input_tokens")?,
        output_tokens: row.u32_or_null("output_tokens")?,
        reasoning_tokens: row.u32_or_null("reasoning_tokens")?,
        cache_read_tokens: row.u32_or_null("cache_read_tokens")?,
        cache_write_tokens: row.u32_or_null("cache_write_tokens")?,
        total_tokens: row.u32_or_null("total_tokens")?,
    };
    Ok(Some(usage).filter(|usage| *usage != Usage::default()))
}

fn status(text: &str) -> Result<Status, DbError> {
    let found = Status::ALL.into_iter().find(|status| status.as_str() == text);
    found.ok_or_else(|| DbError::inconsistent("status", format!("unknown status {text}")))
}

pub(super) fn role_text(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
        Role::User | Role::Unspecified => "user",
    }
}

fn role(text: &str) -> Result<Role, DbError> {
    match text {
        "system" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" => Ok(Role::Tool),
        other => Err(DbError::inconsistent("role", format!("unknown role {other}"))),
    }
}

pub(super) fn visibility_text(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::User => "user",
        Visibility::Model => "model",
        Visibility::Both => "both",
    }
}

fn visibility(text: &str) -> Result<Visibility, DbError> {
    match text {
        "user" => Ok(Visibility::User),
        "model" => Ok(Visibility::Model),
        "both" => Ok(Visibility::Both),
        other => Err(DbError::inconsistent("visibility", format!("unknown visibility {other}"))),
    }
}

/// The id of a row as a `Uuid` column value.
pub(super) fn optional<I: Into<Uuid>>(id: Option<I>) -> Option<Uuid> {
    id.map(Into::into)
}
