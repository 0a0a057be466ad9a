//! Changes of chats and of what was said in them.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const CHATS: &str = "/api/v1/chats";
const ARCHIVED: &str = "the chat is archived: unarchive it first";

pub(super) fn all(world: &World) -> Vec<Case> {
    let mut cases = updating(world);
    cases.extend(editing(world));
    cases.extend(verbs(world));
    cases.extend(tool_results(world));
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}

fn missing(case: Case, chat: &str) -> Case {
    case.expect(404, Code::NotFound, format!("chat `{chat}` not found"))
}

fn updating(world: &World) -> Vec<Case> {
    let update = |name, chat: &str, body: Value| Case::patch(name, format!("{CHATS}/{chat}"), &body);
    let idle = |name, body: Value| update(name, &world.idle_chat, body);
    let labels = |count: usize| (0..count).map(|number| (format!("l{number}"), json!("x"))).collect::<Value>();
    vec![
        idle("blank title", json!({"title": " \t"})).violates("title", "must not be blank"),
        idle("new title of two lines", json!({"title": "a\nb"})).violates("title", "must be one line"),
        idle("new over-long title", json!({"title": "t".repeat(201)})).violates("title", "at most 200 characters"),
        idle("title that is no text", json!({"title": 7})).violates("title", "must be a string"),
        idle("too many new labels", json!({"labels": labels(51)})).violates("labels", "must be at most 50"),
        idle("bad new label", json!({"labels": {"_a": "x"}})).violates("labels[\"_a\"]", "must have a key"),
        idle("empty new label value", json!({"labels": {"a": ""}})).violates("labels[\"a\"]", "must have a value"),
        idle("over-long new label value", json!({"labels": {"a": "v".repeat(257)}}))
            .violates("labels[\"a\"]", "must have a value of 1 to 256 bytes"),
        idle("new labels as a list", json!({"labels": ["a"]})).violates("labels", "must be an object"),
        idle("new label that is no text", json!({"labels": {"a": 1}})).violates("labels.a", "must be a string"),
        idle("clear_labels that is no boolean", json!({"clear_labels": "yes"}))
            .violates("clear_labels", "must be a boolean"),
        idle("pin beyond 32 bits", json!({"pin_order": 5_000_000_000_u64}))
            .violates("pin_order", "must be a whole number in the range of the field"),
        idle("move to a workspace that is no text", json!({"workspace_id": 7}))
            .violates("workspace_id", "must be a string"),
        idle("labels both new and none", json!({"labels": {"a": "x"}, "clear_labels": true}))
            .violates("clear_labels", "must not be set together with labels"),
        idle("archived that is no boolean", json!({"archived": "yes"})).violates("archived", "must be a boolean"),
        idle("negative pin", json!({"pin_order": -1})).violates("pin_order", "must be a whole number"),
        idle("pin of a chat that is put away", json!({"archived": true, "pin_order": 1}))
            .violates("pin_order", "must not be set together with archived"),
        idle("move to an unknown workspace", json!({"workspace_id": NOBODY}))
            .violates("workspace_id", format!("names no workspace: `{NOBODY}` not found")),
        idle("move to another user's workspace", json!({"workspace_id": world.others_workspace}))
            .violates("workspace_id", "names no workspace"),
        idle("move to what is no UUID", json!({"workspace_id": "demo"})).violates("workspace_id", "must be a UUID"),
        idle("change of an unknown field", json!({"status": "CHAT_STATUS_ERROR"}))
            .violates("status", "is no field of the message"),
        update("archive a running chat", &world.busy_chat, json!({"archived": true, "title": "half done"})).expect(
            409,
            Code::Aborted,
            "the chat is running: wait until the turn has ended, or interrupt it",
        ),
        update("pin an archived chat", &world.archived_chat, json!({"pin_order": 1, "title": "half done"})).expect(
            400,
            Code::FailedPrecondition,
            ARCHIVED,
        ),
        missing(update("change an unknown chat", NOBODY, json!({"title": "x"})), NOBODY),
        missing(update("change another user's chat", &world.others_chat, json!({"title": "x"})), &world.others_chat),
        update("change a chat that is no UUID", "mine", json!({"title": "x"})).violates("chat_id", "must be a UUID"),
    ]
}

