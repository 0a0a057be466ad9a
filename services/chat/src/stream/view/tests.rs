use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::Part;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_rpc::UserId;

use super::*;
use crate::domain::{Message, NewMessage, QueuedMessage};

fn chat(status: Status, versions: Versions) -> Chat {
    let now = SystemClock.now();
    Chat { status, versions, ..Chat::new(ChatId(SystemIds.next()), UserId(SystemIds.next()), String::new(), now) }
}

fn versions(snapshot: u32, history: u32, generation_attempt: u32) -> Versions {
    Versions { snapshot, history, generation_attempt, ..Versions::default() }
}

fn message(id: u32, role: Role) -> Message {
    let part = Part { body: Some(Body::Text("said".to_owned())), ..Part::default() };
    Message {
        id,
        chat_id: ChatId(SystemIds.next()),
        body: NewMessage::new(role, vec![part]),
        revision: 1,
        deleted: false,
        created_at: SystemClock.now(),
    }
}

fn look(chat: Chat, messages: Vec<Message>) -> Look {
    let queue: Option<Vec<QueuedMessage>> = None;
    Look { snapshot: Snapshot { chat, messages, queue }, open_calls: Vec::new(), reset: false }
}

fn kinds(events: &[pb::StreamChatResponse]) -> Vec<&'static str> {
    let kind = |event: &pb::StreamChatResponse| match event.event.as_ref().expect("an event") {
        Event::MessagePart(_) => "part",
        Event::Message(_) => "message",
        Event::Status(_) => "status",
        Event::Error(_) => "error",
        Event::QueueUpdate(_) => "queue",
        Event::Retry(_) => "retry",
        Event::ActionRequired(_) => "action",
        Event::PreviewReset(_) => "preview_reset",
        Event::HistoryReset(_) => "history_reset",
    };
    events.iter().map(kind).collect()
}

#[test]
fn everything_at_once_comes_in_an_order_that_makes_sense() {
    let mut view = View::default();
    let mut failed = chat(Status::Error, versions(9, 9, 0));
    failed.last_error = Some(GenerationError::default());
    let all = Look {
        snapshot: Snapshot { chat: failed, messages: vec![message(1, Role::User)], queue: Some(Vec::new()) },
        open_calls: Vec::new(),
        reset: true,
    };
    assert_eq!(kinds(&view.apply(all)), ["history_reset", "message", "status", "error"], "an empty queue is no news");

    let mut asks = look(chat(Status::RequiresAction, versions(12, 12, 0)), vec![message(2, Role::Assistant)]);
    asks.open_calls = vec![ToolCall::default()];
    asks.snapshot.queue = Some(Vec::new());
    assert_eq!(kinds(&view.apply(asks)), ["message", "queue", "status", "action"]);
}

#[test]
fn what_is_shown_live_is_taken_back_only_where_no_answer_takes_its_place() {
    let cases = [
        ("the answer", look(chat(Status::Running, versions(5, 5, 0)), vec![message(2, Role::Assistant)]), false),
        ("the next call", look(chat(Status::Running, versions(5, 4, 2)), vec![]), true),
        ("nothing was said", look(chat(Status::Waiting, versions(5, 4, 0)), vec![]), true),
        ("another message", look(chat(Status::Running, versions(5, 5, 0)), vec![message(2, Role::User)]), true),
        ("the same call", look(chat(Status::Interrupting, versions(5, 4, 1)), vec![]), false),
    ];
    for (name, next, expected) in cases {
        for previewed in [true, false] {
            let mut view = View::default();
            view.apply(look(chat(Status::Running, versions(4, 4, 1)), vec![message(1, Role::User)]));
            if previewed {
                view.previewed();
            }
            let events = view.apply(Look {
                snapshot: Snapshot { ..next.snapshot.clone() },
                open_calls: Vec::new(),
                reset: false,
            });
            let reset = kinds(&events).contains(&"preview_reset");
            assert_eq!(reset, expected && previewed, "{name}, {previewed}");
        }
    }
}

#[test]
fn a_pause_is_told_once_and_taken_back_when_it_is_over() {
    let mut view = View::default();
    view.apply(look(chat(Status::Running, versions(4, 4, 1)), vec![message(1, Role::User)]));
    let mut paused = chat(Status::Running, versions(5, 4, 1));
    paused.retry_state = Some(Retry::default());
    paused.versions.retry_state = 5;
    assert_eq!(kinds(&view.apply(look(paused.clone(), vec![]))), ["retry"]);
    paused.versions.snapshot = 6;
    assert_eq!(kinds(&view.apply(look(paused, vec![]))), [""; 0], "somebody changed the title");
    let mut again = chat(Status::Running, versions(7, 4, 2));
    again.versions.retry_state = 7;
    assert_eq!(kinds(&view.apply(look(again, vec![]))), ["preview_reset"]);
}

#[test]
fn an_older_look_is_not_newer() {
    let mut view = View::default();
    assert!(view.is_older_than(1));
    view.apply(look(chat(Status::Running, versions(4, 4, 1)), vec![]));
    assert_eq!([3, 4, 5].map(|version| view.is_older_than(version)), [false, false, true]);
}
