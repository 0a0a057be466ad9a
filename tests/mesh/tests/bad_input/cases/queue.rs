//! Messages that wait.

use serde_json::json;
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

pub(super) fn all(world: &World) -> Vec<Case> {
    let queue = |chat: &str, id: &str| format!("/api/v1/chats/{chat}/queue/{id}");
    let promote = |name, chat: &str, id: &str| Case::post(name, format!("{}:promote", queue(chat, id)), &json!({}));
    let delete = |name, chat: &str, id: &str| Case::delete(name, queue(chat, id));
    let unknown = |case: Case| case.expect(404, Code::NotFound, "no such message waits");
    let (idle, busy, others) = (world.idle_chat.as_str(), world.busy_chat.as_str(), world.others_chat.as_str());
    let missing = |case: Case, chat: &str| case.expect(404, Code::NotFound, format!("chat `{chat}` not found"));
    let no_number = |case: Case| case.expect(400, Code::InvalidArgument, "whole number");
    let cases = vec![
        unknown(delete("delete what does not wait", busy, "99")),
        unknown(delete("delete from an empty queue", idle, "1")),
        no_number(delete("delete what is no number", busy, "first")),
        no_number(delete("delete a negative number", busy, "-1")),
        missing(delete("delete from another user's queue", others, "1"), others),
        missing(delete("delete from an unknown chat's queue", NOBODY, "1"), NOBODY),
        delete("delete from the queue of no UUID", "mine", "1").violates("chat_id", "must be a UUID"),
        unknown(promote("promote what does not wait", busy, "99")),
        unknown(promote("promote from an empty queue", idle, "1")),
        no_number(promote("promote what is no number", busy, "first")),
        promote("promote in an archived chat", &world.archived_chat, "1").expect(
            400,
            Code::FailedPrecondition,
            "the chat is archived: unarchive it first",
        ),
        delete("delete from an archived chat's queue", &world.archived_chat, "1").expect(
            400,
            Code::FailedPrecondition,
            "the chat is archived: unarchive it first",
        ),
        no_number(delete("delete a number beyond 32 bits", busy, "4294967296")),
        no_number(promote("promote a number beyond 32 bits", busy, "4294967296")),
        no_number(promote("promote a negative number", busy, "-1")),
        missing(promote("promote in an unknown chat's queue", NOBODY, "1"), NOBODY),
        missing(promote("promote in another user's queue", others, "1"), others),
        promote("promote from the queue of no UUID", "mine", "1").violates("chat_id", "must be a UUID"),
    ];
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}
