//! What the workspaces are told of when an owner changes a chat's workspace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use chatmesh_core::{IdSource as _, SecretString, SystemClock, SystemIds, Uuid};
use chatmesh_proto::workspaces::v1::ReleaseChatWorkspaceRequest;
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::local;
use parking_lot::Mutex;
use prost::Message as _;
use tonic::service::Routes;

use super::*;
use crate::testing::{Replica, World};

/// Somebody who has all workspaces and takes down which ones are released.
#[derive(Debug, Clone, Default)]
struct Workspaces {
    released: Arc<Mutex<Vec<ReleaseChatWorkspaceRequest>>>,
    /// Nothing is taken down.
    is_away: Arc<AtomicBool>,
}

impl Workspaces {
    fn peer(&self) -> Peer {
        let workspaces = self.clone();
        let router = Router::new().fallback(move |request: Request| workspaces.clone().answer(request));
        let signer = ServiceSigner::new("chat", &SecretString::from("a secret of the mesh"), Arc::new(SystemClock));
        Peer::new(local(Routes::from(router).prepare()), signer)
    }

    async fn answer(self, request: Request) -> (HeaderMap, Vec<u8>) {
        let releases = request.uri().path().ends_with("/ReleaseChatWorkspace");
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.expect("a body");
        let is_away = releases && self.is_away.load(Ordering::Relaxed);
        if releases && !is_away {
            // Five bytes say how long the message is.
            self.released.lock().push(ReleaseChatWorkspaceRequest::decode(&body[5..]).expect("a message"));
        }
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/grpc".parse().expect("a value"));
        headers.insert("grpc-status", if is_away { "14" } else { "0" }.parse().expect("a value"));
        (headers, if is_away { Vec::new() } else { vec![0_u8; 5] })
    }

    /// What was released since the last time this was asked.
    fn released(&self) -> Vec<ReleaseChatWorkspaceRequest> {
        std::mem::take(&mut *self.released.lock())
    }
}

async fn change(replica: &Replica, request: pb::UpdateChatRequest) -> Result<pb::Chat, Error> {
    let updated = update_chat(&replica.state, replica.caller(), request).await?;
    Ok(updated.chat.expect("a chat"))
}

fn to_workspace(chat: ChatId, workspace: Option<Uuid>) -> pb::UpdateChatRequest {
    let workspace_id = Some(workspace.map(|id| id.to_string()).unwrap_or_default());
    pb::UpdateChatRequest { chat_id: chat.to_string(), workspace_id, ..pb::UpdateChatRequest::default() }
}

/// L17 is for workspaces of which nobody heard: one that its user took away from the chat does not come back with the
/// next `create_workspace`.
#[tokio::test]
async fn a_workspace_that_is_taken_away_from_its_chat_is_released() {
    let workspaces = Workspaces::default();
    let mut world = World::new().await;
    world.workspaces = workspaces.peer();
    let replica = world.replica().await;
    let chat = replica.chat("go").await;
    let [one, two] = [SystemIds.next(), SystemIds.next()];
    for (chosen, gives_up) in
        [(Some(one), None), (Some(one), None), (Some(two), Some(one)), (None, Some(two)), (None, None)]
    {
        let changed = change(&replica, to_workspace(chat, chosen)).await.expect("changed");
        assert_eq!(changed.workspace_id, chosen.map(|id| id.to_string()).unwrap_or_default());
        let expected =
            gives_up.map(|id| ReleaseChatWorkspaceRequest { chat_id: chat.to_string(), workspace_id: id.to_string() });
        assert_eq!(workspaces.released(), Vec::from_iter(expected), "{chosen:?}");
    }
    change(&replica, to_workspace(chat, Some(one))).await.expect("changed");
    let title = Some("another".to_owned());
    change(&replica, pb::UpdateChatRequest { chat_id: chat.to_string(), title, ..Default::default() })
        .await
        .expect("changed");
    assert_eq!(workspaces.released(), [], "it has it still");
}

/// Otherwise it would come back after all.
#[tokio::test]
async fn a_workspace_that_cannot_be_released_stays_with_its_chat() {
    let workspaces = Workspaces::default();
    let mut world = World::new().await;
    world.workspaces = workspaces.peer();
    let replica = world.replica().await;
    let chat = replica.chat("go").await;
    let one = SystemIds.next();
    change(&replica, to_workspace(chat, Some(one))).await.expect("changed");
    workspaces.is_away.store(true, Ordering::Relaxed);
    let refused = change(&replica, to_workspace(chat, None)).await.expect_err("refused");
    assert!(matches!(refused, Error::Neighbour { service: "workspaces", .. }), "{refused:?}");
    assert_eq!(replica.get(chat).await.workspace_id, Some(one));
    workspaces.is_away.store(false, Ordering::Relaxed);
    change(&replica, to_workspace(chat, None)).await.expect("changed");
    assert_eq!(workspaces.released().len(), 1);
}
