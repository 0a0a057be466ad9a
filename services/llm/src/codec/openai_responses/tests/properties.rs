//! What holds for every answer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::codec::testing::{check_any_bytes, cut, events, fold_chunks, mutated, mutations, normalized, sizes};

/// An item as it comes whole.
fn any_item() -> impl Strategy<Value = Value> {
    let text = "[a-zé😀\"\\\\\n ]{0,30}";
    prop_oneof![
        ("[a-z]{1,4}", prop::collection::vec(text, 1..3)).prop_map(|(id, sections)| {
            let sections: Vec<_> = sections.iter().map(String::as_str).collect();
            reasoning(&id, "secret", &sections)
        }),
        ("[a-z]{1,4}", text).prop_map(|(id, text)| message(&id, &text)),
        ("[a-z.:]{0,3}", text).prop_map(|(id, value)| function_call("fc", &id, &json!({"v": value}).to_string())),
        "[a-z]{1,4}".prop_map(|id| web_search(&id)),
        text.prop_map(|value| json!({"type": "brand_new", "value": value})),
    ]
}

/// The events in which an item comes, with its texts cut into pieces.
fn pieces(index: u32, whole: &Value, size: usize) -> Vec<Value> {
    let cut_text = |text: &str| {
        let chars: Vec<char> = text.chars().collect();
        chars.chunks(size).map(|chunk| chunk.iter().collect::<String>()).collect::<Vec<_>>()
    };
    let mut begun = whole.clone();
    let deltas: Vec<Value> = match whole["type"].as_str().unwrap() {
        "reasoning" => {
            begun["summary"] = json!([]);
            let sections = whole["summary"].as_array().unwrap().iter().enumerate();
            sections
                .flat_map(|(section, part)| {
                    cut_text(part["text"].as_str().unwrap()).into_iter().map(move |piece| {
                        let mut delta = delta("reasoning_summary_text", index, &piece);
                        delta["summary_index"] = json!(section);
                        delta
                    })
                })
                .collect()
        }
        "message" => {
            begun["content"] = json!([]);
            let part = json!({"type": "output_text", "text": "", "annotations": []});
            let opening =
                json!({"type": "response.content_part.added", "output_index": index, "content_index": 0, "part": part});
            let texts = cut_text(whole["content"][0]["text"].as_str().unwrap());
            std::iter::once(opening).chain(texts.iter().map(|piece| text_delta(index, piece))).collect()
        }
        "function_call" => {
            begun["arguments"] = json!("");
            let args = cut_text(whole["arguments"].as_str().unwrap());
            args.iter().map(|piece| delta("function_call_arguments", index, piece)).collect()
        }
        _ => Vec::new(),
    };
    let mut events = vec![added(index, begun)];
    events.extend(deltas);
    events.push(done(index, whole.clone()));
    events
}

fn answer(items: &[Value], size: usize) -> Vec<Value> {
    let mut events = vec![created()];
    events.extend((0..).zip(items).flat_map(|(index, item)| pieces(index, item, size)));
    events.push(completed(json!(items)));
    events
}

proptest! {
    #[test]
    fn a_stream_folds_to_what_the_whole_answer_is(
        items in prop::collection::vec(any_item(), 0..6),
        size in 1_usize..9,
        sizes in sizes(),
    ) {
        let stream = frames(&answer(&items, size));
        let unary = fold_unary(&response("completed", json!(items)));
        let folded = fold(&stream);
        prop_assert_eq!(normalized(&folded.parts), normalized(&unary.parts));
        prop_assert_eq!(&folded.outcome, &unary.outcome);
        prop_assert_eq!(&folded.warnings, &unary.warnings);
        prop_assert_eq!(fold_chunks(&super::OpenAiResponses, &cut(stream.as_bytes(), &sizes)), folded);
    }

    #[test]
    fn whatever_comes_there_is_one_end(
        items in prop::collection::vec(any_item(), 0..4),
        order in prop::collection::vec(0_usize..100, 0..30),
        end in 0_usize..4000,
    ) {
        let all = answer(&items, 5);
        let shuffled: Vec<Value> = order.iter().map(|at| all[at % all.len()].clone()).collect();
        let stream = frames(&shuffled);
        let bytes = &stream.as_bytes()[..end.min(stream.len())];
        let folded = Folded::of(events(&super::OpenAiResponses, &[bytes]));
        prop_assert!(folded.is_ok_and(|folded| folded.outcome.is_some()));
    }

    #[test]
    fn whatever_happens_on_the_way_there_is_one_end(
        items in prop::collection::vec(any_item(), 0..4),
        mutations in mutations(),
        sizes in sizes(),
    ) {
        let stream = frames(&answer(&items, 5));
        check_any_bytes(&super::OpenAiResponses, &mutated(stream.as_bytes(), &mutations), &sizes)?;
    }
}
