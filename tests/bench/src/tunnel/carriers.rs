//! What carries a stream of bytes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use chatmesh_core::Uuid;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::forward_port_request::Body as Sent;
use chatmesh_proto::agent::v1::forward_port_response::Body as Received;
use chatmesh_proto::agent::v1::port_service_client::PortServiceClient;
use chatmesh_rpc::client::Peer;
use futures::StreamExt as _;
use tokio_rustls::TlsConnector;

use super::Direction;
use super::endpoint::{Endpoint, PIECE, Ports, carry, connect, server_name};
use super::ssh::Ssh;
use crate::agents::to;

/// One of those that are compared.
pub(super) enum Carrier<'a> {
    /// Nothing else.
    Tcp(Ports),
    /// TLS 1.3 by rustls.
    Tls((Ports, TlsConnector)),
    /// A forwarded port of OpenSSH.
    Ssh(&'a Ssh),
    /// The agent's own service on a port of this machine.
    Grpc(Way),
    /// The agent's service through the relay.
    Ours(Way),
}

/// Where an agent's services are called.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) peer: Peer,
    pub(super) agent: Uuid,
}

impl Carrier<'_> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Tcp(_) => "TCP",
            Self::Tls(_) => "TLS",
            Self::Ssh(_) => "OpenSSH",
            Self::Grpc(_) => "gRPC, direct",
            Self::Ours(_) => "ours",
        }
    }

    /// Carries bytes from one end to the other and returns how long it took.
    pub(super) async fn carry(
        &self,
        endpoint: &Endpoint,
        direction: Direction,
        bytes: u64,
    ) -> anyhow::Result<Duration> {
        let began = Instant::now();
        match self {
            Self::Tcp(ports) => carry(connect(ports.of(direction)).await?, direction, bytes).await?,
            Self::Tls((ports, connector)) => {
                let stream = connect(ports.of(direction)).await?;
                carry(connector.connect(server_name()?, stream).await?, direction, bytes).await?;
            }
            Self::Ssh(ssh) => carry(connect(ssh.ports().of(direction)).await?, direction, bytes).await?,
            Self::Grpc(way) | Self::Ours(way) => way.carry(endpoint.plain(), direction, bytes).await?,
        }
        Ok(began.elapsed())
    }
}

impl Way {
    pub(super) async fn carry(&self, ports: Ports, direction: Direction, bytes: u64) -> anyhow::Result<()> {
        let port = u32::from(ports.of(direction).port());
        let header = pb::ForwardPortHeader { port, host: "127.0.0.1".to_owned() };
        let sent = if direction == Direction::Up { bytes } else { 0 };
        let piece = Bytes::from(vec![0x5a; PIECE]);
        let pieces = sent.div_ceil(PIECE as u64);
        let data = (0..pieces).map(move |index| {
            let size = (sent - index * PIECE as u64).min(PIECE as u64);
            Sent::Data(piece.slice(..usize::try_from(size).unwrap_or(PIECE)))
        });
        let bodies = std::iter::once(Sent::Header(header)).chain(data).chain([Sent::End(pb::ForwardPortEnd {})]);
        let messages = futures::stream::iter(bodies.map(|body| pb::ForwardPortRequest { body: Some(body) }));
        let mut client = PortServiceClient::new(self.peer.clone());
        let mut answers = client.forward_port(to(self.agent, messages)?).await?.into_inner();
        let mut count = 0;
        let mut tail = Vec::new();
        loop {
            match answers.next().await.context("the stream ended early")??.body {
                Some(Received::Connected(_)) => {}
                Some(Received::Data(data)) => {
                    count += data.len() as u64;
                    if direction == Direction::Up {
                        tail.extend_from_slice(&data);
                    }
                }
                Some(Received::End(_)) => break,
                None => bail!("an empty message"),
            }
        }
        if direction == Direction::Up {
            let said: [u8; 8] = tail.as_slice().try_into().context("the other end did not say how many came")?;
            count = u64::from_be_bytes(said);
        }
        ensure!(count == bytes, "{count} of {bytes} bytes came");
        Ok(())
    }
}
