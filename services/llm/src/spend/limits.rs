//! Whether a call may be made. Who has no limit is let through from memory; for the others the
//! database decides, because other replicas spend too.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource, Timestamp};
use chatmesh_db::DbError;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use chatmesh_rpc::UserId;

use crate::Error;
use crate::domain::{Limit, Reservation, ReservationId, effective};
use crate::metrics::{LimitLabels, LlmMetrics};
use crate::route::Recent;
use crate::store::{Admission, Counted, LimitStore};

/// How long what is set aside is kept for a call of which nothing more is heard.
const RESERVED_FOR: Duration = Duration::from_secs(3600);

/// How many lost reservations are looked for before a call is refused.
const EXPIRE_AT_ONCE: u32 = 100;

/// Lets calls through, or not.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) store: Arc<dyn LimitStore>,
    known: Recent<(UserId, String), Arc<[Limit]>>,
    metrics: LlmMetrics,
}

/// For whom a call is made and what it may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) user: UserId,
    pub(crate) groups: &'a [String],
    pub(crate) tokens: i64,
    pub(crate) cost_micros: i64,
    pub(crate) now: Timestamp,
}

impl Limits {
    pub(crate) fn new(store: Arc<dyn LimitStore>, metrics: LlmMetrics) -> Self {
        Self { store, known: Recent::new(), metrics }
    }

    /// Forgets what is kept in memory: a limit was written.
    pub(crate) fn forget(&self) {
        self.known.forget();
    }

    /// The limits that hold for a user, at most one for each period.
    pub(crate) async fn of(&self, user: UserId, groups: &[String]) -> Result<Arc<[Limit]>, Error> {
        let load = async { Ok(effective(&self.store.limits_for(user, groups).await?).into()) };
        self.known.get((user, groups.join("\n")), load).await
    }

    /// Lets a call through, setting aside what it may use where there is a limit, or says which
    /// limit is in the way.
    pub(crate) async fn admit(
        &self,
        request: Request<'_>,
        ids: &dyn IdSource,
    ) -> Result<Result<Option<ReservationId>, GenerationError>, Error> {
        let limits = self.of(request.user, request.groups).await?;
        if limits.is_empty() {
            return Ok(Ok(None));
        }
        let reservation = Reservation {
            id: ReservationId(ids.next()),
            user_id: request.user,
            created_at: request.now,
            expires_at: request.now + RESERVED_FOR,
            cost_micros: request.cost_micros,
            tokens: request.tokens,
        };
        let mut admission = match self.store.reserve(&reservation, &limits).await {
            // Two who count for one user may have stood in each other's way.
            Err(DbError::Unavailable(_)) => self.store.reserve(&reservation, &limits).await?,
            other => other?,
        };
        if admission != Admission::Admitted && self.store.expire_reservations(request.now, EXPIRE_AT_ONCE).await? > 0 {
            admission = self.store.reserve(&reservation, &limits).await?;
        }
        match admission {
            Admission::Admitted => Ok(Ok(Some(reservation.id))),
            Admission::Refused(limit) => {
                self.metrics.limit_rejections.get_or_create(&LimitLabels { period: limit.period.as_str() }).inc();
                let counted = self.store.counted(request.user, limit.period, request.now).await?;
                Ok(Err(refusal(&limit, counted, request)))
            }
        }
    }
}

/// What the user is told.
fn refusal(limit: &Limit, counted: Counted, request: Request<'_>) -> GenerationError {
    let is_over = |max: Option<i64>, used: i64, more: i64| max.is_some_and(|max| used.saturating_add(more) > max);
    let what = if is_over(limit.max.cost_micros, counted.cost_micros, request.cost_micros) {
        "spending limit"
    } else if is_over(limit.max.tokens, counted.tokens, request.tokens) {
        "token limit"
    } else {
        "request limit"
    };
    let resets = limit.period.end(request.now).format("%-d %B %Y");
    let period = limit.period.adjective();
    GenerationError {
        message: format!("Your {period} {what} is used up; it resets on {resets} at 00:00 UTC."),
        kind: ErrorKind::UsageLimit.into(),
        ..GenerationError::default()
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{IdSource as _, SystemIds};

    use super::*;
    use crate::domain::{Amounts, LimitId, Period, Scope};

    #[test]
    fn a_refusal_names_the_limit_and_when_it_resets() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let user = UserId(SystemIds.next());
        let limit = |period, max| Limit {
            id: LimitId(SystemIds.next()),
            scope: Scope::Default,
            subject_id: String::new(),
            period,
            max,
            created_at: now,
            updated_at: now,
        };
        let counted = Counted { cost_micros: 90, tokens: 900, requests: 9 };
        let request = Request { user, groups: &[], tokens: 50, cost_micros: 20, now };
        let max = |cost_micros, tokens, requests| Amounts { cost_micros, tokens, requests };
        for (period, max, expected) in [
            (
                Period::Month,
                max(Some(100), Some(1000), None),
                "Your monthly spending limit is used up; it resets on 1 December 2026 at 00:00 UTC.",
            ),
            (
                Period::Week,
                max(Some(1000), Some(901), None),
                "Your weekly token limit is used up; it resets on 23 November 2026 at 00:00 UTC.",
            ),
            (
                Period::Day,
                max(None, None, Some(9)),
                "Your daily request limit is used up; it resets on 22 November 2026 at 00:00 UTC.",
            ),
        ] {
            let error = refusal(&limit(period, max), counted, request);
            assert_eq!(error.message, expected);
            assert_eq!((error.kind(), error.retryable), (ErrorKind::UsageLimit, false));
        }
    }
}
