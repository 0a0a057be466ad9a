//! What holds for every message.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::codec::testing::{
    check_any_bytes, cut, events, fold_chunks, fold_unary, mutated, mutations, normalized, sizes,
};

/// A block as it comes whole.
fn any_block() -> impl Strategy<Value = Value> {
    let text = "[a-zé😀\"\\\\\n ]{0,30}";
    prop_oneof![
        text.prop_map(|text| json!({"type": "text", "text": text})),
        (text, "[a-z]{1,8}").prop_map(
            |(thinking, signature)| json!({"type": "thinking", "thinking": thinking, "signature": signature})
        ),
        "[a-z]{1,8}".prop_map(|data| json!({"type": "redacted_thinking", "data": data})),
        ("[a-z]{1,3}", text)
            .prop_map(|(id, value)| json!({"type": "tool_use", "id": id, "name": "f", "input": {"v": value}})),
        Just(json!({"type": "tool_use", "id": "none", "name": "g", "input": {}})),
        ("[a-z]{1,3}", text).prop_map(
            |(id, value)| json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {"q": value}})
        ),
        ("[a-z]{1,3}", text).prop_map(|(id, value)| json!({
            "type": "web_search_tool_result", "tool_use_id": id,
            "content": [{"type": "web_search_result", "url": "u", "title": value, "encrypted_content": "e"}],
        })),
        text.prop_map(|value| json!({"type": "brand_new", "value": value})),
    ]
}

/// The frames in which a block comes, with its texts cut into pieces.
fn pieces(index: u32, whole: &Value, size: usize) -> Vec<Value> {
    let chars = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(size).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>()
    };
    let (emptied, deltas): (Value, Vec<Value>) = match whole["type"].as_str().unwrap() {
        "text" => {
            let deltas = chars(whole["text"].as_str().unwrap());
            (json!({"type": "text", "text": ""}), deltas.iter().map(|text| text_delta(index, text)).collect())
        }
        "thinking" => {
            let texts = chars(whole["thinking"].as_str().unwrap());
            let mut deltas: Vec<_> =
                texts.iter().map(|text| delta(index, json!({"type": "thinking_delta", "thinking": text}))).collect();
            deltas.push(delta(index, json!({"type": "signature_delta", "signature": whole["signature"]})));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        "tool_use" | "server_tool_use" => {
            let mut emptied = whole.clone();
            let input = emptied["input"].take();
            emptied["input"] = json!({});
            let text = if input == json!({}) { String::new() } else { input.to_string() };
            (emptied, chars(&text).iter().map(|text| json_delta(index, text)).collect())
        }
        _ => (whole.clone(), Vec::new()),
    };
    let mut frames = vec![block(index, emptied)];
    frames.extend(deltas);
    frames.push(stop(index));
    frames
}

proptest! {
    #[test]
    fn a_stream_folds_to_what_the_whole_message_is(
        blocks in prop::collection::vec(any_block(), 0..6),
        size in 1_usize..9,
        sizes in sizes(),
    ) {
        let content: Vec<Value> =
            (0..).zip(&blocks).flat_map(|(index, block)| pieces(index, block, size)).collect();
        let stream = message(&content, "end_turn");
        let unary = json!({
            "id": "msg_1", "type": "message", "model": "claude-x", "content": blocks, "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 4, "output_tokens": 20},
        });
        let unary = fold_unary(&super::Anthropic, &unary.to_string());
        let folded = fold(&stream);
        prop_assert_eq!(normalized(&folded.parts), normalized(&unary.parts));
        prop_assert_eq!(&folded.outcome, &unary.outcome);
        prop_assert_eq!(fold_chunks(&super::Anthropic, &cut(stream.as_bytes(), &sizes)), folded);
    }

    #[test]
    fn whatever_comes_there_is_one_end(
        blocks in prop::collection::vec(any_block(), 0..4),
        order in prop::collection::vec(0_usize..100, 0..30),
        end in 0_usize..4000,
    ) {
        let content: Vec<Value> = (0..).zip(&blocks).flat_map(|(index, block)| pieces(index, block, 5)).collect();
        let mut all = vec![start()];
        all.extend(content);
        all.extend([message_delta("end_turn"), message_stop()]);
        let shuffled: Vec<Value> = order.iter().map(|at| all[at % all.len()].clone()).collect();
        let stream = frames(&shuffled);
        let bytes = &stream.as_bytes()[..end.min(stream.len())];
        let folded = Folded::of(events(&super::Anthropic, &[bytes]));
        prop_assert!(folded.is_ok_and(|folded| folded.outcome.is_some()));
    }

    #[test]
    fn whatever_happens_on_the_way_there_is_one_end(
        blocks in prop::collection::vec(any_block(), 0..4),
        mutations in mutations(),
        sizes in sizes(),
    ) {
        let content: Vec<Value> = (0..).zip(&blocks).flat_map(|(index, block)| pieces(index, block, 5)).collect();
        let stream = message(&content, "end_turn");
        check_any_bytes(&super::Anthropic, &mutated(stream.as_bytes(), &mutations), &sizes)?;
    }
}
