//! Where the ledger, limits and what counts against them are kept.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
use chatmesh_rpc::UserId;

use super::Inserted;
use crate::domain::{DebugRecord, Limit, LimitId, Period, Reservation, UsageEvent, UsageId};

/// Whether a call may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may; what it may use is set aside.
    Admitted,
    /// A limit is in the way.
    Refused(Limit),
}

/// What a user used in a period, with what calls that run may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// In micro-dollars.
    pub cost_micros: i64,
    /// In tokens.
    pub tokens: i64,
    /// In calls.
    pub requests: i64,
}

/// The store of limits. What is counted is counted in the database, so that it holds for all
/// replicas together.
#[async_trait]
pub trait LimitStore: std::fmt::Debug + Send + Sync + 'static {
    /// Inserts a limit; one for the same subject and period is `NameTaken`.
    async fn insert_limit(&self, limit: &Limit, request_id: Option<Uuid>) -> Result<Inserted<Limit>, DbError>;
    /// Returns a limit.
    async fn get_limit(&self, id: LimitId) -> Result<Option<Limit>, DbError>;
    /// Lists limits, oldest first.
    async fn list_limits(&self, after: Option<LimitId>, limit: u32) -> Result<Vec<Limit>, DbError>;
    /// Returns the limits that may hold for a user: the default ones, those of the groups and the
    /// user's own.
    async fn limits_for(&self, user: UserId, groups: &[String]) -> Result<Vec<Limit>, DbError>;
    /// Writes the amounts of a limit. Returns whether it is there.
    async fn update_limit(&self, limit: &Limit) -> Result<bool, DbError>;
    /// Deletes a limit. Returns whether it was there.
    async fn delete_limit(&self, id: LimitId) -> Result<bool, DbError>;

    /// Sets aside what a call may use, where every one of `limits` has room for it, and nothing
    /// otherwise. However many ask at once, on however many replicas, what is used and set aside
    /// never exceeds a limit by this.
    async fn reserve(&self, reservation: &Reservation, limits: &[Limit]) -> Result<Admission, DbError>;
    /// Gives back what was set aside for calls that were never settled, at most `limit` of them.
    /// Returns how many there were.
    async fn expire_reservations(&self, now: Timestamp, limit: u32) -> Result<u64, DbError>;
    /// Forgets reservations and counters that nobody will ask for again.
    async fn forget_spent(&self, now: Timestamp) -> Result<(), DbError>;
    /// Returns what a user used in the period of a moment.
    async fn counted(&self, user: UserId, period: Period, moment: Timestamp) -> Result<Counted, DbError>;
}

/// By what calls are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// By user.
    User,
    /// By configured model.
    Model,
    /// By chat.
    Chat,
    /// By day in UTC.
    Day,
}

/// Which calls are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsageFilter {
    /// Those that began then or later.
    pub from: Option<Timestamp>,
    /// Those that began before.
    pub until: Option<Timestamp>,
    /// Those of this user.
    pub user: Option<UserId>,
    /// Those of this model.
    pub model: Option<String>,
    /// Those for this chat.
    pub chat: Option<Uuid>,
}

/// The sum of some calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// What they have in common.
    pub key: String,
    /// How many there are.
    pub requests: i64,
    /// How many failed.
    pub failed: i64,
    /// Prompt tokens without those of caches.
    pub input_tokens: i64,
    /// Generated tokens.
    pub output_tokens: i64,
    /// Generated tokens that were thoughts.
    pub reasoning_tokens: i64,
    /// Prompt tokens from caches.
    pub cache_read_tokens: i64,
    /// Prompt tokens into caches.
    pub cache_write_tokens: i64,
    /// What they cost, as far as that is known.
    pub cost_micros: i64,
    /// How many have no known cost.
    pub unpriced: i64,
}

/// What was kept of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugRow {
    /// When the call began.
    pub created_at: Timestamp,
    /// What was sent and what came back.
    pub record: DebugRecord,
}

/// The store of the ledger.
#[async_trait]
pub trait LedgerStore: std::fmt::Debug + Send + Sync + 'static {
    /// Writes calls, counts them against limits and settles what was set aside for them, in one
    /// transaction. A call that was written before is passed over, and a reservation is settled
    /// once, so that the same events may be written again.
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), DbError>;
    /// Lists calls, newest first.
    async fn list_usage(
        &self,
        filter: &UsageFilter,
        before: Option<UsageId>,
        limit: u32,
    ) -> Result<Vec<UsageEvent>, DbError>;
    /// Adds up calls, in the order of their keys.
    async fn summarize_usage(
        &self,
        grouping: Grouping,
        filter: &UsageFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Summary>, DbError>;
    /// Returns what was kept of a call.
    async fn debug_record(&self, id: UsageId) -> Result<Option<DebugRow>, DbError>;
    /// Deletes what was kept of calls that began before. Returns how many there were.
    async fn purge_debug(&self, before: Timestamp) -> Result<u64, DbError>;
}
