//! What a provider wants back survives its way through a client.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part, Role};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::compat::Dialect;
use crate::compat::kinds::datum;
use crate::compat::testing::{answer, call, events, finish, reasoning_metadata, search, text, thought, whole};

/// The model's message after a client received an answer and sent it back.
fn returned(dialect: Dialect, parts: &[Part]) -> Vec<Part> {
    let answer: Value =
        serde_json::from_str(&whole(dialect, events(parts, 3, false, finish(FinishReason::Stop)))).unwrap();
    let body = match dialect {
        Dialect::ChatCompletions => json!({"model": "m", "messages": [{"role": "user", "content": "hi"},
            answer["choices"][0]["message"]]}),
        Dialect::Messages => json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"},
            {"role": "assistant", "content": answer["content"]}]}),
        Dialect::Responses => {
            let mut input = vec![json!({"role": "user", "content": "hi"})];
            input.extend(answer["output"].as_array().unwrap().iter().cloned());
            json!({"model": "m", "input": input})
        }
    };
    let asked = dialect.parse(body.to_string().as_bytes()).unwrap();
    let said = asked.request.messages.into_iter().filter(|message| message.role() == Role::Assistant);
    said.flat_map(|message| message.parts).collect()
}

fn without_sources(mut parts: Vec<Part>) -> Vec<Part> {
    parts.retain(|part| !matches!(part.body, Some(Body::Source(_))));
    parts
}

proptest! {
    #[test]
    fn dialects_that_keep_the_order_return_everything(parts in answer()) {
        for dialect in [Dialect::Messages, Dialect::Responses] {
            let mut expected = without_sources(parts.clone());
            let mut back = returned(dialect, &parts);
            for part in back.iter_mut().chain(&mut expected) {
                // Which places a text cites, the dialect says in its own way.
                part.provider_metadata.retain(|datum| datum.kind != "annotations");
                // The text of JSON is what counts, and clients write it anew.
                if let Some(Body::ToolCall(call)) = &mut part.body {
                    call.args = serde_json::from_str::<Value>(&call.args).unwrap().to_string();
                }
                for datum in &mut part.provider_metadata {
                    let value: Value = serde_json::from_slice(&datum.json).unwrap();
                    datum.json = value.to_string().into();
                }
            }
            prop_assert_eq!(back, expected, "{:?}", dialect);
        }
    }

    #[test]
    fn chat_returns_reasoning_and_signatures(
        thoughts in prop::collection::vec(("[a-z]{1,8}", reasoning_metadata()), 1..3),
        signatures in prop::collection::vec(prop::option::of("[a-z]{1,5}"), 0..4),
    ) {
        // Where one thought carries something, all do: text alone has one place only.
        let mut parts: Vec<Part> = thoughts
            .into_iter()
            .map(|(it, metadata)| {
                let metadata = if metadata.is_empty() { vec![datum("acme", "raw", "1")] } else { metadata };
                thought(&it, metadata)
            })
            .collect();
        parts.push(text("said"));
        for (number, signature) in signatures.iter().enumerate() {
            let mut call = call(&format!("call_{number}"), "f", r#"{"a":1}"#);
            let signature = signature.iter().map(|it| datum("google", "thought_signature", json!(it).to_string()));
            call.provider_metadata.extend(signature);
            parts.push(call);
        }
        prop_assert_eq!(returned(Dialect::ChatCompletions, &parts), parts);
    }
}

#[test]
fn what_belongs_to_openai_items_returns_beside_their_reasoning() {
    let of = |kind: &str, json: &str| vec![datum("openai.responses", kind, json.to_owned())];
    let mut said = text("said");
    said.provider_metadata = of("message", r#"{"id":"msg_1","status":"completed"}"#);
    let mut asked = call("call_1", "f", "{}");
    asked.provider_metadata = of("function_call", r#"{"id":"fc_1","status":"completed"}"#);
    let reasoning = thought("why", of("reasoning", r#"{"type":"reasoning","id":"rs_1","encrypted_content":"x"}"#));
    let parts = vec![reasoning, said, asked];
    for dialect in [Dialect::Messages, Dialect::Responses, Dialect::ChatCompletions] {
        assert_eq!(returned(dialect, &parts), parts, "{dialect:?}");
    }
    // Without reasoning they matter to nobody, and clients are spared what carries them.
    for dialect in [Dialect::Messages, Dialect::Responses, Dialect::ChatCompletions] {
        let plain = whole(dialect, events(&parts[1..], 3, false, finish(FinishReason::Stop)));
        assert!(!plain.contains("chatmesh1."), "{plain}");
    }
}

#[test]
fn searches_of_their_own_provider_stay_native() {
    let raw = r#"{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"q"}}"#;
    let result = r#"{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"https://a.example","title":"A","encrypted_content":"e"}]}"#;
    let of = |json: &str| vec![datum("anthropic", "server_tool", json.to_owned())];
    let parts = search("srvtoolu_1", "q", [of(raw), of(result)]);
    let message = whole(Dialect::Messages, events(&parts, 3, false, finish(FinishReason::Stop)));
    assert!(message.contains(raw) && message.contains(result) && !message.contains("chatmesh1."), "{message}");
    let raw = r#"{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}}"#;
    let of = |json: &str| vec![datum("openai.responses", "server_tool", json.to_owned())];
    let parts = search("ws_1", "q", [of(raw), of(r#""ws_1""#)]);
    let response = whole(Dialect::Responses, events(&parts, 3, false, finish(FinishReason::Stop)));
    assert!(response.contains(raw) && !response.contains("chatmesh1."), "{response}");
}

#[test]
fn native_reasoning_stays_native() {
    let signed = thought("why", vec![datum("anthropic", "thinking_signature", r#""sig+/""#)]);
    let message = whole(Dialect::Messages, events(&[signed], 3, false, finish(FinishReason::Stop)));
    assert!(message.contains(r#"{"type":"thinking","thinking":"why","signature":"sig+/"}"#), "{message}");
    let details =
        r#"[{"type":"reasoning.text","text":"why","signature":"s","format":"anthropic-claude-v1","index":0}]"#;
    let parts = [thought("why", vec![datum("openrouter", "reasoning_details", details)])];
    let completion = whole(Dialect::ChatCompletions, events(&parts, 3, false, finish(FinishReason::Stop)));
    assert!(completion.contains(details), "{completion}");
    let back = returned(Dialect::ChatCompletions, &parts);
    let of_openrouter = |datum: &&chatmesh_proto::common::v1::ProviderMetadata| datum.namespace == "openrouter";
    assert_eq!(back.len(), 1);
    let kept: Value =
        serde_json::from_slice(&back[0].provider_metadata.iter().find(of_openrouter).unwrap().json).unwrap();
    assert_eq!(kept, serde_json::from_str::<Value>(details).unwrap());
}
