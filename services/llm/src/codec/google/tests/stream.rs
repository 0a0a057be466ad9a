//! Streams as they are meant to be.

use chatmesh_proto::common::v1::FinishReason;
use chatmesh_proto::common::v1::part::Body;

use super::*;
use crate::codec::testing::{context, events, fold_unary};
use crate::codec::{Codec as _, Event, ResponseContext};

#[test]
fn thoughts_texts_and_calls_stay_in_order_and_signed_parts_stand_alone() {
    let folded = fold(&[
        chunk(&json!([{"text": "h", "thought": true}])),
        chunk(&json!([{"text": "m", "thought": true}])),
        chunk(&json!([{"text": "So"}, {"text": "."}])),
        chunk(&json!([{"text": "signed", "thoughtSignature": "s0"}, {"text": " and not"}])),
        chunk(&json!([
            {"functionCall": {"name": "f", "args": {"b": 1.50, "a": 2}}, "thoughtSignature": "s1"},
            {"functionCall": {"name": "f", "args": null}},
        ])),
        last(&json!([{"text": "", "thoughtSignature": "s2"}]), "STOP"),
    ]);
    let expected = [
        "thought hm",
        "text So.",
        "text signed",
        "text  and not",
        r#"call tool-call-0 f {"a":2,"b":1.5}"#,
        "call tool-call-1 f {}",
        "text ",
    ];
    assert_eq!(folded.lines(), expected);
    let signatures = (0..7).map(|part| folded.metadata(part)).collect::<Vec<_>>();
    let signed = |signature: &str| vec![("thought_signature".to_owned(), json!(signature))];
    assert_eq!(signatures, [vec![], vec![], signed("s0"), vec![], signed("s1"), vec![], signed("s2")]);
    assert_eq!((folded.reason(), folded.finish().raw_reason.as_str()), (FinishReason::ToolCalls, "STOP"));
    let started = folded.started.unwrap();
    assert_eq!((started.response_id.as_str(), started.model.as_str()), ("r", "gemini-x"));
    assert!(folded.warnings.is_empty());
}

#[test]
fn arguments_do_not_change_by_a_byte() {
    let stream = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\
        \"args\":{\"z\": 1.0,\"a\":12345678901234567890123}}}]},\"finishReason\":\"STOP\"}]}\r\n\r\n";
    let folded = testing::fold(&GOOGLE, stream);
    assert_eq!(folded.lines(), [r#"call tool-call-0 f {"z": 1.0,"a":12345678901234567890123}"#]);
}

#[test]
fn the_last_count_decides_and_kinds_of_tokens_do_not_overlap() {
    let mut first = chunk(&json!([{"text": "a"}]));
    first["usageMetadata"] = json!({"promptTokenCount": 211, "candidatesTokenCount": 1, "totalTokenCount": 212});
    let mut end = last(&json!([{"text": "b"}]), "STOP");
    end["usageMetadata"]["toolUsePromptTokenCount"] = json!(5);
    let usage = fold(&[first.clone(), end]).usage();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens), (Some(11), Some(4)));
    assert_eq!((usage.output_tokens, usage.reasoning_tokens, usage.total_tokens), (Some(10), Some(7), Some(20)));

    let mut without = last(&json!([{"text": "b"}]), "STOP");
    without["usageMetadata"] = json!({"trafficType": "ON_DEMAND"});
    assert_eq!(fold(&[first, without]).usage().total_tokens, Some(212), "the last that counts something");
    let mut odd = last(&json!([{"text": "b"}]), "STOP");
    odd["usageMetadata"] = json!({"promptTokenCount": -1, "candidatesTokenCount": "many", "totalTokenCount": null});
    assert_eq!(fold(&[odd]).finish().usage, None);
}

#[test]
fn identifiers_of_the_providers_are_kept_and_names_of_tools_return() {
    let call = json!([{"functionCall": {"id": "c/1", "name": "a_b", "args": {}}}]);
    let context = ResponseContext { renamed_tools: [("a_b".to_owned(), "a.b".to_owned())].into(), ..context() };
    let mut events = Vec::new();
    GOOGLE.decode_unary(context, last(&call, "STOP").to_string().as_bytes(), &mut events);
    let folded = crate::codec::fold::Folded::of(events).unwrap();
    assert_eq!(folded.lines(), ["call c_1 a.b {}"]);
    assert_eq!(folded.metadata(0), [("call_id".to_owned(), json!("c/1"))]);
}

