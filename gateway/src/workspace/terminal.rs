//! `GET /api/v1/workspaces/{workspace_id}/terminal`: a terminal of the workspace.
//!
//! Binary messages are what is typed and what is shown. Text is the rest, in the form of the agent's
//! own messages: `resize` from the client, `attached`, `skipped` and `exited` to it.

use std::time::Duration;

use axum::extract::ws::Message;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use bytes::Bytes;
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::attach_terminal_request::Body as Sent;
use chatmesh_proto::agent::v1::attach_terminal_response::Body as Shown;
use chatmesh_proto::agent::v1::terminal_service_client::TerminalServiceClient;
use tonic::Status;

use super::access::Access;
use super::agent::in_time;
use super::call::{self, Closed};
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::socket::{self, Frame, Protocol, Said, Upgrade};
use crate::activity::Kind;
use crate::errors;

/// How long a terminal may take to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
const PARAMETERS: [&str; 5] = ["terminal_id", "rows", "cols", "command", "workdir"];
const EXAMPLE: &str = r#"{"resize":{"rows":24,"cols":80}}"#;

/// Opens a terminal, or joins one.
pub(super) async fn serve(
    State(access): State<Access>,
    Path(workspace_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, Refusal> {
    let agent = access.agent(&headers, &workspace_id).await?;
    let upgrade = socket::required(upgrade)?;
    let header = header(&Parameters::read(&uri, &PARAMETERS)?)?;
    let (mut requests, stream, transport) = call::requests(agent.transport());
    let opening = pb::AttachTerminalRequest { body: Some(Sent::Header(header)) };
    requests.send(opening).await.map_err(|Closed| Status::internal("a call ended before it began"))?;
    let mut terminals = TerminalServiceClient::new(transport);
    let call = terminals.attach_terminal(agent.request(stream));
    let responses = in_time(OPEN_TIMEOUT, "the terminal did not open", call).await?;
    let session = agent.open(Kind::Terminal);
    Ok(socket::accept(upgrade, access.tasks(), "workspace.terminal", move |sender, receiver| {
        socket::bridge::<Terminal>(sender, receiver, requests, responses, session)
    }))
}

fn header(parameters: &Parameters) -> Result<pb::TerminalHeader, Status> {
    let size = match (parameters.number("rows")?, parameters.number("cols")?) {
        (Some(rows), Some(cols)) => Some(pb::TerminalSize { rows, cols }),
        (None, None) => None,
        (Some(_), None) => return Err(errors::invalid("cols", "must be there where `rows` is")),
        (None, Some(_)) => return Err(errors::invalid("rows", "must be there where `cols` is")),
    };
    let terminal_id = match parameters.text("terminal_id") {
        "" => SystemIds.next().to_string(),
        id => id.to_owned(),
    };
    Ok(pb::TerminalHeader {
        terminal_id,
        size,
        command: parameters.text("command").to_owned(),
        workdir: parameters.text("workdir").to_owned(),
        ..pb::TerminalHeader::default()
    })
}

/// The messages of a terminal.
struct Terminal;

impl Protocol for Terminal {
    type Request = pb::AttachTerminalRequest;
    type Response = pb::AttachTerminalResponse;

    fn read(frame: Frame) -> Result<Said<Self::Request>, Status> {
        let text = match frame {
            Frame::Binary(bytes) => return Ok(Said::Data(bytes)),
            Frame::Text(text) => text,
        };
        let request: pb::AttachTerminalRequest = socket::parse(&text, EXAMPLE)?;
        match request.body {
            Some(Sent::Resize(_)) => Ok(Said::Request(request)),
            _ => Err(socket::unexpected(&"only `resize` is", EXAMPLE)),
        }
    }

    fn data(bytes: Bytes) -> Self::Request {
        pb::AttachTerminalRequest { body: Some(Sent::Data(bytes)) }
    }

    fn show(response: Self::Response) -> Result<Message, Status> {
        match response.body {
            Some(Shown::Data(bytes)) => Ok(Message::Binary(bytes)),
            _ => socket::json(&response),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Result<Said<pb::AttachTerminalRequest>, Status> {
        Terminal::read(Frame::Text(text.into()))
    }

    #[test]
    fn text_from_a_client_is_a_size_and_nothing_else() {
        let size = pb::TerminalSize { rows: 5, cols: 7 };
        let expected = pb::AttachTerminalRequest { body: Some(Sent::Resize(size)) };
        assert_eq!(read(r#"{"resize":{"rows":5,"cols":7}}"#).expect("read"), Said::Request(expected));
        for bad in ["", "ls", "{}", r#"{"header":{"command":"rm"}}"#, r#"{"data":"bHM="}"#, r#"{"resize":7}"#] {
            let status = read(bad).expect_err(bad);
            assert!(status.message().contains(EXAMPLE), "{bad}: {}", status.message());
        }
    }

    #[test]
    fn what_is_shown_is_bytes_and_the_rest_is_text() {
        let shown = |body| Terminal::show(pb::AttachTerminalResponse { body: Some(body) }).expect("shown");
        assert_eq!(
            shown(Shown::Data(Bytes::from_static(b"\x1b[m\xff"))),
            Message::Binary(Bytes::from_static(b"\x1b[m\xff"))
        );
        let exited = pb::TerminalExited { exit_code: 3, reason: pb::TerminalEnd::Exited.into() };
        assert_eq!(
            shown(Shown::Exited(exited)),
            Message::Text(r#"{"exited":{"exit_code":3,"reason":"TERMINAL_END_EXITED"}}"#.into())
        );
    }

    #[test]
    fn a_size_is_whole_or_not_there() {
        let read = |address: &'static str| {
            let parameters = Parameters::read(&Uri::from_static(address), &PARAMETERS).expect("parameters");
            header(&parameters).map(|header| header.size.map(|size| (size.rows, size.cols)))
        };
        assert_eq!(read("/t?rows=2&cols=3").expect("read"), Some((2, 3)));
        assert_eq!(read("/t").expect("read"), None);
        assert!(read("/t?rows=2").is_err() && read("/t?cols=2").is_err() && read("/t?rows=-1&cols=2").is_err());
    }
}
