//! A replica that ends hands its agents over: nobody notices.

use std::cell::Cell;
use std::time::{Duration, Instant};

use chatmesh_bus::Bus;
use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_proto::agent::v1::forward_port_request::Body;
use chatmesh_proto::agent::v1::forward_port_response;
use chatmesh_proto::agent::v1::port_service_client::PortServiceClient;
use chatmesh_proto::agent::v1::watch_process_response::Event;
use chatmesh_proto::agent::v1::{
    ForwardPortEnd, ForwardPortHeader, ForwardPortRequest, LifecycleState, WaitProcessRequest, WatchProcessRequest,
};
use futures::future::{join_all, try_join_all};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::world::{Balancer, LONG, Replica, RunningAgent, World, to};
use crate::{eventually, start};

/// Waits until an agent can be told to move.
async fn supervised(world: &World, id: Uuid) {
    let ready = async || world.workspaces.state(&id.to_string()) == Some(LifecycleState::Ready);
    eventually("supervised", ready).await;
}

async fn wait(replica: &Replica, id: Uuid, process: &str) -> Result<Option<i32>, tonic::Status> {
    let request = WaitProcessRequest { process_id: process.to_owned(), timeout_ms: 60_000 };
    let waited = replica.processes().wait_process(to(id, request)).await?.into_inner();
    Ok(waited.process.and_then(|process| process.exit_code))
}

/// Follows a process until its end.
async fn watch(replica: &Replica, id: Uuid, process: &str) -> Result<Option<i32>, tonic::Status> {
    let request = WatchProcessRequest { process_id: process.to_owned(), include_output: true, ..Default::default() };
    let mut events = replica.processes().watch_process(to(id, request)).await?.into_inner();
    while let Some(response) = events.message().await? {
        if let Some(Event::Ended(ended)) = response.event {
            return Ok(ended.process.and_then(|process| process.exit_code));
        }
    }
    panic!("no end");
}

fn let_go(agent: &RunningAgent) {
    std::fs::write(agent.dir.path().join("go"), "").expect("written");
}

/// C15, C.11: in an orderly end no call fails, whichever replica it came to, and nothing is done twice.
#[tokio::test]
async fn c15_calls_end_on_a_replica_that_drains_while_new_ones_go_through_another() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let balancer = Balancer::start(&world, &[&one]).await;
    let agent = world.agent(id, balancer.address);
    supervised(&world, id).await;
    let before = other.await_agent(id, LONG).await.expect("connected");
    let process = start(&one, id).await;

    let calls = async {
        tokio::join!(
            wait(&one, id, &process),
            wait(&other, id, &process),
            watch(&one, id, &process),
            watch(&other, id, &process)
        )
    };
    let meanwhile = async {
        // First the agent comes back to the replica that it is to leave, which turns it away.
        let taken = balancer.taken();
        eventually("it comes back", async || balancer.taken() > taken + 1).await;
        let held = other.await_agent(id, LONG).await.expect("connected");
        assert_eq!(held.session_id, before.session_id);
        balancer.lead_to(&[&other]);
        eventually("it moves", async || {
            other.await_agent(id, LONG).await.expect("connected").session_id != before.session_id
        })
        .await;
        // New calls reach the agent over its new session, from both; the old one goes on.
        for replica in [&one, &other] {
            replica.ping(id).await.expect("a pong");
            assert_eq!(start(replica, id).await, process, "the same key is the same process");
            let held = replica.await_agent(id, LONG).await.expect("connected");
            assert_ne!(held.session_id, before.session_id);
        }
        let_go(&agent);
    };
    let ((first, second, third, fourth), (), ()) = tokio::join!(calls, one.end(), meanwhile);
    for ended in [first, second, third, fourth] {
        assert_eq!(ended.expect("no error"), Some(0));
    }
    assert_eq!(std::fs::read_to_string(agent.dir.path().join("effects")).expect("a file"), "once\n");
    other.ping(id).await.expect("a pong");
}

#[tokio::test]
async fn a_replica_alone_ends_at_once() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let replica = world.replica(&bus).await;
    let agent = world.agent(id, replica.address);
    supervised(&world, id).await;
    let process = start(&replica, id).await;
    let began = Instant::now();
    let (waited, ()) = tokio::join!(wait(&replica, id, &process), async {
        tokio::task::yield_now().await;
        replica.end().await;
    });
    assert!(began.elapsed() < LONG / 6, "{:?}", began.elapsed());
    assert_eq!(waited.expect_err("cut off").code(), Code::Unavailable);
    let_go(&agent);
}

