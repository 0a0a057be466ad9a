//! What was used: sums, calls, and what was kept of a call.

use chatmesh_core::{Timestamp, Uuid, Violations, page};
use chatmesh_proto::llm::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};

use crate::Error;
use crate::convert;
use crate::domain::UsageId;
use crate::state::State;
use crate::store::{Grouping, UsageFilter};

/// Adds up calls.
pub(super) async fn summarize_usage(
    state: &State,
    caller: Caller,
    request: pb::SummarizeUsageRequest,
) -> Result<pb::SummarizeUsageResponse, Error> {
    let mut violations = Violations::new();
    let (grouping, word) = match request.group_by() {
        pb::UsageGrouping::Unspecified | pb::UsageGrouping::Day => (Grouping::Day, "day"),
        pb::UsageGrouping::User => (Grouping::User, "user"),
        pb::UsageGrouping::Model => (Grouping::Model, "model"),
        pb::UsageGrouping::Chat => (Grouping::Chat, "chat"),
    };
    let from = convert::time("start_time", request.start_time, &mut violations);
    let until = convert::time("end_time", request.end_time, &mut violations);
    let is_ordered = from.zip(until).is_none_or(|(from, until)| from < until);
    violations.require(is_ordered, "end_time", "must be later than start_time");
    let named = Named { user: &request.user_id, model: &request.model, chat: &request.chat_id };
    let filter = named.filter(&caller, from, until, &mut violations)?;
    let scope = scope(&format!("usage/{word}"), &filter);
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<String>(&scope, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;
    let rows = state.usage.summarize_usage(grouping, &filter, after.as_deref(), size + 1).await?;
    let (rows, next_page_token) = page::cut(rows, size, &scope, |row| row.key.clone());
    Ok(pb::SummarizeUsageResponse { rows: rows.into_iter().map(Into::into).collect(), next_page_token })
}

/// Lists calls, newest first.
pub(super) async fn list_usage_events(
    state: &State,
    caller: Caller,
    request: pb::ListUsageEventsRequest,
) -> Result<pb::ListUsageEventsResponse, Error> {
    let mut violations = Violations::new();
    let named = Named { user: &request.user_id, model: &request.model, chat: &request.chat_id };
    let filter = named.filter(&caller, None, None, &mut violations)?;
    let scope = scope("usage/events", &filter);
    let size = violations.check("page_size", page::size(request.page_size));
    let before = violations.check("page_token", page::cursor::<Uuid>(&scope, &request.page_token));
    let (size, before) = violations.finish(size.zip(before))?;
    let events = state.usage.list_usage(&filter, before.map(UsageId), size + 1).await?;
    let (events, next_page_token) = page::cut(events, size, &scope, |event| event.id.0);
    Ok(pb::ListUsageEventsResponse { events: events.into_iter().map(Into::into).collect(), next_page_token })
}

/// Returns what was sent and what came back.
pub(super) async fn get_usage_debug(
    state: &State,
    caller: Caller,
    request: pb::GetUsageDebugRequest,
) -> Result<pb::GetUsageDebugResponse, Error> {
    caller.require_admin()?;
    let id: UsageId = request.usage_id.parse().map_err(|error| Violations::one("usage_id", error))?;
    let row = state.usage.debug_record(id).await?;
    let row = row.ok_or(Error::NotFound { kind: "debug record", name: request.usage_id })?;
    Ok(pb::GetUsageDebugResponse {
        create_time: Some(row.created_at.into()),
        request: String::from_utf8_lossy(&row.record.request).into_owned(),
        response: String::from_utf8_lossy(&row.record.response).into_owned(),
        truncated: row.record.truncated,
    })
}

/// What a caller wants to see, in words.
struct Named<'a> {
    user: &'a str,
    model: &'a str,
    chat: &'a str,
}

impl Named<'_> {
    /// The filter, which shows users nothing but what is theirs.
    fn filter(
        &self,
        caller: &Caller,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        violations: &mut Violations,
    ) -> Result<UsageFilter, Error> {
        let named = violations.optional_id("user_id", self.user).map(UserId);
        let chat = violations.optional_id("chat_id", self.chat);
        violations.require(!self.model.contains('\0'), "model", "must be the name of a model");
        let user = match caller.user_and_role() {
            Some((me, Role::Member)) => {
                if named.is_some_and(|named| named != me) {
                    caller.require_admin()?;
                }
                Some(me)
            }
            Some((_, Role::Admin)) | None => {
                caller.require_admin()?;
                named
            }
        };
        let model = Some(self.model.to_owned()).filter(|model| !model.is_empty());
        Ok(UsageFilter { from, until, user, model, chat })
    }
}

/// The list that a page belongs to.
fn scope(list: &str, filter: &UsageFilter) -> String {
    format!("{list}/{filter:?}")
}
