//! Requests to authorization servers: small, bounded, and only to where servers may be.

use std::time::Duration;

use chatmesh_mcp::chain;
use futures::StreamExt as _;
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{Authority, Grant};
use crate::servers::client::HttpConnector;

/// How long an authorization server has to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer.
const MAX_BYTES: usize = 256 * 1024;
/// What says that a grant is of no use any more.
const DEAD: [&str; 2] = ["invalid_grant", "bad_refresh_token"];
/// What says that it is not known who asks, or not believed (RFC 6749, 5.2).
const UNKNOWN_CLIENT: &str = "invalid_client";

/// Why there is no token. Says nothing of secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// What was granted is of no use any more: the user has to connect again.
    #[error("what was granted is not valid any more: connect again")]
    Dead,
    /// It is not known there who the mesh is, or not believed.
    #[error("the authorization server does not take the client of the mesh (invalid_client)")]
    UnknownClient,
    /// The server refuses.
    #[error("the authorization server refuses: {0}")]
    Refused(String),
    /// Nobody could say.
    #[error("{0}")]
    Failed(String),
}

/// What a token endpoint answers, one way or the other and with any status.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    refresh_token: String,
    expires_in: Option<Value>,
    error: String,
}

/// Asks for a token, and makes a grant of the answer.
pub(super) async fn token(
    http: &HttpConnector,
    authority: &Authority,
    form: &[(&str, &str)],
    now: i64,
) -> Result<Grant, TokenError> {
    let url = checked(http, &authority.token_url).await.map_err(TokenError::Failed)?;
    let mut form = form.to_vec();
    if !authority.resource.is_empty() {
        form.push(("resource", &authority.resource));
    }
    let request = posted(http, url, authority, form);
    let (status, answer) = json::<TokenAnswer>(request).await.map_err(TokenError::Failed)?;
    if DEAD.contains(&answer.error.as_str()) {
        return Err(TokenError::Dead);
    }
    if answer.error == UNKNOWN_CLIENT {
        return Err(TokenError::UnknownClient);
    }
    if !answer.error.is_empty() {
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        let error: String = answer.error.bytes().filter(|byte| is_plain(*byte)).take(64).map(char::from).collect();
        return Err(TokenError::Refused(error));
    }
    if !status.is_success() || answer.access_token.is_empty() {
        return Err(TokenError::Failed(format!("the authorization server gave no token (status {})", status.as_u16())));
    }
    let seconds = answer.expires_in.as_ref().and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    });
    Ok(Grant {
        authority: authority.clone(),
        token_type: answer.token_type,
        access_token: answer.access_token,
        refresh_token: answer.refresh_token,
        expires_at: seconds.map(|seconds| now.saturating_add(seconds)),
    })
}

/// A form that says as whom the mesh asks.
fn posted<'a>(
    http: &HttpConnector,
    url: Url,
    authority: &'a Authority,
    mut form: Vec<(&'a str, &'a str)>,
) -> RequestBuilder {
    let mut request = http.http().post(url).header("accept", "application/json");
    if authority.client_secret.is_empty() {
        form.push(("client_id", &authority.client_id));
    } else if authority.secret_in_form {
        form.extend([("client_id", authority.client_id.as_str()), ("client_secret", &authority.client_secret)]);
    } else {
        // As RFC 6749 has it: both are form-encoded before they are joined.
        request = request.basic_auth(encoded(&authority.client_id), Some(encoded(&authority.client_secret)));
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

/// Asks for what was granted to be taken back (RFC 7009); with a token that renews, the other ones go, too.
///
/// # Errors
/// Says why it may still be good.
pub(super) async fn revoke(http: &HttpConnector, grant: &Grant) -> Result<(), String> {
    if grant.authority.revocation_url.is_empty() {
        return Ok(());
    }
    let url = checked(http, &grant.authority.revocation_url).await?;
    let (token, hint) = match grant.refresh_token.as_str() {
        "" => (grant.access_token.as_str(), "access_token"),
        token => (token, "refresh_token"),
    };
    let form = vec![("token", token), ("token_type_hint", hint)];
    // A token that is not known there is as good as taken back, and answered with 200.
    let (status, _) = bytes(posted(http, url, &grant.authority, form)).await?;
    let refused = || format!("the authorization server answered with status {}", status.as_u16());
    if status.is_success() { Ok(()) } else { Err(refused()) }
}

/// Fetches JSON; `None` where there is none.
pub(super) async fn fetch<T: DeserializeOwned>(http: &HttpConnector, url: &str) -> Result<Option<T>, String> {
    let request = http.http().get(checked(http, url).await?).header("accept", "application/json");
    let (status, body) = bytes(request).await?;
    Ok(if status.is_success() { serde_json::from_slice(&body).ok() } else { None })
}

/// Sends JSON and reads what comes back.
pub(super) async fn send<T: DeserializeOwned>(http: &HttpConnector, url: &str, body: &Value) -> Result<T, String> {
    let request = http.http().post(checked(http, url).await?).header("accept", "application/json").json(body);
    let (status, answer) = bytes(request).await?;
    if !status.is_success() {
        return Err(format!("it answered with status {}", status.as_u16()));
    }
    serde_json::from_slice(&answer).map_err(|_| "its answer is not the JSON that was expected".to_owned())
}

async fn json<T: DeserializeOwned + Default>(request: RequestBuilder) -> Result<(StatusCode, T), String> {
    let (status, body) = bytes(request).await?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}

async fn bytes(request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), String> {
    let exchange = async {
        let answer = request.send().await.map_err(|error| chain(&error.without_url()))?;
        let status = answer.status();
        let mut stream = answer.bytes_stream();
        let mut body = Vec::new();
        while let Some(piece) = stream.next().await {
            body.extend_from_slice(&piece.map_err(|error| chain(&error.without_url()))?);
            if body.len() > MAX_BYTES {
                return Err("the authorization server's answer is too long".to_owned());
            }
        }
        Ok((status, body))
    };
    let late = |_| Err("the authorization server did not answer within 10 seconds".to_owned());
    tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(late)
}

/// A URL that may be requested, or a user may be sent to. What is said there are credentials: in clear text they go no
/// further than this network.
pub(super) async fn checked(http: &HttpConnector, url: &str) -> Result<Url, String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| "the authorization server names an address that is none".to_owned())?;
    http.check(&url)?;
    if url.scheme() == "http" && !http.is_near(&url).await? {
        return Err(
            "an address of the authorization server is not an https URL: tokens would be sent in clear text".to_owned()
        );
    }
    Ok(url)
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
