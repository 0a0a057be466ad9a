use super::*;

async fn get(simulator: &Simulator, path: &str) -> Value {
    let url = simulator.base_url() + path;
    client(Protocol::Http1).get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn stats_count_requests_and_the_simulators_own_time() {
    let step = Step::text("abcdef")
        .delta_characters(3)
        .first_delay(Duration::from_millis(30))
        .delta_delay(Duration::from_millis(10));
    let simulator = start(SimulatorConfig::default().with_script(Script::new("m").step(step))).await;
    for _ in 0..2 {
        let request = post(&simulator, Protocol::Http1, COMPLETIONS, &ask("m", "hi", true));
        request.send().await.unwrap().bytes().await.unwrap();
    }
    post(&simulator, Protocol::Http1, COMPLETIONS, &ask("unknown", "hi", true)).send().await.unwrap();
    let finished = |all: &[ReceivedRequest]| all.iter().all(|one| one.outcome == Outcome::Completed);
    simulator.journal().wait_until(finished).await.unwrap();

    let stats = get(&simulator, "/_simulator/stats").await;
    assert_eq!((&stats["requests"], &stats["completed"], &stats["errors"]), (&json!(3), &json!(3), &json!(1)));
    assert_eq!(stats["in_flight"], 0);
    let milliseconds = |name: &str| stats[name].as_f64().unwrap();
    assert!(milliseconds("simulator_ms") >= 100.0, "{stats}");
    assert!(milliseconds("wall_ms") >= milliseconds("simulator_ms"), "{stats}");
}

#[tokio::test]
async fn journal_has_requests_without_secrets() {
    let simulator = start(SimulatorConfig::default()).await;
    let body = ask("sim-chat", "hi", false);
    let request = post(&simulator, Protocol::Http1, "/v1/messages?beta=true", &body).header("x-api-key", "secret");
    request.send().await.unwrap().bytes().await.unwrap();
    let received = simulator.journal().requests().remove(0);
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/v1/messages?beta=true"));
    assert_eq!((&received.body, received.status), (&body, Some(200)));
    assert_eq!(received.headers["x-api-key"], "[redacted]");
    assert_eq!(received.headers["anthropic-version"], "2023-06-01");
    let journal = get(&simulator, "/_simulator/journal").await;
    assert_eq!(journal[0]["body"], body);
    assert!(!journal.to_string().contains("secret"));
    simulator.journal().clear();
    assert_eq!(simulator.journal().stats(), Stats::default());
}

#[tokio::test]
async fn scripts_are_added_at_run_time() {
    let simulator = start(SimulatorConfig::default()).await;
    let add =
        |body: Value| client(Protocol::Http1).post(simulator.base_url() + "/_simulator/scripts").json(&body).send();
    let added = add(json!([{"model": "late", "steps": [{"text": "here"}]}])).await.unwrap();
    assert_eq!(added.json::<Value>().await.unwrap(), json!({"models": ["late"]}));
    let answer = post(&simulator, Protocol::Http1, COMPLETIONS, &ask("late", "hi", false)).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["choices"][0]["message"]["content"], "here");
    let misspelt = add(json!({"model": "late", "stepps": []})).await.unwrap();
    assert_eq!(misspelt.status(), 400);
    assert!(misspelt.text().await.unwrap().contains("stepps"));
}
