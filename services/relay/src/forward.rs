//! Forwards calls to agents by their path, as bytes: to those that are connected here over their
//! carriers, to others over the replica that holds them.

mod whole;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use chatmesh_core::Uuid;
use chatmesh_rpc::{Caller, Code, into_status, metadata, status_with_reason};
use http::HeaderMap;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::ServiceExt as _;
use tracing::{Instrument as _, info_span};

use crate::carrier::AgentChannel;
use crate::state::State;
use crate::{Error, hop};
use whole::{Whole, not_ours};

/// How long an agent may take from its greeting to the beginning of its session.
const MAX_ARRIVAL: Duration = Duration::from_secs(5);
const AGENT_PACKAGE: &str = "chatmesh.agent.v1.";
/// The reason of calls of which nothing has reached the agent.
pub(crate) const NOT_CONNECTED: &str = "AGENT_NOT_CONNECTED";
pub(crate) const DOMAIN: &str = "chatmesh.relay.v1";

/// Adds the forwarding to the relay's own methods.
pub(crate) fn with_forwarding(mut routes: Routes, state: Arc<State>) -> Routes {
    let router = std::mem::take(routes.axum_router_mut());
    *routes.axum_router_mut() = router.route("/{service}/{method}", any(forward).with_state(state));
    routes
}

async fn forward(Extract(state): Extract<Arc<State>>, request: Request) -> Response {
    let span = info_span!("relay.forward", rpc.method = %request.uri().path());
    match forward_call(&state, request).instrument(span).await {
        Ok(response) => response,
        Err(status) => status.into_http::<axum::body::Body>().into_response(),
    }
}

async fn forward_call(state: &State, mut request: Request) -> Result<Response, Status> {
    let service = request.uri().path().trim_start_matches('/');
    if !service.starts_with(AGENT_PACKAGE) {
        return Err(Status::unimplemented("the relay has no such method"));
    }
    let caller = request.extensions().get::<Caller>();
    let caller = caller.ok_or_else(|| Status::unauthenticated("the call carries no assertion of who calls"))?;
    caller.require_service().map_err(|denied| Status::permission_denied(denied.to_string()))?;
    let agent = agent_id(request.headers())?;
    let Some((channel, call)) = begin_call(state, agent).await else {
        let hops = hop::count(request.headers());
        if hops >= allowed_hops(state, agent) {
            return Err(not_connected(agent));
        }
        let remote = state.locations.find(agent).await.map_err(|error| into_status(&Error::from(error)))?;
        let remote = remote.ok_or_else(|| not_connected(agent))?;
        return hop::forward(state, agent, remote, request.map(Body::new), hops + 1).await;
    };
    // Nothing that says who calls reaches a workspace: a program there could use it.
    request.headers_mut().remove(metadata::ASSERTION);
    request.headers_mut().remove(metadata::AGENT_ID);
    request.headers_mut().remove(metadata::FORWARDED);
    chatmesh_rpc::trace::inject(request.headers_mut());
    state.metrics.forwarded.inc();
    // The channel says itself whether anything of a failed call may have reached the agent.
    let mut response = channel.oneshot(request.map(Body::new)).await?;
    let headers = std::mem::take(response.headers_mut());
    *response.headers_mut() = not_ours(headers);
    Ok(response.map(|body| Body::new(Whole::new(body, call, connection_lost))).into_response())
}

/// Begins a call where the agent is here, or is about to be.
async fn begin_call(state: &State, agent: Uuid) -> Option<(AgentChannel, TaskTrackerToken)> {
    if let Some(begun) = state.sessions.begin_call(agent) {
        return Some(begun);
    }
    state.arrivals.expected(agent, MAX_ARRIVAL).await;
    state.sessions.begin_call(agent)
}

/// A call is passed on once. Where an agent has moved from here a moment ago, whoever sent the call may
/// not have heard of it: then once more.
fn allowed_hops(state: &State, agent: Uuid) -> u8 {
    1 + u8::from(state.sessions.has_moved(agent))
}

/// The connection to the agent broke in the middle of an answer.
fn connection_lost() -> Status {
    let message = "the connection to the agent broke in the middle of the answer";
    status_with_reason(Code::Unavailable, "AGENT_CONNECTION_LOST", DOMAIN, message)
}

/// Nothing of a call has reached the agent.
pub(crate) fn not_connected(agent: Uuid) -> Status {
    let message = format!("agent `{agent}` is not connected");
    status_with_reason(Code::Unavailable, NOT_CONNECTED, DOMAIN, message)
}

fn agent_id(headers: &HeaderMap) -> Result<Uuid, Status> {
    let text = headers.get(metadata::AGENT_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Uuid::try_parse(text).map_err(|_| {
        let message = format!("the metadata `{}` must name the agent to call, a UUID", metadata::AGENT_ID);
        status_with_reason(Code::InvalidArgument, "INVALID_REQUEST", DOMAIN, message)
    })
}
