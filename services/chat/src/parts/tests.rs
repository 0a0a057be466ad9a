use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ProviderMetadata, Reasoning, Role, ToolCall, ToolResult};
use futures::FutureExt as _;

use super::episode::MAX_PARTS;
use super::*;
use crate::domain::ChatId;

fn chat() -> ChatId {
    ChatId(SystemIds.next())
}

fn text(text: &str) -> Part {
    Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }
}

fn joined(parts: &[Arc<chatmesh_proto::chat::v1::MessagePart>]) -> String {
    let texts = parts.iter().filter_map(|part| match part.part.as_ref()?.body.as_ref()? {
        Body::Text(text) => Some(text.as_str()),
        Body::Reasoning(reasoning) => Some(reasoning.text.as_str()),
        Body::ToolCall(call) => Some(call.args_delta.as_str()),
        _ => None,
    });
    texts.collect()
}

#[tokio::test]
async fn parts_are_numbered_from_one_and_each_reader_has_a_place_of_its_own() {
    let episodes = Episodes::default();
    let chat = chat();
    let episode = episodes.open(chat, 3, 1);
    let (mut slow, mut fast) = (Cursor::new(Arc::clone(&episode), 0), Cursor::new(Arc::clone(&episode), 0));
    for word in ["a", "b", "c"] {
        episode.push(Role::Assistant, 0, text(word));
        assert_eq!(fast.news().await, News::Parts);
        assert_eq!(joined(&fast.take(10)), word);
    }
    assert_eq!(slow.take(2).iter().map(|part| part.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(slow.take(2).iter().map(|part| part.seq).collect::<Vec<_>>(), [3]);
    assert!(fast.news().now_or_never().is_none(), "there is nothing new");

    episode.close();
    episode.push(Role::Assistant, 0, text("too late"));
    assert_eq!(fast.news().await, News::Ended);
    assert!(fast.news().now_or_never().is_none(), "the end is told once");
    assert_eq!(episodes.find(chat, 3, 1).expect("kept").len(), 3);
    assert!(episodes.find(chat, 3, 2).is_none() && episodes.find(chat, 2, 1).is_none());
}

/// F30: what only the provider may see is in no live part, not even between replicas.
#[tokio::test]
async fn a_live_part_carries_nothing_that_only_the_provider_may_see() {
    let episode = Episodes::default().open(chat(), 1, 1);
    let secret = ProviderMetadata { namespace: "anthropic".to_owned(), ..ProviderMetadata::default() };
    episode.push(Role::Assistant, 0, Part { provider_metadata: vec![secret], ..text("a") });
    let parts = Cursor::new(episode, 0).take(1);
    assert_eq!(parts[0].part.as_ref().expect("a part").provider_metadata, []);
}

#[tokio::test]
async fn an_episode_that_is_about_to_open_is_waited_for() {
    let episodes = Episodes::default();
    let chat = chat();
    let key = EpisodeKey { chat, history_version: 1, generation_attempt: 2 };
    let mut waiting = Box::pin(episodes.opened(key));
    assert!(waiting.as_mut().now_or_never().is_none());
    let earlier = episodes.open(chat, 1, 1);
    assert!(waiting.as_mut().now_or_never().is_none(), "another one");
    let opened = episodes.open(chat, 1, 2);
    assert!(Arc::ptr_eq(&waiting.await, &opened));
    assert!(earlier.ended_at().is_some(), "the one before has ended");
}

#[tokio::test]
async fn a_runner_that_comes_late_does_not_end_what_another_one_says() {
    let episodes = Episodes::default();
    let chat = chat();
    let current = episodes.open(chat, 4, 2);
    let late = episodes.open(chat, 4, 1);
    late.push(Role::Assistant, 0, text("void"));
    assert_eq!((late.len(), current.ended_at()), (0, None));
}

/// W-T8: an answer of more parts than fit is shown to its end, in longer pieces.
#[tokio::test]
async fn ten_thousand_and_one_parts_are_all_shown() {
    let episode = Episodes::default().open(chat(), 1, 1);
    let mut all = String::new();
    for n in 0..=MAX_PARTS {
        let word = format!("{n} ");
        episode.push(Role::Assistant, 0, text(&word));
        all.push_str(&word);
    }
    episode.close();
    assert!(episode.len() < MAX_PARTS, "{} parts are kept", episode.len());
    let parts = Cursor::new(episode, 0).take(usize::MAX);
    assert_eq!(joined(&parts), all);
    assert!(parts.iter().zip(1..).all(|(part, seq)| part.seq == seq), "the numbers have no gap");
}

/// W-T8: what cannot be joined and does not fit is counted, and leaves no gap in what is shown.
#[tokio::test]
async fn parts_that_do_not_fit_are_counted_and_leave_no_gap() {
    let episodes = Episodes::default();
    let episode = episodes.open(chat(), 1, 1);
    let result = Part { body: Some(Body::ToolResult(ToolResult::default())), ..Part::default() };
    for index in 0..MAX_PARTS + 7 {
        episode.push(Role::Tool, u32::try_from(index).expect("small"), result.clone());
    }
    assert_eq!((episode.len(), episodes.dropped.get()), (MAX_PARTS, 7));

    let heavy = episodes.open(chat(), 1, 1);
    for _ in 0..20 {
        heavy.push(Role::Assistant, 0, text(&"x".repeat(1024 * 1024)));
    }
    heavy.push(Role::Assistant, 0, text("small"));
    let parts = Cursor::new(heavy, 0).take(usize::MAX);
    assert!(parts.len() < 20, "{} MiB are kept", parts.len());
    assert!(joined(&parts).bytes().all(|byte| byte == b'x'), "a small part came after one that was left out");
}

#[tokio::test]
async fn only_pieces_of_the_same_text_are_joined() {
    let episode = Episodes::default().open(chat(), 1, 1);
    for _ in 0..MAX_PARTS / 2 {
        episode.push(Role::Assistant, 0, text("x"));
    }
    let before = episode.len();
    let reasoning = |text: &str| Part {
        body: Some(Body::Reasoning(Reasoning { text: text.to_owned(), redacted: false })),
        ..Part::default()
    };
    let call = |id: &str, delta: &str, args: &str| {
        let call = ToolCall {
            call_id: id.to_owned(),
            args_delta: delta.to_owned(),
            args: args.to_owned(),
            ..ToolCall::default()
        };
        Part { body: Some(Body::ToolCall(call)), ..Part::default() }
    };
    for (index, part) in [
        (0, reasoning("th")),
        (0, reasoning("ink")),
        (1, text("spo")),
        (1, text("ken")),
        (2, text("other")),
        (3, call("a", "{", "")),
        (3, call("a", "}", "")),
        (4, call("b", "{}", "")),
        (3, call("a", "", "{}")),
    ] {
        episode.push(Role::Assistant, index, part);
    }
    episode.close();
    let parts = Cursor::new(episode, before).take(usize::MAX);
    let shown: Vec<(u32, String)> = parts.iter().map(|part| (part.index, joined(std::slice::from_ref(part)))).collect();
    let expected = [(0, "think"), (1, "spoken"), (2, "other"), (3, "{}"), (4, "{}"), (3, "")];
    assert_eq!(shown, expected.map(|(index, text)| (index, text.to_owned())));
}

#[tokio::test]
async fn a_mirror_takes_only_the_next_part_of_its_own_episode() {
    let episodes = Episodes::default();
    let chat = chat();
    let (original, mirror) = (episodes.open(chat, 2, 3), Episodes::default().open(chat, 2, 3));
    for word in ["a", "b", "c"] {
        original.push(Role::Assistant, 0, text(word));
    }
    let parts: Vec<_> = Cursor::new(original, 0).take(3).iter().map(|part| (**part).clone()).collect();
    mirror.mirror(parts[0].clone()).expect("the first");
    assert!(mirror.mirror(parts[0].clone()).is_err(), "doubled");
    assert!(mirror.mirror(parts[2].clone()).is_err(), "a gap");
    let foreign = chatmesh_proto::chat::v1::MessagePart { generation_attempt: 4, ..parts[1].clone() };
    assert!(mirror.mirror(foreign).is_err(), "of another call");
    mirror.mirror(parts[1].clone()).expect("the second");
    assert_eq!(mirror.len(), 2);
}

/// F23: what nobody needs is forgotten, and nothing else is.
#[tokio::test(start_paused = true)]
async fn ended_episodes_are_kept_for_fifteen_seconds_and_while_they_are_read() {
    let episodes = Episodes::default();
    let (read, unread, open) = (chat(), chat(), chat());
    let cursor = Cursor::new(episodes.open(read, 1, 1), 0);
    episodes.open(unread, 1, 1).push(Role::Assistant, 0, text("a"));
    drop(episodes.open(open, 1, 1));
    episodes.close(read);
    episodes.close(unread);
    assert_eq!(episodes.kept(), Kept { episodes: 3, parts: 1, most: 1 });

    tokio::time::advance(KEPT_AFTER_END - Duration::from_millis(1)).await;
    episodes.sweep(Instant::now());
    assert!(episodes.find(unread, 1, 1).is_some(), "it ended a moment ago");
    tokio::time::advance(Duration::from_millis(1)).await;
    episodes.sweep(Instant::now());
    assert!(episodes.find(unread, 1, 1).is_none(), "nobody reads it");
    assert!(episodes.find(read, 1, 1).is_some() && episodes.find(open, 1, 1).is_some());

    drop(cursor);
    episodes.close(open);
    tokio::time::advance(KEPT_AFTER_END).await;
    episodes.sweep(Instant::now());
    assert_eq!(episodes.kept(), Kept::default());
}
