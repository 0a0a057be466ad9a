//! The frame of every handler: take the caller, run the operation, turn its error into a status.

use std::future::Future;

use tonic::{Request, Response, Status};

use crate::error::into_status;
use crate::{Caller, ServiceError};

/// Runs a unary operation for the caller that the server layer found.
///
/// # Errors
/// UNAUTHENTICATED where nobody was found, or the operation's own error.
pub async fn unary<M, R, E, F>(
    request: Request<M>,
    operation: impl FnOnce(Caller, M) -> F,
) -> Result<Response<R>, Status>
where
    E: ServiceError,
    F: Future<Output = Result<R, E>>,
{
    let (caller, message) = open(request)?;
    operation(caller, message).await.map(Response::new).map_err(|error| into_status(&error))
}

/// Runs an operation that opens a server stream.
///
/// # Errors
/// As [`unary`]; errors that come later travel in the stream.
pub async fn streaming<M, S, E, F>(
    request: Request<M>,
    operation: impl FnOnce(Caller, M) -> F,
) -> Result<Response<S>, Status>
where
    E: ServiceError,
    F: Future<Output = Result<S, E>>,
{
    let (caller, message) = open(request)?;
    operation(caller, message).await.map(Response::new).map_err(|error| into_status(&error))
}

fn open<M>(mut request: Request<M>) -> Result<(Caller, M), Status> {
    let caller = request.extensions_mut().remove::<Caller>();
    let caller = caller.ok_or_else(|| Status::unauthenticated("the call carries no assertion of who calls"))?;
    Ok((caller, request.into_inner()))
}
