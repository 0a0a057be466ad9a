use std::collections::HashSet;

use super::*;
use crate::recordings::oracle::{self, Reading};

/// Plays an agent's part: answers every tool call with `ok`, until the model is done.
async fn run_turn(simulator: &Simulator, path: &str, request: &mut Value) -> Vec<Reading> {
    let mut readings = Vec::new();
    loop {
        let response = post(simulator, Protocol::Http2, path, request).send().await.unwrap();
        let status = response.status();
        let body = response.bytes().await.unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let reading = oracle::read(path, "text/event-stream", &body).unwrap();
        let messages = request["messages"].as_array_mut().unwrap();
        messages.extend(if path == MESSAGES { anthropic_replay(&reading) } else { chat_replay(&reading) });
        let is_done = reading.tool_calls.is_empty();
        readings.push(reading);
        if is_done {
            return readings;
        }
    }
}

fn anthropic_replay(reading: &Reading) -> Vec<Value> {
    let text = (!reading.text.is_empty()).then(|| json!({"type": "text", "text": reading.text}));
    let calls = reading
        .tool_calls
        .iter()
        .map(|call| json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.args}));
    let results: Vec<_> = reading
        .tool_calls
        .iter()
        .map(|call| json!({"type": "tool_result", "tool_use_id": call.id, "content": "ok"}))
        .collect();
    let said = json!({"role": "assistant", "content": text.into_iter().chain(calls).collect::<Vec<_>>()});
    let results = (!results.is_empty()).then(|| json!({"role": "user", "content": results}));
    std::iter::once(said).chain(results).collect()
}

fn chat_replay(reading: &Reading) -> Vec<Value> {
    let calls: Vec<_> = reading
        .tool_calls
        .iter()
        .map(|call| {
            let function = json!({"name": call.name, "arguments": call.args.to_string()});
            json!({"id": call.id, "type": "function", "function": function})
        })
        .collect();
    let mut said = json!({"role": "assistant", "content": reading.text});
    if !calls.is_empty() {
        said["tool_calls"] = json!(calls);
    }
    let results =
        reading.tool_calls.iter().map(|call| json!({"role": "tool", "tool_call_id": call.id, "content": "ok"}));
    std::iter::once(said).chain(results).collect()
}

#[tokio::test]
async fn coding_session_runs_once_per_user_message() {
    let simulator = start(SimulatorConfig::default()).await;
    for path in [MESSAGES, COMPLETIONS] {
        let mut request = ask("sim-tools", "write it", true);
        let system = "You work.\nWorking directory: /srv/code\n";
        if path == MESSAGES {
            request["system"] = json!(system);
        } else {
            request["messages"].as_array_mut().unwrap().insert(0, json!({"role": "system", "content": system}));
        }
        let mut ids = HashSet::new();
        for _ in 0..2 {
            let readings = run_turn(&simulator, path, &mut request).await;
            let calls: Vec<_> = readings.iter().flat_map(|reading| &reading.tool_calls).collect();
            let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
            assert_eq!(names, ["write_file", "execute", "read_file", "execute"]);
            assert_eq!(calls[0].args["path"], "/srv/code/hello.txt");
            assert!(calls.iter().all(|call| ids.insert(call.id.clone())), "{ids:?}");
            assert!(readings[0].tool_calls.len() == 2 && !readings[0].text.is_empty());
            request["messages"].as_array_mut().unwrap().push(json!({"role": "user", "content": "again"}));
        }
    }
}

#[tokio::test]
async fn built_in_models_are_there_by_default() {
    let simulator = start(SimulatorConfig::default()).await;
    assert_eq!(simulator.models(), ["sim-chat", "sim-slow", "sim-steps-10", "sim-tools"]);
    let echo = run_turn(&simulator, MESSAGES, &mut ask("sim-chat", "héllo", true)).await;
    assert_eq!(echo[0].text, "You said: héllo");
    let steps = run_turn(&simulator, COMPLETIONS, &mut ask("sim-steps-10", "go", true)).await;
    assert_eq!(steps.len(), 11);
    assert!(steps[..10].iter().all(|step| step.tool_calls[0].args == json!({"command": "true"})));
}
