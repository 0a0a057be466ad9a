//! Replicas of the relay: every one of them reaches every agent, and agents move between them.

mod drain;
mod supervision;
mod world;

use std::time::Duration;

use chatmesh_agent::ConnectionError;
use chatmesh_bus::Bus;
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::agent::v1::{StartProcessRequest, WaitProcessRequest};
use chatmesh_rpc::metadata;
use tonic::Code;
use tonic_types::StatusExt as _;
use world::{Balancer, LONG, Replica, World, to};

fn reason(status: &tonic::Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

fn command(text: &str, key: &str) -> StartProcessRequest {
    StartProcessRequest { command: text.to_owned(), idempotency_key: key.to_owned(), ..Default::default() }
}

async fn eventually(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_true().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

#[tokio::test]
async fn every_replica_reaches_an_agent_that_one_of_them_holds() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let agent = world.agent(id, one.address);
    let here = one.await_agent(id, LONG).await.expect("connected");
    let there = other.await_agent(id, LONG).await.expect("connected");
    assert_eq!(here, there, "one session, whoever is asked");

    let pong = one.ping(id).await.expect("a pong");
    assert_eq!(other.ping(id).await.expect("a pong"), pong);
    let request = to(id, command("cat /dev/zero | head -c 3000000", ""));
    let started = other.processes().start_process(request).await.expect("started").into_inner();
    let process = started.process.expect("a process");
    let request = WaitProcessRequest { process_id: process.id, timeout_ms: 60_000 };
    let waited = other.processes().wait_process(to(id, request)).await.expect("waited").into_inner();
    assert_eq!(waited.output.expect("output").original_bytes, 3_000_000);
    drop(agent);
}

#[tokio::test]
async fn a_call_is_passed_on_once_and_to_nobody_where_no_replica_holds_the_agent() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let status = one.ping(id).await.expect_err("nobody");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "AGENT_NOT_CONNECTED"));

    let _agent = world.agent(id, one.address);
    other.await_agent(id, LONG).await.expect("connected");
    let mut request = to(id, chatmesh_proto::agent::v1::PingRequest {});
    request.metadata_mut().insert(metadata::FORWARDED, "1".parse().expect("ASCII"));
    let mut client =
        chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient::new(other.peer.clone());
    let status = client.ping(request).await.expect_err("no second hop");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "AGENT_NOT_CONNECTED"));
}

#[tokio::test]
async fn who_waits_at_one_replica_hears_of_a_connection_to_another() {
    // With hints, and without any: then a look from time to time finds it.
    let hints = Bus::memory();
    for (first, second) in [(hints.clone(), hints), (Bus::memory(), Bus::memory())] {
        let (world, id) = (World::new().await, SystemIds.next());
        let (one, other) = (world.replica(&first).await, world.replica(&second).await);
        let (waited, agent) = tokio::join!(other.await_agent(id, LONG), async {
            tokio::task::yield_now().await;
            world.agent(id, one.address)
        });
        waited.expect("connected");
        other.ping(id).await.expect("a pong");
        drop(agent);
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_asked() {
    let (world, id) = (World::new().await, SystemIds.next());
    let replica = world.replica(&Bus::memory()).await;
    let status = replica.await_agent(id, Duration::from_millis(50)).await.expect_err("nobody came");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "AGENT_NOT_CONNECTED"));
}

