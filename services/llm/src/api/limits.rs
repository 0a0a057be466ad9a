//! Limits: five small operations on one kind of row.

use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::{Caller, UserId};

use crate::Error;
use crate::convert;
use crate::domain::{Amounts, Limit, LimitId, Scope};
use crate::state::State;
use crate::store::Inserted;

const PAGES: &str = "limits";
const MAX_SUBJECT: usize = 128;

/// Creates a limit.
pub(super) async fn create_limit(
    state: &State,
    caller: Caller,
    request: pb::CreateLimitRequest,
) -> Result<pb::CreateLimitResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    let scope = convert::scope(request.scope(), &mut violations);
    let period = convert::period(request.period(), &mut violations);
    let subject_id = subject(scope, request.subject_id, &mut violations);
    let max = amounts(request.max_cost_micros, request.max_tokens, request.max_requests, &mut violations);
    let request_id = violations.optional_id("request_id", &request.request_id);
    let (scope, period) = violations.finish(scope.zip(period))?;
    let now = state.clock.now();
    let id = LimitId(state.ids.next());
    let limit = Limit { id, scope, subject_id, period, max, created_at: now, updated_at: now };
    let inserted = state.limits.store.insert_limit(&limit, request_id).await?;
    state.limits.forget();
    match inserted {
        Inserted::Created(limit) | Inserted::Repeated(limit) => {
            Ok(pb::CreateLimitResponse { limit: Some(limit.into()) })
        }
        Inserted::NameTaken => Err(Error::LimitExists),
    }
}

/// Lists limits, oldest first.
pub(super) async fn list_limits(
    state: &State,
    caller: Caller,
    request: pb::ListLimitsRequest,
) -> Result<pb::ListLimitsResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(PAGES, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;
    let limits = state.limits.store.list_limits(after.map(LimitId), size + 1).await?;
    let (limits, next_page_token) = page::cut(limits, size, PAGES, |limit| limit.id.0);
    Ok(pb::ListLimitsResponse { limits: limits.into_iter().map(Into::into).collect(), next_page_token })
}

/// Returns the limits that apply to the caller and what is used of them.
pub(super) async fn get_my_limits(state: &State, caller: Caller) -> Result<pb::GetMyLimitsResponse, Error> {
    let user = caller.require_user()?;
    let now = state.clock.now();
    let mut limits = Vec::new();
    for limit in state.limits.of(user, &[]).await?.iter() {
        let counted = state.limits.store.counted(user, limit.period, now).await?;
        limits.push(pb::LimitStatus {
            limit: Some(limit.clone().into()),
            used_cost_micros: convert::unsigned(counted.cost_micros),
            used_tokens: convert::unsigned(counted.tokens),
            used_requests: convert::small(counted.requests),
            reset_time: Some(limit.period.end(now).into()),
        });
    }
    Ok(pb::GetMyLimitsResponse { limits })
}

/// Replaces the amounts of a limit.
pub(super) async fn update_limit(
    state: &State,
    caller: Caller,
    request: pb::UpdateLimitRequest,
) -> Result<pb::UpdateLimitResponse, Error> {
    caller.require_admin()?;
    let mut violations = Violations::new();
    let max = amounts(request.max_cost_micros, request.max_tokens, request.max_requests, &mut violations);
    violations.finish(Some(()))?;
    let mut limit = find(state, &request.limit_id).await?;
    (limit.max, limit.updated_at) = (max, state.clock.now());
    let is_there = state.limits.store.update_limit(&limit).await?;
    state.limits.forget();
    match is_there {
        true => Ok(pb::UpdateLimitResponse { limit: Some(limit.into()) }),
        false => Err(Error::NotFound { kind: "limit", name: request.limit_id }),
    }
}

/// Deletes a limit.
pub(super) async fn delete_limit(
    state: &State,
    caller: Caller,
    request: pb::DeleteLimitRequest,
) -> Result<pb::DeleteLimitResponse, Error> {
    caller.require_admin()?;
    let limit = find(state, &request.limit_id).await?;
    let was_there = state.limits.store.delete_limit(limit.id).await?;
    state.limits.forget();
    match was_there {
        true => Ok(pb::DeleteLimitResponse {}),
        false => Err(Error::NotFound { kind: "limit", name: request.limit_id }),
    }
}

async fn find(state: &State, id: &str) -> Result<Limit, Error> {
    let parsed: LimitId = id.parse().map_err(|error| Violations::one("limit_id", error))?;
    let limit = state.limits.store.get_limit(parsed).await?;
    limit.ok_or_else(|| Error::NotFound { kind: "limit", name: id.to_owned() })
}

/// The subject in the one way in which it is compared.
fn subject(scope: Option<Scope>, subject: String, violations: &mut Violations) -> String {
    match scope {
        Some(Scope::User) => {
            let user = violations.check("subject_id", subject.parse::<UserId>());
            return user.map(|user| user.to_string()).unwrap_or_default();
        }
        Some(Scope::Group) => {
            let fits = (1..=MAX_SUBJECT).contains(&subject.len()) && !subject.contains(char::is_control);
            violations.require(fits, "subject_id", "must be the identifier of a group, at most 128 characters");
        }
        Some(Scope::Default) => violations.require(subject.is_empty(), "subject_id", "must be empty for the default"),
        None => {}
    }
    subject
}

fn amounts(cost: Option<u64>, tokens: Option<u64>, requests: Option<u32>, violations: &mut Violations) -> Amounts {
    let is_any = cost.is_some() || tokens.is_some() || requests.is_some();
    violations.require(is_any, "max_cost_micros", "must be set, or max_tokens, or max_requests");
    // Half of the range, so that sums of two never leave it.
    let bounded = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX).min(i64::MAX / 2);
    Amounts { cost_micros: cost.map(bounded), tokens: tokens.map(bounded), requests: requests.map(i64::from) }
}
