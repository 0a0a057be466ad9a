use std::sync::Arc;

use chatmesh_core::{Uuid, Violations};
use chatmesh_proto::common::v1::GenerationError;
use chatmesh_proto::llm::v1 as pb;
use chatmesh_proto::llm::v1::generate_response::Event;
use chatmesh_rpc::{Caller, UserId};
use futures::StreamExt as _;

use super::Events;
use crate::Error;
use crate::config::DebugRecords;
use crate::domain::{ReservationId, UsageId};
use crate::route::Candidate;
use crate::route::attempts::{self, Call};
use crate::spend::account::{Account, Purpose};
use crate::spend::{estimate, limits};
use crate::state::State;

/// How many groups count.
const MAX_GROUPS: usize = 64;
const MAX_GROUP: usize = 128;
const MAX_SOURCE: usize = 32;

/// Calls a model and streams its answer.
pub(super) async fn generate(
    state: &Arc<State>,
    caller: Caller,
    mut request: pb::GenerateRequest,
) -> Result<Events, Error> {
    let service = caller.require_service()?.to_owned();
    let user = user(&caller, &request)?;
    let source = source(std::mem::take(&mut request.source), service);
    let plan = state.router.resolve(&request.model).await?;
    begin(state, user, source, plan, request).await
}

/// Begins a call of the models of a plan.
pub(crate) async fn begin(
    state: &Arc<State>,
    user: Option<UserId>,
    source: String,
    plan: Arc<[Arc<Candidate>]>,
    request: pb::GenerateRequest,
) -> Result<Events, Error> {
    let first = &plan[0];
    let span = tracing::info_span!(
        "llm.call",
        gen_ai.provider.name = first.target.provider_type.as_str_name(),
        gen_ai.request.model = %first.target.model,
    );
    let prompt_tokens = estimate::prompt_tokens(&request);
    let account = match open_account(state, user, source, first, (prompt_tokens, &request)).await? {
        Ok(account) => account,
        Err(error) => return Ok(refused(error)),
    };
    let call = Call { plan, request, user, keeps_debug: keeps_debug(state), account };
    let events = attempts::run(Arc::clone(state), call).map(Ok);
    Ok(Box::pin(InSpan { events: Box::pin(events), span }))
}

/// Opens the account of a call, where the limits of who makes it leave room for it.
pub(crate) async fn open_account(
    state: &State,
    user: Option<UserId>,
    source: String,
    first: &Candidate,
    (prompt_tokens, request): (u32, &pb::GenerateRequest),
) -> Result<Result<Account, GenerationError>, Error> {
    let created_at = state.clock.now();
    let reservation = match admit(state, user, request, first, prompt_tokens).await? {
        Ok(reservation) => reservation,
        Err(error) => return Ok(Err(error)),
    };
    let purpose = Purpose {
        id: UsageId(state.ids.next()),
        created_at,
        user_id: user,
        chat_id: Uuid::try_parse(&request.chat_id).ok(),
        source,
        prompt_tokens,
        reservation,
    };
    Ok(Ok(Account::open(Arc::clone(&state.ledger), state.metrics.clone(), purpose, first)))
}

/// Whether what is sent and what comes back is kept.
fn keeps_debug(state: &State) -> fn(&Candidate) -> bool {
    match state.config.debug.record {
        DebugRecords::Off => |_: &Candidate| false,
        DebugRecords::Models => |candidate: &Candidate| candidate.record_debug,
        DebugRecords::All => |_: &Candidate| true,
    }
}

/// For whom the call is made.
fn user(caller: &Caller, request: &pb::GenerateRequest) -> Result<Option<UserId>, Error> {
    let mut violations = Violations::new();
    let named = violations.optional_id("user_id", &request.user_id).map(UserId);
    let fits = |group: &String| (1..=MAX_GROUP).contains(&group.len()) && !group.contains(['\0', '\n']);
    let groups = &request.group_ids;
    let fits = groups.len() <= MAX_GROUPS && groups.iter().all(fits);
    violations.require(fits, "group_ids", "must be at most 64 identifiers of at most 128 characters");
    violations.finish(Some(()))?;
    Ok(named.or_else(|| caller.user_and_role().map(|(user, _)| user)))
}

async fn admit(
    state: &State,
    user: Option<UserId>,
    request: &pb::GenerateRequest,
    first: &Candidate,
    prompt_tokens: u32,
) -> Result<Result<Option<ReservationId>, GenerationError>, Error> {
    // What the mesh does for nobody is nobody's limit.
    let Some(user) = user else { return Ok(Ok(None)) };
    let (tokens, cost_micros) = estimate::call(prompt_tokens, request, &first.target.options);
    let now = state.clock.now();
    let asked = limits::Request { user, groups: &request.group_ids, tokens, cost_micros, now };
    state.limits.admit(asked, &*state.ids).await
}

fn refused(error: GenerationError) -> Events {
    let response = pb::GenerateResponse { event: Some(Event::Error(error)) };
    Box::pin(futures::stream::iter([Ok(response)]))
}

/// Where the call comes from, as a word.
fn source(named: String, service: String) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = (1..=MAX_SOURCE).contains(&named.len()) && named.chars().all(is_word);
    if fits { named } else { service }
}

/// Polls a stream within a span, so that what it does belongs to the call's trace.
struct InSpan {
    events: Events,
    span: tracing::Span,
}

impl futures::Stream for InSpan {
    type Item = Result<pb::GenerateResponse, tonic::Status>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let span = self.span.clone();
        let _entered = span.enter();
        self.events.poll_next_unpin(cx)
    }
}
