//! Limits and what counts against them, in SQL.
//!
//! A counter row per user and period holds what was used and what is set aside. Setting aside is
//! one conditional update of that row; the row is made from the ledger where it is missing.

use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{DbError, FromRow, Row, Sql, Tx, select_for_update, values};
use chatmesh_rpc::UserId;

use super::SqlLlmStore;
use crate::domain::{Amounts, Limit, LimitId, Period, Reservation, ReservationId, Scope};
use crate::store::{Admission, Counted, Inserted, LimitStore};

macro_rules! limit_columns {
    () => {
        "id, scope, subject_id, period, max_cost_micros, max_tokens, max_requests, created_at, updated_at"
    };
}

const INSERT_LIMIT: Sql = Sql::portable(
    "INSERT INTO limits (id, scope, subject_id, period, max_cost_micros, max_tokens, max_requests, request_id, \
     created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
);
const GET_LIMIT: Sql = Sql::portable(concat!("SELECT ", limit_columns!(), " FROM limits WHERE id = $1"));
const FIND_LIMIT_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", limit_columns!(), " FROM limits WHERE request_id = $1"));
const LIST_LIMITS: Sql = Sql::portable(concat!(
    "SELECT ",
    limit_columns!(),
    " FROM limits WHERE (id > $1 OR $1 IS NULL) ORDER BY id LIMIT $2"
));
const LIMITS_OF_USER: Sql = Sql::portable(concat!(
    "SELECT ",
    limit_columns!(),
    " FROM limits WHERE scope = 'default' OR (scope = 'user' AND subject_id = $1)"
));
const LIMITS_OF_GROUP: Sql =
    Sql::portable(concat!("SELECT ", limit_columns!(), " FROM limits WHERE scope = 'group' AND subject_id = $1"));
const UPDATE_LIMIT: Sql = Sql::portable(
    "UPDATE limits SET max_cost_micros = $2, max_tokens = $3, max_requests = $4, updated_at = $5 WHERE id = $1",
);
const DELETE_LIMIT: Sql = Sql::portable("DELETE FROM limits WHERE id = $1");

/// Everything that is counted for a user waits here, until the transaction ends. One lock, and not those
/// of the counters: a statement locks several rows in no order, and two that do so wait for each
/// other; and a counter that begins has to know of every call that was written before it was there.
/// On SQLite a transaction is the only writer anyway.
const LOCK_USER: Sql =
    Sql::split("SELECT pg_advisory_xact_lock(hashtextextended('spend/' || CAST($1 AS TEXT), 0))", "SELECT $1");
