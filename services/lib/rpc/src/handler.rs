//! The frame of every handler: take the caller, run the operation, turn its error into a status.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use tonic::{Request, Response, Status};
use tracing::{Instrument as _, Span, error};

use crate::error::into_status;
use crate::{Caller, ServiceError, deadline};

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

/// Goes on with the work of a call in the stream that its handler answered with: in the call's span, and under its
/// deadline, which calls that it makes inherit. Call it in the handler; what it returns may be polled anywhere.
///
/// # Errors
/// DEADLINE_EXCEEDED where the deadline is over, INTERNAL where the work panics: other calls on the connection go on.
pub fn in_call<F: Future>(work: F) -> impl Future<Output = Result<F::Output, Status>> {
    let until = deadline::current();
    let work = deadline::scope(until, AssertUnwindSafe(work).catch_unwind());
    let bounded = async move {
        let done = match until {
            Some(until) => tokio::time::timeout_at(until, work).await,
            None => Ok(work.await),
        };
        match done {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(_panic)) => {
                // The panic hook has said where.
                error!("a handler panicked in its stream");
                Err(Status::internal("internal error; the log of the service has the cause"))
            }
            Err(_) => Err(Status::deadline_exceeded("the call did not end before its deadline")),
        }
    };
    bounded.instrument(Span::current())
}

fn open<M>(mut request: Request<M>) -> Result<(Caller, M), Status> {
    let caller = request.extensions_mut().remove::<Caller>();
    let caller = caller.ok_or_else(|| Status::unauthenticated("the call carries no assertion of who calls"))?;
    Ok((caller, request.into_inner()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;
    use tonic::Code;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_in_a_stream_has_the_deadline_of_its_call() {
        let until = Instant::now() + Duration::from_secs(5);
        let (quick, slow) = deadline::scope(Some(until), async {
            (in_call(async { deadline::remaining() }), in_call(std::future::pending::<()>()))
        })
        .await;
        assert_eq!(quick.await.expect("it ends"), Some(Duration::from_secs(5)));
        assert_eq!(slow.await.expect_err("it is late").code(), Code::DeadlineExceeded);
        assert_eq!(Instant::now(), until);
    }

    #[tokio::test]
    async fn work_in_a_stream_that_panics_ends_its_call_alone() {
        async fn fails() {
            panic!("on purpose");
        }
        assert_eq!(in_call(fails()).await.expect_err("it failed").code(), Code::Internal);
        assert_eq!(in_call(async { 1 }).await.expect("another call"), 1);
    }
}
