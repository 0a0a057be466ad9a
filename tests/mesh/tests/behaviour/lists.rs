//! The list of chats, and what owners change about chats.

use chatmesh_mesh_tests::{Client, Mesh, eventually};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::never_ending;

fn scripts() -> Vec<Script> {
    vec![Script::new("quick").step(Step::text("Yes.")).looped(), Script::new("busy").step(never_ending("On. "))]
}

/// Creates chats with these titles in which nothing happens any more.
async fn chats(client: &Client, titles: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for title in titles {
        let body = json!({"content": [{"text": "hi"}], "model": "quick", "title": title});
        let chat = client.post("/api/v1/chats", &body).await.ok()["id"].as_str().expect("an id").to_owned();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        ids.push(chat);
    }
    ids
}

async fn titles(client: &Client, query: &str) -> Vec<String> {
    let list = client.get(&format!("/api/v1/chats{query}")).await.ok();
    let chats = list["chats"].as_array().cloned().unwrap_or_default();
    chats.iter().map(|chat| chat["title"].as_str().expect("a title").to_owned()).collect()
}

async fn update(client: &Client, chat: &str, body: Value) -> Value {
    client.patch(&format!("/api/v1/chats/{chat}"), &body).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_chats_lead_the_list_and_pages_go_across() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let ids = chats(client, &["a", "b", "c", "d", "e"]).await;
        update(client, &ids[1], json!({"pin_order": 1})).await;
        let pinned = update(client, &ids[0], json!({"pin_order": 1})).await;
        assert_eq!(pinned["pin_order"], 2, "one that was not pinned goes to the end: {pinned}");
        assert_eq!(titles(client, "").await, ["b", "a", "e", "d", "c"]);
        update(client, &ids[0], json!({"pin_order": 1})).await;
        assert_eq!(titles(client, "").await, ["a", "b", "e", "d", "c"]);

        let (mut paged, mut token) = (Vec::new(), String::new());
        loop {
            let page = client.get(&format!("/api/v1/chats?page_size=2&page_token={token}")).await.ok();
            paged.extend(page["chats"].as_array().expect("chats").iter().map(|chat| chat["title"].clone()));
            match page["next_page_token"].as_str() {
                Some(next) => token = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(paged, ["a", "b", "e", "d", "c"]);
        let unpinned = update(client, &ids[0], json!({"pin_order": 0})).await;
        assert!(unpinned["pin_order"].is_null(), "{unpinned}");
        assert_eq!(titles(client, "").await, ["b", "e", "d", "c", "a"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_that_is_put_away_leaves_the_list_and_comes_back() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let ids = chats(client, &["kept", "put away"]).await;
        update(client, &ids[1], json!({"pin_order": 1})).await;
        let archived = update(client, &ids[1], json!({"archived": true})).await;
        assert!(archived["archived"] == true && archived["pin_order"].is_null(), "it is unpinned: {archived}");
        assert_eq!(titles(client, "").await, ["kept"]);
        assert_eq!(titles(client, "?query=archived:true").await, ["put away"]);
        let refused =
            client.post(&format!("/api/v1/chats/{}/messages", ids[1]), &json!({"content": [{"text": "hi"}]})).await;
        assert_eq!(refused.status, 400, "{refused:?}");
        assert_eq!(client.messages(&ids[1]).await.len(), 2, "it can still be read");
        update(client, &ids[1], json!({"archived": false})).await;
        client.say(&ids[1], "hi").await;
        client.settled(&ids[1], "CHAT_STATUS_WAITING").await;
        assert_eq!(titles(client, "").await, ["put away", "kept"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_are_found_by_title_label_status_and_what_is_unread() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let ids = chats(client, &["Über die Brücke", "Fix the build", "Fix the door"]).await;
        update(client, &ids[1], json!({"labels": {"team": "core", "a/b": "x y"}})).await;
        update(client, &ids[2], json!({"labels": {"team": "core"}})).await;
        let busy = client.chat("busy", "Fix everything").await;
        client.follow(&busy, 0).await.until(|event| event.get("message_part").is_some()).await;

        let table: [(&str, &[&str]); 9] = [
            ("?query=title:fix%20status:waiting", &["Fix the door", "Fix the build"]),
            ("?query=title:%22THE%20door%22", &["Fix the door"]),
            ("?query=search:%C3%BCber", &["Über die Brücke"]),
            ("?query=status:running", &["Fix everything"]),
            ("?query=status:error", &[]),
            ("?labels=team=core", &["Fix the door", "Fix the build"]),
            ("?labels=team=core&labels=a/b=x%20y", &["Fix the build"]),
            ("?labels=team%3Dcore&labels=team%3Dother", &[]),
            ("?labels=team=core&query=title:door", &["Fix the door"]),
        ];
        for (query, expected) in table {
            assert_eq!(titles(client, query).await, expected, "{query}");
        }
        update(client, &ids[1], json!({"clear_labels": true})).await;
        assert_eq!(titles(client, "?labels=team=core").await, ["Fix the door"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_has_followed_is_read_and_what_comes_later_is_not() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let ids = chats(client, &["followed", "not followed"]).await;
        let path = format!("/api/v1/chats/{}", ids[0]);
        assert_eq!(client.get(&path).await.ok()["has_unread"], true, "nobody has looked yet");
        let before = client.get(&path).await.ok()["update_time"].clone();
        client.follow(&ids[0], 0).await.until_idle().await;
        let read = async || client.get(&path).await.ok();
        let read = eventually("it is read", read, |chat| chat["has_unread"].is_null()).await;
        assert_eq!(read["update_time"], before, "its place in the list stays");
        assert_eq!(titles(client, "?query=has_unread:true").await, ["not followed"]);
        assert_eq!(titles(client, "?query=has_unread:false").await, ["followed"]);
        // The stream is closed: what is said now, nobody sees.
        client.say(&ids[0], "hi").await;
        client.settled(&ids[0], "CHAT_STATUS_WAITING").await;
        let unread = async || client.get(&path).await.ok();
        eventually("it is not read", unread, |chat| chat["has_unread"] == true).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_refused_changes_nothing_of_what_came_with_it() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let busy = client.chat("busy", "Go on").await;
        client.follow(&busy, 0).await.until(|event| event.get("message_part").is_some()).await;
        let path = format!("/api/v1/chats/{busy}");
        let before = client.get(&path).await.ok();
        let body = json!({"title": "Half done", "labels": {"half": "done"}, "archived": true});
        let refused = client.patch(&path, &body).await;
        assert_eq!((refused.status.as_u16(), &refused.body["code"]), (409, &json!(10)), "{refused:?}");
        assert_eq!(client.get(&path).await.ok(), before);

        let body = json!({"title": " Done ", "labels": {"all": "done"}, "pin_order": 1});
        let changed = update(client, &busy, body).await;
        assert_eq!(
            (&changed["title"], &changed["labels"], &changed["pin_order"]),
            (&json!("Done"), &json!({"all": "done"}), &json!(1))
        );
        assert_eq!(changed["status"], "CHAT_STATUS_RUNNING", "none of it touches the turn");
        assert_eq!(changed["update_time"], before["update_time"], "nor its place in the list");
    })
    .await;
}
