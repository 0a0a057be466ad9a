//! The one hop from a replica that does not hold an agent to the one that does.

use std::error::Error;

use axum::response::{IntoResponse as _, Response};
use chatmesh_core::Uuid;
use chatmesh_rpc::{Code, metadata, status_with_reason};
use http::{HeaderMap, HeaderValue, Request};
use tonic::Status;
use tonic::body::Body;
use tonic_types::StatusExt as _;
use tower::ServiceExt as _;
use tracing::debug;

use crate::forward::{DOMAIN, NOT_CONNECTED, not_connected};
use crate::location::Remote;
use crate::state::State;

/// How many replicas a call came through.
pub(crate) fn count(headers: &HeaderMap) -> u8 {
    let Some(value) = headers.get(metadata::FORWARDED) else { return 0 };
    // What is no number is no reason to pass the call on for ever.
    value.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(u8::MAX)
}

/// Makes a call at the replica that holds the agent.
///
/// # Errors
/// `AGENT_NOT_CONNECTED` where nothing of the call left this process; `AGENT_CONNECTION_LOST`
/// where anything may have reached the agent. What the other replica says is passed on.
pub(crate) async fn forward(
    state: &State,
    agent: Uuid,
    remote: Remote,
    mut request: Request<Body>,
    hops: u8,
) -> Result<Response, Status> {
    let peer = state.replicas.connect(&remote.address).map_err(|problem| {
        debug!(%agent, address = %remote.address, problem, "a replica has an address that is none");
        state.locations.suspect(remote.replica_id);
        not_connected(agent)
    })?;
    request.headers_mut().remove(metadata::ASSERTION);
    request.headers_mut().insert(metadata::FORWARDED, HeaderValue::from(u16::from(hops)));
    state.metrics.hops.inc();
    match (*peer).clone().oneshot(request).await {
        Ok(response) => {
            if is_not_connected(response.headers()) {
                // It moved, or its replica ended and another process has the address.
                state.locations.missed(agent, remote.epoch);
            }
            Ok(response.into_response())
        }
        Err(error) => {
            debug!(%agent, address = %remote.address, %error, "a replica could not be reached");
            state.locations.suspect(remote.replica_id);
            if is_unsent(&*error) {
                return Err(not_connected(agent));
            }
            let message = format!("the connection to the replica that holds agent `{agent}` broke");
            Err(status_with_reason(Code::Unavailable, "AGENT_CONNECTION_LOST", DOMAIN, message))
        }
    }
}

/// True where no connection was made, so that nothing was sent.
fn is_unsent(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|cause| cause.is::<tonic::ConnectError>())
}

/// True where the other replica says at once that the agent is not there.
fn is_not_connected(headers: &HeaderMap) -> bool {
    let info = Status::from_header_map(headers).and_then(|status| status.get_details_error_info());
    info.is_some_and(|info| info.domain == DOMAIN && info.reason == NOT_CONNECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_that_a_call_came_through_are_counted_and_nonsense_goes_no_further() {
        for (value, expected) in
            [(None, 0), (Some("1"), 1), (Some("2"), 2), (Some("yes"), u8::MAX), (Some("999"), u8::MAX)]
        {
            let headers =
                value.map(|value| (metadata::FORWARDED.parse().expect("a name"), value.parse().expect("a value")));
            assert_eq!(count(&headers.into_iter().collect()), expected, "{value:?}");
        }
    }
}
