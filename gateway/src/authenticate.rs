//! From a bearer token to a signed assertion of who calls.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use chatmesh_core::{ExposeSecret as _, SecretString};
use chatmesh_proto::identity::v1::ExchangeTokenRequest;
use chatmesh_proto::identity::v1::identity_service_client::IdentityServiceClient;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{Code, metadata};
use moka::future::Cache;
use sha2::{Digest as _, Sha256};
use tonic::Status;

use crate::errors;

/// How long an exchanged token is remembered: with the lifetime of an assertion, a revoked token
/// is refused within a minute.
const REMEMBERED: Duration = Duration::from_secs(20);
/// Begins the names of the mesh's own metadata.
const OWN: &str = "chatmesh-";
/// How many tokens are remembered.
const CAPACITY: u64 = 10_000;

/// Exchanges tokens; clones share what they remember.
#[derive(Debug, Clone)]
pub(crate) struct Authenticator {
    identity: Peer,
    known: Cache<[u8; 32], HeaderValue>,
}

impl Authenticator {
    pub(crate) fn new(identity: Peer) -> Self {
        let known = Cache::builder().max_capacity(CAPACITY).time_to_live(REMEMBERED).build();
        Self { identity, known }
    }

    /// Takes the token from the headers and puts the assertion in its place.
    pub(crate) async fn admit(&self, headers: &mut HeaderMap) -> Result<Admission, Status> {
        let admission = Admission::new(self.clone(), bearer(headers)?.into());
        // What clients send under the mesh's own names is not heard.
        let own: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(OWN)).cloned().collect();
        for name in own {
            headers.remove(name);
        }
        headers.remove(header::AUTHORIZATION);
        let known = self.known.get(&digest(&admission.token)).await;
        let assertion = match known {
            Some(assertion) => assertion,
            None => self.exchange(&admission.token).await?,
        };
        headers.insert(metadata::ASSERTION, assertion);
        Ok(admission)
    }

    async fn exchange(&self, token: &SecretString) -> Result<HeaderValue, Status> {
        let secret = token.expose_secret().to_owned();
        let mut identity = IdentityServiceClient::new(self.identity.clone());
        let response =
            identity.exchange_token(ExchangeTokenRequest { secret }).await.map_err(|status| match status.code() {
                Code::Unauthenticated => status,
                _ => Status::unavailable("callers cannot be checked at the moment: try again"),
            })?;
        let mut assertion = HeaderValue::try_from(response.into_inner().assertion)
            .map_err(|_| Status::internal("the assertion is not a header"))?;
        assertion.set_sensitive(true);
        self.known.insert(digest(token), assertion.clone()).await;
        Ok(assertion)
    }
}

fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().as_bytes()).into()
}

/// What a request was let in with. An assertion lives for a minute: whoever waits for longer has it made anew.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    authenticator: Authenticator,
    token: SecretString,
}

impl Admission {
    pub(crate) fn new(authenticator: Authenticator, token: SecretString) -> Self {
        Self { authenticator, token }
    }

    /// Puts an assertion that has just been made among the headers.
    ///
    /// # Errors
    /// The token is not valid any more, or nobody can say.
    pub(crate) async fn renew(&self, headers: &mut HeaderMap) -> Result<(), Status> {
        headers.insert(metadata::ASSERTION, self.authenticator.exchange(&self.token).await?);
        Ok(())
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Status> {
    let value = headers
        .get(header::AUTHORIZATION)
        .ok_or_else(|| Status::unauthenticated("no token: send the header `Authorization: Bearer TOKEN`"))?;
    let token = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Status::unauthenticated("the header must be `Authorization: Bearer TOKEN`"))
}

/// Lets requests with a valid token pass.
pub(crate) async fn authenticate(
    State(authenticator): State<Authenticator>,
    mut request: Request,
    next: Next,
) -> Response {
    match authenticator.admit(request.headers_mut()).await {
        Ok(_) => next.run(request).await,
        Err(status) => errors::response(&status),
    }
}

/// The same, for requests that take longer than an assertion lives: they find an [`Admission`] among their extensions.
pub(crate) async fn authenticate_for_long(
    State(authenticator): State<Authenticator>,
    mut request: Request,
    next: Next,
) -> Response {
    match authenticator.admit(request.headers_mut()).await {
        Ok(admission) => {
            request.extensions_mut().insert(admission);
            next.run(request).await
        }
        Err(status) => errors::response(&status),
    }
}
