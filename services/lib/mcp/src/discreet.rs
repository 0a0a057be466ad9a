//! The HTTP client of the library, whose errors say of an address no more than the server: it logs them, and the path and
//! the query may be secrets.

use std::collections::HashMap;
use std::sync::Arc;

use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue, StatusCode};
use reqwest::Client;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::Sse;

type Headers = HashMap<HeaderName, HeaderValue>;
type Failure = StreamableHttpError<reqwest::Error>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

/// A client that does not name paths and queries.
#[derive(Debug, Clone)]
pub(crate) struct Discreet(pub(crate) Client);

impl StreamableHttpClient for Discreet {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        self.0.post_message(uri, message, session, token, headers).await.map_err(discreet)
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        token: Option<String>,
        headers: Headers,
        max: usize,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let posted = self.0.post_message_with_max_sse_event_size(uri, message, session, token, headers, max);
        posted.await.map_err(discreet)
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<(), Failure> {
        self.0.delete_session(uri, session, token, headers).await.map_err(discreet)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: Headers,
    ) -> Result<Events, Failure> {
        self.0.get_stream(uri, session, last_event, token, headers).await.map_err(discreet)
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        token: Option<String>,
        headers: Headers,
        max: usize,
    ) -> Result<Events, Failure> {
        let opened = self.0.get_stream_with_max_sse_event_size(uri, session, last_event, token, headers, max);
        opened.await.map_err(discreet)
    }
}

/// Of the address only which server it is: whoever is told wants to know that.
fn without_path(error: reqwest::Error) -> reqwest::Error {
    let origin = error.url().map(|url| url.origin().ascii_serialization());
    match origin.and_then(|origin| origin.parse().ok()) {
        Some(origin) => error.with_url(origin),
        None => error.without_url(),
    }
}

/// The same without the secrets of an address. A server may ask for an authorization and not say which: the library takes that for an
/// answer that it did not expect.
fn discreet(failure: Failure) -> Failure {
    let unauthorized = || StreamableHttpError::AuthRequired(AuthRequiredError::new(String::new()));
    match failure {
        StreamableHttpError::UnexpectedServerResponse(answer) if answer.starts_with("HTTP 401") => unauthorized(),
        StreamableHttpError::Client(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => unauthorized(),
        StreamableHttpError::Client(error) => StreamableHttpError::Client(without_path(error)),
        failure => failure,
    }
}
