//! `GET /api/v1/workspaces/{workspace_id}/ports/{port}:connect`: one TCP connection as a WebSocket.
//!
//! Binary messages are its bytes. Text is the rest: `connected` and `end` to the client, `end` from
//! it. Each direction has an end of its own, as with TCP; whoever closes the WebSocket before both
//! have come resets the connection.

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request};
use axum::response::Response;
use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::forward_port_request::Body as Sent;
use chatmesh_proto::agent::v1::forward_port_response::Body as Received;
use tonic::Status;

use super::dial::{Connection, dial};
use super::target::Target;
use crate::workspace::access::Access;
use crate::workspace::refusal::Refusal;
use crate::workspace::socket::{self, Frame, Protocol, Said};

const EXAMPLE: &str = r#"{"end":{}}"#;

/// Connects to a port.
pub(super) async fn serve(access: Access, request: Request) -> Result<Response, Refusal> {
    let target = Target::read(request.uri())?;
    let agent = access.agent(request.headers(), &target.workspace_id).await?;
    let (mut parts, _) = request.into_parts();
    let upgrade = socket::required(WebSocketUpgrade::from_request_parts(&mut parts, &()).await)?;
    let Connection { requests, responses, session } = dial(&agent, target.port).await?;
    Ok(socket::accept(upgrade, access.tasks(), "workspace.connect", move |sender, receiver| {
        socket::bridge::<Tcp>(sender, receiver, requests, responses, session)
    }))
}

/// The messages of a TCP connection.
struct Tcp;

impl Protocol for Tcp {
    type Request = pb::ForwardPortRequest;
    type Response = pb::ForwardPortResponse;

    fn read(frame: Frame) -> Result<Said<Self::Request>, Status> {
        let text = match frame {
            Frame::Binary(bytes) => return Ok(Said::Data(bytes)),
            Frame::Text(text) => text,
        };
        let request: pb::ForwardPortRequest = socket::parse(&text, EXAMPLE)?;
        match request.body {
            Some(Sent::End(_)) => Ok(Said::End),
            _ => Err(socket::unexpected(&"only `end` is", EXAMPLE)),
        }
    }

    fn data(bytes: Bytes) -> Self::Request {
        pb::ForwardPortRequest { body: Some(Sent::Data(bytes)) }
    }

    fn show(response: Self::Response) -> Result<Message, Status> {
        match response.body {
            Some(Received::Data(bytes)) => Ok(Message::Binary(bytes)),
            _ => socket::json(&response),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_end_and_bytes_are_bytes() {
        assert_eq!(Tcp::read(Frame::Text(r#"{"end":{}}"#.into())).expect("read"), Said::End);
        let bytes = Bytes::from_static(br#"{"end":{}}"#);
        assert_eq!(Tcp::read(Frame::Binary(bytes.clone())).expect("read"), Said::Data(bytes));
        for bad in ["", "{}", "end", r#"{"header":{"port":22}}"#, r#"{"end":1}"#] {
            assert!(Tcp::read(Frame::Text(bad.into())).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_client_sees_the_connection_its_bytes_and_its_end() {
        let shown = |body| Tcp::show(pb::ForwardPortResponse { body: Some(body) }).expect("shown");
        let connected = pb::ForwardPortConnected { address: "[::1]:80".to_owned() };
        assert_eq!(
            shown(Received::Connected(connected)),
            Message::Text(r#"{"connected":{"address":"[::1]:80"}}"#.into())
        );
        assert_eq!(shown(Received::Data(Bytes::from_static(b"\0"))), Message::Binary(Bytes::from_static(b"\0")));
        assert_eq!(shown(Received::End(pb::ForwardPortEnd {})), Message::Text(r#"{"end":{}}"#.into()));
    }
}
