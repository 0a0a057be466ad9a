//! One request and its answer on one connection (RFC 9112).

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Version;
use axum::response::Response;
use chatmesh_runtime::Tasks;
use hyper::client::conn::http1::{Connection, handshake};
use hyper_util::rt::TokioIo;
use tonic::Status;
use tracing::debug;

use super::progress::{Progress, Watched};
use crate::workspace::ports::stream::PortStream;
use crate::workspace::refusal;

/// How long a program may take to begin its answer, after the last of the request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(120);
/// How long an exchange may go on after the process was asked to end.
const DRAIN: Duration = Duration::from_secs(5);

/// Sends the request and returns the answer as soon as it begins.
///
/// # Errors
/// What answers does not speak HTTP, or does not answer in time.
pub(super) async fn exchange(
    stream: PortStream,
    request: Request,
    port: u16,
    tasks: &Tasks,
) -> Result<Response, Status> {
    let bad = |error: hyper::Error| refusal::bad_answer(port, &explain(&error));
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(bad)?;
    tasks.spawn("workspace.port", drive(connection, tasks.clone()));
    let progress = Progress::default();
    let (mut parts, body) = request.into_parts();
    parts.version = Version::HTTP_11;
    let request = Request::from_parts(parts, Body::new(Watched::new(body, progress.clone())));
    let answer = sender.send_request(request);
    let late = || refusal::late(&format!("the program at port {port} did not answer"), HEAD_TIMEOUT.as_secs());
    let response = progress.in_time(HEAD_TIMEOUT, answer).await.ok_or_else(late)?;
    response.map(|response| response.map(Body::new)).map_err(bad)
}

/// Carries the connection on until the answer has ended, or somebody goes away.
async fn drive(connection: Connection<TokioIo<PortStream>, Body>, tasks: Tasks) {
    let soft = tasks.shutdown().soft();
    tokio::select! {
        ended = connection.with_upgrades() => {
            if let Err(error) = ended {
                debug!(%error, "a connection to a port ended");
            }
        }
        () = async { soft.cancelled().await; tokio::time::sleep(DRAIN).await } => {}
    }
}

/// What went wrong, with the cause that hyper leaves out.
fn explain(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
