//! Chats and messages: what a client may not say.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const CHATS: &str = "/api/v1/chats";
const MAX_TEXT_BYTES: usize = 256 * 1024;

pub(super) fn all(world: &World) -> Vec<Case> {
    let mut cases = creating();
    cases.extend(sending(world));
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}

fn creating() -> Vec<Case> {
    let create = |name, body: Value| Case::post(name, CHATS, &body);
    let with = |name, field: &str, value: Value| create(name, json!({"content": [{"text": "hi"}], field: value}));
    let content = |name, content: Value| create(name, json!({ "content": content }));
    let tools =
        |count: usize| (0..count).map(|n| json!({"name": format!("t{n}"), "input_schema": "{}"})).collect::<Value>();
    let labels = |count: usize| (0..count).map(|number| (format!("l{number}"), json!("x"))).collect::<Value>();
    let lines = |name: &str, content: &str| json!([{"file_reference": {"file_name": name, "start_line": 1, "end_line": 2, "content": content}}]);
    vec![
        create("missing content", json!({})).violates("content", "must have at least one part"),
        content("empty content", json!([])).violates("content", "must have at least one part"),
        content("blank text", json!([{"text": " \n\t "}])).violates("content", "must not be blank"),
        content("empty text", json!([{"text": ""}])).violates("content", "must not be blank"),
        content("part without a body", json!([{}]))
            .violates("content[0]", "must set `text`, `file` or `file_reference`"),
        content("tool call from a user", json!([{"tool_call": {"call_id": "1", "name": "execute", "args": "{}"}}]))
            .violates("content[0]", "must be `text`, `file` or `file_reference`"),
        content(
            "provider metadata from a client",
            json!([{"text": "hi", "provider_metadata": [{"namespace": "anthropic", "kind": "raw", "json": "e30="}]}]),
        )
        .violates("content[0].provider_metadata", "must not be set by clients"),
        content("over-long text", json!([{"text": "x".repeat(MAX_TEXT_BYTES + 1)}]))
            .violates("content", "262144 at most"),
        content("over-long text in two parts", json!([{"text": "x".repeat(MAX_TEXT_BYTES)}, {"text": "y"}]))
            .violates("content", "262144 at most"),
        content("too many parts", (0..101).map(|_| json!({"text": "x"})).collect())
            .violates("content", "must have at most 100 parts"),
        content("lines without a name", json!([{"file_reference": {"start_line": 1, "end_line": 2}}]))
            .violates("content[0].file_reference.file_name", "must be a path of 1 to 4096 bytes"),
        content("lines from 0", json!([{"file_reference": {"file_name": "a", "start_line": 0, "end_line": 2}}]))
            .violates("content[0].file_reference.start_line", "must be at least 1"),
        content("lines backwards", json!([{"file_reference": {"file_name": "a", "start_line": 3, "end_line": 2}}]))
            .violates("content[0].file_reference.end_line", "must not be before start_line"),
        content("lines of a name of two lines", lines("a\nb", "x"))
            .violates("content[0].file_reference.file_name", "in one line"),
        content("lines of an over-long name", lines(&"n".repeat(4097), "x"))
            .violates("content[0].file_reference.file_name", "must be a path of 1 to 4096 bytes"),
        content("over-long lines", lines("a", &"x".repeat(MAX_TEXT_BYTES + 1)))
            .violates("content", "is too long: 262145 bytes of text, 262144 at most"),
        with("over-long title", "title", json!("t".repeat(201))).violates("title", "at most 200 characters"),
        with("title of two lines", "title", json!("a\nb")).violates("title", "must be one line"),
        with("over-long system prompt", "system_prompt", json!("s".repeat(10_001)))
            .violates("system_prompt", "at most 10000 characters"),
        with("too many labels", "labels", labels(51)).violates("labels", "must be at most 50"),
        with("bad label key", "labels", json!({"-bad key": "x"})).violates("labels[\"-bad key\"]", "must have a key"),
        with("empty label key", "labels", json!({"": "x"})).violates("labels[\"\"]", "must have a key"),
        with("empty label value", "labels", json!({"key": ""})).violates("labels[\"key\"]", "must have a value"),
        with("over-long label value", "labels", json!({"key": "v".repeat(257)}))
            .violates("labels[\"key\"]", "must have a value of 1 to 256 bytes"),
        with("NUL in a label value", "labels", json!({"key": "a\0b"})).violates("labels[\"key\"]", "without NUL"),
        with("over-long label key", "labels", json!({"k".repeat(65): "x"}))
            .violates(&format!("labels[\"{}\"]", "k".repeat(65)), "must have a key of 1 to 64 bytes"),
        with("NUL in a title", "title", json!("a\0b")).violates("title", "must be one line"),
        with("bad request_id", "request_id", json!("once")).violates("request_id", "must be a UUID"),
        with("unknown model", "model", json!("gpt-9")).violates("model", "names no model: `gpt-9` not found"),
        with("NUL in a model's name", "model", json!("quick\0")).violates("model", "not found"),
        with("tool of the client without a name", "dynamic_tools", json!([{"input_schema": "{}"}]))
            .violates("dynamic_tools[0].name", "must have 1 to 64 letters"),
        with("over-long name of a tool", "dynamic_tools", json!([{"name": "t".repeat(65), "input_schema": "{}"}]))
            .violates("dynamic_tools[0].name", "must have 1 to 64 letters"),
        with("blank in a tool's name", "dynamic_tools", json!([{"name": "a b", "input_schema": "{}"}]))
            .violates("dynamic_tools[0].name", "must have 1 to 64 letters"),
        with(
            "tools that are too long together",
            "dynamic_tools",
            json!([
                {"name": "a", "input_schema": "{}", "description": "d".repeat(MAX_TEXT_BYTES / 2)},
                {"name": "b", "input_schema": "{}", "description": "d".repeat(MAX_TEXT_BYTES / 2)},
            ]),
        )
        .violates("dynamic_tools", "must have at most 262144 bytes together"),
        with("tool with an empty schema", "dynamic_tools", json!([{"name": "t", "input_schema": ""}]))
            .violates("dynamic_tools[0].input_schema", "must be a JSON Schema"),
        with(
            "two tools of one name",
            "dynamic_tools",
            json!([{"name": "t", "input_schema": "{}"}, {"name": "t", "input_schema": "{}"}]),
        )
        .violates("dynamic_tools[1].name", "must not be given twice"),
        with("tool whose schema is no object", "dynamic_tools", json!([{"name": "t", "input_schema": "[]"}]))
            .violates("dynamic_tools[0].input_schema", "must be a JSON Schema"),
        with("too many tools", "dynamic_tools", tools(251)).violates("dynamic_tools", "must be at most 250"),
        with("NUL in a system prompt", "system_prompt", json!("a\0b")).violates("system_prompt", "no NUL"),
    ]
}

