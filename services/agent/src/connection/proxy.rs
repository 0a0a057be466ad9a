//! An HTTP proxy on the way to the relay: where the environment names one, the connection goes
//! through a tunnel that it is asked for with CONNECT (RFC 9110, section 9.3.6).

use std::ffi::OsString;
use std::pin::pin;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::dial::AGENT;
use super::error::{AttemptError, ConnectionError};
use super::tls::Tls;
use crate::config::Config;

/// A proxy and how it is reached.
#[derive(Debug)]
pub(super) struct Proxy {
    host: String,
    port: u16,
    tls: Option<Tls>,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// The proxy for connections to `config.url`, by the variables that other programs read, too:
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, also in small letters. None for a relay
    /// on this machine, where a proxy would look for it on its own.
    ///
    /// # Errors
    /// The proxy is of a kind that is not supported.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, ConnectionError> {
        let Some(intercept) = intercept(&config.url, &config.environment) else { return Ok(None) };
        let uri = intercept.uri();
        let host = uri.host().unwrap_or_default().to_owned();
        let (tls, default_port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => (Some(Tls::new(&host, config.ca_file.as_ref())?), 443),
            scheme => {
                let scheme = scheme.unwrap_or_default();
                let problem = format!("the proxy {scheme}://{host} is not supported: name an HTTP proxy, or none");
                return Err(ConnectionError::Config(problem));
            }
        };
        let port = uri.port_u16().unwrap_or(default_port);
        let mut authorization = intercept.basic_auth().cloned();
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Some(Self { host, port, tls, authorization }))
    }

    /// Where it is, without its password.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Opens a tunnel to `host` and `port`.
    pub(super) async fn tunnel(&self, host: &str, port: u16) -> Result<Upgraded, AttemptError> {
        let proxy = self.host.trim_matches(['[', ']']);
        let tcp = TcpStream::connect((proxy, self.port)).await.map_err(AttemptError::ProxyConnect)?;
        tcp.set_nodelay(true).map_err(AttemptError::ProxyConnect)?;
        let authority = format!("{host}:{port}");
        match &self.tls {
            None => self.connect(tcp, &authority).await,
            Some(tls) => {
                let stream = tls.connector.connect(tls.name.clone(), tcp).await.map_err(AttemptError::ProxyConnect)?;
                self.connect(stream, &authority).await
            }
        }
    }

    async fn connect<Io>(&self, io: Io, authority: &str) -> Result<Upgraded, AttemptError>
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = self.request(authority);
        let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.map_err(AttemptError::Upgrade)?;
        let connection = connection.with_upgrades();
        let mut exchange = pin!(async move {
            let response = sender.send_request(request).await.map_err(AttemptError::Upgrade)?;
            match response.status() {
                StatusCode::OK => hyper::upgrade::on(response).await.map_err(AttemptError::Upgrade),
                status => Err(AttemptError::Proxy(status)),
            }
        });
        tokio::select! {
            upgraded = &mut exchange => upgraded,
            ended = connection => {
                ended.map_err(AttemptError::Upgrade)?;
                exchange.await
            }
        }
    }

    fn request(&self, authority: &str) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::CONNECT;
        // A host and a port of a parsed URL are a valid authority.
        *request.uri_mut() = authority.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Ok(host) = HeaderValue::try_from(authority) {
            headers.insert(HOST, host);
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        request
    }
}

fn intercept(url: &Url, environment: &[(OsString, OsString)]) -> Option<Intercept> {
    let variable = |names: [&str; 2]| {
        let value = |name: &str| {
            let found = environment.iter().find(|(key, _)| key == name)?;
            found.1.to_str().filter(|value| !value.is_empty()).map(str::to_owned)
        };
        names.iter().find_map(|name| value(name)).unwrap_or_default()
    };
    let matcher = Matcher::builder()
        .all(variable(["ALL_PROXY", "all_proxy"]))
        .https(variable(["HTTPS_PROXY", "https_proxy"]))
        .http(variable(["http_proxy", "HTTP_PROXY"]))
        .no(variable(["NO_PROXY", "no_proxy"]))
        .build();
    let is_here = match url.host()? {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    if is_here {
        return None;
    }
    let destination: Uri = url.as_str().parse().ok()?;
    matcher.intercept(&destination)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy_of(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        let environment: Vec<_> =
            variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
        let intercept = intercept(&url.parse().expect("a URL"), &environment)?;
        Some(intercept.uri().to_string())
    }

    /// The relay, the variables, and the proxy.
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<&'a str>);

    #[test]
    fn the_environment_says_which_proxy_if_any() {
        let (https, http) = ("https://mesh.example.com/relay/v1/connect", "http://relay:8080/");
        let table: [Row<'_>; 12] = [
            (https, &[], None),
            (https, &[("HTTPS_PROXY", "http://proxy:3128")], Some("http://proxy:3128/")),
            (https, &[("https_proxy", "proxy:3128")], Some("http://proxy:3128/")),
            (https, &[("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "example.com")], None),
            (https, &[("HTTPS_PROXY", "http://proxy"), ("no_proxy", "*")], None),
            (https, &[("HTTP_PROXY", "http://proxy")], None),
            (http, &[("HTTP_PROXY", "http://proxy")], Some("http://proxy/")),
            (http, &[("ALL_PROXY", "https://proxy:8443")], Some("https://proxy:8443/")),
            (http, &[("HTTP_PROXY", "")], None),
            ("http://localhost:7080/", &[("HTTP_PROXY", "http://proxy")], None),
            ("http://127.0.0.1:7080/", &[("HTTP_PROXY", "http://proxy")], None),
            ("https://[::1]/", &[("ALL_PROXY", "http://proxy")], None),
        ];
        for (url, variables, expected) in table {
            assert_eq!(proxy_of(url, variables).as_deref(), expected, "{url} {variables:?}");
        }
    }
}
