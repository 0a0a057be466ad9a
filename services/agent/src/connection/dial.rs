//! Opens a connection to the relay and leaves HTTP/1.1 by an upgrade.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_core::ExposeSecret as _;
use http::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue, UPGRADE, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::info;
use url::Url;

use super::error::{AttemptError, ConnectionError};
use super::proxy::Proxy;
use super::tls::Tls;
use crate::config::Config;

/// The name of what runs on the connection after the upgrade.
const PROTOCOL: &str = "chatmesh-agent";
/// How the agent names itself.
pub(super) const AGENT: &str = concat!("chatmesh-agent/", env!("CARGO_PKG_VERSION"));
/// How long the connection may take, up to the relay's answer to the upgrade.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// Knows where to connect and how.
#[derive(Debug)]
pub(super) struct Dialer {
    url: Url,
    tls: Option<Tls>,
    proxy: Option<Proxy>,
    authorization: HeaderValue,
}

impl Dialer {
    pub(super) fn new(config: &Config) -> Result<Self, ConnectionError> {
        let host = config.url.host_str().unwrap_or_default();
        let is_https = config.url.scheme() == "https";
        let tls = is_https.then(|| Tls::new(host, config.ca_file.as_ref())).transpose()?;
        let authorization = HeaderValue::try_from(format!("Bearer {}", config.token.expose_secret()));
        let mut authorization = authorization
            .map_err(|_| ConnectionError::Config("the token has characters that no token has".to_owned()))?;
        authorization.set_sensitive(true);
        let proxy = Proxy::of(config)?;
        if let Some(proxy) = &proxy {
            info!(proxy = proxy.address(), "connecting through a proxy");
        }
        Ok(Self { url: config.url.clone(), tls, proxy, authorization })
    }

    /// Connects and upgrades.
    pub(super) async fn dial(&self) -> Result<Upgraded, AttemptError> {
        timeout(CONNECT_TIMEOUT, self.connect()).await.unwrap_or(Err(AttemptError::Timeout))
    }

    async fn connect(&self) -> Result<Upgraded, AttemptError> {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(443);
        if let Some(proxy) = &self.proxy {
            return self.secure(TokioIo::new(proxy.tunnel(host, port).await?)).await;
        }
        // All addresses of the name are tried in turn; brackets belong to URLs only.
        let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(AttemptError::Connect)?;
        tcp.set_nodelay(true).map_err(AttemptError::Connect)?;
        self.secure(tcp).await
    }

    async fn secure<Io>(&self, io: Io) -> Result<Upgraded, AttemptError>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match &self.tls {
            None => self.upgrade(io).await,
            Some(tls) => {
                let stream = tls.connector.connect(tls.name.clone(), io).await.map_err(AttemptError::Connect)?;
                self.upgrade(stream).await
            }
        }
    }

    async fn upgrade<Io>(&self, io: Io) -> Result<Upgraded, AttemptError>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = self.request();
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(AttemptError::Upgrade)?;
        let connection = connection.with_upgrades();
        let mut exchange = pin!(async move {
            let response = sender.send_request(request).await.map_err(AttemptError::Upgrade)?;
            match response.status() {
                StatusCode::SWITCHING_PROTOCOLS => hyper::upgrade::on(response).await.map_err(AttemptError::Upgrade),
                status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                    Err(AttemptError::Final(ConnectionError::Unauthorized(status)))
                }
                status => Err(AttemptError::Status(status)),
            }
        });
        tokio::select! {
            upgraded = &mut exchange => upgraded,
            ended = connection => {
                ended.map_err(AttemptError::Upgrade)?;
                // As HTTP/1.1 the connection ends when it is upgraded, too.
                exchange.await
            }
        }
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let authority = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut request = Request::new(Empty::new());
        // A path of a parsed URL is a valid one.
        *request.uri_mut() = self.url.path().parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static(PROTOCOL));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Ok(host) = HeaderValue::try_from(authority) {
            headers.insert(HOST, host);
        }
        request
    }
}
