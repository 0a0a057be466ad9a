//! Where agents dial in: an HTTP/1.1 upgrade, which ordinary ingresses and proxies pass.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chatmesh_core::Uuid;
use chatmesh_proto::agent::v1::Manifest;
use chatmesh_proto::workspaces::v1::agent_service_client::AgentServiceClient;
use chatmesh_proto::workspaces::v1::{Agent, AuthenticateAgentRequest, AuthenticateAgentResponse};
use chatmesh_rpc::Code;
use hyper_util::rt::TokioIo;
use tracing::{info, warn};

use crate::session;
use crate::state::State;

/// The protocol that the connection is upgraded to.
const PROTOCOL: &str = "chatmesh-agent";
/// The path of the route.
const PATH: &str = "/relay/v1/connect";
/// The longest answer about an agent: what it runs may have 6 MiB.
const MAX_ANSWER: usize = 8 * 1024 * 1024;
/// What agents hear from a replica that takes none any more.
pub(crate) const ENDS: &str = "this relay ends: connect again";

pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new().route(PATH, get(connect)).with_state(state)
}

async fn connect(Extract(state): Extract<Arc<State>>, mut request: Request) -> Response {
    if !asks_for_upgrade(request.headers()) {
        let text = "this is where workspace agents connect: send `Connection: upgrade` and `Upgrade: chatmesh-agent`";
        return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, PROTOCOL)], text).into_response();
    }
    if state.tasks.shutdown().soft().is_cancelled() {
        // Without asking anybody: the agents of a replica that ends may come here again and again.
        return (StatusCode::SERVICE_UNAVAILABLE, ENDS).into_response();
    }
    let admitted = match authenticate(&state, request.headers()).await {
        Ok(admitted) => admitted,
        Err(refusal) => {
            state.metrics.refused.inc();
            return refusal.into_response();
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let tasks = state.tasks.clone();
    tasks.spawn("relay.session", async move {
        match upgrade.await {
            Ok(upgraded) => session::run(state, admitted, TokioIo::new(upgraded)).await,
            Err(error) => info!(agent = %admitted.agent, %error, "agent left before its connection was upgraded"),
        }
    });
    let headers = [(header::CONNECTION, "upgrade"), (header::UPGRADE, PROTOCOL)];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(PROTOCOL))
}

/// An agent that showed a valid token.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) agent: Uuid,
    /// What its workspace runs.
    pub(crate) manifest: Manifest,
    /// Names its token.
    pub(crate) token_issue_time: Option<pbjson_types::Timestamp>,
}

/// Finds out whose token it is. 401 and 403 tell an agent to give up, 503 to come again.
async fn authenticate(state: &State, headers: &HeaderMap) -> Result<Admitted, (StatusCode, String)> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| (StatusCode::UNAUTHORIZED, "send the agent's token as `Authorization: Bearer`".to_owned()))?;
    let mut agents = AgentServiceClient::new(state.workspaces.clone()).max_decoding_message_size(MAX_ANSWER);
    let response = agents.authenticate_agent(AuthenticateAgentRequest { token: token.to_owned() }).await;
    let response = response.map_err(|status| {
        let http = match status.code() {
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            _ => {
                warn!(error = %status.message(), "agents cannot be checked now");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        (http, status.message().to_owned())
    })?;
    let AuthenticateAgentResponse { agent, manifest, token_issue_time } = response.into_inner();
    let Agent { id, build_id, .. } = agent.unwrap_or_default();
    let agent = Uuid::try_parse(&id);
    let agent = agent.map_err(|_| (StatusCode::SERVICE_UNAVAILABLE, "no agent in the answer".to_owned()))?;
    // Without one the agent would wait for what to run.
    let manifest = manifest.unwrap_or(Manifest { build_id, scripts: Vec::new() });
    Ok(Admitted { agent, manifest, token_issue_time })
}
