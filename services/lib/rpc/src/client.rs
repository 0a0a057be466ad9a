//! What happens to every call that a service makes: it joins the trace, inherits the deadline,
//! and says who calls.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{BoxError, Service};

use crate::assertion::ServiceSigner;
use crate::{Caller, Role, Transport, UserId, deadline, metadata, trace};

/// Put this into a request's extensions to call for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnBehalfOf(pub UserId, pub Role);

/// Wraps a message in a request that is made for the same user as `caller`'s.
pub fn request_for<M>(caller: &Caller, message: M) -> tonic::Request<M> {
    let mut request = tonic::Request::new(message);
    if let Some((user, role)) = caller.user_and_role() {
        request.extensions_mut().insert(OnBehalfOf(user, role));
    }
    request
}

/// Wraps a message in a request that is made for `user`, as a member.
pub fn request_on_behalf_of<M>(user: UserId, message: M) -> tonic::Request<M> {
    let mut request = tonic::Request::new(message);
    request.extensions_mut().insert(OnBehalfOf(user, Role::Member));
    request
}

/// True where a failed call was never sent, because no connection was made: to make it again is safe whatever it does.
#[must_use]
pub fn is_unsent(status: &Status) -> bool {
    let first: &(dyn std::error::Error + 'static) = status;
    std::iter::successors(Some(first), |&error| error.source()).any(|cause| cause.is::<tonic::ConnectError>())
}

/// A neighbour, as a service sees it: generated clients are made from it. An assertion that a
/// request carries already, the gateway's from a user's token, is left as it is.
#[derive(Debug, Clone)]
pub struct Peer {
    transport: Transport,
    signer: Option<ServiceSigner>,
}

impl Peer {
    /// The neighbour behind `transport`, called under the identity of `signer`.
    #[must_use]
    pub fn new(transport: Transport, signer: ServiceSigner) -> Self {
        Self { transport, signer: Some(signer) }
    }

    /// The neighbour behind `transport`, called for callers only: a request that carries no
    /// assertion of who calls is refused, so that nobody is mistaken for the service itself.
    #[must_use]
    pub fn for_callers(transport: Transport) -> Self {
        Self { transport, signer: None }
    }

    /// Another server, called by the same caller: for processes that find each other while they run.
    #[must_use]
    pub fn redirected(&self, transport: Transport) -> Self {
        Self { transport, signer: self.signer.clone() }
    }

    fn prepare(&self, request: &mut Request<Body>) -> Result<(), BoxError> {
        trace::inject(request.headers_mut());
        deadline::write(request.headers_mut());
        if !request.headers().contains_key(metadata::ASSERTION) {
            let signer = self.signer.as_ref().ok_or_else(|| Status::unauthenticated("nobody calls"))?;
            let user = request.extensions().get::<OnBehalfOf>().map(|OnBehalfOf(user, role)| (*user, *role));
            let assertion = signer.sign(user)?;
            request.headers_mut().insert(metadata::ASSERTION, assertion);
        }
        Ok(())
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.transport.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.prepare(&mut request) {
            Ok(()) => Box::pin(self.transport.call(request)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}
