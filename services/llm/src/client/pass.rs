//! Passes a request on as it is, and hands out the reply as it comes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use tokio::time::timeout_at;

use super::drive::{Limits, not_started};
use super::reply::{MAX_WHOLE_BYTES, broken, broken_failure, readable, refusal_of};
use super::target::Target;
use super::{Outgoing, ProviderClient};
use crate::classify::Failure;
use crate::provider::compose;

/// The reply to a request that was passed on.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    response: Response,
    silence: Duration,
}

impl ProviderClient {
    /// Sends a body to a path of a model's provider, with its key, and waits for the reply to begin.
    ///
    /// # Errors
    /// There is no reply. One that is no success is none.
    pub(crate) async fn pass(
        &self,
        target: &Target,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
        limits: Limits,
    ) -> Result<Passed, Failure> {
        let composition = compose(target.provider_type, &target.settings, &target.model)?;
        let request = Outgoing::address(target, &composition, path, headers, body)?;
        let request = reqwest::Request::try_from(request).map_err(|error| broken_failure(broken(error)))?;
        let response = timeout_at(limits.start, self.http.execute(request))
            .await
            .map_err(|_| not_started())?
            .map_err(|error| broken_failure(broken(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_success() {
            readable(&headers)?;
            if media_type(&headers).is_some_and(|media_type| media_type.eq_ignore_ascii_case("text/html")) {
                let message = "the provider answered with a web page: its address may lead to something else";
                return Err(Failure::configuration(message));
            }
        }
        Ok(Passed { status, headers, response, silence: limits.silence })
    }
}

impl Passed {
    /// How long the provider may be silent in the middle of the reply.
    pub(crate) fn silence(&self) -> Duration {
        self.silence
    }

    /// True where the reply is one JSON document.
    pub(crate) fn is_document(&self) -> bool {
        media_type(&self.headers).is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/json"))
    }

    /// Reads a reply that is no success, as far as it counts: what it means, and its bytes.
    pub(crate) async fn failure(self, target: &Target) -> (Failure, Bytes) {
        match compose(target.provider_type, &target.settings, &target.model) {
            Ok(composition) => refusal_of(self.response, composition.codec).await,
            Err(failure) => (failure, Bytes::new()),
        }
    }

    /// Reads the whole reply.
    ///
    /// # Errors
    /// It breaks off, is silent for too long, or is too long.
    pub(crate) async fn whole(self) -> Result<Bytes, Failure> {
        let silence = self.silence;
        let mut body = std::pin::pin!(self.into_stream());
        let Some(first) = within(silence, body.next()).await? else { return Ok(Bytes::new()) };
        let first = first?;
        let Some(second) = within(silence, body.next()).await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(bytes) = next {
            all.extend_from_slice(&bytes?);
            if all.len() > MAX_WHOLE_BYTES {
                return Err(Failure::protocol("the answer is too long"));
            }
            next = within(silence, body.next()).await?;
        }
        Ok(all.freeze())
    }

    /// The bytes of the reply as they come.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Bytes, Failure>> + Send + Unpin + use<> {
        self.response.bytes_stream().map_err(|error| broken_failure(broken(error))).boxed()
    }
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next().map(str::trim)
}

async fn within<T>(silence: Duration, coming: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(silence, coming).await.map_err(|_| Failure::silent())
}
