//! A relay that ends soon: the agent looks for another while calls end on the connection to it.

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::supervise_request::Body;
use chatmesh_relay::carrier::Closed;
use tokio::time::timeout;

use super::lifecycle::{Supervision, manifest};
use super::relay::{LONG, Session};
use super::{Running, command, connected, process, start, wait};

/// Says that the relay of this session ends soon.
async fn drain(session: &Session) {
    let supervision = Supervision::begin(session, manifest()).await;
    supervision.say(Body::Drain(pb::DrainNotice {}));
    // The next session's call takes its place.
    supervision.end_later();
}

async fn instance(session: &Session) -> String {
    session.diagnostics().ping(pb::PingRequest {}).await.expect("a pong").into_inner().instance_id
}

fn let_go(agent: &Running) {
    std::fs::write(agent.dir.path().join("work/go"), "").expect("file");
}

#[tokio::test]
async fn an_agent_connects_again_beside_a_relay_that_ends_soon() {
    let (mut relay, agent, first) = connected().await;
    let started = start(&first, command("until [ -e go ]; do sleep 0.01; done", "k")).await;
    let id = &process(&started).id;
    let meanwhile = async {
        drain(&first).await;
        let second = relay.session().await;
        assert_eq!(instance(&first).await, instance(&second).await, "both are served");
        assert!(start(&second, command("until [ -e go ]; do sleep 0.01; done", "k")).await.attached);
        let_go(&agent);
        second
    };
    let (waited, second) = tokio::join!(wait(&first, id, 60_000), meanwhile);
    assert_eq!(waited.expect("the call ends").process.expect("process").exit_code, Some(0));

    // The relay ends; the agent has what it needs.
    first.cut();
    timeout(LONG, first.channel.closed()).await.expect("it is cut");
    instance(&second).await;
    second.cut();
    let third = relay.session().await;
    instance(&third).await;
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}

#[tokio::test]
async fn an_agent_has_three_connections_at_most() {
    let (mut relay, agent, first) = connected().await;
    drain(&first).await;
    let second = relay.session().await;
    drain(&second).await;
    let third = relay.session().await;
    drain(&third).await;
    assert!(relay.nobody_comes().await, "there is no room for a fourth");
    for session in [&first, &second, &third] {
        instance(session).await;
    }
    // When one of them ends, there is room for the one that the third asked for.
    first.cut();
    let fourth = relay.session().await;
    for session in [&second, &third, &fourth] {
        instance(session).await;
    }
    agent.shutdown.cancel();
    for session in [&second, &third, &fourth] {
        assert_eq!(timeout(LONG, session.channel.closed()).await.expect("it ends"), Closed::ByAgent);
    }
    agent.end().await.expect("a clean end");
}

#[tokio::test]
async fn a_shutdown_lets_calls_end_on_all_connections() {
    let (mut relay, agent, first) = connected().await;
    let trap = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done";
    let started = start(&first, command(trap, "k")).await;
    let id = &process(&started).id;
    super::until_output(&first, id, "ready").await;
    drain(&first).await;
    let second = relay.session().await;
    let (one, other, ()) = tokio::join!(wait(&first, id, 60_000), wait(&second, id, 60_000), async {
        tokio::task::yield_now().await;
        agent.shutdown.cancel();
    });
    for waited in [one, other] {
        assert_eq!(waited.expect("the call ends").process.expect("process").exit_code, Some(3));
    }
    agent.end().await.expect("a clean end");
}
