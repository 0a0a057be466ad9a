//! What agents run when they start, and what the mesh hears of it.

use std::time::Instant;

use chatmesh_bus::Bus;
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::agent::v1::{LifecycleState, Script};

use tonic::Code;

use crate::eventually;
use crate::world::{Balancer, LONG, World, old_agent};

fn on_start(text: &str) -> Script {
    Script { id: "start".to_owned(), script: text.to_owned(), run_on_start: true, ..Default::default() }
}

fn on_stop(text: &str) -> Script {
    Script { id: "stop".to_owned(), script: text.to_owned(), run_on_stop: true, ..Default::default() }
}

/// S01, D.10: what a build runs on start is run once, whatever becomes of connections and replicas.
#[tokio::test]
async fn s01_scripts_run_once_although_the_agent_moves_between_replicas() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    world.workspaces.run(vec![on_start("echo started | tee -a file")]);
    let (one, other, third) = (world.replica(&bus).await, world.replica(&bus).await, world.replica(&bus).await);
    let balancer = Balancer::start(&world, &[&one]).await;
    let agent = world.agent(id, balancer.address);
    let (workspaces, name) = (&world.workspaces, id.to_string());
    eventually("ready", async || workspaces.state(&name) == Some(LifecycleState::Ready)).await;
    assert_eq!(workspaces.lines(&name), ["started"]);

    // Each new session tells the state again.
    for (former, next) in [(&one, &other), (&other, &third)] {
        let repeats = workspaces.repeats();
        balancer.lead_to(&[next]);
        if repeats == 0 {
            former.end().await;
        } else {
            former.die();
        }
        eventually("supervised again", async || workspaces.repeats() > repeats).await;
    }
    assert_eq!(std::fs::read_to_string(agent.dir.path().join("file")).expect("a file"), "started\n");
    assert_eq!((workspaces.state(&name), workspaces.lines(&name).len()), (Some(LifecycleState::Ready), 1));
}

#[tokio::test]
async fn reports_arrive_once_and_in_order_also_where_workspaces_was_away() {
    let (world, id) = (World::new().await, SystemIds.next());
    world.workspaces.run(vec![on_start("seq 1 3000"), on_stop("echo stopped; exit 3")]);
    world.workspaces.fail(3);
    let replica = world.replica(&Bus::memory()).await;
    let mut agent = world.agent(id, replica.address);
    let (workspaces, name) = (&world.workspaces, id.to_string());
    eventually("ready", async || workspaces.state(&name) == Some(LifecycleState::Ready)).await;
    assert_eq!(workspaces.failures(), 0);
    let mut expected: Vec<_> = (1..=3000).map(|number: u32| number.to_string()).collect();
    assert_eq!(workspaces.lines(&name), expected);

    // The agent has ended when the last report is told.
    workspaces.fail(1);
    agent.shutdown.cancel();
    tokio::time::timeout(LONG, &mut agent.ended).await.expect("it ends").expect("no panic").expect("a clean end");
    eventually("off", async || workspaces.state(&name) == Some(LifecycleState::ShutdownError)).await;
    expected.extend(["stopped".to_owned(), "`stop` failed with exit code 3".to_owned()]);
    assert_eq!(workspaces.lines(&name), expected);
}

#[tokio::test]
async fn the_longest_manifest_arrives() {
    let (world, id) = (World::new().await, SystemIds.next());
    let long = |index: usize| Script { id: index.to_string(), ..on_stop(&format!(": {}", "x".repeat(96 * 1024 - 2))) };
    world.workspaces.run((0..64).map(long).collect());
    let replica = world.replica(&Bus::memory()).await;
    let _agent = world.agent(id, replica.address);
    let (workspaces, name) = (&world.workspaces, id.to_string());
    eventually("ready", async || workspaces.state(&name) == Some(LifecycleState::Ready)).await;
}

#[tokio::test]
async fn an_agent_that_is_not_supervised_is_reached_all_the_same() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let balancer = Balancer::start(&world, &[&one]).await;
    let _agent = world.agent(id, balancer.address);
    let (workspaces, name) = (&world.workspaces, id.to_string());
    eventually("ready", async || workspaces.state(&name) == Some(LifecycleState::Ready)).await;
    // The agent refuses to serve another build.
    workspaces.rebuild();
    balancer.lead_to(&[&other]);
    one.die();
    eventually("reachable", async || other.ping(id).await.is_ok()).await;
    other.await_agent(id, LONG).await.expect("connected");
    // One that can not be told to move is cut off, and comes by itself.
    let third = world.replica(&bus).await;
    balancer.lead_to(&[&third]);
    other.end().await;
    eventually("reachable", async || third.ping(id).await.is_ok()).await;
}

#[tokio::test]
async fn an_agent_of_an_old_release_keeps_its_session_and_is_cut_off_at_the_end() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let ended = world.tasks.spawn(old_agent::run(id, one.address));
    let connected = one.await_agent(id, LONG).await.expect("connected");
    other.await_agent(id, LONG).await.expect("connected");
    // It knows nothing that is asked, but it is there.
    for replica in [&one, &other, &one, &other] {
        assert_eq!(replica.ping(id).await.expect_err("an old agent").code(), Code::Unimplemented);
    }
    assert_eq!(one.await_agent(id, LONG).await.expect("connected"), connected);
    let began = Instant::now();
    one.end().await;
    assert!(began.elapsed() < LONG / 6, "{:?}", began.elapsed());
    tokio::time::timeout(LONG, ended).await.expect("it is cut off").expect("no panic");
}