fn editing(world: &World) -> Vec<Case> {
    let edit = |name, chat: &str, message: &str, body: Value| {
        Case::patch(name, format!("{CHATS}/{chat}/messages/{message}"), &body)
    };
    let hi = json!({"content": [{"text": "hi"}]});
    let (idle, others) = (world.idle_chat.as_str(), world.others_chat.as_str());
    let unknown = |case: Case| case.expect(404, Code::NotFound, "there is no such message");
    vec![
        unknown(edit("edit an unknown message", idle, "99", hi.clone())),
        unknown(edit("edit message 0", idle, "0", hi.clone())),
        edit("edit a message of the model", idle, "2", hi.clone())
            .violates("message_id", "only messages of the user can be edited"),
        edit("edit message `last`", idle, "last", hi.clone()).expect(400, Code::InvalidArgument, "whole number"),
        edit("edit message -1", idle, "-1", hi.clone()).expect(400, Code::InvalidArgument, "whole number"),
        edit("edit a message beyond 32 bits", idle, "4294967296", hi.clone()).expect(
            400,
            Code::InvalidArgument,
            "whole number",
        ),
        edit("edit without content", idle, "1", json!({})).violates("content", "must have at least one part"),
        edit("edit into a blank text", idle, "1", json!({"content": [{"text": " "}]}))
            .violates("content", "must not be blank"),
        edit("edit in what is no UUID", "mine", "1", hi.clone()).violates("chat_id", "must be a UUID"),
        edit("edit into nothing", idle, "1", json!({"content": []})).violates("content", "must have at least one part"),
        edit("edit with an unknown model", idle, "1", json!({"content": [{"text": "hi"}], "model": "gpt-9"}))
            .violates("model", "`gpt-9` not found"),
        edit("edit with a bad request_id", idle, "1", json!({"content": [{"text": "hi"}], "request_id": "1"}))
            .violates("request_id", "must be a UUID"),
        edit("edit in an archived chat", &world.archived_chat, "1", hi.clone()).expect(
            400,
            Code::FailedPrecondition,
            ARCHIVED,
        ),
        missing(edit("edit in another user's chat", others, "1", hi.clone()), others),
        missing(edit("edit in an unknown chat", NOBODY, "1", hi), NOBODY),
    ]
}