const SET_ASIDE: Sql = Sql::portable(
    "UPDATE spend_counters SET reserved_cost_micros = reserved_cost_micros + $4, \
     reserved_tokens = reserved_tokens + $5, reserved_requests = reserved_requests + 1 \
     WHERE user_id = $1 AND period = $2 AND period_start = $3 \
     AND (cost_micros + reserved_cost_micros + $4 <= $6 OR $6 IS NULL) \
     AND (tokens + reserved_tokens + $5 <= $7 OR $7 IS NULL) \
     AND (requests + reserved_requests + 1 <= $8 OR $8 IS NULL)",
);
/// The ledger knows what was used before the user had a limit.
const SUM_OF_LEDGER: Sql = Sql::portable(
    "SELECT CAST(COALESCE(SUM(cost_micros), 0) AS BIGINT) AS cost_micros, \
     CAST(COALESCE(SUM(COALESCE(input_tokens, 0) + COALESCE(output_tokens, 0) + COALESCE(cache_read_tokens, 0) \
     + COALESCE(cache_write_tokens, 0)), 0) AS BIGINT) AS tokens, COUNT(*) AS requests \
     FROM usage_events WHERE user_id = $1 AND created_at >= $2 AND created_at < $3",
);
const BEGIN_COUNTER: Sql = Sql::portable(
    "INSERT INTO spend_counters (user_id, period, period_start, cost_micros, tokens, requests, \
     reserved_cost_micros, reserved_tokens, reserved_requests) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 0) \
     ON CONFLICT DO NOTHING",
);
const GET_COUNTER: Sql = Sql::portable(
    "SELECT cost_micros + reserved_cost_micros AS cost_micros, tokens + reserved_tokens AS tokens, \
     requests + reserved_requests AS requests \
     FROM spend_counters WHERE user_id = $1 AND period = $2 AND period_start = $3",
);
const INSERT_RESERVATION: Sql = Sql::portable(
    "INSERT INTO reservations (id, user_id, created_at, expires_at, cost_micros, tokens, periods, state) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, 'open')",
);
const LOCK_RESERVATION: Sql = select_for_update!(
    "SELECT id, user_id, created_at, expires_at, cost_micros, tokens, periods, state FROM reservations WHERE id = $1"
);
const END_RESERVATION: Sql = Sql::portable("UPDATE reservations SET state = $2 WHERE id = $1");
const EXPIRED_RESERVATIONS: Sql = Sql::portable(
    "SELECT id, user_id, created_at, expires_at, cost_micros, tokens, periods, state FROM reservations \
     WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
);
const FORGET_RESERVATIONS: Sql = Sql::portable("DELETE FROM reservations WHERE state <> 'open' AND expires_at <= $1");
const FORGET_COUNTERS: Sql = Sql::portable("DELETE FROM spend_counters WHERE period_start <= $1");
/// Counts a call in the three periods that it belongs to, where they are counted, and gives back
/// what was set aside for it.
const COUNT: Sql = Sql::portable(
    "UPDATE spend_counters SET cost_micros = cost_micros + $5, tokens = tokens + $6, requests = requests + $7, \
     reserved_cost_micros = reserved_cost_micros - $8 * CASE period WHEN 'day' THEN CAST($10 AS BIGINT) \
     WHEN 'week' THEN CAST($11 AS BIGINT) ELSE CAST($12 AS BIGINT) END, \
     reserved_tokens = reserved_tokens - $9 * CASE period WHEN 'day' THEN CAST($10 AS BIGINT) \
     WHEN 'week' THEN CAST($11 AS BIGINT) ELSE CAST($12 AS BIGINT) END, \
     reserved_requests = reserved_requests - CASE period WHEN 'day' THEN CAST($10 AS BIGINT) \
     WHEN 'week' THEN CAST($11 AS BIGINT) ELSE CAST($12 AS BIGINT) END \
     WHERE user_id = $1 AND ((period = 'day' AND period_start = $2) OR (period = 'week' AND period_start = $3) \
     OR (period = 'month' AND period_start = $4))",
);

/// How long a settled reservation is remembered, so that its call is not settled again.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// How long counters of past periods stay; longer than the longest period.
const COUNTERS_KEPT: Duration = Duration::from_secs(40 * 24 * 3600);

#[async_trait]
impl LimitStore for SqlLlmStore {
    async fn insert_limit(&self, limit: &Limit, request_id: Option<Uuid>) -> Result<Inserted<Limit>, DbError> {
        let row = values![
            limit.id.0,
            scope_text(limit.scope),
            limit.subject_id.as_str(),
            limit.period.as_str(),
            limit.max.cost_micros,
            limit.max.tokens,
            limit.max.requests,
            request_id,
            limit.created_at,
            limit.updated_at
        ];
        if self.db.execute(INSERT_LIMIT, row).await? == 1 {
            return Ok(Inserted::Created(limit.clone()));
        }
        let earlier = match request_id {
            Some(id) => self.db.fetch_optional(FIND_LIMIT_BY_REQUEST, values![id]).await?,
            None => None,
        };
        Ok(earlier.map_or(Inserted::NameTaken, Inserted::Repeated))
    }

    async fn get_limit(&self, id: LimitId) -> Result<Option<Limit>, DbError> {
        self.db.fetch_optional(GET_LIMIT, values![id.0]).await
    }

    async fn list_limits(&self, after: Option<LimitId>, limit: u32) -> Result<Vec<Limit>, DbError> {
        self.db.fetch_all(LIST_LIMITS, values![after.map(Uuid::from), limit]).await
    }

    async fn limits_for(&self, user: UserId, groups: &[String]) -> Result<Vec<Limit>, DbError> {
        let mut limits: Vec<Limit> = self.db.fetch_all(LIMITS_OF_USER, values![user.to_string()]).await?;
        for group in groups {
            limits.extend(self.db.fetch_all::<Limit>(LIMITS_OF_GROUP, values![group.as_str()]).await?);
        }
        Ok(limits)
    }

