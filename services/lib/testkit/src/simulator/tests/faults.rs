use bytes::Bytes;
use http::Request;

use super::*;

async fn with_fault(fault: Fault) -> Simulator {
    let step = Step::text("one two three four").delta_characters(4).fault(fault);
    start(SimulatorConfig::default().with_script(Script::new("m").step(step))).await
}

fn events(body: &[u8]) -> usize {
    std::str::from_utf8(body).unwrap().matches("\n\n").count()
}

#[tokio::test]
async fn cut_connections_break_after_the_scripted_events() {
    let simulator = with_fault(Fault::cut(3)).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for path in [MESSAGES, COMPLETIONS] {
            let response = post(&simulator, protocol, path, &ask("m", "hi", true)).send().await.unwrap();
            assert_eq!(response.status(), 200);
            let (body, error) = read_all(response).await;
            assert_eq!(events(&body), 3, "{protocol:?} {path}");
            assert!(error.is_some(), "{protocol:?} {path}");
        }
    }
    let requests = simulator.journal().requests();
    assert!(requests.iter().all(|request| request.outcome == Outcome::Broken), "{requests:#?}");
}

#[tokio::test]
async fn resets_carry_their_code_to_the_client() {
    let reasons = [
        ResetReason::NoError,
        ResetReason::InternalError,
        ResetReason::RefusedStream,
        ResetReason::Cancel,
        ResetReason::EnhanceYourCalm,
        ResetReason::ProtocolError,
    ];
    for reason in reasons {
        let simulator = with_fault(Fault::reset(2, reason)).await;
        let (body, error) = read_frames(&simulator, &ask("m", "hi", true)).await;
        assert_eq!(events(&body), 2, "{reason:?}");
        assert_eq!(error.unwrap().reason(), Some(reason.into()));
    }
}

/// Reads frame by frame, since HTTP clients take a reset without an error for an end.
async fn read_frames(simulator: &Simulator, body: &Value) -> (Vec<u8>, Option<h2::Error>) {
    let stream = tokio::net::TcpStream::connect(simulator.address()).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let request = Request::post(simulator.base_url() + MESSAGES)
        .header("x-api-key", "key")
        .header("anthropic-version", "2023-06-01")
        .body(())
        .unwrap();
    let exchange = async {
        let (response, mut sending) = sender.send_request(request, false).unwrap();
        sending.send_data(Bytes::from(body.to_string()), true).unwrap();
        let mut frames = response.await.unwrap().into_body();
        let mut received = Vec::new();
        loop {
            match frames.data().await {
                Some(Ok(bytes)) => received.extend_from_slice(&bytes),
                Some(Err(error)) => return (received, Some(error)),
                None => return (received, None),
            }
        }
    };
    tokio::select! {
        outcome = exchange => outcome,
        closed = connection => panic!("the connection closed: {closed:?}"),
    }
}

#[tokio::test]
async fn resets_close_connections_that_cannot_be_reset() {
    let simulator = with_fault(Fault::reset(2, ResetReason::Cancel)).await;
    let response = post(&simulator, Protocol::Http1, MESSAGES, &ask("m", "hi", true)).send().await.unwrap();
    let (body, error) = read_all(response).await;
    assert_eq!((events(&body), error.is_some()), (2, true));
}

#[tokio::test]
async fn dropped_connections_have_no_response() {
    let simulator = with_fault(Fault::Drop).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        post(&simulator, protocol, MESSAGES, &ask("m", "hi", true)).send().await.unwrap_err();
    }
}

#[tokio::test]
async fn errors_in_streams_end_them_and_unary_calls_fail() {
    let simulator = with_fault(Fault::stream_error(2, "overloaded_error", "Overloaded")).await;
    let response = post(&simulator, Protocol::Http2, MESSAGES, &ask("m", "hi", true)).send().await.unwrap();
    let (body, error) = read_all(response).await;
    let body = String::from_utf8(body).unwrap();
    assert!(error.is_none());
    assert!(body.rsplit_once("event: error\n").unwrap().1.contains("Overloaded"), "{body}");
    let response = post(&simulator, Protocol::Http2, MESSAGES, &ask("m", "hi", false)).send().await.unwrap();
    assert_eq!(response.status(), 529);
}

