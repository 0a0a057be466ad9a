//! The ledger: a call is written once, and sums are those of the calls.

use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds, Timestamp, Uuid};
use chatmesh_llm::{
    DebugRecord, DebugRow, Grouping, KeyId, LedgerStore as _, Outcome, Summary, UsageEvent, UsageFilter, UsageId,
};
use chatmesh_proto::common::v1::{ErrorKind, Usage};
use chatmesh_rpc::UserId;

use super::worlds;

pub(crate) fn new_event(now: Timestamp) -> UsageEvent {
    UsageEvent {
        id: UsageId(SystemIds.next()),
        created_at: now,
        user_id: None,
        chat_id: None,
        model: "m".to_owned(),
        provider: "house".to_owned(),
        key_id: None,
        usage: Usage {
            input_tokens: Some(100),
            output_tokens: Some(20),
            cache_read_tokens: Some(3),
            ..Usage::default()
        },
        usage_estimated: false,
        cost_micros: Some(10),
        first_part_ms: Some(7),
        duration_ms: 99,
        outcome: Outcome::Finished,
        error_kind: ErrorKind::Unspecified,
        attempts: 1,
        source: "chat".to_owned(),
        reservation: None,
        debug: None,
    }
}

#[tokio::test]
async fn a_call_is_read_back_as_it_was_written_and_written_once() {
    for world in worlds().await {
        let plain = new_event(world.now);
        let full = UsageEvent {
            user_id: Some(UserId(SystemIds.next())),
            chat_id: Some(SystemIds.next()),
            key_id: Some(KeyId(SystemIds.next())),
            usage: Usage {
                reasoning_tokens: Some(5),
                cache_write_tokens: Some(u32::MAX),
                input_tokens: None,
                ..plain.usage
            },
            usage_estimated: true,
            cost_micros: None,
            first_part_ms: None,
            outcome: Outcome::Failed,
            error_kind: ErrorKind::RateLimit,
            attempts: 3,
            id: UsageId(SystemIds.next()),
            ..plain.clone()
        };
        for _ in 0..2 {
            world.store.record_usage(&[full.clone(), plain.clone()]).await.expect("written");
        }
        let all = UsageFilter::default();
        let listed = world.store.list_usage(&all, None, 10).await.expect("listed");
        assert_eq!(listed, [full.clone(), plain.clone()], "{}: newest first", world.engine);
        let rest = world.store.list_usage(&all, Some(full.id), 10).await.expect("listed");
        assert_eq!(rest, [plain], "{}", world.engine);
        let theirs = UsageFilter { user: full.user_id, chat: full.chat_id, ..UsageFilter::default() };
        let listed = world.store.list_usage(&theirs, None, 10).await.expect("listed");
        assert_eq!(listed, [full], "{}", world.engine);
    }
}

#[tokio::test]
async fn sums_are_those_of_the_calls_by_everything_that_they_have_in_common() {
    for world in worlds().await {
        let (ann, bob) = (UserId(SystemIds.next()), UserId(SystemIds.next()));
        let chat: Uuid = SystemIds.next();
        let midnight: Timestamp = "2026-03-01T00:00:00Z".parse().expect("a time");
        let second = |number: u64| midnight + Duration::from_secs(number) - Duration::from_secs(1);
        let mut events = Vec::new();
        for (number, user, chat, model, cost) in [
            (0, Some(ann), None, "a", Some(1)),
            (1, Some(ann), Some(chat), "b", Some(2)),
            (2, Some(bob), Some(chat), "a", None),
            (3, None, None, "a", Some(8)),
        ] {
            let model = model.to_owned();
            let event = new_event(second(number));
            events.push(UsageEvent { user_id: user, chat_id: chat, model, cost_micros: cost, ..event });
        }
        events[3].outcome = Outcome::Failed;
        world.store.record_usage(&events).await.expect("written");

        let sums = async |grouping, filter: &UsageFilter, after: Option<&str>, limit| {
            let rows = world.store.summarize_usage(grouping, filter, after, limit).await.expect("summed");
            rows.into_iter().map(|row: Summary| (row.key, row.requests, row.cost_micros)).collect::<Vec<_>>()
        };
        let row = |key: &str, requests, cost| (key.to_owned(), requests, cost);
        let all = UsageFilter::default();
        let by_model = [row("a", 3, 9), row("b", 1, 2)];
        assert_eq!(sums(Grouping::Model, &all, None, 10).await, by_model, "{}", world.engine);
        assert_eq!(sums(Grouping::Model, &all, Some("a"), 10).await, by_model[1..], "{}", world.engine);
        assert_eq!(sums(Grouping::Model, &all, None, 1).await, by_model[..1], "{}", world.engine);
        let by_day = [row("2026-02-28", 1, 1), row("2026-03-01", 3, 10)];
        assert_eq!(sums(Grouping::Day, &all, None, 10).await, by_day, "{}", world.engine);
        let (ann_text, bob_text) = (ann.to_string(), bob.to_string());
        let by_user = [row("", 1, 8), row(&ann_text, 2, 3), row(&bob_text, 1, 0)];
        assert_eq!(sums(Grouping::User, &all, None, 10).await, by_user, "{}: in one order", world.engine);
        assert_eq!(sums(Grouping::User, &all, Some(&ann_text), 10).await, by_user[2..], "{}", world.engine);
        let by_chat = [row("", 2, 9), row(&chat.to_string(), 2, 2)];
        assert_eq!(sums(Grouping::Chat, &all, None, 10).await, by_chat, "{}", world.engine);

        let march = UsageFilter { from: Some(midnight), until: Some(second(3)), ..all.clone() };
        assert_eq!(sums(Grouping::Model, &march, None, 10).await, [row("a", 1, 0), row("b", 1, 2)], "{}", world.engine);
        let anns = UsageFilter { user: Some(ann), model: Some("a".to_owned()), ..all.clone() };
        assert_eq!(sums(Grouping::Day, &anns, None, 10).await, by_day[..1], "{}", world.engine);

        let rows = world.store.summarize_usage(Grouping::Model, &all, None, 1).await.expect("summed");
        let expected = Summary {
            key: "a".to_owned(),
            requests: 3,
            failed: 1,
            input_tokens: 300,
            output_tokens: 60,
            reasoning_tokens: 0,
            cache_read_tokens: 9,
            cache_write_tokens: 0,
            cost_micros: 9,
            unpriced: 1,
        };
        assert_eq!(rows, [expected], "{}", world.engine);
    }
}

#[tokio::test]
async fn debug_records_are_kept_for_their_time() {
    for world in worlds().await {
        let record = DebugRecord { request: b"{\"a\":1}".to_vec(), response: vec![b'x', 0, 255], truncated: true };
        let old = UsageEvent { debug: Some(record.clone()), ..new_event(world.now) };
        let later = world.now + Duration::from_secs(10);
        let new = UsageEvent { debug: Some(record.clone()), ..new_event(later) };
        let without = new_event(later);
        world.store.record_usage(&[old.clone(), new.clone(), without.clone()]).await.expect("written");
        let found = async |event: &UsageEvent| world.store.debug_record(event.id).await.expect("asked");
        let row = DebugRow { created_at: old.created_at, record };
        assert_eq!(found(&old).await, Some(row), "{}", world.engine);
        assert_eq!(found(&without).await, None, "{}", world.engine);
        assert_eq!(world.store.purge_debug(later).await.expect("purged"), 1, "{}", world.engine);
        assert_eq!(found(&old).await, None, "{}", world.engine);
        assert!(found(&new).await.is_some(), "{}", world.engine);
    }
}