#[test]
fn every_reason_is_known_by_its_class() {
    use FinishReason::{ContentFilter, Error, Length, Other, Stop};
    for (raw, reason) in [
        ("STOP", Stop),
        ("MAX_TOKENS", Length),
        ("SAFETY", ContentFilter),
        ("PROHIBITED_CONTENT", ContentFilter),
        ("MODEL_ARMOR", ContentFilter),
        ("RECITATION", Error),
        ("MALFORMED_FUNCTION_CALL", Error),
        ("MISSING_THOUGHT_SIGNATURE", Error),
        ("OTHER", Other),
        ("BRAND_NEW", Other),
    ] {
        let folded = fold(&[last(&json!([{"text": "a"}]), raw)]);
        assert_eq!((folded.reason(), folded.finish().raw_reason.as_str()), (reason, raw));
    }
    let call = json!([{"functionCall": {"name": "f", "args": {}}}]);
    for raw in ["STOP", "FUNCTION_CALL"] {
        assert_eq!(fold(&[last(&call, raw)]).reason(), FinishReason::ToolCalls, "{raw}");
    }
    assert_eq!(fold(&[last(&call, "MAX_TOKENS")]).reason(), Length);
}

#[test]
fn the_reason_of_a_failure_is_told() {
    let mut failed = last(&json!([]), "MALFORMED_FUNCTION_CALL");
    failed["candidates"][0]["finishMessage"] = json!("Malformed function call: f(");
    let folded = fold(&[failed]);
    assert_eq!(folded.reason(), FinishReason::Error);
    assert_eq!(folded.warnings[0].message, "Malformed function call: f(");
}

#[test]
fn what_was_found_is_a_call_of_the_providers_with_its_sources() {
    let mut end = last(&json!([{"text": "It rains."}]), "STOP");
    end["candidates"][0]["groundingMetadata"] = json!({
        "webSearchQueries": ["weather"],
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"retrievedContext": {}}],
        "groundingSupports": [],
    });
    let folded = fold(&[end]);
    assert_eq!(
        folded.lines(),
        [
            "text It rains.",
            r#"provider-call tool-call-0 web_search {"queries":["weather"]}"#,
            r#"result tool-call-0 web_search {"sources":[{"title":"A","uri":"https://a"}]}"#,
            "source https://a A",
        ]
    );
    assert_eq!(folded.reason(), FinishReason::Stop, "nobody waits for a call of the provider's");
    assert_eq!(folded.metadata(2)[0].0, "grounding");
}

#[test]
fn a_picture_is_a_file_and_a_sketch_of_one_is_none() {
    let folded = fold(&[last(
        &json!([
            {"inlineData": {"mimeType": "image/png", "data": "AAEC"}, "thought": true},
            {"inlineData": {"mimeType": "image/png", "data": "AAEC"}, "thoughtSignature": "s"},
        ]),
        "STOP",
    )]);
    assert_eq!(folded.parts.len(), 1);
    let Some(Body::File(file)) = &folded.parts[0].body else { panic!("{:?}", folded.parts) };
    assert_eq!((file.media_type.as_str(), &*file.data), ("image/png", &[0, 1, 2][..]));
    assert_eq!(folded.metadata(0), [("thought_signature".to_owned(), json!("s"))]);
}

#[test]
fn a_stream_that_breaks_is_tried_again() {
    let folded = fold(&[chunk(&json!([{"text": "a"}]))]);
    assert!(folded.error().retryable && folded.error().partial_output);
    let mut decoder = GOOGLE.decoder(context());
    let mut out = Vec::new();
    decoder.push(frames(&[last(&json!([{"text": "a"}]), "STOP")]).as_bytes(), &mut out);
    assert!(decoder.is_complete());
    decoder.fail(&crate::classify::Failure::silent(), &mut out);
    assert!(matches!(out.last(), Some(Event::Finish(_))), "nothing was missing");
}

#[test]
fn a_whole_answer_is_a_stream_of_one_chunk() {
    let parts = json!([{"text": "a"}, {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "s"}]);
    let whole = fold_unary(&GOOGLE, &last(&parts, "STOP").to_string());
    assert_eq!(fold(&[last(&parts, "STOP")]), whole);
    let array = json!([chunk(&json!([{"text": "a"}])), last(&json!([parts[1]]), "STOP")]);
    assert_eq!(fold_unary(&GOOGLE, &array.to_string()).lines(), whole.lines());
    assert_eq!(events(&VERTEX, &[frames(&[last(&parts, "STOP")]).as_bytes()]).len(), 8);
}
