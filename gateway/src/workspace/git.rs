//! `GET /api/v1/workspaces/{workspace_id}/git`: what changes in the repositories of the workspace.
//!
//! All messages are text: `repository` and `problem` to the client, `refresh` and `paths` from it.

use std::time::Duration;

use axum::extract::ws::Message;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::git_service_client::GitServiceClient;
use chatmesh_rpc::metadata;
use serde_json::Value;
use tonic::Status;

use super::access::Access;
use super::agent::in_time;
use super::call;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::socket::{self, Frame, Protocol, Said, Upgrade};
use crate::activity::Kind;
use crate::errors;

/// How long the watch may take to begin.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
const EXAMPLE: &str = r#"{"refresh":{}} or {"paths":["/home/me/project"]}"#;

/// Watches the repositories that a chat has touched, or all chats.
pub(super) async fn serve(
    State(access): State<Access>,
    Path(workspace_id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, Refusal> {
    let agent = access.agent(&headers, &workspace_id).await?;
    let upgrade = socket::required(upgrade)?;
    let parameters = Parameters::read(&uri, &["chat_id"])?;
    let chat_id = parameters.text("chat_id");
    let (requests, stream, transport) = call::requests(agent.transport());
    let mut request = agent.request(stream);
    if !chat_id.is_empty() {
        access.chat(&headers, chat_id).await?;
        let chat_id = chat_id.parse().map_err(|_| errors::invalid("chat_id", "must be a UUID"))?;
        request.metadata_mut().insert(metadata::CHAT_ID, chat_id);
    }
    let mut repositories = GitServiceClient::new(transport);
    let call = repositories.watch_changes(request);
    let responses = in_time(OPEN_TIMEOUT, "the watch did not begin", call).await?;
    let session = agent.open(Kind::Repository);
    Ok(socket::accept(upgrade, access.tasks(), "workspace.git", move |sender, receiver| {
        socket::bridge::<Repositories>(sender, receiver, requests, responses, session)
    }))
}

/// The messages of a watch.
struct Repositories;

impl Protocol for Repositories {
    type Request = pb::WatchChangesRequest;
    type Response = pb::WatchChangesResponse;

    fn read(frame: Frame) -> Result<Said<Self::Request>, Status> {
        let Frame::Text(text) = frame else { return Err(socket::unexpected(&"it is binary", EXAMPLE)) };
        let members: serde_json::Map<String, Value> = socket::parse(&text, EXAMPLE)?;
        let mut request = pb::WatchChangesRequest::default();
        for (name, value) in members {
            match (name.as_str(), value) {
                ("refresh", Value::Object(_)) => request.refresh = true,
                ("refresh", Value::Bool(refresh)) => request.refresh = refresh,
                ("paths", Value::Array(paths)) => {
                    let text = |path| match path {
                        Value::String(path) => Ok(path),
                        _ => Err(socket::unexpected(&"a path is a string", EXAMPLE)),
                    };
                    request.paths = paths.into_iter().map(text).collect::<Result<_, _>>()?;
                }
                _ => return Err(socket::unexpected(&format!("`{name}` is not"), EXAMPLE)),
            }
        }
        Ok(Said::Request(request))
    }

    fn data(_: Bytes) -> Self::Request {
        // There are no bytes to send: `read` makes none.
        pb::WatchChangesRequest::default()
    }

    fn show(response: Self::Response) -> Result<Message, Status> {
        socket::json(&response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_asks_to_look_again_or_names_paths() {
        let request = |refresh, paths: &[&str]| pb::WatchChangesRequest {
            refresh,
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let table = [
            (r#"{"refresh":{}}"#, request(true, &[])),
            (r#"{"refresh":true,"paths":["/a"]}"#, request(true, &["/a"])),
            (r#"{"paths":["/a","/b"]}"#, request(false, &["/a", "/b"])),
        ];
        for (text, expected) in table {
            assert_eq!(Repositories::read(Frame::Text(text.into())).expect(text), Said::Request(expected));
        }
        for bad in ["", "[]", r#"{"refresh":1}"#, r#"{"paths":[1]}"#, r#"{"chat_id":"x"}"#] {
            assert!(Repositories::read(Frame::Text(bad.into())).is_err(), "{bad}");
        }
        assert!(Repositories::read(Frame::Binary(Bytes::from_static(b"{}"))).is_err());
    }
}
