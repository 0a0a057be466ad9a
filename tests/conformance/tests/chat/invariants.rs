//! The invariants of what is stored. Each takes what the database holds and knows nothing of how it came about.

use std::collections::{BTreeMap, BTreeSet};

use chatmesh_chat::machine::Status;
use chatmesh_chat::{Chat, Visibility};
use chatmesh_proto::common::v1::Role;

use crate::line::{Line, open_calls};

/// I-1: messages are numbered in the order of their insertion, and what was said is never said otherwise.
pub(crate) fn numbers_grow(before: &[Line], after: &[Line]) {
    assert!(after.iter().map(|line| line.id).eq(1..=count(after)), "dense: {after:?}");
    assert!(before.len() <= after.len(), "messages vanished");
    let same = |(old, new): (&Line, &Line)| {
        let unchanged = Line { deleted: old.deleted, revision: old.revision, ..new.clone() } == *old;
        unchanged && new.revision >= old.revision && new.deleted >= old.deleted
    };
    assert!(before.iter().zip(after).all(same), "a message changed: {before:?} {after:?}");
    let inserted = &after[before.len()..];
    assert!(inserted.is_sorted_by_key(|line| line.revision), "revisions go back: {inserted:?}");
}

/// I-2: every call is followed by exactly one result before anything else is said, and every
/// result follows its call. The calls of the last answer may be open while `waits_for_client`.
pub(crate) fn calls_are_answered(prompt: &[Line], waits_for_client: bool) {
    let open: BTreeSet<String> = open_calls(prompt).into_iter().collect();
    assert!(open.is_empty() || waits_for_client, "open: {open:?} in {prompt:?}");
    let mut expected = BTreeSet::new();
    for line in prompt {
        match line.role {
            Role::Tool => {
                for (call, _) in &line.results {
                    assert!(expected.remove(call), "`{call}` has a result too many or none to it: {prompt:?}");
                }
            }
            _ => {
                assert!(expected.is_empty(), "no result before {line:?}: {expected:?} in {prompt:?}");
                expected = line.calls.iter().cloned().collect();
                assert_eq!(expected.len(), line.calls.len(), "a call twice: {line:?}");
            }
        }
    }
    assert_eq!(expected, open, "the calls of the last answer");
}

/// I-4: an error has words, and nothing else has.
pub(crate) fn errors_have_words(chat: &Chat) {
    assert_eq!(chat.status == Status::Error, chat.last_error.is_some(), "{chat:?}");
}

/// I-6: what a summary leaves is there as a whole or not at all, in its order.
pub(crate) fn summaries_are_whole(lines: &[Line]) {
    let rows: Vec<&Line> = lines.iter().filter(|line| line.compressed && !line.deleted).collect();
    assert_eq!(rows.len() % 3, 0, "{rows:?}");
    for triplet in rows.chunks(3) {
        let [told, call, result] = triplet else { panic!("{triplet:?}") };
        let kinds = [told, call, result].map(|line| (line.role, line.shown_to));
        let expected =
            [(Role::User, Visibility::Model), (Role::Assistant, Visibility::User), (Role::Tool, Visibility::Both)];
        assert_eq!(kinds, expected, "{triplet:?}");
        assert_eq!([told.id + 1, told.id + 2], [call.id, result.id], "{triplet:?}");
        assert_eq!(call.calls, result.results.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), "{triplet:?}");
    }
}

/// I-9: the pinned chats of a user are numbered without gaps, and none of them is another chat's.
pub(crate) fn pins_are_dense(chats: &[Chat]) {
    let mut orders: Vec<u32> = chats.iter().map(|chat| chat.pin_order).filter(|order| *order > 0).collect();
    orders.sort_unstable();
    assert!(orders.iter().copied().eq(1..=count(&orders)), "{orders:?}");
    assert!(chats.iter().all(|chat| chat.pin_order == 0 || chat.parent_id.is_none()), "{chats:?}");
}

/// I-10: a family has one root, and nothing below its children.
pub(crate) fn families_have_one_root(chats: &[Chat]) {
    let by_id: BTreeMap<_, &Chat> = chats.iter().map(|chat| (chat.id, chat)).collect();
    for chat in chats {
        match chat.parent_id {
            None => assert_eq!((chat.root_id, chat.family()), (None, chat.id)),
            Some(parent) => {
                let parent = by_id[&parent];
                assert_eq!((chat.root_id, parent.parent_id), (Some(parent.family()), None), "{chat:?}");
            }
        }
    }
}

fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).expect("a small number")
}
