use super::*;
use crate::recordings::oracle::{self, Finish};

#[tokio::test]
async fn one_script_answers_in_every_dialect_protocol_and_mode() {
    let script = Script::new("m").var("workspace", "/w").step(
        Step::text("Writing.")
            .reasoning("Hm.")
            .call("write_file", json!({"path": "{{workspace}}/a", "content": "b"}))
            .usage(StepUsage { input: 3, output: 4, ..StepUsage::default() }),
    );
    let simulator = start(SimulatorConfig::default().with_script(script).with_chunk_size(3)).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for path in [MESSAGES, COMPLETIONS] {
            for stream in [true, false] {
                let mut request = ask("m", "go", stream);
                if stream && path == COMPLETIONS {
                    request["stream_options"] = json!({"include_usage": true});
                }
                let response = post(&simulator, protocol, path, &request).send().await.unwrap();
                let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
                assert_eq!(content_type.starts_with("text/event-stream"), stream);
                let body = response.bytes().await.unwrap();
                let reading = oracle::read(path, &content_type, &body).unwrap();
                assert_eq!((reading.text.as_str(), reading.reasoning.as_str()), ("Writing.", "Hm."));
                assert_eq!(reading.tool_calls[0].args, json!({"path": "/w/a", "content": "b"}));
                assert_eq!((reading.usage.input_uncached, reading.usage.output), (Some(3), Some(4)));
                assert_eq!(reading.finish, Finish::ToolCalls);
            }
        }
    }
    let versions: Vec<_> = simulator.journal().requests().into_iter().map(|one| one.http_version).collect();
    assert_eq!(versions, [["HTTP/1.1"; 4], ["HTTP/2.0"; 4]].concat());
}

#[tokio::test]
async fn refusals_have_the_providers_status_and_form() {
    let simulator = start(SimulatorConfig::default().with_api_key("right")).await;
    let cases = [
        (MESSAGES, "right", "no-such-model", 404, "not_found_error"),
        (COMPLETIONS, "right", "no-such-model", 404, "invalid_request_error"),
        (MESSAGES, "wrong", "sim-chat", 401, "authentication_error"),
        (COMPLETIONS, "wrong", "sim-chat", 401, "invalid_request_error"),
    ];
    for (path, key, model, status, kind) in cases {
        let request = client(Protocol::Http1)
            .post(simulator.base_url() + path)
            .bearer_auth(key)
            .header("anthropic-version", "2023-06-01")
            .json(&ask(model, "hi", true));
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (status, &"application/json".parse().unwrap())
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["type"], kind, "{body}");
    }
    let unknown = client(Protocol::Http1).get(simulator.base_url() + "/v1/nothing").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn stopped_simulators_finish_what_is_under_way() {
    let step = Step::text("a text in several deltas").delta_delay(Duration::from_millis(5));
    let simulator = start(SimulatorConfig::default().with_script(Script::new("m").step(step))).await;
    let url = simulator.base_url();
    let mut response = post(&simulator, Protocol::Http1, COMPLETIONS, &ask("m", "hi", true)).send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    let (rest, ()) = tokio::join!(read_all(response), simulator.stop());
    let body = [first.as_ref(), &rest.0].concat();
    let reading = oracle::chat("text/event-stream", &body).unwrap();
    assert_eq!(reading.text, "a text in several deltas");
    client(Protocol::Http1).get(url).send().await.unwrap_err();
}
