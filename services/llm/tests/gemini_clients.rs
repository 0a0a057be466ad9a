//! Clients of other protocols on a model of Gemini's: what they are told and send back is what the
//! provider said, signatures included.

use chatmesh_llm::codec::{Call, Codec, Event, ResponseContext};
use chatmesh_llm::compat::{Dialect, Echo};
use chatmesh_llm::provider::compose;
use chatmesh_proto::llm::v1::{ModelOptions, ProviderSettings, ProviderType};
use chatmesh_testkit::recordings::{Interaction, or_skip};
use serde_json::{Value, json};

const DIALECTS: [Dialect; 3] = [Dialect::ChatCompletions, Dialect::Responses, Dialect::Messages];

fn codec() -> &'static dyn Codec {
    compose(ProviderType::Google, &ProviderSettings::default(), "").expect("a codec").codec
}

#[test]
fn recorded_calls_return_through_clients_of_every_protocol() {
    let Some(recordings) = or_skip("recorded_calls_return_through_clients_of_every_protocol") else { return };
    let (mut returned, mut signed) = (0, 0);
    for session in recordings.gemini() {
        for interaction in &session.interactions {
            let calls = recorded_calls(interaction);
            if calls.is_empty() {
                continue;
            }
            signed += calls.iter().filter(|call| call["thoughtSignature"].is_string()).count();
            for dialect in DIALECTS {
                assert_eq!(sent_back(dialect, interaction), calls, "{dialect:?} {}", session.file);
                returned += 1;
            }
        }
    }
    assert!(returned >= 30 && signed >= 10, "{returned} {signed}");
}

/// The calls as the provider wrote them.
fn recorded_calls(interaction: &Interaction) -> Vec<Value> {
    let body = String::from_utf8_lossy(&interaction.response.body);
    let chunks: Vec<Value> = match interaction.response.content_type().contains("event-stream") {
        true => body
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .map(|data| serde_json::from_str(data).expect("JSON"))
            .collect(),
        false => vec![serde_json::from_str(&body).expect("JSON")],
    };
    let parts = chunks.iter().flat_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array()).flatten();
    parts.filter(|part| part["functionCall"].is_object()).cloned().collect()
}

/// The calls in the request that follows when a client sends back what it was told.
fn sent_back(dialect: Dialect, interaction: &Interaction) -> Vec<Value> {
    let answer = dialect.whole(Echo::default(), events(interaction).into_iter()).expect("an answer");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let question = json!({"role": "user", "content": "go"});
    let body = match dialect {
        Dialect::ChatCompletions => json!({"model": "m", "messages": [question, answer["choices"][0]["message"]]}),
        Dialect::Messages => {
            let said = json!({"role": "assistant", "content": answer["content"]});
            json!({"model": "m", "max_tokens": 9, "messages": [question, said]})
        }
        Dialect::Responses => {
            let mut input = vec![question];
            input.extend(answer["output"].as_array().into_iter().flatten().cloned());
            json!({"model": "m", "input": input})
        }
    };
    let asked = dialect.parse(body.to_string().as_bytes()).expect("understood");
    let options = ModelOptions::default();
    let call = Call { request: &asked.request, model: "gemini-2.5-pro", options: &options };
    let encoded = codec().encode(&call).expect("encoded");
    let sent: Value = serde_json::from_slice(&encoded.body).expect("JSON");
    let parts = sent["contents"][1]["parts"].as_array().into_iter().flatten();
    parts.filter(|part| part["functionCall"].is_object()).cloned().collect()
}

fn events(interaction: &Interaction) -> Vec<Event> {
    let response = &interaction.response;
    let mut events = Vec::new();
    if response.content_type().contains("event-stream") {
        let mut decoder = codec().decoder(ResponseContext::default());
        decoder.push(&response.body, &mut events);
        decoder.finish(&mut events);
    } else {
        codec().decode_unary(ResponseContext::default(), &response.body, &mut events);
    }
    events
}