fn sending(world: &World) -> Vec<Case> {
    let messages = |chat: &str| format!("{CHATS}/{chat}/messages");
    let hi = json!({"content": [{"text": "hi"}]});
    let idle = messages(&world.idle_chat);
    vec![
        Case::post("send nothing", &idle, &json!({"content": []})).violates("content", "must have at least one part"),
        Case::post("send with an unknown model", &idle, &json!({"content": [{"text": "hi"}], "model": "gpt-9"}))
            .violates("model", "`gpt-9` not found"),
        Case::post("send with a bad request_id", &idle, &json!({"content": [{"text": "hi"}], "request_id": "1"}))
            .violates("request_id", "must be a UUID"),
        Case::post("send to what is no UUID", messages("mine"), &hi).violates("chat_id", "must be a UUID"),
        Case::post("send a blank text", &idle, &json!({"content": [{"text": " \n "}]}))
            .violates("content", "must not be blank"),
        Case::post("send with NUL in a model's name", &idle, &json!({"content": [{"text": "hi"}], "model": "quick\0"}))
            .violates("model", "names no model"),
        Case::post(
            "queue overflow by an interruption",
            messages(&world.busy_chat),
            &json!({"content": [{"text": "hi"}], "busy_behavior": "BUSY_BEHAVIOR_INTERRUPT"}),
        )
        .expect(429, Code::ResourceExhausted, "20 messages wait already: wait until the turn has ended"),
        Case::post("queue overflow", messages(&world.busy_chat), &hi).expect(
            429,
            Code::ResourceExhausted,
            "20 messages wait already: wait until the turn has ended",
        ),
        Case::post("interrupt an idle chat", format!("{CHATS}/{}:interrupt", world.idle_chat), &json!({})).expect(
            409,
            Code::Aborted,
            "no turn runs, the chat is waiting: there is nothing to stop",
        ),
        Case::get("stream of what is no UUID", format!("{CHATS}/mine/stream")).violates("chat_id", "must be a UUID"),
        Case::get("stream of an unknown chat", format!("{CHATS}/{NOBODY}/stream")).expect(
            404,
            Code::NotFound,
            format!("chat `{NOBODY}` not found"),
        ),
        Case::get("stream with an unknown parameter", format!("{CHATS}/{}/stream?since=1", world.idle_chat)).expect(
            400,
            Code::InvalidArgument,
            "query `since=1` is no field of the message: expected one of `chat_id`",
        ),
        Case::get("list to watch with an unknown parameter", format!("{CHATS}:watch?since=1")).expect(
            400,
            Code::InvalidArgument,
            "query `since=1`",
        ),
        Case::get(
            "after_message_id beyond 32 bits",
            format!("{CHATS}/{}/stream?after_message_id=4294967296", world.idle_chat),
        )
        .expect(400, Code::InvalidArgument, "query `after_message_id=4294967296` must be a whole number"),
        Case::get("after_message_id is no number", format!("{CHATS}/{}/stream?after_message_id=last", world.idle_chat))
            .expect(400, Code::InvalidArgument, "query `after_message_id=last` must be a whole number"),
        Case::get("after_message_id is negative", format!("{CHATS}/{}/stream?after_message_id=-1", world.idle_chat))
            .expect(400, Code::InvalidArgument, "query `after_message_id=-1` must be a whole number"),
    ]
}
