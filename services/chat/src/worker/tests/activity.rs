//! What the workspaces of running chats are told.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderMap;
use chatmesh_core::{IdSource as _, SecretString, SystemClock, SystemIds, Uuid};
use chatmesh_proto::workspaces::v1::{ActivityReason, ReportActivitiesRequest};
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::local;
use parking_lot::Mutex;
use prost::Message as _;
use tonic::service::Routes;

use super::script::Fate;
use super::time::eventually;
use super::world::{Replica, World, config};

/// Somebody who has workspaces and takes down what they are told.
#[derive(Debug, Clone, Default)]
struct Listener {
    told: Arc<Mutex<Vec<ReportActivitiesRequest>>>,
    /// Says nothing in return.
    is_silent: bool,
}

impl Listener {
    fn peer(&self) -> Peer {
        let listener = self.clone();
        let router = Router::new().fallback(move |request: Request| listener.clone().answer(request));
        let secret = SecretString::from("a secret of the mesh");
        let signer = ServiceSigner::new("chat", &secret, Arc::new(SystemClock));
        Peer::new(local(Routes::from(router).prepare()), signer)
    }

    async fn answer(self, request: Request) -> (HeaderMap, Vec<u8>) {
        assert!(request.uri().path().ends_with("/ReportActivities"), "{}", request.uri());
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.expect("a body");
        // Five bytes say how long the message is.
        let message = ReportActivitiesRequest::decode(&body[5..]).expect("a message");
        self.told.lock().push(message);
        if self.is_silent {
            std::future::pending::<()>().await;
        }
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/grpc".parse().expect("a value"));
        headers.insert("grpc-status", "0".parse().expect("a value"));
        (headers, vec![0_u8; 5])
    }

    fn calls(&self) -> usize {
        self.told.lock().len()
    }

    /// The workspaces that the call with this number, from 1, named.
    async fn named(&self, number: usize) -> BTreeSet<String> {
        eventually("it is told", async || self.calls() >= number).await;
        let told = self.told.lock();
        let call = &told[number - 1];
        assert_eq!(call.reason(), ActivityReason::Chat);
        let named: BTreeSet<String> = call.workspace_ids.iter().cloned().collect();
        assert_eq!(named.len(), call.workspace_ids.len(), "each once: {call:?}");
        named
    }
}

/// A worker with four chats that run: two with the same workspace, one with another, and one with none.
async fn running(listener: &Listener) -> (World, Replica, [Uuid; 2]) {
    let world = World::new().await;
    let replica = world.replica_with(config(), listener.peer()).await;
    let workspaces = [SystemIds.next(), SystemIds.next()];
    let chats = world.chats(4).await;
    for (chat, workspace) in chats.iter().zip([0, 0, 1]) {
        world.bind(*chat, workspaces[workspace]).await;
    }
    replica.worker.start();
    eventually("all have begun", async || world.script.begun().len() == 4).await;
    (world, replica, workspaces)
}

/// B.8: the workspace of a chat that runs is used, as long as it runs; all are told of with one call.
#[tokio::test(start_paused = true)]
async fn the_workspaces_of_running_chats_are_told_of_together_and_now_and_then() {
    let listener = Listener::default();
    let (world, replica, workspaces) = running(&listener).await;
    let [both, one] = workspaces.map(|id| id.to_string());
    world.pass(1, &[&replica]).await;
    assert_eq!(listener.named(1).await, BTreeSet::from([both.clone(), one.clone()]));
    world.pass(28, &[&replica]).await;
    assert_eq!(listener.calls(), 1, "not with each heartbeat");

    // One that gets a workspace in the middle of its turn is found.
    let late = SystemIds.next();
    world.bind(world.script.begun()[0].chat.id, late).await;
    world.pass(2, &[&replica]).await;
    assert!(listener.named(2).await.contains(&late.to_string()));
}

/// Who does not answer holds up nobody's lease, and is not asked again meanwhile.
#[tokio::test(start_paused = true)]
async fn leases_are_renewed_where_nobody_takes_down_what_is_used() {
    let listener = Listener { is_silent: true, ..Listener::default() };
    let (world, replica, _) = running(&listener).await;
    world.pass(1, &[&replica]).await;
    listener.named(1).await;
    let before = replica.heartbeats();
    // Longer than a lease lives.
    world.pass(12, &[&replica]).await;
    assert_eq!((replica.heartbeats() - before, listener.calls()), (12, 1));
    assert_eq!(world.script.running_on(replica.state.worker_id), 4, "none was stopped");
    world.pass(20, &[&replica]).await;
    listener.named(2).await;
    assert!(world.script.begun().iter().all(|begun| begun.fate == Fate::Running));
}

/// Where nothing runs, nobody is asked anything.
#[tokio::test(start_paused = true)]
async fn a_worker_without_chats_tells_nothing() {
    let listener = Listener::default();
    let world = World::new().await;
    let replica = world.replica_with(config(), listener.peer()).await;
    replica.worker.start();
    world.pass(65, &[&replica]).await;
    assert_eq!(listener.calls(), 0);
}
