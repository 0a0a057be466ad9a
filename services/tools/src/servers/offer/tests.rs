use std::collections::BTreeMap;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::tools::v1::McpAuthType;

use super::*;
use crate::servers::domain::Secrets;
use crate::servers::testing::{Does, Network, server};

fn asked(chat_id: &str) -> Asked {
    Asked { user: UserId(SystemIds.next()), chat_id: chat_id.to_owned(), workspace_id: String::new() }
}

async fn names(servers: &Arc<Servers>, asked: &Asked) -> Vec<String> {
    let offered = servers.offered(asked, &Choice::Defaults, Some(ChatMode::Root)).await;
    offered.tools.into_iter().map(|tool| tool.name).collect()
}

/// M13: one server that never answers delays a turn by ten seconds, once, and hides the tools of no other.
#[tokio::test(start_paused = true)]
async fn m13_a_black_holed_server_delays_the_turn_by_ten_seconds_once() {
    let network = Network::default();
    network.set("hole", Does::Hang);
    network.set("also-hole", Does::Hang);
    let servers = network.servers(vec![server("hole"), server("fine"), server("also-hole")]);
    let (asked, began) = (asked("chat-1"), Instant::now());
    let first = names(&servers, &asked).await;
    assert_eq!(began.elapsed().as_secs(), 10, "all of them are asked at once");
    assert!(first.iter().all(|name| name.starts_with("fine__")) && first.len() == 6, "{first:?}");
    for _step in 0..3 {
        assert_eq!(names(&servers, &asked).await, first);
        tokio::time::sleep(Duration::from_secs(120)).await;
    }
    assert_eq!(began.elapsed().as_secs(), 10 + 3 * 120, "no further step of the turn waits");
}

/// M13: a session that comes after nobody waits for it any longer is closed.
#[tokio::test(start_paused = true)]
async fn m13_a_late_session_is_reaped() {
    let network = Network::default();
    network.set("slow", Does::Serve(Duration::from_secs(15)));
    let servers = network.servers(vec![server("slow")]);
    assert_eq!(names(&servers, &asked("chat-1")).await, Vec::<String>::new());
    assert_eq!(network.live(), 0);
    network.until(1, 0).await;
}

/// A server that failed is looked at again beside the turns, and its tools are there once it is.
#[tokio::test(start_paused = true)]
async fn a_server_that_came_back_is_found_again() {
    let network = Network::default();
    network.set("one", Does::Fail);
    let servers = network.servers(vec![server("one")]);
    let asked = asked("chat-1");
    assert_eq!(names(&servers, &asked).await.len(), 0);
    network.set("one", Does::Serve(Duration::ZERO));
    assert_eq!(names(&servers, &asked).await.len(), 0, "a failure is not looked into at once");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(names(&servers, &asked).await.len(), 0, "nobody waits for the second look");
    network.until(1, 1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(names(&servers, &asked).await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn tools_are_asked_for_once_a_minute_for_each_user_and_version() {
    let network = Network::default();
    let mut one = server("one");
    let servers = network.servers(vec![one.clone()]);
    let (first, second) = (asked("chat-1"), asked("chat-2"));
    for _ in 0..3 {
        names(&servers, &first).await;
    }
    assert_eq!(network.connects(), 1);
    names(&servers, &second).await;
    assert_eq!(network.connects(), 2, "another user may see other tools");
    one.version += 1;
    servers.listing(&one, &first).await;
    assert_eq!(network.connects(), 3, "a server that was changed is another one");
}

/// M15: what is said of a failure holds no token, no path, no query and no value of a header.
#[tokio::test(start_paused = true)]
async fn m15_no_secret_of_a_server_is_in_its_error() {
    let network = Network::default();
    network.set("one", Does::Fail);
    let servers = network.servers(Vec::new());
    let mut one = server("one");
    one.settings.auth_type = McpAuthType::CustomHeaders.into();
    let secrets = Secrets {
        custom_headers: BTreeMap::from([("Authorization".to_owned(), "Bearer very-secret-token".to_owned())]),
        ..Secrets::default()
    };
    one.sealed_secrets = servers.seal(one.id, &secrets).expect("sealed");
    let Outcome::Failed(error) = servers.ask(&one, &asked("chat-1")).await else { panic!("it fails") };
    assert_eq!(error, "https://one.example refused [[redacted]]");
}

/// Only servers outside of the mesh need the database: a turn does not wait for it, nor end without it.
#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_does_not_take_the_servers_with_it() {
    let network = Network::default();
    let servers = network.servers(vec![server("one")]);
    let (asked, other) = (asked("chat-1"), servers.replica());
    let listed = names(&servers, &asked).await;
    assert_eq!(listed.len(), 6);
    network.take_database_away(true);
    let began = Instant::now();
    assert_eq!(names(&servers, &asked).await, listed, "it is remembered");
    let unknown = Offered { is_unknown: true, ..Offered::default() };
    assert_eq!(
        other.offered(&asked, &Choice::Defaults, Some(ChatMode::Root)).await,
        unknown,
        "nobody has read it here"
    );
    assert_eq!(began.elapsed().as_secs(), 4, "two seconds for each");
    let alone = other.offered(&asked, &Choice::Defaults, Some(ChatMode::ChildPlan)).await;
    assert_eq!(alone, Offered::default(), "nobody looks for what is not offered");
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(servers.offered(&asked, &Choice::Defaults, Some(ChatMode::Root)).await, unknown, "too long ago");
    network.take_database_away(false);
    assert!(!servers.offered(&asked, &Choice::Defaults, Some(ChatMode::Root)).await.is_unknown);
}

#[test]
fn all_tools_together_are_bounded() {
    let tool = |number: usize, size: usize| ToolDefinition {
        name: format!("s__{number:03}"),
        input_schema: "x".repeat(size),
        ..ToolDefinition::default()
    };
    let (tools, left_out) = bounded((0..130).map(|number| tool(number, 10)).collect());
    assert_eq!((tools.len(), left_out), (100, 30));
    let (tools, left_out) = bounded((0..10).map(|number| tool(number, 60_000)).collect());
    assert_eq!((tools.len(), left_out), (4, 6));
}