fn verbs(world: &World) -> Vec<Case> {
    let verb = |name, chat: &str, verb: &str| Case::post(name, format!("{CHATS}/{chat}:{verb}"), &json!({}));
    let archived = |case: Case| case.expect(400, Code::FailedPrecondition, ARCHIVED);
    let conflict = |case: Case, message: &str| case.expect(409, Code::Aborted, message);
    let nothing_said = "the model has said nothing since the context began";
    let others = world.others_chat.as_str();
    vec![
        archived(Case::post(
            "send to an archived chat",
            format!("{CHATS}/{}/messages", world.archived_chat),
            &json!({"content": [{"text": "hi"}]}),
        )),
        archived(verb("interrupt an archived chat", &world.archived_chat, "interrupt")),
        archived(verb("compact an archived chat", &world.archived_chat, "compact")),
        archived(verb("clear an archived chat", &world.archived_chat, "clear")),
        conflict(verb("compact a running chat", &world.busy_chat, "compact"), "the chat is running: wait until"),
        conflict(verb("clear a running chat", &world.busy_chat, "clear"), "the chat is running: wait until"),
        conflict(verb("compact where nothing was said", &world.failed_chat, "compact"), nothing_said),
        conflict(verb("clear where nothing was said", &world.failed_chat, "clear"), nothing_said),
        conflict(
            verb("reconcile a valid chat", &world.idle_chat, "reconcile"),
            "the chat is waiting, which is a valid state: there is nothing to reconcile",
        ),
        conflict(
            verb("interrupt a failed chat", &world.failed_chat, "interrupt"),
            "no turn runs, the chat is error: there is nothing to stop",
        ),
        conflict(
            verb("reconcile an archived chat", &world.archived_chat, "reconcile"),
            "the chat is waiting, which is a valid state: there is nothing to reconcile",
        ),
        Case::post(
            "verb with an unknown field",
            format!("{CHATS}/{}:compact", world.idle_chat),
            &json!({"hard": true}),
        )
        .violates("hard", "is no field of the message"),
        missing(verb("interrupt an unknown chat", NOBODY, "interrupt"), NOBODY),
        missing(verb("compact an unknown chat", NOBODY, "compact"), NOBODY),
        missing(verb("clear an unknown chat", NOBODY, "clear"), NOBODY),
        missing(verb("reconcile an unknown chat", NOBODY, "reconcile"), NOBODY),
        missing(verb("compact another user's chat", others, "compact"), others),
        missing(verb("clear another user's chat", others, "clear"), others),
        missing(verb("reconcile another user's chat", others, "reconcile"), others),
        verb("compact what is no UUID", "mine", "compact").violates("chat_id", "must be a UUID"),
        verb("clear what is no UUID", "mine", "clear").violates("chat_id", "must be a UUID"),
        verb("reconcile what is no UUID", "mine", "reconcile").violates("chat_id", "must be a UUID"),
        verb("interrupt what is no UUID", "mine", "interrupt").violates("chat_id", "must be a UUID"),
    ]
}

fn tool_results(world: &World) -> Vec<Case> {
    let submit = |name, chat: &str, results: Value| {
        Case::post(name, format!("{CHATS}/{chat}:submitToolResults"), &json!({ "results": results }))
    };
    let result = |call: &str, output: &str| json!({"call_id": call, "output": output});
    let idle = |name, results: Value| submit(name, &world.idle_chat, results);
    let others = world.others_chat.as_str();
    vec![
        idle("no tool results", json!([])).violates("results", "must have a result for each open call"),
        idle("two results of one call", json!([result("a", "1"), result("a", "2")]))
            .violates("results[1].call_id", "must not be given twice"),
        idle("result that is no JSON", json!([result("a", "done")]))
            .violates("results[0].output", "must be JSON as text"),
        idle("empty result", json!([result("a", "")])).violates("results[0].output", "must be JSON as text"),
        idle("over-long result", json!([result("a", &format!("\"{}\"", "x".repeat(256 * 1024)))]))
            .violates("results[0].output", "is too long: at most 262144 bytes"),
        idle("result as an object", json!([{"call_id": "a", "output": {}}]))
            .violates("results[0].output", "must be a string"),
        idle("results of a chat that waits for none", json!([result("a", "1")])).expect(
            409,
            Code::Aborted,
            "the chat waits for no tool results, it is waiting",
        ),
        idle("result of no call", json!([{"output": "1"}]))
            .violates("results[0].call_id", "must be that of an open call"),
        idle("too many results", (0..1025).map(|number| result(&number.to_string(), "1")).collect())
            .violates("results", "must be at most 1024"),
        submit("results to an archived chat", &world.archived_chat, json!([result("a", "1")])).expect(
            400,
            Code::FailedPrecondition,
            ARCHIVED,
        ),
        missing(submit("results to an unknown chat", NOBODY, json!([result("a", "1")])), NOBODY),
        missing(submit("results to another user's chat", others, json!([result("a", "1")])), others),
        submit("results to what is no UUID", "mine", json!([result("a", "1")])).violates("chat_id", "must be a UUID"),
    ]
}
