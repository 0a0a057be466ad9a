//! What a call took, as it is written down.

use chatmesh_core::{Timestamp, Uuid, typed_id};
use chatmesh_proto::common::v1::{ErrorKind, Usage};
use chatmesh_rpc::UserId;

use super::KeyId;

typed_id!(
    /// A call in the ledger.
    UsageId,
    /// What a call that runs may use.
    ReservationId,
);

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Finished,
    /// With an error.
    Failed,
    /// The caller went away.
    Canceled,
}

/// One call of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageEvent {
    /// The identifier; a call is written once, however often it is tried.
    pub id: UsageId,
    /// When the call began.
    pub created_at: Timestamp,
    /// For whom it was made.
    pub user_id: Option<UserId>,
    /// The chat that it was for.
    pub chat_id: Option<Uuid>,
    /// The name of the configured model.
    pub model: String,
    /// The name of its provider.
    pub provider: String,
    /// The key that was used, where it was not the provider's own one.
    pub key_id: Option<KeyId>,
    /// What it took.
    pub usage: Usage,
    /// True where the provider did not count to the end.
    pub usage_estimated: bool,
    /// What it cost, where everything that it used has a price.
    pub cost_micros: Option<u32>,
    /// How long the first part took.
    pub first_part_ms: Option<u32>,
    /// How long it took.
    pub duration_ms: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The kind of its error.
    pub error_kind: ErrorKind,
    /// How many calls of providers it took.
    pub attempts: u32,
    /// Where it came from.
    pub source: String,
    /// What was set aside for it.
    pub reservation: Option<ReservationId>,
    /// What was sent and what came back.
    pub debug: Option<DebugRecord>,
}

impl UsageEvent {
    /// How many tokens count against a limit.
    #[must_use]
    pub fn tokens(&self) -> i64 {
        let usage = &self.usage;
        let counts = [usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens];
        counts.into_iter().flatten().map(i64::from).sum()
    }
}

/// What was sent and what came back, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugRecord {
    /// The body of the request.
    pub request: Vec<u8>,
    /// The body of the response.
    pub response: Vec<u8>,
    /// True where one of them was longer.
    pub truncated: bool,
}

/// What is set aside for a call before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The identifier.
    pub id: ReservationId,
    /// Whose call it is.
    pub user_id: UserId,
    /// When the call began.
    pub created_at: Timestamp,
    /// When it is given back if the call was not settled.
    pub expires_at: Timestamp,
    /// How much it may cost.
    pub cost_micros: i64,
    /// How many tokens it may use.
    pub tokens: i64,
}
