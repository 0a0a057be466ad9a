//! The ledger in SQL.

mod rows;

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{DbError, Sql, Tx, values};
use chatmesh_rpc::UserId;

use super::SqlLlmStore;
use super::limits::{Held, count, end_reservation, lock_user};
use crate::domain::{Period, UsageEvent, UsageId};
use crate::store::{Counted, DebugRow, Grouping, LedgerStore, Summary, UsageFilter};
use rows::{EventRow, Inserted};

macro_rules! filter {
    () => {
        "(created_at >= $1 OR $1 IS NULL) AND (created_at < $2 OR $2 IS NULL) AND (user_id = $3 OR $3 IS NULL) \
         AND (model = $4 OR $4 IS NULL) AND (chat_id = $5 OR $5 IS NULL) "
    };
}

macro_rules! sums {
    ($key:literal) => {
        concat!(
            "SELECT ",
            $key,
            " AS key, COUNT(*) AS requests, \
             CAST(SUM(CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END) AS BIGINT) AS failed, \
             CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT) AS input_tokens, \
             CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT) AS output_tokens, \
             CAST(COALESCE(SUM(reasoning_tokens), 0) AS BIGINT) AS reasoning_tokens, \
             CAST(COALESCE(SUM(cache_read_tokens), 0) AS BIGINT) AS cache_read_tokens, \
             CAST(COALESCE(SUM(cache_write_tokens), 0) AS BIGINT) AS cache_write_tokens, \
             CAST(COALESCE(SUM(cost_micros), 0) AS BIGINT) AS cost_micros, \
             CAST(SUM(CASE WHEN cost_micros IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS unpriced \
             FROM usage_events WHERE ",
            filter!(),
            "AND (",
            $key,
            " > $6 OR $6 IS NULL) GROUP BY ",
            $key,
            " ORDER BY ",
            $key,
            " LIMIT $7"
        )
    };
}

macro_rules! event_columns {
    () => {
        "id, created_at, user_id, chat_id, model, provider, key_id, input_tokens, output_tokens, reasoning_tokens, \
         cache_read_tokens, cache_write_tokens, usage_estimated, cost_micros, first_part_ms, duration_ms, outcome, \
         error_kind, attempts, source"
    };
}

/// How many calls one statement writes down: many, since each is a way to the database and back, but not so
/// many that the calls which share the core with an embedded database wait for it for a millisecond.
const EVENTS_PER_STATEMENT: usize = 16;

/// Writes calls down that are not there yet, and returns which those are: `$1` is a JSON array of [`EventRow`]s.
const INSERT_EVENTS: Sql = Sql::split(
    concat!(
        "INSERT INTO usage_events (",
        event_columns!(),
        ") SELECT ",
        event_columns!(),
        " FROM jsonb_to_recordset(CAST($1 AS TEXT)::jsonb) AS event (id UUID, created_at TIMESTAMPTZ, user_id UUID, \
         chat_id UUID, model TEXT, provider TEXT, key_id UUID, input_tokens BIGINT, output_tokens BIGINT, \
         reasoning_tokens BIGINT, cache_read_tokens BIGINT, cache_write_tokens BIGINT, usage_estimated BOOLEAN, \
         cost_micros BIGINT, first_part_ms BIGINT, duration_ms BIGINT, outcome TEXT, error_kind BIGINT, \
         attempts BIGINT, source TEXT) ON CONFLICT DO NOTHING RETURNING id"
    ),
    concat!(
        "INSERT INTO usage_events (",
        event_columns!(),
        ") SELECT unhex(value ->> 'id'), value ->> 'created_at', unhex(value ->> 'user_id'), \
         unhex(value ->> 'chat_id'), value ->> 'model', value ->> 'provider', unhex(value ->> 'key_id'), \
         value ->> 'input_tokens', value ->> 'output_tokens', value ->> 'reasoning_tokens', \
         value ->> 'cache_read_tokens', value ->> 'cache_write_tokens', value ->> 'usage_estimated', \
         value ->> 'cost_micros', value ->> 'first_part_ms', value ->> 'duration_ms', value ->> 'outcome', \
         value ->> 'error_kind', value ->> 'attempts', value ->> 'source' \
         FROM json_each($1) WHERE TRUE ON CONFLICT DO NOTHING RETURNING id"
    ),
);
const INSERT_DEBUG: Sql = Sql::portable(
    "INSERT INTO debug_records (usage_id, created_at, request, response, truncated) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT DO NOTHING",
);
const LIST_EVENTS: Sql = Sql::portable(concat!(
    "SELECT ",
    event_columns!(),
    " FROM usage_events WHERE ",
    filter!(),
    "AND (id < $6 OR $6 IS NULL) ORDER BY id DESC LIMIT $7"
));
// Identifiers as the engines print them alike, so that pages are in one order on both.
const SUM_BY_USER: Sql = Sql::split(
    sums!("COALESCE(REPLACE(CAST(user_id AS TEXT), '-', ''), '')"),
    sums!("LOWER(HEX(COALESCE(user_id, x'')))"),
);
const SUM_BY_CHAT: Sql = Sql::split(
    sums!("COALESCE(REPLACE(CAST(chat_id AS TEXT), '-', ''), '')"),
    sums!("LOWER(HEX(COALESCE(chat_id, x'')))"),
);
const SUM_BY_MODEL: Sql = Sql::portable(sums!("model"));
const SUM_BY_DAY: Sql =
    Sql::split(sums!("TO_CHAR(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"), sums!("SUBSTR(created_at, 1, 10)"));
