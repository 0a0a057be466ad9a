//! OpenAI Responses: answers that are kept and continued, and reasoning that returns.

use super::*;
use crate::recordings::oracle::{self, Reading};

const RESPONSES: &str = "/v1/responses";

/// Asks and returns the answer with its items, read independently.
async fn ask_for(simulator: &Simulator, body: &Value) -> (Value, Reading) {
    let response = post(simulator, Protocol::Http2, RESPONSES, body).send().await.unwrap();
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
    let reading = oracle::responses("text/event-stream", &bytes).unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let last = text.trim_end().rsplit_once("data: ").unwrap().1;
    (serde_json::from_str::<Value>(last).unwrap()["response"].take(), reading)
}

async fn refusal(simulator: &Simulator, body: &Value) -> (u16, Value) {
    let response = post(simulator, Protocol::Http1, RESPONSES, body).send().await.unwrap();
    (response.status().as_u16(), response.json::<Value>().await.unwrap()["error"].take())
}

fn script() -> Script {
    let call = Step::text("one").reasoning("hm").call("t", json!({"a": 1}));
    Script::new("m").step(call).step(Step::text("two")).step(Step::text("three"))
}

fn request(more: &Value) -> Value {
    let mut body = json!({"model": "m", "stream": true, "include": ["reasoning.encrypted_content"]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_conversation_goes_on_by_its_last_answer_until_that_is_forgotten() {
    let simulator = start(SimulatorConfig::default().with_script(script())).await;
    let (first, reading) = ask_for(&simulator, &request(&json!({"input": "go"}))).await;
    assert_eq!((reading.text.as_str(), first["store"] == true), ("one", true));
    let output = json!({"type": "function_call_output", "call_id": reading.tool_calls[0].id, "output": "ok"});
    let (second, reading) =
        ask_for(&simulator, &request(&json!({"previous_response_id": first["id"], "input": [output]}))).await;
    assert_eq!((reading.text.as_str(), &second["previous_response_id"]), ("two", &first["id"]));
    let third = request(&json!({"previous_response_id": second["id"], "input": "more"}));
    assert_eq!(ask_for(&simulator, &third).await.1.text, "three");

    let (status, error) =
        refusal(&simulator, &request(&json!({"previous_response_id": first["id"], "input": "x"}))).await;
    assert_eq!(status, 400, "the call has no output: {error}");
    simulator.forget_responses();
    let (status, error) = refusal(&simulator, &third).await;
    assert_eq!((status, &error["code"]), (400, &json!("previous_response_not_found")));
    let url = simulator.base_url() + "/_simulator/responses";
    assert_eq!(client(Protocol::Http1).delete(url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_answer_that_is_not_kept_returns_item_by_item() {
    let simulator = start(SimulatorConfig::default().with_script(script())).await;
    let asked = json!({"role": "user", "content": "go"});
    let body = |input: &[Value]| request(&json!({"store": false, "input": input}));
    let (answer, reading) = ask_for(&simulator, &body(std::slice::from_ref(&asked))).await;
    assert_eq!(reading.signatures.len(), 1);
    let items = answer["output"].as_array().unwrap();
    let output = json!({"type": "function_call_output", "call_id": reading.tool_calls[0].id, "output": "ok"});
    let whole = [std::slice::from_ref(&asked), items, std::slice::from_ref(&output)].concat();
    assert_eq!(ask_for(&simulator, &body(&whole)).await.1.text, "two");
    let without_reasoning = [std::slice::from_ref(&asked), &items[1..], std::slice::from_ref(&output)].concat();
    let (status, error) = refusal(&simulator, &body(&without_reasoning)).await;
    assert_eq!(status, 400);
    assert!(error["message"].as_str().unwrap().contains("without its required 'reasoning' item"), "{error}");
    let unknown = request(&json!({"previous_response_id": answer["id"], "input": "x"}));
    assert_eq!(refusal(&simulator, &unknown).await.0, 400, "it was not to be kept");
}

#[tokio::test]
async fn what_broke_off_is_not_kept() {
    let broken = Script::new("m").step(Step::text("one").fail_first(1, Fault::cut(3)));
    let simulator = start(SimulatorConfig::default().with_script(broken)).await;
    let body = request(&json!({"input": "go"}));
    let response = post(&simulator, Protocol::Http1, RESPONSES, &body).send().await.unwrap();
    assert!(read_all(response).await.1.is_some());
    let continued = request(&json!({"previous_response_id": "resp_sim_0", "input": "x"}));
    assert_eq!(refusal(&simulator, &continued).await.0, 400);
    let (answer, _) = ask_for(&simulator, &body).await;
    let continued = request(&json!({"previous_response_id": answer["id"], "input": "x"}));
    assert_eq!(ask_for(&simulator, &continued).await.1.text, "Nothing more is scripted.");
}

#[tokio::test]
async fn a_summary_of_the_reasoning_is_given_where_it_is_asked_for() {
    let simulator = start(SimulatorConfig::default().with_script(script())).await;
    let (_, silent) = ask_for(&simulator, &request(&json!({"input": "go"}))).await;
    assert_eq!(silent.reasoning, "");
    let asked = request(&json!({"input": "go", "reasoning": {"effort": "low", "summary": "auto"}}));
    assert_eq!(ask_for(&simulator, &asked).await.1.reasoning, "hm");
}