#[tokio::test]
async fn agents_that_do_not_move_in_time_are_cut_off() {
    let (mut world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    world.drain_limit = Duration::from_millis(300);
    let (one, _other) = (world.replica(&bus).await, world.replica(&bus).await);
    // It knows this one only.
    let agent = world.agent(id, one.address);
    supervised(&world, id).await;
    let process = start(&one, id).await;
    let (waited, ()) = tokio::join!(wait(&one, id, &process), async {
        tokio::task::yield_now().await;
        one.end().await;
    });
    assert_eq!(waited.expect_err("cut off").code(), Code::Unavailable);
    let_go(&agent);
}

/// Of two that end at the same time none waits for the other.
#[tokio::test]
async fn replicas_that_end_together_wait_for_nobody() {
    let (world, bus) = (World::new().await, Bus::memory());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let mut agents = Vec::new();
    for replica in [&one, &other] {
        let id = SystemIds.next();
        agents.push(world.agent(id, replica.address));
        supervised(&world, id).await;
    }
    let began = Instant::now();
    tokio::join!(one.end(), other.end());
    assert!(began.elapsed() < LONG / 6, "{:?}", began.elapsed());
}

/// Without hints the store says where an agent is.
#[tokio::test]
async fn an_agent_moves_also_where_no_hint_comes() {
    let (world, id) = (World::new().await, SystemIds.next());
    let (one, other) = (world.replica(&Bus::memory()).await, world.replica(&Bus::memory()).await);
    let balancer = Balancer::start(&world, &[&one]).await;
    let agent = world.agent(id, balancer.address);
    supervised(&world, id).await;
    let process = start(&one, id).await;
    balancer.lead_to(&[&other]);
    let began = Instant::now();
    let (waited, (), ()) = tokio::join!(wait(&one, id, &process), one.end(), async {
        other.ping(id).await.expect("a pong");
        let_go(&agent);
    });
    assert_eq!(waited.expect("no error"), Some(0));
    other.ping(id).await.expect("it has moved");
    assert!(began.elapsed() < LONG / 6, "{:?}", began.elapsed());
}

/// D4 in its orderly form: all agents of a replica move, and are reached at every moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_to_a_hundred_agents_fails_while_they_move() {
    let (world, bus) = (World::new().await, Bus::memory());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let balancer = Balancer::start(&world, &[&one]).await;
    let ids: Vec<_> = (0..100).map(|_| SystemIds.next()).collect();
    let _agents: Vec<_> = ids.iter().map(|id| world.agent(*id, balancer.address)).collect();
    join_all(ids.iter().map(|id| supervised(&world, *id))).await;
    let sessions = || try_join_all(ids.iter().map(|id| other.await_agent(*id, LONG)));
    let before = sessions().await.expect("connected");

    balancer.lead_to(&[&other]);
    let (began, mut rounds, has_ended) = (Instant::now(), 0, Cell::new(false));
    // Those under way when it has ended are answered, too.
    let calling = async {
        while !has_ended.get() {
            let pongs = try_join_all(ids.iter().map(|id| other.ping(*id))).await;
            assert_eq!(pongs.expect("no call fails").len(), ids.len());
            rounds += 1;
        }
    };
    let ending = async {
        one.end().await;
        has_ended.set(true);
    };
    tokio::join!(calling, ending);
    println!(
        "100 agents moved in {:.2} s; {} calls meanwhile, none failed",
        began.elapsed().as_secs_f64(),
        rounds * 100
    );
    let after = sessions().await.expect("connected");
    assert!(before.iter().zip(&after).all(|(before, after)| before.session_id != after.session_id), "all have moved");
    try_join_all(ids.iter().map(|id| other.ping(*id))).await.expect("no call fails");
}

/// A stream in both directions goes on over the old connection, byte for byte.
#[tokio::test]
async fn a_forwarded_port_survives_the_end_of_its_replica() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let balancer = Balancer::start(&world, &[&one]).await;
    let _agent = world.agent(id, balancer.address);
    supervised(&world, id).await;
    let before = other.await_agent(id, LONG).await.expect("connected");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port().into();
    let (requests, receiver) = mpsc::channel(8);
    let say = async |body| requests.send(ForwardPortRequest { body: Some(body) }).await.expect("the call goes on");
    say(Body::Header(ForwardPortHeader { port, ..Default::default() })).await;
    let mut ports = PortServiceClient::new(one.peer.clone());
    let mut responses = ports.forward_port(to(id, ReceiverStream::new(receiver))).await.expect("begun").into_inner();
    responses.message().await.expect("no error").expect("connected");
    let (mut stream, _) = listener.accept().await.expect("a connection");

    balancer.lead_to(&[&other]);
    let talking = async {
        eventually("it moves", async || {
            other.await_agent(id, LONG).await.expect("connected").session_id != before.session_id
        })
        .await;
        say(Body::Data("question".into())).await;
        let mut question = [0; 8];
        stream.read_exact(&mut question).await.expect("read");
        assert_eq!(&question, b"question");
        stream.write_all(b"answer").await.expect("written");
        let answer = responses.message().await.expect("no error").expect("a message").body;
        assert_eq!(answer, Some(forward_port_response::Body::Data("answer".into())));
        drop(stream);
        say(Body::End(ForwardPortEnd {})).await;
        while responses.message().await.expect("no error").is_some() {}
    };
    tokio::join!(one.end(), talking);
}

/// An earlier connection that nobody was told to leave may be dead: what is open on it ends.
#[tokio::test]
async fn what_is_open_on_an_earlier_session_ends_where_the_agent_was_not_told_to_move() {
    let (world, bus, id) = (World::new().await, Bus::memory(), SystemIds.next());
    let (one, other) = (world.replica(&bus).await, world.replica(&bus).await);
    let agent = world.agent(id, one.address);
    supervised(&world, id).await;
    let process = start(&one, id).await;
    let (waited, _late) = tokio::join!(wait(&one, id, &process), async {
        tokio::task::yield_now().await;
        world.agent(id, other.address)
    });
    assert_eq!(waited.expect_err("cut").code(), Code::Unavailable);
    let_go(&agent);
}
