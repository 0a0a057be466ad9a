use super::*;
use crate::recordings::{self, Interaction, Recordings, or_skip};

fn interactions(recordings: &Recordings) -> impl Iterator<Item = &Interaction> {
    recordings.sessions().iter().flat_map(|session| &session.interactions)
}

async fn start_replay(chunk_size: Option<usize>) -> Simulator {
    let config = SimulatorConfig::default().with_recordings(recordings::find().unwrap());
    start(match chunk_size {
        Some(size) => config.with_chunk_size(size),
        None => config,
    })
    .await
}

async fn fetch(client: &reqwest::Client, simulator: &Simulator, interaction: &Interaction, body: String) -> Vec<u8> {
    let (request, response) = (&interaction.request, &interaction.response);
    let sent = client
        .post(simulator.base_url() + request.path_and_query())
        .bearer_auth("key")
        .header("anthropic-version", "2023-06-01")
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    let (status, headers) = (sent.status().as_u16(), sent.headers().clone());
    let received = sent.bytes().await.unwrap().to_vec();
    assert_eq!(status, response.status, "{}: {}", request.url, String::from_utf8_lossy(&received));
    assert_eq!(headers["content-type"], response.content_type());
    received
}

/// Two of the recorded sessions made the same request; either response is right.
fn is_recorded(recordings: &Recordings, interaction: &Interaction, received: &[u8]) -> bool {
    interactions(recordings)
        .filter(|other| {
            (&other.request.url, &other.request.body) == (&interaction.request.url, &interaction.request.body)
        })
        .any(|other| other.response.body == received)
}

#[tokio::test]
async fn every_recording_is_served_byte_for_byte() {
    let Some(recordings) = or_skip("every_recording_is_served_byte_for_byte") else { return };
    // An HTTP/2 client takes thousands of tiny frames for an attack, so its chunks are larger.
    for (protocol, smallest) in [(Protocol::Http1, 7), (Protocol::Http2, 300)] {
        let client = client(protocol);
        for chunk_size in [Some(smallest), Some(1000), None] {
            let simulator = start_replay(chunk_size).await;
            for interaction in interactions(&recordings) {
                let received = fetch(&client, &simulator, interaction, interaction.request.body.clone()).await;
                assert!(is_recorded(&recordings, interaction, &received), "{}", interaction.request.url);
            }
        }
    }
}

#[tokio::test]
async fn recordings_arrive_byte_by_byte() {
    let Some(recordings) = or_skip("recordings_arrive_byte_by_byte") else { return };
    let simulator = start_replay(Some(1)).await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let client = client(protocol);
        for interaction in interactions(&recordings).filter(|one| one.response.body.len() < 5_000) {
            let received = fetch(&client, &simulator, interaction, interaction.request.body.clone()).await;
            assert!(is_recorded(&recordings, interaction, &received), "{}", interaction.request.url);
        }
    }
}

#[tokio::test]
async fn other_clients_get_the_same_recordings() {
    let Some(recordings) = or_skip("other_clients_get_the_same_recordings") else { return };
    let (client, simulator) = (client(Protocol::Http2), start_replay(None).await);
    let mut compared = 0;
    let chat = recordings.openai_chat().chain(recordings.openai_compatible_chat());
    let all = recordings.anthropic().chain(chat).chain(recordings.openai_responses());
    for interaction in all.flat_map(|session| &session.interactions) {
        let mut body = interaction.request.json();
        body["metadata"] = json!({"user_id": "someone else"});
        let limit = if body["input"].is_null() { "max_tokens" } else { "max_output_tokens" };
        body[limit] = json!(8000);
        body.as_object_mut().unwrap().remove("tool_choice");
        let received = fetch(&client, &simulator, interaction, body.to_string()).await;
        assert_eq!(received, interaction.response.body, "{}", interaction.request.url);
        compared += 1;
    }
    assert!(compared > 100, "{compared}");
}

#[tokio::test]
async fn unrecorded_requests_are_refused() {
    if or_skip("unrecorded_requests_are_refused").is_none() {
        return;
    }
    let simulator = start_replay(None).await;
    let body = ask("gpt-4o", "nobody ever asked this", false);
    let response = post(&simulator, Protocol::Http1, "/v1/chat/completions", &body).send().await.unwrap();
    assert_eq!(response.status(), 404);
}
