//! Conversations on their way to the provider.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Reasoning, Role, ToolCall, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, PromptMessage};

use super::*;
use crate::codec::Codec;
use crate::codec::metadata::metadata_of;
use crate::codec::testing::{encode, encode_messages, message, text};

fn part(body: Body) -> Part {
    Part { body: Some(body), ..Part::default() }
}

fn call(id: &str, name: &str) -> Part {
    let (call_id, name) = (id.to_owned(), name.to_owned());
    part(Body::ToolCall(ToolCall { call_id, name, args: "{}".to_owned(), ..ToolCall::default() }))
}

fn result(id: &str, text: &str, is_error: bool, files: Vec<File>) -> Part {
    let (call_id, result) = (id.to_owned(), text.to_owned());
    part(Body::ToolResult(ToolResult {
        call_id,
        name: "f".to_owned(),
        result,
        is_error,
        files,
        ..ToolResult::default()
    }))
}

fn file(media_type: &str, data: &'static [u8], url: &str) -> File {
    let name = "a.bin".to_owned();
    File { media_type: media_type.to_owned(), name, data: data.into(), url: url.to_owned(), ..File::default() }
}

fn encoded_for(codec: &dyn Codec, model: &str, messages: Vec<PromptMessage>) -> (Value, Vec<String>) {
    let request = GenerateRequest { messages, ..GenerateRequest::default() };
    encode(codec, model, &ModelOptions::default(), &request)
}

#[test]
fn what_the_model_said_returns_with_its_results_in_one_content() {
    let said = fold(&[last(
        &json!([
            {"text": "unsigned", "thought": true},
            {"text": "signed", "thought": true, "thoughtSignature": "s0"},
            {"functionCall": {"id": "c-1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "s1"},
            {"functionCall": {"name": "g", "args": {}}},
            {"text": "", "thoughtSignature": "s2"},
        ]),
        "STOP",
    )]);
    for (codec, id) in [(GOOGLE, true), (VERTEX, false)] {
        let messages = vec![
            message(Role::System, vec![text("Be brief.")]),
            message(Role::User, vec![text("go")]),
            message(Role::Assistant, said.parts.clone()),
            message(Role::Tool, vec![result("tool-call-1", "two", true, vec![]), result("c-1", "one", false, vec![])]),
            message(Role::User, vec![text("and?")]),
        ];
        let (body, codes) = encode_messages(&codec, messages);
        let mut expected = json!([
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [
                {"text": "signed", "thought": true, "thoughtSignature": "s0"},
                {"functionCall": {"id": "c-1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "s1"},
                {"functionCall": {"name": "g", "args": {}}},
                {"text": "", "thoughtSignature": "s2"},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "c-1", "name": "f", "response": {"result": "one"}}},
                {"functionResponse": {"name": "g", "response": {"error": "two"}}},
            ]},
            {"role": "user", "parts": [{"text": "and?"}]},
        ]);
        if !id {
            expected[1]["parts"][1]["functionCall"].as_object_mut().unwrap().remove("id");
            expected[2]["parts"][0]["functionResponse"].as_object_mut().unwrap().remove("id");
        }
        assert_eq!(body["contents"], expected);
        assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "Be brief."}]}));
        assert!(codes.is_empty(), "{codes:?}");
    }
}

#[test]
fn what_other_providers_said_returns_without_what_is_theirs() {
    let thought = Part {
        provider_metadata: vec![metadata_of("anthropic", "thinking_signature", &"s")],
        ..part(Body::Reasoning(Reasoning { text: "hm".to_owned(), redacted: false }))
    };
    let messages = || {
        vec![
            message(Role::User, vec![text("go")]),
            message(Role::Assistant, vec![thought.clone(), call("a", "f"), call("b", "f")]),
            message(Role::Tool, vec![result("a", "1", false, vec![]), result("b", "2", false, vec![])]),
        ]
    };
    let (body, codes) = encoded_for(&GOOGLE, "gemini-2.5-pro", messages());
    let plain = json!([{"functionCall": {"name": "f", "args": {}}}, {"functionCall": {"name": "f", "args": {}}}]);
    assert_eq!(body["contents"][1]["parts"], plain);
    assert_eq!(codes, ["reasoning_dropped"]);
    let (body, _) = encoded_for(&GOOGLE, "gemini-3-pro-preview", messages());
    let mut signed = plain;
    signed[0]["thoughtSignature"] = json!("skip_thought_signature_validator");
    assert_eq!(body["contents"][1]["parts"], signed, "the first call of a step needs one");
}

