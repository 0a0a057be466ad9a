//! What happens to every call that a service receives, outermost first:
//!
//! - join the caller's trace,
//! - measure,
//! - find out who calls,
//! - hold the deadline,
//! - answer INTERNAL where the handler panics: the other calls on the connection are not to end with it.
//!
//! Health and reflection need no caller; everything else does.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use http::{HeaderMap, Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, error, info_span};

use crate::assertion::{AssertionError, Verifier};
use crate::metrics::{RpcMetrics, code_label};
use crate::{Caller, deadline, metadata, trace};

/// Wraps a service's router with what every call goes through.
#[derive(Debug, Clone)]
pub struct ServerLayer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    verifier: Verifier,
    metrics: RpcMetrics,
}

impl ServerLayer {
    /// A layer that checks callers with `verifier`.
    #[must_use]
    pub fn new(verifier: Verifier, metrics: RpcMetrics) -> Self {
        Self { shared: Arc::new(Shared { verifier, metrics }) }
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server { inner, shared: Arc::clone(&self.shared) }
    }
}

/// A router behind a [`ServerLayer`].
#[derive(Debug, Clone)]
pub struct Server<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, B> Service<Request<B>> for Server<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let fresh = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, fresh);
        let shared = Arc::clone(&self.shared);
        let span = span_of(&request);
        trace::adopt(&span, request.headers());
        Box::pin(async move { Ok(shared.handle(inner, request).await) }.instrument(span))
    }
}

impl Shared {
    async fn handle<S, B>(&self, inner: S, mut request: Request<B>) -> Response<Body>
    where
        S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    {
        let began = Instant::now();
        let path = request.uri().path().to_owned();
        let response = match self.authenticate(&path, request.headers()).await {
            Ok(Some(caller)) => {
                request.extensions_mut().insert(caller);
                call_in_time(inner, request).await
            }
            Ok(None) => call_in_time(inner, request).await,
            Err(status) => status.into_http(),
        };
        let code = code_label(response.headers());
        Span::current().record("rpc.response.code", code);
        self.metrics.record(&path, code, began.elapsed());
        response
    }

    async fn authenticate(&self, path: &str, headers: &HeaderMap) -> Result<Option<Caller>, Status> {
        if is_public(path) {
            return Ok(None);
        }
        let assertion = headers.get(metadata::ASSERTION).and_then(|value| value.to_str().ok());
        let Some(assertion) = assertion else {
            return Err(Status::unauthenticated("the call carries no assertion of who calls"));
        };
        match self.verifier.verify(assertion).await {
            Ok(caller) => Ok(Some(caller)),
            Err(error @ AssertionError::Invalid(_)) => Err(Status::unauthenticated(error.to_string())),
            Err(error @ AssertionError::KeysUnavailable(_)) => Err(Status::unavailable(error.to_string())),
        }
    }
}

/// Methods that anyone may call: health, reflection, and the keys to check callers with, which
/// a service needs before it can check anyone.
fn is_public(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.")
        || path.starts_with("/grpc.reflection.")
        || path == "/chatmesh.identity.v1.IdentityService/GetVerificationKeys"
}

async fn call_in_time<S, B>(mut inner: S, request: Request<B>) -> Response<Body>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    let timeout = deadline::read(request.headers());
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let answer = deadline::scope(until, AssertUnwindSafe(inner.call(request)).catch_unwind());
    let outcome = match until {
        Some(until) => tokio::time::timeout_at(until, answer).await,
        None => Ok(answer.await),
    };
    match outcome {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_panic)) => {
            // The panic hook has said where.
            error!("a handler panicked");
            Status::internal("internal error; the log of the service has the cause").into_http()
        }
        Err(_) => Status::deadline_exceeded("the call did not end before its deadline").into_http(),
    }
}

fn span_of<B>(request: &Request<B>) -> Span {
    let mut words = request.uri().path().trim_start_matches('/').splitn(2, '/');
    let (service, method) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    info_span!(
        "rpc.server",
        otel.name = %request.uri().path().trim_start_matches('/'),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.response.code = tracing::field::Empty,
    )
}
