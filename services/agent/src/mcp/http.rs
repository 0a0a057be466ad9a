//! Servers that are reached over HTTP.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_mcp::{ConnectError, chain, redirect};
use reqwest::redirect::Policy;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes a client for a server; connects nothing yet.
///
/// # Errors
/// Says what is missing.
pub(super) async fn client(url: &Url) -> Result<reqwest::Client, String> {
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
    client.build().map_err(|error| format!("no HTTP client can be made: {}", chain(&error)))
}

/// Says why there is no session; not redacted.
pub(super) fn explain(error: ConnectError) -> String {
    match error {
        ConnectError::Unauthorized => "the server wants an authorization: set one in `headers`".to_owned(),
        error => error.to_string(),
    }
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

/// No proxy leads back to this workspace.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
