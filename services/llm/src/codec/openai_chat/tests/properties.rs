//! What holds for every answer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::codec::testing::{
    check_any_bytes, cut, events, fold_chunks, fold_unary, mutated, mutations, normalized, sizes,
};

#[derive(Debug, Clone)]
struct Answer {
    thought: String,
    text: String,
    calls: Vec<(String, String)>,
}

fn answer() -> impl Strategy<Value = Answer> {
    let text = "[a-zé😀\"\\\\\n{} ]{0,30}";
    let call =
        ("[a-z.:]{0,3}", prop_oneof![Just(String::new()), text.prop_map(|value| json!({"v": value}).to_string())]);
    (text, text, prop::collection::vec(call, 0..4)).prop_map(|(thought, text, calls)| Answer { thought, text, calls })
}

fn pieces(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|chunk| chunk.iter().collect()).collect()
}

impl Answer {
    fn chunks(&self, size: usize) -> Vec<Value> {
        let mut chunks: Vec<_> =
            pieces(&self.thought, size).into_iter().map(|piece| delta(json!({"reasoning_content": piece}))).collect();
        chunks.extend(pieces(&self.text, size).iter().map(|piece| content(piece)));
        for (index, (id, text)) in (0..).zip(&self.calls) {
            chunks.push(calls(json!([{"index": index, "id": id, "function": function("f", "")}])));
            chunks.extend(pieces(text, size).iter().map(|piece| args(index, piece)));
        }
        chunks.extend([finish("stop"), usage(7, 8)]);
        chunks
    }

    fn unary(&self) -> String {
        let calls: Vec<_> =
            self.calls.iter().map(|(id, text)| json!({"id": id, "function": function("f", text)})).collect();
        json!({"id": "chatcmpl-1", "model": "acme-1", "choices": [{"index": 0, "finish_reason": "stop", "message":
            {"reasoning_content": self.thought, "content": self.text, "tool_calls": calls}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 8, "total_tokens": 15}})
        .to_string()
    }
}

proptest! {
    #[test]
    fn a_stream_folds_to_what_the_whole_answer_is(answer in answer(), size in 1_usize..9, sizes in sizes()) {
        let stream = frames(&answer.chunks(size));
        let folded = fold(&stream);
        let unary = fold_unary(&super::COMPATIBLE, &answer.unary());
        prop_assert_eq!(normalized(&folded.parts), normalized(&unary.parts));
        prop_assert_eq!(&folded.outcome, &unary.outcome);
        prop_assert_eq!(fold_chunks(&super::COMPATIBLE, &cut(stream.as_bytes(), &sizes)), folded);
    }

    #[test]
    fn whatever_comes_there_is_one_end(
        answer in answer(),
        order in prop::collection::vec(0_usize..100, 0..30),
        end in 0_usize..4000,
    ) {
        let all = answer.chunks(5);
        let shuffled: Vec<Value> = order.iter().map(|at| all[at % all.len()].clone()).collect();
        let stream = frames(&shuffled);
        let mut end = end.min(stream.len());
        while !stream.is_char_boundary(end) {
            end -= 1;
        }
        let folded = Folded::of(events(&super::COMPATIBLE, &[&stream.as_bytes()[..end]]));
        prop_assert!(folded.is_ok_and(|folded| folded.outcome.is_some()));
    }

    #[test]
    fn whatever_happens_on_the_way_there_is_one_end(
        answer in answer(),
        mutations in mutations(),
        sizes in sizes(),
    ) {
        let stream = frames(&answer.chunks(5));
        check_any_bytes(&crate::codec::openai_chat::OPENROUTER, &mutated(stream.as_bytes(), &mutations), &sizes)?;
        check_any_bytes(&super::COMPATIBLE, &mutated(stream.as_bytes(), &mutations), &sizes)?;
    }
}
