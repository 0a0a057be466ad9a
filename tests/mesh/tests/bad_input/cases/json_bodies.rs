//! Bodies that are no JSON, or not the JSON of the message.

use serde_json::{Value, json};
use tonic::Code;

use crate::case::Case;
use crate::world::World;

const CHATS: &str = "/api/v1/chats";
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
const DEPTH: usize = 10_000;

pub(super) fn all(world: &World) -> Vec<Case> {
    let messages = format!("{CHATS}/{}/messages", world.idle_chat);
    let raw = |name, body: Vec<u8>| Case::new(name, "POST", CHATS).body(body);
    let chat = |name, body: Value| Case::post(name, CHATS, &body);
    let deep = format!("{{\"content\":{}", "[".repeat(DEPTH));
    let deep_unknown = format!("{{\"nested\":{}{}}}", "{\"a\":".repeat(DEPTH), "0".to_owned() + &"}".repeat(DEPTH));
    let no_json = |case: Case| case.expect(400, Code::InvalidArgument, "the body is not valid JSON: ");
    let whole = |case: Case, message: &str| case.expect(400, Code::InvalidArgument, message);
    let members = vec![
        raw("empty body", Vec::new()).violates("content", "must have at least one part"),
        no_json(raw("body is not JSON", b"content=hi".to_vec())),
        no_json(raw("truncated JSON", br#"{"content": [{"text": "hi""#.to_vec())),
        no_json(raw("invalid UTF-8 in the body", b"{\"content\": [{\"text\": \"\xff\xfe\"}]}".to_vec())),
        no_json(raw("half a surrogate", br#"{"content": [{"text": "\ud800"}]}"#.to_vec())),
        no_json(raw("two JSON values", br#"{"content":[{"text":"hi"}]} {}"#.to_vec())),
        whole(raw("body is an array", b"[]".to_vec()), "the body must be an object, not an array"),
        whole(raw("body is null", b"null".to_vec()), "the body must be an object, not null"),
        raw("10,000 levels of arrays", deep.into_bytes()).violates("content[0]", "must be an object, not an array"),
        raw("10,000 levels in an unknown field", deep_unknown.into_bytes())
            .violates("nested", "is no field of the message"),
        chat("number for a string", json!({"content": [{"text": 5}]}))
            .violates("content[0].text", "must be a string, not integer `5` (line 1 column 21)"),
        chat("object for an array", json!({"content": {"text": "hi"}}))
            .violates("content", "must be an array, not an object"),
        chat("string for an array", json!({"content": "hi"})).violates("content", "must be an array, not string"),
        chat("array for an object", json!({"content": [["hi"]]})).violates("content[0]", "must be an object"),
        chat("string for a map", json!({"content": [{"text": "hi"}], "labels": "a=b"}))
            .violates("labels", "must be an object, not string"),
        chat("unknown field", json!({"content": [{"text": "hi"}], "colour": "red"}))
            .violates("colour", "is no field of the message: expected one of `content`"),
        chat("field twice", json!(null)).body(r#"{"title":"a","title":"b"}"#).violates("title", "is set twice"),
        chat("two bodies in a part", json!({"content": [{"reasoning": {"text": "x"}, "text": "hi"}]}))
            .violates("content[0].text", "or together with a field that excludes it"),
        Case::post("unknown enum name", &messages, &json!({"content": [{"text": "hi"}], "busy_behavior": "WAIT"}))
            .violates("busy_behavior", "must be one of `BUSY_BEHAVIOR_UNSPECIFIED`, `BUSY_BEHAVIOR_QUEUE`"),
        Case::post("unknown enum number", &messages, &json!({"content": [{"text": "hi"}], "busy_behavior": 99}))
            .violates("busy_behavior", "must be one of `BUSY_BEHAVIOR_UNSPECIFIED`, `BUSY_BEHAVIOR_QUEUE`"),
        raw("body over 4 MiB", vec![b' '; MAX_BODY_BYTES + 1]).expect(
            413,
            Code::InvalidArgument,
            "the body is too large: 4 MiB at most",
        ),
    ];
    let model = |name, field: &str, value: Value, message: &str| {
        let body = json!({"provider": "sim", "model": "m", field: value});
        Case::post(name, "/api/v1/models", &body).violates(field, message)
    };
    let number = "must be a whole number in the range of the field";
    let admins = vec![
        model("string for a number", "context_limit", json!("many"), number),
        model("negative number for an unsigned one", "context_limit", json!(-1), number),
        model("number beyond 32 bits", "context_limit", json!(5_000_000_000_u64), number),
        model("fraction for a whole number", "context_limit", json!(1.5), number),
        model("string for a boolean", "is_default", json!("yes"), "must be a boolean, not string"),
        Case::post("string for a fraction", "/api/v1/models", &json!({"options": {"temperature": "hot"}}))
            .violates("options.temperature", "must be a number"),
    ];
    let members = members.into_iter().map(|case| case.token(&world.member));
    members.chain(admins.into_iter().map(|case| case.token(&world.admin))).collect()
}
