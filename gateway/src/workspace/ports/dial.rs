//! Connections to ports.

use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::forward_port_request::Body as Sent;
use chatmesh_proto::agent::v1::port_service_client::PortServiceClient;
use tonic::{Status, Streaming};

use crate::activity::{Kind, Session};
use crate::workspace::agent::{Agent, in_time};
use crate::workspace::call::{self, Closed, Requests};

/// How long a connection may take: more than the agent takes before it says why there is none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(25);

/// One TCP connection to a port, before anything was sent. The first answer says that it is made.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) requests: Requests<pb::ForwardPortRequest>,
    pub(super) responses: Streaming<pb::ForwardPortResponse>,
    /// It is open as long as the connection is.
    pub(super) session: Session,
}

/// Connects to a port of the agent's workspace.
///
/// # Errors
/// FAILED_PRECONDITION with the reason PORT_NOT_LISTENING where nothing listens there, and others.
pub(super) async fn dial(agent: &Agent, port: u16) -> Result<Connection, Status> {
    let (mut requests, stream, transport) = call::requests(agent.transport());
    let header = pb::ForwardPortHeader { port: port.into(), host: String::new() };
    let opening = pb::ForwardPortRequest { body: Some(Sent::Header(header)) };
    requests.send(opening).await.map_err(|Closed| Status::internal("a call ended before it began"))?;
    let mut ports = PortServiceClient::new(transport);
    let call = ports.forward_port(agent.request(stream));
    let responses = in_time(CONNECT_TIMEOUT, "there was no connection to the port", call).await?;
    Ok(Connection { requests, responses, session: agent.open(Kind::PortForward) })
}