/// C15: a replica dies in the middle of a call. The call fails cleanly, the next one succeeds through
/// another replica, and the effect was there once.
#[tokio::test]
async fn c15_an_agent_moves_when_its_replica_dies() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let balancer = Balancer::start(&world, &[&one, &other]).await;
    let agent = world.agent(id, balancer.address);
    other.await_agent(id, LONG).await.expect("connected");
    let first = start(&other, id).await;

    let mut processes = other.processes();
    let request = WaitProcessRequest { process_id: first.clone(), timeout_ms: 60_000 };
    let waiting = processes.wait_process(to(id, request));
    let (waited, ()) = tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        balancer.lead_to(&[&other]);
        one.die();
    });
    let status = waited.expect_err("the call broke");
    assert_eq!(status.code(), Code::Unavailable, "{status}");

    eventually("reachable again", async || other.ping(id).await.is_ok()).await;
    assert_eq!(start(&other, id).await, first, "the same key is the same process");
    std::fs::write(agent.dir.path().join("go"), "").expect("written");
    let request = WaitProcessRequest { process_id: first, timeout_ms: 60_000 };
    let waited = other.processes().wait_process(to(id, request)).await.expect("waited").into_inner();
    assert_eq!(waited.process.expect("a process").exit_code, Some(0));
    assert_eq!(std::fs::read_to_string(agent.dir.path().join("effects")).expect("a file"), "once\n");
}

async fn start(replica: &Replica, id: chatmesh_core::Uuid) -> String {
    let request = command("echo once >> effects; until [ -e go ]; do sleep 0.05; done", "key");
    let started = replica.processes().start_process(to(id, request)).await.expect("started").into_inner();
    started.process.expect("a process").id
}

#[tokio::test]
async fn a_replica_that_ends_in_order_hands_its_agents_over() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let balancer = Balancer::start(&world, &[&one, &other]).await;
    let _agent = world.agent(id, balancer.address);
    let before = other.await_agent(id, LONG).await.expect("connected");
    balancer.lead_to(&[&other]);
    one.end().await;
    eventually("reachable again", async || other.ping(id).await.is_ok()).await;
    let after = other.await_agent(id, LONG).await.expect("connected");
    assert_ne!(before.session_id, after.session_id);
}

#[tokio::test]
async fn a_later_session_elsewhere_ends_the_earlier_one() {
    // With hints, and without any: then the comparison with the store finds it.
    let hints = Bus::memory();
    for (first, second) in [(hints.clone(), hints), (Bus::memory(), Bus::memory())] {
        let (world, id) = (World::new().await, SystemIds.next());
        let (one, other) = (world.replica(&first).await, world.replica(&second).await);
        let mut early = world.agent(id, one.address);
        let held = one.await_agent(id, LONG).await.expect("connected");
        // A second process with the same token, as after a snapshot of a machine was started twice.
        let late = world.agent(id, other.address);
        eventually("the later one counts", async || {
            let found = one.await_agent(id, LONG).await.expect("connected");
            found.session_id != held.session_id
        })
        .await;
        early.shutdown.cancel();
        // Until then it may come again.
        let _ = tokio::time::timeout(LONG, &mut early.ended).await.expect("it ends").expect("no panic");
        let pong = eventually_pong(&one, id).await;
        assert_eq!(pong, eventually_pong(&other, id).await);
        drop(late);
    }
}

async fn eventually_pong(replica: &Replica, id: chatmesh_core::Uuid) -> String {
    let mut instance = None;
    eventually("a pong", async || {
        instance = replica.ping(id).await.ok().map(|pong| pong.instance_id);
        instance.is_some()
    })
    .await;
    instance.expect("a pong")
}

/// C06, G33: an agent of an old build is refused for good and exits; one that is connected when a
/// newer build begins is closed at the next report, and refused when it comes again.
#[tokio::test]
async fn c06_an_agent_of_an_old_build_is_refused_and_a_connected_one_is_closed() {
    let (world, id) = (World::new().await, SystemIds.next());
    let replica = world.replica(&Bus::memory()).await;
    let mut agent = world.agent(id, replica.address);
    replica.await_agent(id, LONG).await.expect("connected");
    world.supersede(id);
    let ended = tokio::time::timeout(LONG, &mut agent.ended).await.expect("it gives up").expect("no panic");
    assert!(matches!(ended, Err(ConnectionError::Unauthorized(status)) if status == 403), "{ended:?}");
    let mut again = world.agent(id, replica.address);
    let ended = tokio::time::timeout(LONG, &mut again.ended).await.expect("it gives up").expect("no panic");
    assert!(matches!(ended, Err(ConnectionError::Unauthorized(status)) if status == 403), "{ended:?}");
}
