//! `GET /api/v1/workspaces/{workspace_id}/agent` and `POST .../agent:ping`: what the agent is, and how
//! far away.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_proto::agent::v1::{GetFactsRequest, PingRequest};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::access::Access;
use super::agent::in_time;
use super::refusal::Refusal;

/// How long the agent may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the relay may take to find the session: it is there where the agent is.
const SESSION_TIMEOUT: Duration = Duration::from_secs(2);

/// Returns what the agent, its session and its machine are.
pub(super) async fn get(
    State(access): State<Access>,
    Path(workspace_id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let agent = access.agent(&headers, &workspace_id).await?;
    let mut diagnostics = DiagnosticsServiceClient::new(agent.transport());
    let mut request = agent.request(GetFactsRequest {});
    request.set_timeout(ANSWER_TIMEOUT);
    let (session, facts) = tokio::try_join!(
        agent.session(SESSION_TIMEOUT),
        in_time(ANSWER_TIMEOUT, "the agent did not answer", diagnostics.get_facts(request)),
    )?;
    Ok(Json(json!({"agent_id": agent.id(), "session": session, "facts": facts})))
}

/// Asks the agent for an answer, and measures the way from here to it and back.
pub(super) async fn ping(
    State(access): State<Access>,
    Path(workspace_id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let agent = access.agent(&headers, &workspace_id).await?;
    let mut diagnostics = DiagnosticsServiceClient::new(agent.transport());
    let mut request = agent.request(PingRequest {});
    request.set_timeout(ANSWER_TIMEOUT);
    let began = Instant::now();
    let pong = in_time(ANSWER_TIMEOUT, "the agent did not answer", diagnostics.ping(request)).await?;
    let agent_us = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
    Ok(Json(json!({
        "agent_version": pong.agent_version,
        "instance_id": pong.instance_id,
        "directory": pong.directory,
        "agent_us": agent_us,
    })))
}
