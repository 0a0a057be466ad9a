//! What holds for every answer.

use proptest::prelude::*;

use super::*;
use crate::codec::fold::Folded;
use crate::codec::testing::{
    check_any_bytes, cut, events, fold_chunks, fold_unary, mutated, mutations, normalized, sizes,
};

/// A part as it comes whole.
fn any_part() -> impl Strategy<Value = Value> {
    let text = "[a-zé😀\"\\\\\n ]{1,30}";
    let signature = || prop::option::of("[a-zA-Z0-9+/=]{1,12}");
    let signed = |mut part: Value, signature: Option<String>| {
        if let Some(signature) = signature {
            part["thoughtSignature"] = json!(signature);
        }
        part
    };
    prop_oneof![
        text.prop_map(|text| json!({ "text": text })),
        text.prop_map(|text| json!({"text": text, "thought": true})),
        ("[a-z]{0,3}", signature()).prop_map(move |(text, it)| signed(json!({ "text": text }), it)),
        ("[a-z]{0,3}", text, signature()).prop_map(move |(id, value, it)| {
            let mut call = json!({"name": "f", "args": {"v": value}});
            if !id.is_empty() {
                call["id"] = json!(id);
            }
            signed(json!({ "functionCall": call }), it)
        }),
        Just(json!({"inlineData": {"mimeType": "image/png", "data": "AAEC"}})),
        text.prop_map(|value| json!({"executableCode": {"code": value}})),
    ]
}

/// The chunks in which a part comes, its text cut into pieces where nothing binds it together.
fn pieces(whole: &Value, size: usize) -> Vec<Value> {
    let Some(text) = whole["text"].as_str().filter(|_| whole["thoughtSignature"].is_null()) else {
        return vec![whole.clone()];
    };
    let chars: Vec<char> = text.chars().collect();
    let piece = |piece: &[char]| {
        let mut part = whole.clone();
        part["text"] = json!(piece.iter().collect::<String>());
        part
    };
    chars.chunks(size).map(piece).collect()
}

fn stream(parts: &[Value], size: usize) -> Vec<Value> {
    let mut chunks: Vec<_> =
        parts.iter().flat_map(|part| pieces(part, size)).map(|part| chunk(&json!([part]))).collect();
    chunks.push(last(&json!([]), "STOP"));
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_says_what_the_whole_answer_says(
        parts in prop::collection::vec(any_part(), 0..6),
        size in 1_usize..9,
        sizes in sizes(),
    ) {
        let unary = fold_unary(&GOOGLE, &last(&json!(parts), "STOP").to_string());
        let chunks = stream(&parts, size);
        let folded = fold(&chunks);
        prop_assert_eq!(normalized(&folded.parts), normalized(&unary.parts));
        prop_assert_eq!(&folded.outcome, &unary.outcome);
        prop_assert_eq!(fold_chunks(&GOOGLE, &cut(frames(&chunks).as_bytes(), &sizes)), folded);
    }

    #[test]
    fn whatever_comes_there_is_one_end(
        parts in prop::collection::vec(any_part(), 0..4),
        order in prop::collection::vec(0_usize..100, 0..30),
        end in 0_usize..4000,
    ) {
        let mut all = stream(&parts, 5);
        all.push(json!({"error": {"code": 500, "message": "oops"}}));
        let shuffled: Vec<Value> = order.iter().map(|at| all[at % all.len()].clone()).collect();
        let stream = frames(&shuffled);
        let folded = Folded::of(events(&GOOGLE, &[&stream.as_bytes()[..end.min(stream.len())]]));
        prop_assert!(folded.is_ok_and(|folded| folded.outcome.is_some()));
    }

    #[test]
    fn whatever_happens_on_the_way_there_is_one_end(
        parts in prop::collection::vec(any_part(), 0..4),
        mutations in mutations(),
        sizes in sizes(),
    ) {
        let stream = frames(&stream(&parts, 5));
        check_any_bytes(&GOOGLE, &mutated(stream.as_bytes(), &mutations), &sizes)?;
    }
}
