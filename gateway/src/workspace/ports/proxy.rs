//! `/api/v1/workspaces/{workspace_id}/ports/{port}/...`: HTTP with a program of the workspace.
//!
//! Requests and answers stream through as they are, WebSockets and other upgrades included; what is
//! changed at the border is in [`inward`] and [`outward`]. A request has a connection of its own.

mod cookies;
mod exchange;
mod hop;
mod inward;
mod location;
mod outward;
mod progress;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, on};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;
use tracing::debug;

use super::dial::dial;
use super::stream::PortStream;
use super::target::Target;
use crate::workspace::access::Access;
use crate::workspace::refusal::{self, Refusal};

/// How much of an upgraded connection is under way in each direction.
const COPY_BYTES: usize = 64 * 1024;

/// Passes a request on to a port, and its answer back.
pub(in crate::workspace) async fn proxy(
    State(access): State<Access>,
    mut request: Request,
) -> Result<Response, Refusal> {
    let target = Target::read(request.uri())?;
    let uri = target.uri()?;
    let agent = access.agent(request.headers(), &target.workspace_id).await?;
    let stream = PortStream::new(dial(&agent, target.port).await?);
    let border = inward::cross(&mut request, &target);
    *request.uri_mut() = uri;
    let client = border.upgrades.then(|| on(&mut request));
    let mut response = exchange::exchange(stream, request, target.port, access.tasks()).await?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let client = client.ok_or_else(|| refusal::bad_answer(target.port, &"it switches protocols unasked"))?;
        let program = on(&mut response);
        let soft = access.tasks().shutdown().soft().clone();
        access.tasks().spawn("workspace.upgrade", async move {
            tokio::select! {
                () = join(client, program) => {}
                () = soft.cancelled() => {}
            }
        });
    }
    outward::cross(response.headers_mut(), &target, &border);
    Ok(response)
}

/// Carries bytes between two connections that have left HTTP.
async fn join(client: OnUpgrade, program: OnUpgrade) {
    let (client, program) = match tokio::try_join!(client, program) {
        Ok(both) => both,
        Err(error) => return debug!(%error, "a connection was not upgraded"),
    };
    let (mut client, mut program) = (TokioIo::new(client), TokioIo::new(program));
    if let Err(error) = copy_bidirectional_with_sizes(&mut client, &mut program, COPY_BYTES, COPY_BYTES).await {
        debug!(%error, "an upgraded connection broke");
    }
}