#[tokio::test]
async fn truncated_and_malformed_responses_end_properly() {
    let truncated = with_fault(Fault::truncate(4)).await;
    let response = post(&truncated, Protocol::Http1, COMPLETIONS, &ask("m", "hi", true)).send().await.unwrap();
    let (body, error) = read_all(response).await;
    assert_eq!((events(&body), error.is_none()), (4, true));

    let malformed = with_fault(Fault::malformed(1, "data: {\"not\": json\n\n")).await;
    let response = post(&malformed, Protocol::Http1, COMPLETIONS, &ask("m", "hi", true)).send().await.unwrap();
    let (body, error) = read_all(response).await;
    assert!(body.ends_with(b"data: {\"not\": json\n\n"));
    assert_eq!((events(&body), error.is_none()), (2, true));
}

#[tokio::test]
async fn unary_bodies_can_be_cut_in_half() {
    let simulator = with_fault(Fault::cut(1)).await;
    let response = post(&simulator, Protocol::Http1, COMPLETIONS, &ask("m", "hi", false)).send().await.unwrap();
    let (body, error) = read_all(response).await;
    assert!(!body.is_empty() && error.is_some());
}

#[tokio::test]
async fn stalled_responses_wait_for_the_client_to_leave() {
    let simulator = with_fault(Fault::stall(1)).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let mut response = post(&simulator, protocol, MESSAGES, &ask("m", "hi", true)).send().await.unwrap();
        assert!(response.chunk().await.unwrap().is_some());
        drop(response);
    }
    let left = |all: &[ReceivedRequest]| all.iter().all(|one| one.outcome == Outcome::Abandoned);
    simulator.journal().wait_until(left).await.unwrap();
}

#[tokio::test]
async fn first_attempts_fail_and_the_next_succeeds() {
    let fault = Fault::status(429).with_header("retry-after", "7").with_body(json!({"error": {"message": "slow"}}));
    let script = Script::new("m").step(Step::text("fine").fail_first(2, fault));
    let simulator = start(SimulatorConfig::default().with_script(script)).await;
    for (text, expected) in [("a", 429), ("a", 429), ("b", 429), ("a", 200), ("b", 429), ("b", 200)] {
        let response = post(&simulator, Protocol::Http1, COMPLETIONS, &ask("m", text, true)).send().await.unwrap();
        assert_eq!(response.status(), expected, "{text}");
        if expected == 429 {
            assert_eq!(response.headers()["retry-after"], "7");
            assert_eq!(response.json::<Value>().await.unwrap(), json!({"error": {"message": "slow"}}));
        }
    }
}

#[tokio::test]
async fn errors_are_worded_as_the_provider_words_them() {
    let simulator = with_fault(Fault::status(529)).await;
    let response = post(&simulator, Protocol::Http1, MESSAGES, &ask("m", "hi", true)).send().await.unwrap();
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("overloaded_error")));
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_in_the_providers_words() {
    let simulator = with_fault(Fault::ContextOverflow).await;
    let cases =
        [(MESSAGES, json!(null), "prompt is too long"), (COMPLETIONS, json!("context_length_exceeded"), "maximum")];
    for (path, code, words) in cases {
        let response = post(&simulator, Protocol::Http1, path, &ask("m", "hi", true)).send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
        let error = response.json::<Value>().await.unwrap()["error"].take();
        assert_eq!((&error["type"], &error["code"]), (&json!("invalid_request_error"), &code));
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    let body = json!({"model": "m", "stream": true, "input": "hi"});
    let response = post(&simulator, Protocol::Http1, "/v1/responses", &body).send().await.unwrap();
    let error = response.json::<Value>().await.unwrap()["error"].take();
    assert_eq!((&error["code"], &error["param"]), (&json!("context_length_exceeded"), &json!("input")));
}