    async fn update_limit(&self, limit: &Limit) -> Result<bool, DbError> {
        let row = values![limit.id.0, limit.max.cost_micros, limit.max.tokens, limit.max.requests, limit.updated_at];
        Ok(self.db.execute(UPDATE_LIMIT, row).await? == 1)
    }

    async fn delete_limit(&self, id: LimitId) -> Result<bool, DbError> {
        Ok(self.db.execute(DELETE_LIMIT, values![id.0]).await? == 1)
    }

    async fn reserve(&self, reservation: &Reservation, limits: &[Limit]) -> Result<Admission, DbError> {
        let mut tx = self.db.begin().await?;
        lock_user(&mut tx, reservation.user_id).await?;
        for period in Period::ALL {
            let Some(limit) = limits.iter().find(|limit| limit.period == period) else { continue };
            if !set_aside(&mut tx, reservation, limit).await? {
                // Dropping the transaction gives back what was set aside for shorter periods.
                return Ok(Admission::Refused(limit.clone()));
            }
        }
        let row = values![
            reservation.id.0,
            reservation.user_id.0,
            reservation.created_at,
            reservation.expires_at,
            reservation.cost_micros,
            reservation.tokens,
            limits.iter().fold(0, |periods, limit| periods | bit(limit.period))
        ];
        tx.execute(INSERT_RESERVATION, row).await?;
        tx.commit().await?;
        Ok(Admission::Admitted)
    }

    async fn expire_reservations(&self, now: Timestamp, limit: u32) -> Result<u64, DbError> {
        let expired: Vec<Held> = self.db.fetch_all(EXPIRED_RESERVATIONS, values![now, limit]).await?;
        let mut given_back = 0;
        for Held { reservation, .. } in expired {
            // One transaction each: a call that is being settled is waited for alone.
            let mut tx = self.db.begin().await?;
            if let Some(held) = end_reservation(&mut tx, reservation.id, "expired").await? {
                lock_user(&mut tx, reservation.user_id).await?;
                count(&mut tx, reservation.user_id, reservation.created_at, Counted::default(), Some(&held)).await?;
                tx.commit().await?;
                given_back += 1;
            }
        }
        Ok(given_back)
    }

    async fn forget_spent(&self, now: Timestamp) -> Result<(), DbError> {
        self.db.execute(FORGET_RESERVATIONS, values![now - REMEMBERED]).await?;
        self.db.execute(FORGET_COUNTERS, values![now - COUNTERS_KEPT]).await.map(drop)
    }

    async fn counted(&self, user: UserId, period: Period, moment: Timestamp) -> Result<Counted, DbError> {
        let parameters = values![user.0, period.as_str(), period.start(moment)];
        Ok(self.db.fetch_optional(GET_COUNTER, parameters).await?.unwrap_or_default())
    }
}

/// Waits until nothing else is counted for a user. Who counts for several locks them in the order of
/// their ids, after the reservations.
pub(super) async fn lock_user(tx: &mut Tx, user: UserId) -> Result<(), DbError> {
    tx.execute(LOCK_USER, values![user.0]).await.map(drop)
}

async fn set_aside(tx: &mut Tx, reservation: &Reservation, limit: &Limit) -> Result<bool, DbError> {
    let (period, start) = (limit.period.as_str(), limit.period.start(reservation.created_at));
    let row = || {
        values![
            reservation.user_id.0,
            period,
            start,
            reservation.cost_micros,
            reservation.tokens,
            limit.max.cost_micros,
            limit.max.tokens,
            limit.max.requests
        ]
    };
    if tx.execute(SET_ASIDE, row()).await? == 1 {
        return Ok(true);
    }
    let key = values![reservation.user_id.0, period, start];
    if tx.fetch_optional::<Counted>(GET_COUNTER, key).await?.is_some() {
        return Ok(false);
    }
    let between = values![reservation.user_id.0, start, limit.period.end(reservation.created_at)];
    let used: Counted = tx.fetch_optional(SUM_OF_LEDGER, between).await?.unwrap_or_default();
    let counter = values![reservation.user_id.0, period, start, used.cost_micros, used.tokens, used.requests];
    tx.execute(BEGIN_COUNTER, counter).await?;
    Ok(tx.execute(SET_ASIDE, row()).await? == 1)
}

