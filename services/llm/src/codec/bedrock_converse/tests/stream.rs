use chatmesh_proto::common::v1::{ErrorKind, FinishReason, Usage};

use super::*;
use crate::classify::{Cause, Failure, Transport};
use crate::codec::{Codec, ResponseContext};

#[test]
fn an_answer_is_read() {
    let folded = fold(&message(
        &[
            reasoning(0, json!({"text": "Let me "})),
            reasoning(0, json!({"text": "see."})),
            reasoning(0, json!({"signature": "s/+="})),
            stop(0),
            text(1, "I will "),
            text(1, "look."),
            stop(1),
            call(2, "tooluse_1", "f"),
            input(2, ""),
            input(2, "{\"a\""),
            input(2, ":1}"),
            stop(2),
            call(3, "tooluse_2", "g"),
            stop(3),
        ],
        "tool_use",
    ));
    assert_eq!(
        folded.lines(),
        ["thought Let me see.", "text I will look.", "call tooluse_1 f {\"a\":1}", "call tooluse_2 g {}"]
    );
    assert_eq!(folded.metadata(0), [("thinking_signature".to_owned(), json!("s/+="))]);
    assert_eq!((folded.reason(), folded.finish().raw_reason.as_str()), (FinishReason::ToolCalls, "tool_use"));
    let usage = Usage {
        input_tokens: Some(10),
        output_tokens: Some(20),
        cache_read_tokens: Some(3),
        cache_write_tokens: Some(4),
        ..Usage::default()
    };
    assert_eq!(folded.usage(), usage);
    assert_eq!(folded.started.as_ref().unwrap().model, "asked-model");
    assert!(folded.warnings.is_empty());
}

#[test]
fn hidden_reasoning_is_kept() {
    let folded = fold(&message(
        &[
            reasoning(0, json!({"redactedContent": "AQI="})),
            reasoning(0, json!({"redactedContent": "Aw=="})),
            stop(0),
            text(1, "Hi"),
            stop(1),
        ],
        "end_turn",
    ));
    assert_eq!(folded.lines(), ["hidden ", "text Hi"]);
    assert_eq!(folded.metadata(0), [("redacted_content".to_owned(), json!("AQID"))]);
}

#[test]
fn every_reason_to_stop_has_a_meaning() {
    let cases = [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("tool_use", FinishReason::ToolCalls),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("guardrail_intervened", FinishReason::ContentFilter),
        ("content_filtered", FinishReason::ContentFilter),
        ("malformed_tool_use", FinishReason::Error),
        ("brand_new", FinishReason::Other),
    ];
    for (reason, expected) in cases {
        assert_eq!(fold(&message(&[text(0, "a"), stop(0)], reason)).reason(), expected, "{reason}");
    }
    let calls = [call(0, "a", "f"), stop(0)];
    assert_eq!(fold(&message(&calls, "end_turn")).reason(), FinishReason::ToolCalls);
}

#[test]
fn the_usage_is_waited_for_and_can_be_missing() {
    let mut decoder = BedrockConverse.decoder(ResponseContext::default());
    let mut events = Vec::new();
    decoder.push(&bytes(&[start(), text(0, "a"), stop(0)]), &mut events);
    assert!(!decoder.is_complete());
    decoder.push(&bytes(&[message_stop("end_turn")]), &mut events);
    assert!(decoder.is_complete());
    let failure = Failure::of(Cause::Transport(Transport::Unavailable), "reset");
    decoder.fail(&failure, &mut events);
    let folded = Folded::of(events).unwrap();
    assert_eq!((folded.reason(), folded.finish().usage), (FinishReason::Stop, None));

    let without = fold(&[start(), text(0, "a"), stop(0), message_stop("end_turn")]);
    assert_eq!((without.reason(), without.finish().usage), (FinishReason::Stop, None));
}

#[test]
fn an_answer_without_its_end_is_not_complete() {
    for events in [vec![], vec![start()], vec![start(), text(0, "a"), stop(0)], vec![start(), metadata()]] {
        assert_eq!(fold(&events).error_kind(), (ErrorKind::Timeout, true), "{events:?}");
    }
    assert_eq!(fold(&[start(), start()]).error_kind(), (ErrorKind::Generic, true));
    let partial = fold(&[start(), text(0, "a")]);
    assert!(partial.error().partial_output);
}

#[test]
fn oddities_are_repaired() {
    // Nothing is announced, numbers jump, texts are empty, blocks do not end.
    let folded = fold(&message(&[text(0, ""), text(4, "a"), text(4, ""), call(9, "t", "f"), text(9, "")], "tool_use"));
    assert_eq!(folded.lines(), ["text a", "call t f {}"]);
    assert!(folded.warnings.is_empty());
    // One block after the other under one number.
    let folded = fold(&message(&[reasoning(0, json!({"text": "h"})), text(0, "a"), stop(0)], "end_turn"));
    assert_eq!(folded.lines(), ["thought h", "text a"]);
    // Pieces of blocks that take turns.
    let turns =
        [call(0, "a", "f"), call(1, "b", "g"), input(0, "{\"x\""), input(1, "{}"), input(0, ":1}"), stop(1), stop(0)];
    assert_eq!(fold(&message(&turns, "tool_use")).lines(), ["call a f {\"x\":1}", "call b g {}"]);
    // A piece after the end, one that cannot be read, and content of a new kind.
    let folded = fold(&message(&[text(0, "a"), stop(0), text(0, "b"), delta(1, json!({"brandNew": {}}))], "end_turn"));
    assert_eq!((folded.lines(), folded.warning_codes()), (vec!["text a".to_owned()], vec!["odd_stream"]));
    let folded = fold(&message(&[reasoning(0, json!({"redactedContent": "?"})), stop(0)], "end_turn"));
    assert_eq!(folded.warning_codes(), ["odd_stream"]);
    let new = ("contentBlockStart", json!({"contentBlockIndex": 0, "start": {"image": {"format": "png"}}}));
    let folded = fold(&message(&[new, text(0, "x"), stop(0), text(1, "y"), stop(1)], "end_turn"));
    assert_eq!(folded.lines(), ["text y"]);
    // Arguments that were cut, and arguments of nothing.
    let folded = fold(&message(&[call(0, "a", "f"), input(0, "{\"x"), stop(0)], "max_tokens"));
    assert_eq!((folded.warning_codes(), folded.reason()), (vec!["invalid_tool_args"], FinishReason::Length));
    assert!(fold(&message(&[input(0, "{}")], "tool_use")).error().retryable);
}

#[test]
fn what_the_provider_runs_nobody_else_runs() {
    let start = json!({"contentBlockIndex": 0,
        "start": {"toolUse": {"toolUseId": "s.1", "name": "nova_grounding", "type": "server_tool_use"}}});
    let folded = fold(&message(&[("contentBlockStart", start), stop(0), text(1, "a"), stop(1)], "end_turn"));
    assert_eq!(folded.lines(), ["provider-call s.1 nova_grounding {}", "text a"]);
    assert_eq!(folded.reason(), FinishReason::Stop);
}

#[test]
fn a_renamed_tool_has_its_own_name_again() {
    let context =
        ResponseContext { renamed_tools: [("a_b".to_owned(), "a.b".to_owned())].into(), ..ResponseContext::default() };
    let mut events = Vec::new();
    let answer = bytes(&message(&[call(0, "t", "a_b"), stop(0), call(1, "u", "c"), stop(1)], "tool_use"));
    BedrockConverse.decoder(context).push(&answer, &mut events);
    assert_eq!(Folded::of(events).unwrap().lines(), ["call t a.b {}", "call u c {}"]);
}