const GET_DEBUG: Sql =
    Sql::portable("SELECT created_at, request, response, truncated FROM debug_records WHERE usage_id = $1");
const PURGE_DEBUG: Sql = Sql::portable("DELETE FROM debug_records WHERE created_at < $1");

#[async_trait]
impl LedgerStore for SqlLlmStore {
    async fn record_usage(&self, events: &[UsageEvent]) -> Result<(), DbError> {
        let mut tx = self.db.begin().await?;
        // First what is set aside, then the users in the order of their ids: two processes that
        // write at once never wait for each other in a circle.
        let mut in_order: Vec<&UsageEvent> = events.iter().collect();
        in_order.sort_by_key(|event| (event.user_id, event.id));
        let mut calls = Vec::with_capacity(in_order.len());
        for event in &in_order {
            let held = match event.reservation {
                Some(id) => end_reservation(&mut tx, id, "settled").await?,
                None => None,
            };
            calls.push((*event, held));
        }
        let new = insert(&mut tx, &in_order).await?;
        for (event, _) in &calls {
            if let (true, Some(debug)) = (new.contains(&event.id), &event.debug) {
                let row = values![
                    event.id.0,
                    event.created_at,
                    debug.request.clone(),
                    debug.response.clone(),
                    debug.truncated
                ];
                tx.execute(INSERT_DEBUG, row).await?;
            }
        }
        for of_user in calls.chunk_by(|(one, _), (other, _)| one.user_id == other.user_id) {
            if let Some(user) = of_user[0].0.user_id {
                count_all(&mut tx, user, of_user, &new).await?;
            }
        }
        tx.commit().await
    }

    async fn list_usage(
        &self,
        filter: &UsageFilter,
        before: Option<UsageId>,
        limit: u32,
    ) -> Result<Vec<UsageEvent>, DbError> {
        let parameters = values![
            filter.from,
            filter.until,
            filter.user.map(Uuid::from),
            filter.model.clone(),
            filter.chat,
            before.map(Uuid::from),
            limit
        ];
        self.db.fetch_all(LIST_EVENTS, parameters).await
    }

    async fn summarize_usage(
        &self,
        grouping: Grouping,
        filter: &UsageFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Summary>, DbError> {
        let is_id = matches!(grouping, Grouping::User | Grouping::Chat);
        let after = after.map(|key| if is_id { key.replace('-', "") } else { key.to_owned() });
        let parameters = values![
            filter.from,
            filter.until,
            filter.user.map(Uuid::from),
            filter.model.clone(),
            filter.chat,
            after,
            limit
        ];
        let sql = match grouping {
            Grouping::User => SUM_BY_USER,
            Grouping::Model => SUM_BY_MODEL,
            Grouping::Chat => SUM_BY_CHAT,
            Grouping::Day => SUM_BY_DAY,
        };
        let mut rows: Vec<Summary> = self.db.fetch_all(sql, parameters).await?;
        if is_id {
            for row in &mut rows {
                row.key = Uuid::try_parse(&row.key).map_or_else(|_| String::new(), |id| id.to_string());
            }
        }
        Ok(rows)
    }

    async fn debug_record(&self, id: UsageId) -> Result<Option<DebugRow>, DbError> {
        self.db.fetch_optional(GET_DEBUG, values![id.0]).await
    }

    async fn purge_debug(&self, before: Timestamp) -> Result<u64, DbError> {
        self.db.execute(PURGE_DEBUG, values![before]).await
    }
}

/// Counts the calls of one user; what several took on one day at once.
async fn count_all(
    tx: &mut Tx,
    user: UserId,
    calls: &[(&UsageEvent, Option<Held>)],
    new: &HashSet<UsageId>,
) -> Result<(), DbError> {
    lock_user(tx, user).await?;
    let mut used: BTreeMap<Timestamp, Counted> = BTreeMap::new();
    for (event, held) in calls {
        let day = Period::Day.start(event.created_at);
        if new.contains(&event.id) {
            let sum = used.entry(day).or_default();
            sum.cost_micros += event.cost_micros.map_or(0, i64::from);
            sum.tokens += event.tokens();
            sum.requests += 1;
        }
        if let Some(held) = held {
            let sum = used.remove(&day).unwrap_or_default();
            count(tx, user, event.created_at, sum, Some(held)).await?;
        }
    }
    for (day, sum) in used {
        count(tx, user, day, sum, None).await?;
    }
    Ok(())
}

/// Writes calls down; returns which of them were new.
async fn insert(tx: &mut Tx, events: &[&UsageEvent]) -> Result<HashSet<UsageId>, DbError> {
    let mut new = HashSet::with_capacity(events.len());
    for events in events.chunks(EVENTS_PER_STATEMENT) {
        let rows: Vec<EventRow<'_>> = events.iter().map(|event| EventRow::of(event)).collect();
        let rows =
            serde_json::to_string(&rows).map_err(|error| DbError::inconsistent("usage_events", error.to_string()))?;
        let inserted: Vec<Inserted> = tx.fetch_all(INSERT_EVENTS, values![rows]).await?;
        new.extend(inserted.into_iter().map(|Inserted(id)| id));
    }
    Ok(new)
}

/// Every statement about the ledger, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    INSERT_EVENTS,
    INSERT_DEBUG,
    LIST_EVENTS,
    SUM_BY_USER,
    SUM_BY_CHAT,
    SUM_BY_MODEL,
    SUM_BY_DAY,
    GET_DEBUG,
    PURGE_DEBUG,
];
