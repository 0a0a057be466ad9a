//! Servers that are reached over streamable HTTP.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use reqwest::redirect::{Attempt, Policy};
use rmcp::service::ClientInitializeError;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest message of a server.
const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// Makes a transport; connects nothing yet.
///
/// # Errors
/// Says what is missing.
pub(super) async fn transport(
    url: &Url,
    headers: HashMap<HeaderName, HeaderValue>,
) -> Result<StreamableHttpClientTransport<reqwest::Client>, String> {
    let mut client = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(Policy::custom(redirect))
        // An answer that is not read to its end would hold up the next request on its connection.
        .pool_max_idle_per_host(0);
    // Read for every server: reading takes milliseconds, and certificates change while the agent runs.
    let tls = tokio::task::spawn_blocking(tls).await.map_err(|error| error.to_string())??;
    client = client.tls_backend_preconfigured(tls);
    if is_loopback(url) {
        client = client.no_proxy();
    }
    let client = client.build().map_err(|error| format!("no HTTP client can be made: {}", chain(&error)))?;
    let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
        .custom_headers(headers)
        .max_sse_event_size(MAX_MESSAGE_BYTES);
    Ok(StreamableHttpClientTransport::with_client(client, config))
}

/// Says why there is no session; not redacted.
pub(super) fn explain(error: &ClientInitializeError) -> String {
    match error {
        error if error.is_authorization_required() => {
            "the server wants an authorization: set one in `headers`".to_owned()
        }
        error => format!("the server did not answer as an MCP server does: {}", chain(error)),
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Trusts the system's certificate authorities.
fn tls() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Follows only what keeps the message and stays where the headers may go.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let keeps_message = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let stays = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if keeps_message && stays && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// No proxy leads back to this workspace.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