/// Ends a reservation and returns what is still set aside for it; nothing where it was ended before.
pub(super) async fn end_reservation(
    tx: &mut Tx,
    id: ReservationId,
    state: &'static str,
) -> Result<Option<Held>, DbError> {
    let held: Option<Held> = tx.fetch_optional(LOCK_RESERVATION, values![id.0]).await?;
    let Some(held) = held else { return Ok(None) };
    tx.execute(END_RESERVATION, values![id.0, state]).await?;
    Ok(held.is_open.then_some(held))
}

/// Counts what was used at the time of a call, and gives back what was set aside for it.
pub(super) async fn count(
    tx: &mut Tx,
    user: UserId,
    moment: Timestamp,
    used: Counted,
    held: Option<&Held>,
) -> Result<(), DbError> {
    let periods = held.map_or(0, |held| held.periods);
    let holds = |period: Period| i64::from(periods & bit(period) != 0);
    let row = values![
        user.0,
        Period::Day.start(moment),
        Period::Week.start(moment),
        Period::Month.start(moment),
        used.cost_micros,
        used.tokens,
        used.requests,
        held.map_or(0, |held| held.reservation.cost_micros),
        held.map_or(0, |held| held.reservation.tokens),
        holds(Period::Day),
        holds(Period::Week),
        holds(Period::Month)
    ];
    tx.execute(COUNT, row).await.map(drop)
}

fn bit(period: Period) -> i64 {
    match period {
        Period::Day => 1,
        Period::Week => 2,
        Period::Month => 4,
    }
}

/// A reservation, the counters that it holds something of, and whether it still does.
#[derive(Debug)]
pub(super) struct Held {
    reservation: Reservation,
    periods: i64,
    is_open: bool,
}

impl FromRow for Held {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let reservation = Reservation {
            id: row.id("id")?,
            user_id: row.id("user_id")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            cost_micros: row.get("cost_micros")?,
            tokens: row.get("tokens")?,
        };
        Ok(Self { reservation, periods: row.get("periods")?, is_open: row.get::<String>("state")? == "open" })
    }
}

impl FromRow for Counted {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { cost_micros: row.get("cost_micros")?, tokens: row.get("tokens")?, requests: row.get("requests")? })
    }
}

impl FromRow for Limit {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            scope: scope(&row.get::<String>("scope")?)?,
            subject_id: row.get("subject_id")?,
            period: period(&row.get::<String>("period")?)?,
            max: Amounts {
                cost_micros: row.get("max_cost_micros")?,
                tokens: row.get("max_tokens")?,
                requests: row.get("max_requests")?,
            },
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

fn scope_text(scope: Scope) -> &'static str {
    match scope {
        Scope::Default => "default",
        Scope::Group => "group",
        Scope::User => "user",
    }
}

fn scope(text: &str) -> Result<Scope, DbError> {
    match text {
        "default" => Ok(Scope::Default),
        "group" => Ok(Scope::Group),
        "user" => Ok(Scope::User),
        other => Err(DbError::inconsistent("scope", format!("unknown scope {other}"))),
    }
}

fn period(text: &str) -> Result<Period, DbError> {
    let found = Period::ALL.into_iter().find(|period| period.as_str() == text);
    found.ok_or_else(|| DbError::inconsistent("period", format!("unknown period {text}")))
}

/// Every statement about limits, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    INSERT_LIMIT,
    GET_LIMIT,
    FIND_LIMIT_BY_REQUEST,
    LIST_LIMITS,
    LIMITS_OF_USER,
    LIMITS_OF_GROUP,
    UPDATE_LIMIT,
    DELETE_LIMIT,
    LOCK_USER,
    SET_ASIDE,
    SUM_OF_LEDGER,
    BEGIN_COUNTER,
    GET_COUNTER,
    INSERT_RESERVATION,
    LOCK_RESERVATION,
    END_RESERVATION,
    EXPIRED_RESERVATIONS,
    FORGET_RESERVATIONS,
    FORGET_COUNTERS,
    COUNT,
];
