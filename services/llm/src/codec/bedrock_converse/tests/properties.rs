//! What holds for every message.

use proptest::prelude::*;

use super::*;
use crate::codec::testing::{cut, events, fold_chunks, fold_unary, normalized, sizes};

/// A block as it comes whole.
fn any_block() -> impl Strategy<Value = Value> {
    let text = "[a-zé😀\"\\\\\n ]{1,30}";
    prop_oneof![
        text.prop_map(|text| json!({"text": text})),
        (text, "[a-z]{1,8}").prop_map(|(text, signature)| json!({
            "reasoningContent": {"reasoningText": {"text": text, "signature": signature}},
        })),
        Just(json!({"reasoningContent": {"redactedContent": "AQIDBA=="}})),
        ("[a-z]{1,3}", text).prop_map(|(id, value)| json!({
            "toolUse": {"toolUseId": id, "name": "f", "input": {"v": value}},
        })),
        Just(json!({"toolUse": {"toolUseId": "none", "name": "g", "input": {}}})),
    ]
}

fn chars(text: &Value, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.as_str().unwrap().chars().collect();
    chars.chunks(size).map(|chunk| chunk.iter().collect()).collect()
}

/// The events in which a block comes, with its texts cut into pieces.
fn pieces(index: u32, whole: &Value, size: usize) -> Vec<Named> {
    let mut events = Vec::new();
    if let Some(said) = whole.get("text") {
        events.extend(chars(said, size).iter().map(|piece| text(index, piece)));
    } else if let Some(tool) = whole.get("toolUse") {
        events.push(call(index, tool["toolUseId"].as_str().unwrap(), tool["name"].as_str().unwrap()));
        let whole = if tool["input"] == json!({}) { json!("") } else { json!(tool["input"].to_string()) };
        events.extend(chars(&whole, size).iter().map(|piece| input(index, piece)));
    } else if let Some(shown) = whole.pointer("/reasoningContent/reasoningText") {
        events.extend(chars(&shown["text"], size).iter().map(|piece| reasoning(index, json!({"text": piece}))));
        events.push(reasoning(index, json!({"signature": shown["signature"]})));
    } else {
        events.push(reasoning(index, whole["reasoningContent"].clone()));
    }
    events.push(stop(index));
    events
}

fn stream(blocks: &[Value], size: usize) -> Vec<Named> {
    let content: Vec<_> = (0..).zip(blocks).flat_map(|(index, block)| pieces(index, block, size)).collect();
    message(&content, "end_turn")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_says_what_the_whole_answer_says(
        blocks in prop::collection::vec(any_block(), 0..6),
        size in 1_usize..9,
        sizes in sizes(),
    ) {
        let unary = json!({
            "output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": "end_turn",
            "usage": metadata().1["usage"], "metrics": {"latencyMs": 3},
        });
        let unary = fold_unary(&BedrockConverse, &unary.to_string());
        let stream = stream(&blocks, size);
        let folded = fold(&stream);
        prop_assert_eq!(normalized(&folded.parts), normalized(&unary.parts));
        prop_assert_eq!(&folded.outcome, &unary.outcome);
        prop_assert_eq!(fold_chunks(&BedrockConverse, &cut(&bytes(&stream), &sizes)), folded);
    }

    #[test]
    fn whatever_comes_there_is_one_end(
        blocks in prop::collection::vec(any_block(), 0..4),
        order in prop::collection::vec(0_usize..100, 0..30),
        end in 0_usize..6000,
    ) {
        let all = stream(&blocks, 5);
        let shuffled: Vec<Named> = order.iter().map(|at| all[at % all.len()].clone()).collect();
        let bytes = bytes(&shuffled);
        let folded = Folded::of(events(&BedrockConverse, &[&bytes[..end.min(bytes.len())]]));
        prop_assert!(folded.is_ok_and(|folded| folded.outcome.is_some()));
    }
}

#[test]
fn a_document_that_is_no_answer_is_an_error() {
    for body in ["{}", "[]", "not JSON", r#"{"output":{"message":{"content":[]}}}"#] {
        assert!(fold_unary(&BedrockConverse, body).error().retryable, "{body}");
    }
}
