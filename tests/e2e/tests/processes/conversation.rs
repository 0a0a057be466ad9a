//! What people do with a mesh, against one process and against a cluster: the same is to happen.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::{
    Api, Cluster, Databases, Events, Follower, History, LONG, Mesh, Model, Servers, Up, simulator, text,
};

const ANTHROPIC: &str = "PROVIDER_TYPE_ANTHROPIC";
const OPENAI_CHAT: &str = "PROVIDER_TYPE_OPENAI_CHAT";

#[tokio::test(flavor = "multi_thread")]
async fn one_process_holds_conversations_with_anthropic() {
    let up = Up::start().await;
    conversations(&up.mesh(), ANTHROPIC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_holds_conversations_with_openai() {
    let up = Up::start().await;
    conversations(&up.mesh(), OPENAI_CHAT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_holds_conversations_with_anthropic() {
    let Some(servers) = Servers::find() else { return };
    let cluster = Cluster::start(&servers, Databases::Separate).await;
    conversations(&cluster.mesh(), ANTHROPIC).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_on_one_database_holds_conversations_with_openai() {
    let Some(servers) = Servers::find() else { return };
    let cluster = Cluster::start(&servers, Databases::Shared).await;
    conversations(&cluster.mesh(), OPENAI_CHAT).await;
}

async fn conversations(mesh: &Mesh, provider_type: &str) {
    let (provider, api) = (simulator().await, &mesh.api);
    let names = Model::ALL.map(Model::name);
    api.configure_models(provider_type, &format!("{}/v1", provider.base_url()), &names).await;
    let mut watch = api.try_follow("/api/v1/chats:watch").await.expect("a stream");
    let chats = [
        tools_act_in_the_workspace(mesh).await,
        messages_wait_while_a_turn_runs(api).await,
        an_interrupted_answer_is_kept(api).await,
    ];
    the_list_has_every_chat_once(api, &chats).await;
    the_watch_tells_of_every_chat(&mut watch, &chats).await;
}

/// Two turns with tools, followed from the start and once more from the middle.
pub(crate) async fn tools_act_in_the_workspace(mesh: &Mesh) -> String {
    let workspace = mesh.api.create_workspace("tools").await;
    let chat = mesh.api.create_chat(Model::Tools.name(), Some(&workspace), "Write a file.").await;
    let mut follower = Follower::new(&mesh.api, &chat);
    let history = follower.until_answered(1).await;
    assert_eq!(history.called(), ["write_file", "execute", "read_file", "execute"]);
    for result in history.results() {
        assert!(result["error"].is_null(), "{result}");
    }
    let file = mesh.home(&workspace).join("hello.txt");
    assert_eq!(std::fs::read_to_string(file).expect("written by a tool"), "Hello from the simulator.\n");

    let before = history.messages.len();
    mesh.api.say(&chat, "Once more.").await;
    let history = follower.until_answered(2).await;
    assert_eq!(history.messages.len(), 2 * before);
    assert_eq!(history.texts("ROLE_USER"), ["Write a file.", "Once more."]);
    reconnects_get_the_rest(&mesh.api, &chat, &history).await;
    chat
}

/// A client that comes back gets exactly what it does not hold, from wherever it left.
async fn reconnects_get_the_rest(api: &Api, chat: &str, history: &History) {
    let count = history.messages.len() as u64;
    for after in [1, count / 2, count] {
        let mut follower = Follower::after(api, chat, after);
        follower.until_idle().await;
        assert_eq!(follower.messages.len() as u64, count - after);
    }
}

async fn messages_wait_while_a_turn_runs(api: &Api) -> String {
    let chat = api.create_chat(Model::Talk.name(), None, "first").await;
    let mut follower = Follower::new(api, &chat);
    follower.until("the answer begins", |seen| seen.parts > 0).await;
    let sent = api.say(&chat, "second").await;
    assert_eq!(sent["queued"], true, "{sent}");
    let history = follower.until_answered(2).await;
    assert_eq!(follower.queue, [1, 0], "one message waited");
    assert_eq!(history.texts("ROLE_USER"), ["first", "second"]);
    let answers = ["first", "second"].map(|said| format!("I have thought about {said}, and it is so."));
    assert_eq!(history.texts("ROLE_ASSISTANT"), answers);
    assert_eq!(history.reasonings(), ["Hm.", "Hm."]);
    chat
}

async fn an_interrupted_answer_is_kept(api: &Api) -> String {
    let chat = api.create_chat(Model::Endless.name(), None, "Tell me everything.").await;
    let mut follower = Follower::new(api, &chat);
    follower.until("the answer begins", |seen| seen.live_text().len() > 30).await;
    let shown = follower.live_text();
    api.post(&format!("/api/v1/chats/{chat}:interrupt"), json!({})).await;
    let history = follower.until_idle().await;
    let kept = &history.texts("ROLE_ASSISTANT")[0];
    assert!(kept.starts_with(&shown), "{kept}");
    assert_eq!(history.messages.len(), 2);
    chat
}

async fn the_list_has_every_chat_once(api: &Api, chats: &[String]) {
    let listed = api.list("/api/v1/chats", "chats", 2).await;
    let ids: Vec<String> = listed.iter().map(|chat| text(chat, "id")).collect();
    let last_changed_first: Vec<&String> = chats.iter().rev().collect();
    assert_eq!(ids.iter().collect::<Vec<_>>(), last_changed_first);
    for chat in listed {
        assert_eq!(chat["status"], "CHAT_STATUS_WAITING");
    }
}

async fn the_watch_tells_of_every_chat(watch: &mut Events, chats: &[String]) {
    let expected =
        |chat: &String| ["WATCH_KIND_CREATED", "CHAT_STATUS_WAITING"].map(|what| (chat.clone(), what.to_owned()));
    let mut missing: BTreeSet<(String, String)> = chats.iter().flat_map(expected).collect();
    let reading = async {
        while !missing.is_empty() {
            let event = watch.next().await.expect("the stream does not end");
            let chat = text(&event["chat"], "id");
            missing.remove(&(chat.clone(), text(&event, "kind")));
            missing.remove(&(chat, text(&event["chat"], "status")));
        }
    };
    let in_time = tokio::time::timeout(LONG, reading).await.is_ok();
    assert!(in_time, "never told of {missing:?}");
}
