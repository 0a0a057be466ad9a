//! Connections over HTTP.

use std::time::Duration;

use chatmesh_mcp::{ConnectError, redirect};
use reqwest::redirect::Policy;
use url::{Host, Url};

use super::address::{Guarded, is_near, look_up};
use super::{Addresses, Client, Connect, Link, OpenError, Target};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects real servers.
#[derive(Debug, Clone)]
pub(in crate::servers) struct HttpConnector {
    addresses: Addresses,
    http: reqwest::Client,
}

impl HttpConnector {
    /// A connector that reaches these addresses.
    ///
    /// # Errors
    /// The TLS library has no crypto provider or no roots; binaries install a provider at start.
    pub(in crate::servers) fn build(addresses: Addresses) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("chatmesh/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .dns_resolver(std::sync::Arc::new(Guarded(addresses)))
            // A proxy would look names up by itself, and reach what is not reached from here.
            .no_proxy()
            .redirect(Policy::custom(redirect))
            .retry(reqwest::retry::never())
            .referer(false)
            .tcp_nodelay(true)
            // An answer that is not read to its end would hold up the next request on its connection.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { addresses, http })
    }

    /// The client, for requests to addresses that [`HttpConnector::check`] lets pass.
    pub(in crate::servers) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Checks an address that is given as such: names are checked where they are looked up.
    pub(in crate::servers) fn check(&self, url: &Url) -> Result<(), String> {
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => ip.into(),
            Some(Host::Ipv6(ip)) => ip.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err("the address names no host".to_owned()),
        };
        self.addresses.check(ip).map_err(|refused| format!("its address is {refused}"))
    }

    /// True where an address leads no further than this machine or its network.
    ///
    /// # Errors
    /// Its name leads nowhere, or to what is not reached.
    pub(in crate::servers) async fn is_near(&self, url: &Url) -> Result<bool, String> {
        Ok(match url.host() {
            Some(Host::Ipv4(ip)) => is_near(ip.into()),
            Some(Host::Ipv6(ip)) => is_near(ip.into()),
            Some(Host::Domain(name)) => {
                let found = look_up(name, self.addresses).await?;
                !found.is_empty() && found.iter().all(|address| is_near(address.ip()))
            }
            None => false,
        })
    }
}

#[tonic::async_trait]
impl Connect for HttpConnector {
    async fn connect(&self, target: &Target) -> Result<Link, OpenError> {
        self.check(&target.url)?;
        if let Some(Host::Domain(name)) = target.url.host() {
            // Looked up again where the connection is made: here only to say what is in the way.
            look_up(name, self.addresses).await?;
        }
        let Target { protocol, url, headers } = target.clone();
        let connecting = chatmesh_mcp::connect(Client, protocol, self.http.clone(), &url, headers);
        Box::pin(connecting).await.map_err(|error| match error {
            ConnectError::Unauthorized => OpenError::Unauthorized,
            error @ ConnectError::Failed(_) => OpenError::Failed(error.to_string()),
        })
    }
}
