//! Chats whose models make a workspace of their own, while the services that carry that out are killed: each chat has one
//! workspace in the end, and no workspace is nobody's.

use std::collections::BTreeSet;
use std::time::Duration;

use chatmesh_testkit::simulator::{Script, Simulator, Step};
use serde_json::{Value, json};

use crate::harness::{Cluster, Databases, Follower, History, Mesh, Servers, eventually, simulator_of, text};

/// How long a turn may take whose provisioner is killed: its lease must run out before another takes the build.
const LIMIT: Duration = Duration::from_secs(240);
const MODEL: &str = "own";

struct World {
    cluster: Cluster,
    mesh: Mesh,
    _provider: Simulator,
}

/// Makes a workspace, with two calls at once, and works in it.
fn script() -> Script {
    let create = || json!({"template_id": "{{result.recommended_template_id}}"});
    Script::new(MODEL)
        .step(Step::calls().call("list_templates", json!({})))
        .step(Step::calls().call("create_workspace", create()).call("create_workspace", create()))
        .step(Step::calls().call("execute", json!({"command": "echo run >> effects; cat effects"})))
        .step(Step::text("Done."))
}

impl World {
    async fn start() -> Option<Self> {
        let servers = Servers::find()?;
        let provider = simulator_of([script()]).await;
        let cluster = Cluster::start(&servers, Databases::Separate).await;
        let mesh = cluster.mesh();
        mesh.api.configure_models("PROVIDER_TYPE_ANTHROPIC", &provider.base_url(), &[MODEL]).await;
        Some(Self { cluster, mesh, _provider: provider })
    }

    async fn restart(&mut self, services: &[&'static str]) {
        for service in services {
            self.cluster.kill(service);
        }
        for service in services {
            self.cluster.start_again(service).await;
        }
    }

    /// Waits until the chat knows the build that its tool waits for.
    async fn is_bound(&self, chat: &str) {
        eventually("the chat has a workspace", LIMIT, async || {
            let chat = self.mesh.api.chat(chat).await;
            let is_bound = chat["build_id"].as_str().is_some_and(|id| !id.is_empty());
            if is_bound { Ok(()) } else { Err(chat) }
        })
        .await;
    }

    async fn finish(&self, chat: &str) -> History {
        Follower::new(&self.mesh.api, chat).within(LIMIT).until_answered(1).await
    }

    /// Each chat has a workspace of its own, and there are no others.
    async fn nothing_is_left_over(&self, chats: &[String]) {
        let mut of_chats = BTreeSet::new();
        for chat in chats {
            of_chats.insert(text(&self.mesh.api.chat(chat).await, "workspace_id"));
        }
        let there = self.mesh.api.list("/api/v1/workspaces", "workspaces", 50).await;
        let there: BTreeSet<String> = there.iter().map(|workspace| text(workspace, "id")).collect();
        assert_eq!((of_chats.len(), &there), (chats.len(), &of_chats));
    }
}

/// One call made the workspace, the other was given it.
fn check(history: &History, what: &str) {
    let results = history.results();
    let [_, first, second, worked] = &results[..] else { panic!("{what}: {results:#?}") };
    assert_eq!(
        (&first["created"], &second["status"]),
        (&json!(true), &json!("already_exists")),
        "{what}: {results:#?}"
    );
    assert_eq!(first["workspace_name"], second["workspace_name"], "{what}");
    assert_eq!(worked["output"], Value::from("run\n"), "{what}: {worked}");
}

/// L17, E2: killed while the build is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn l17_a_wait_for_a_workspace_survives_whoever_is_killed() {
    let Some(mut world) = World::start().await else { return };
    let mut chats = Vec::new();
    for victims in [&["tools"][..], &["chat"], &["workspaces"], &["provisioner"], &["tools", "chat", "provisioner"]] {
        let chat = world.mesh.api.create_chat(MODEL, None, "Go.").await;
        world.is_bound(&chat).await;
        world.restart(victims).await;
        let history = world.finish(&chat).await;
        println!("killed {victims:?}: {:?}", history.results());
        if !victims.contains(&"provisioner") {
            check(&history, &format!("{victims:?}"));
        }
        chats.push(chat);
    }
    world.nothing_is_left_over(&chats).await;
}

/// L17, E2: killed anywhere on the way to the workspace, before it is asked for and before anybody heard of it.
#[tokio::test(flavor = "multi_thread")]
async fn l17_no_workspace_is_orphaned_wherever_the_services_are_killed() {
    let Some(mut world) = World::start().await else { return };
    let mut chats = Vec::new();
    for pause in [0, 20, 40, 60, 80, 120, 160, 240, 400] {
        let chat = world.mesh.api.create_chat(MODEL, None, "Go.").await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        world.restart(&["tools", "chat"]).await;
        check(&world.finish(&chat).await, &format!("after {pause} ms"));
        chats.push(chat);
    }
    world.nothing_is_left_over(&chats).await;
}