#[test]
fn a_search_of_the_providers_need_not_return() {
    let mut end = last(&json!([{"text": "It rains."}]), "STOP");
    end["candidates"][0]["groundingMetadata"] =
        json!({"webSearchQueries": ["w"], "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}]});
    let parts = fold(&[end]).parts;
    let (body, codes) =
        encode_messages(&GOOGLE, vec![message(Role::User, vec![text("go")]), message(Role::Assistant, parts)]);
    assert_eq!(body["contents"][1]["parts"], json!([{"text": "It rains."}]));
    assert!(codes.is_empty(), "{codes:?}");
}

#[test]
fn files_are_sent_as_far_as_the_model_reads_them() {
    let youtube = "https://www.youtube.com/watch?v=1";
    let kept = "https://generativelanguage.googleapis.com/v1beta/files/f-1";
    let files = [
        file("image/png", b"x", ""),
        file("audio/mp3", b"x", ""),
        file("application/pdf; a=b", b"x", ""),
        file("text/plain", b"hi", ""),
        file("image/gif", b"x", ""),
        file("application/zip", b"x", ""),
        file("", b"", youtube),
        file("application/pdf", b"", kept),
        file("", b"", "https://h/a.png?x=1"),
        file("image/png", b"", "gs://bucket/a"),
        file("image/png", b"", "file:///etc/passwd"),
    ];
    let parts = |codec: &dyn Codec| {
        let parts = files.iter().cloned().map(|file| part(Body::File(file))).collect();
        let (body, codes) = encode_messages(codec, vec![message(Role::User, parts)]);
        let lines: Vec<_> = body["contents"][0]["parts"].as_array().unwrap().iter().map(ToString::to_string).collect();
        (lines, codes.len())
    };
    let inline = |kind: &str| format!(r#"{{"inlineData":{{"data":"eA==","mimeType":"{kind}"}}}}"#);
    let remote = |kind: &str, uri: &str| format!(r#"{{"fileData":{{"fileUri":"{uri}","mimeType":"{kind}"}}}}"#);
    let note =
        |kind: &str, why: &str| format!(r#"{{"text":"[The attachment `a.bin` ({kind}) was left out: {why}.]"}}"#);
    let same = [
        inline("image/png"),
        inline("audio/mp3"),
        inline("application/pdf"),
        r#"{"text":"Attached file `a.bin`:\n\nhi"}"#.to_owned(),
        note("image/gif", "the model cannot read its type"),
        note("application/zip", "the model cannot read its type"),
        remote("video/*", youtube),
        remote("application/pdf", kept),
    ];
    let cannot = |kind: &str| note(kind, "the provider cannot fetch it");
    let mut google = same.to_vec();
    google.extend([cannot(""), cannot("image/png"), cannot("image/png")]);
    assert_eq!(parts(&GOOGLE), (google, 5));
    let mut vertex = same.to_vec();
    vertex.extend([
        remote("image/png", "https://h/a.png?x=1"),
        remote("image/png", "gs://bucket/a"),
        cannot("image/png"),
    ]);
    assert_eq!(parts(&VERTEX), (vertex, 3));
}

#[test]
fn files_of_results_stand_in_them_or_right_after_all_of_them() {
    let messages = || {
        let image = file("image/png", b"x", "");
        let notes = file("text/plain", b"hi", "");
        let sound = file("audio/mp3", b"x", "");
        vec![
            message(Role::User, vec![text("go")]),
            message(Role::Assistant, vec![call("a", "f"), call("b", "f")]),
            message(
                Role::Tool,
                vec![result("a", "", false, vec![image, sound, notes]), result("b", "2", false, vec![])],
            ),
            message(Role::User, vec![text("and?")]),
        ]
    };
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "eA=="}});
    let notes = json!({"text": "Attached file `a.bin`:\n\nhi"});
    let sound = json!({"inlineData": {"mimeType": "audio/mp3", "data": "eA=="}});
    let head = json!({"text": "Files of the result of `f`:"});
    let (body, _) = encoded_for(&GOOGLE, "gemini-2.5-pro", messages());
    let second = json!({"functionResponse": {"name": "f", "response": {"result": "2"}}});
    let first = json!({"functionResponse": {"name": "f", "response": {"result": ""}}});
    assert_eq!(body["contents"][2]["parts"], json!([first, second]));
    assert_eq!(body["contents"][3]["parts"], json!([head, image, sound, notes, {"text": "and?"}]));
    let (body, _) = encoded_for(&GOOGLE, "gemini-3-pro-preview", messages());
    let first = json!({"functionResponse": {"name": "f", "response": {"result": ""}, "parts": [image]}});
    assert_eq!(body["contents"][2]["parts"], json!([first, second]));
    assert_eq!(body["contents"][3]["parts"], json!([head, sound, notes, {"text": "and?"}]));
}

#[test]
fn a_conversation_begins_with_the_user_and_has_no_empty_content() {
    let (body, codes) = encode_messages(
        &GOOGLE,
        vec![
            message(Role::Assistant, vec![text("Hello")]),
            message(Role::User, vec![text(" ")]),
            message(Role::Assistant, vec![text("Still here")]),
            message(Role::System, vec![text("Be brief.")]),
        ],
    );
    let expected = json!([
        {"role": "user", "parts": [{"text": "Continue."}]},
        {"role": "model", "parts": [{"text": "Hello"}, {"text": "Still here"}]},
        {"role": "user", "parts": [{"text": "Be brief."}]},
    ]);
    assert_eq!(body["contents"], expected);
    assert_eq!(codes, ["system_message_converted"]);
    let nothing =
        GenerateRequest { messages: vec![message(Role::System, vec![text("s")])], ..GenerateRequest::default() };
    let call = crate::codec::Call { request: &nothing, model: "m", options: &ModelOptions::default() };
    assert!(GOOGLE.encode(&call).unwrap_err().message.contains("no message"));
}

#[test]
fn a_model_without_instructions_reads_them_first() {
    let messages = vec![message(Role::System, vec![text("Be brief.")]), message(Role::User, vec![text("go")])];
    let (body, _) = encoded_for(&GOOGLE, "gemma-3-27b-it", messages);
    assert_eq!(body["contents"][0]["parts"], json!([{"text": "Be brief."}, {"text": "go"}]));
    assert!(body.get("systemInstruction").is_none());
}

#[test]
fn tools_with_odd_names_are_called_alike_everywhere() {
    let tool = ToolDefinition { name: "a.b".to_owned(), ..ToolDefinition::default() };
    let messages = vec![
        message(Role::User, vec![text("go")]),
        message(Role::Assistant, vec![call("a", "a.b")]),
        message(Role::Tool, vec![result("a", "1", false, vec![])]),
    ];
    let request = GenerateRequest { messages, tools: vec![tool], ..GenerateRequest::default() };
    let (body, _) = encode(&GOOGLE, "m", &ModelOptions::default(), &request);
    assert_eq!(body["tools"][0]["functionDeclarations"][0]["name"], "a_b");
    assert_eq!(body["contents"][1]["parts"][0]["functionCall"]["name"], "a_b");
    assert_eq!(body["contents"][2]["parts"][0]["functionResponse"]["name"], "a_b");
}
