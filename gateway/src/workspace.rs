//! Live access to a workspace: its terminals, its repositories and its ports.
//!
//! Every request goes the same way. [`access`] asks, as the caller, for the workspace's agent: whoever
//! may not is told what an unknown workspace is told. The agent is then called through the relay,
//! [`agent`]. What lasts is a WebSocket, [`socket`]; a [`ports`] proxy speaks HTTP with the programs of
//! the workspace. None of it trusts the workspace: no credential of the caller goes in, and what comes
//! out can do nothing in the name of this origin.

mod access;
mod agent;
mod call;
mod facts;
mod git;
mod parameters;
mod ports;
mod refusal;
mod socket;
mod terminal;
mod throughput;
mod token;

use axum::Router;
use axum::routing::{any, get, post};

pub(crate) use access::Access;
pub(crate) use agent::in_time;
pub(crate) use token::from_protocol;

use crate::rest::{self, Rest};

/// The routes. Methods that they do not take are answered as everywhere else.
pub(crate) fn router(access: &Access) -> Router<Rest> {
    let with = || access.clone();
    Router::new()
        .route(
            "/api/v1/workspaces/{workspace_id}/terminal",
            get(terminal::serve).with_state(with()).fallback(rest::serve),
        )
        .route("/api/v1/workspaces/{workspace_id}/git", get(git::serve).with_state(with()).fallback(rest::serve))
        .route("/api/v1/workspaces/{workspace_id}/agent", get(facts::get).with_state(with()).fallback(rest::serve))
        .route(
            "/api/v1/workspaces/{workspace_id}/agent:ping",
            post(facts::ping).with_state(with()).fallback(rest::serve),
        )
        .route(
            "/api/v1/workspaces/{workspace_id}/agent:download",
            get(throughput::download).with_state(with()).fallback(rest::serve),
        )
        .route(
            "/api/v1/workspaces/{workspace_id}/agent:upload",
            post(throughput::upload).with_state(with()).fallback(rest::serve),
        )
        .route("/api/v1/workspaces/{workspace_id}/ports", get(ports::list).with_state(with()).fallback(rest::serve))
        .route("/api/v1/workspaces/{workspace_id}/ports/{port}", any(ports::bare).with_state(with()))
        .route("/api/v1/workspaces/{workspace_id}/ports/{port}/", any(ports::proxy).with_state(with()))
        .route("/api/v1/workspaces/{workspace_id}/ports/{port}/{*path}", any(ports::proxy).with_state(with()))
}
