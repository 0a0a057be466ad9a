//! Calls and their sums as rows.

use chatmesh_core::Uuid;
use chatmesh_db::{DbError, FromRow, Row};
use chatmesh_proto::common::v1::{ErrorKind, Usage};
use chrono::SecondsFormat;
use serde::Serialize;

use crate::domain::{DebugRecord, Outcome, UsageEvent, UsageId};
use crate::store::{DebugRow, Summary};

/// The identifier of a call that was not there yet.
pub(super) struct Inserted(pub(super) UsageId);

impl FromRow for Inserted {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.id("id").map(Self)
    }
}

/// A call as a statement reads it.
#[derive(Serialize)]
pub(super) struct EventRow<'a> {
    id: String,
    created_at: String,
    user_id: Option<String>,
    chat_id: Option<String>,
    model: &'a str,
    provider: &'a str,
    key_id: Option<String>,
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    reasoning_tokens: Option<u32>,
    cache_read_tokens: Option<u32>,
    cache_write_tokens: Option<u32>,
    usage_estimated: bool,
    cost_micros: Option<u32>,
    first_part_ms: Option<u32>,
    duration_ms: u32,
    outcome: &'static str,
    error_kind: i32,
    attempts: u32,
    source: &'a str,
}

impl<'a> EventRow<'a> {
    pub(super) fn of(event: &'a UsageEvent) -> Self {
        let hex = |id: Uuid| id.simple().to_string();
        Self {
            id: hex(event.id.0),
            // As the driver writes times, so that they compare with those that it binds.
            created_at: event.created_at.to_rfc3339_opts(SecondsFormat::AutoSi, false),
            user_id: event.user_id.map(|id| hex(id.0)),
            chat_id: event.chat_id.map(hex),
            model: &event.model,
            provider: &event.provider,
            key_id: event.key_id.map(|id| hex(id.0)),
            input_tokens: event.usage.input_tokens,
            output_tokens: event.usage.output_tokens,
            reasoning_tokens: event.usage.reasoning_tokens,
            cache_read_tokens: event.usage.cache_read_tokens,
            cache_write_tokens: event.usage.cache_write_tokens,
            usage_estimated: event.usage_estimated,
            cost_micros: event.cost_micros,
            first_part_ms: event.first_part_ms,
            duration_ms: event.duration_ms,
            outcome: outcome_text(event.outcome),
            error_kind: event.error_kind.into(),
            attempts: event.attempts,
            source: &event.source,
        }
    }
}

impl FromRow for UsageEvent {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let kind = row.parse::<i64, i32>("error_kind")?;
        Ok(Self {
            id: row.id("id")?,
            created_at: row.get("created_at")?,
            user_id: row.id_or_null("user_id")?,
            chat_id: row.get("chat_id")?,
            model: row.get("model")?,
            provider: row.get("provider")?,
            key_id: row.id_or_null("key_id")?,
            usage: Usage {
                input_tokens: row.u32_or_null("input_tokens")?,
                output_tokens: row.u32_or_null("output_tokens")?,
                reasoning_tokens: row.u32_or_null("reasoning_tokens")?,
                cache_read_tokens: row.u32_or_null("cache_read_tokens")?,
                cache_write_tokens: row.u32_or_null("cache_write_tokens")?,
                total_tokens: None,
            },
            usage_estimated: row.get("usage_estimated")?,
            cost_micros: row.u32_or_null("cost_micros")?,
            first_part_ms: row.u32_or_null("first_part_ms")?,
            duration_ms: row.u32("duration_ms")?,
            outcome: outcome(&row.get::<String>("outcome")?)?,
            // A later version may know more kinds.
            error_kind: ErrorKind::try_from(kind).unwrap_or(ErrorKind::Generic),
            attempts: row.u32("attempts")?,
            source: row.get("source")?,
            reservation: None,
            debug: None,
        })
    }
}

impl FromRow for Summary {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            key: row.get("key")?,
            requests: row.get("requests")?,
            failed: row.get("failed")?,
            input_tokens: row.get("input_tokens")?,
            output_tokens: row.get("output_tokens")?,
            reasoning_tokens: row.get("reasoning_tokens")?,
            cache_read_tokens: row.get("cache_read_tokens")?,
            cache_write_tokens: row.get("cache_write_tokens")?,
            cost_micros: row.get("cost_micros")?,
            unpriced: row.get("unpriced")?,
        })
    }
}

impl FromRow for DebugRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            created_at: row.get("created_at")?,
            record: DebugRecord {
                request: row.get("request")?,
                response: row.get("response")?,
                truncated: row.get("truncated")?,
            },
        })
    }
}

fn outcome_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Finished => "finished",
        Outcome::Failed => "failed",
        Outcome::Canceled => "canceled",
    }
}

fn outcome(text: &str) -> Result<Outcome, DbError> {
    match text {
        "finished" => Ok(Outcome::Finished),
        "failed" => Ok(Outcome::Failed),
        "canceled" => Ok(Outcome::Canceled),
        other => Err(DbError::inconsistent("outcome", format!("unknown outcome {other}"))),
    }
}
