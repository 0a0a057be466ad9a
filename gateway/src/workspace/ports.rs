//! The ports of a workspace: which there are, connections to them, and HTTP through them.

mod connect;
mod dial;
mod list;
mod proxy;
mod stream;
mod target;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

pub(super) use list::list;
pub(super) use proxy::proxy;

use super::access::Access;
use super::refusal::Refusal;
use target::Target;

/// Ends the name of a port that is to be connected to, and not to be spoken HTTP with.
const CONNECT: &str = ":connect";

/// A port without a path: to connect to, or to be sent to its root, so that the relative links of
/// its pages lead back to it.
pub(super) async fn bare(State(access): State<Access>, request: Request) -> Result<Response, Refusal> {
    if request.uri().path().ends_with(CONNECT) {
        return connect::serve(access, request).await;
    }
    let target = Target::read(request.uri())?;
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}/{query}", target.prefix());
    Ok((StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response())
}
