//! What a caller sends.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::forward_port_request::Body;

use super::error::Error;

/// The most bytes in a message.
pub(super) const MAX_DATA: usize = 64 * 1024;

/// A port on a loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Localhost,
    Address(IpAddr),
}

impl Target {
    /// Reads the first message of a caller.
    pub(super) fn read(message: Option<pb::ForwardPortRequest>) -> Result<Self, Error> {
        let Some(Body::Header(header)) = message.and_then(|message| message.body) else {
            return Err(Error::Invalid("the first message must have a header".to_owned()));
        };
        let host = match header.host.as_str() {
            "" | "localhost" => Host::Localhost,
            "127.0.0.1" => Host::Address(Ipv4Addr::LOCALHOST.into()),
            "::1" => Host::Address(Ipv6Addr::LOCALHOST.into()),
            _ => return Err(Error::Invalid("`host` must be localhost, 127.0.0.1 or ::1".to_owned())),
        };
        let port = u16::try_from(header.port).ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| Error::Invalid(format!("`port` must be 1 to 65535, not {}", header.port)))?;
        Ok(Self { host, port })
    }

    /// The addresses to try, in this order.
    pub(super) fn addresses(self) -> impl Iterator<Item = SocketAddr> {
        let (first, second) = match self.host {
            Host::Localhost => (Ipv4Addr::LOCALHOST.into(), Some(Ipv6Addr::LOCALHOST.into())),
            Host::Address(address) => (address, None),
        };
        std::iter::once(first).chain(second).map(move |address| SocketAddr::new(address, self.port))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Localhost => write!(f, "localhost:{}", self.port),
            Host::Address(address) => SocketAddr::new(address, self.port).fmt(f),
        }
    }
}

/// Reads a message after the first: bytes for the port, or nothing at their end.
pub(super) fn data(message: pb::ForwardPortRequest) -> Result<Option<Bytes>, Error> {
    match message.body {
        Some(Body::Data(data)) if data.len() <= MAX_DATA => Ok(Some(data)),
        Some(Body::Data(data)) => {
            Err(Error::Invalid(format!("a message has {} bytes of data, more than {MAX_DATA}", data.len())))
        }
        Some(Body::End(_)) => Ok(None),
        Some(Body::Header(_)) | None => {
            Err(Error::Invalid("every message after the first must have data or the end".to_owned()))
        }
    }
}
