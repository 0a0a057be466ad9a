//! Real sessions with providers, replayed: what the codecs emit equals an independent reading of
//! the recorded response, however its bytes are cut.

use chatmesh_llm::codec::fold::{Folded, Outcome};
use chatmesh_llm::codec::{Call, Codec, ResponseContext};
use chatmesh_llm::provider::compose;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, Part, Role, ToolResult, Usage};
use chatmesh_proto::llm::v1::{AzureApi, GenerateRequest, ModelOptions, PromptMessage, ProviderSettings, ProviderType};
use chatmesh_testkit::recordings::oracle::{Finish, Reading, ToolCallReading, UsageReading};
use chatmesh_testkit::recordings::{Interaction, Recording, Recordings, or_skip, oracle};
use serde_json::Value;

/// How the bytes of a stream are cut; 0 is not at all.
const CHUNK_SIZES: [usize; 4] = [0, 1, 7, 1000];

#[test]
fn every_anthropic_session_replays() {
    let Some(recordings) = or_skip("every_anthropic_session_replays") else { return };
    replay_all("anthropic", recordings.anthropic(), ProviderType::Anthropic);
}

#[test]
fn every_openai_chat_session_replays() {
    let Some(recordings) = or_skip("every_openai_chat_session_replays") else { return };
    replay_all("openai", recordings.openai_chat(), ProviderType::OpenaiChat);
}

#[test]
fn every_openai_compatible_session_replays() {
    let Some(recordings) = or_skip("every_openai_compatible_session_replays") else { return };
    replay_all("openai-compatible", recordings.openai_compatible_chat(), ProviderType::OpenaiCompatible);
}

#[test]
fn every_openai_responses_session_replays() {
    let Some(recordings) = or_skip("every_openai_responses_session_replays") else { return };
    replay_all("openai-responses", recordings.openai_responses(), ProviderType::Openai);
}

#[test]
fn every_bedrock_session_replays() {
    let Some(recordings) = or_skip("every_bedrock_session_replays") else { return };
    replay_with("bedrock", recordings.bedrock_claude(), codec_for(ProviderType::Bedrock, "us.anthropic.claude-x"));
}

#[test]
fn every_session_with_claude_on_vertex_replays() {
    let Some(recordings) = or_skip("every_session_with_claude_on_vertex_replays") else { return };
    replay_with("vertex-claude", recordings.vertex_claude(), codec_for(ProviderType::Vertex, "claude-x"));
}

#[test]
fn every_gemini_session_replays() {
    let Some(recordings) = or_skip("every_gemini_session_replays") else { return };
    let on_vertex = |session: &&Recording| session.interactions[0].request.path().contains("/publishers/google/");
    let (vertex, google): (Vec<_>, Vec<_>) = recordings.gemini().partition(on_vertex);
    let mixed = google.iter().filter(|session| session.folder == "mixed").count();
    assert_eq!((vertex.len(), google.len(), mixed), (10, 14, 2), "all of them");
    replay_all("gemini", google.into_iter(), ProviderType::Google);
    replay_all("vertex-gemini", vertex.into_iter(), ProviderType::Vertex);
}

#[test]
fn every_azure_session_replays() {
    let Some(recordings) = or_skip("every_azure_session_replays") else { return };
    let settings = ProviderSettings { azure_api: AzureApi::ChatCompletions.into(), ..ProviderSettings::default() };
    let chat = compose(ProviderType::Azure, &settings, "gpt-5-mini").expect("a codec").codec;
    replay_with("azure chat", recordings.azure_chat(), chat);
    let responses = recordings.openai_responses().filter(|session| session.folder == "azure");
    replay_all("azure responses", responses, ProviderType::Azure);
}

#[test]
fn every_openrouter_session_replays() {
    let Some(recordings) = or_skip("every_openrouter_session_replays") else { return };
    replay_all("openrouter", of(&recordings, "openrouter", "/chat/completions"), ProviderType::Openrouter);
}

#[test]
fn every_vercel_session_replays() {
    let Some(recordings) = or_skip("every_vercel_session_replays") else { return };
    replay_all("vercel", of(&recordings, "vercel", "/chat/completions"), ProviderType::Vercel);
}

#[test]
fn every_anthropic_session_with_an_image_replays() {
    let Some(recordings) = or_skip("every_anthropic_session_with_an_image_replays") else { return };
    replay_all("mixed (anthropic)", of(&recordings, "mixed", "/messages"), ProviderType::Anthropic);
}

/// At how many places a stream is cut; all places of all streams would take minutes.
const CUTS: usize = 24;

/// A stream that ends too early is an error that may be tried again, and says whether something
/// of the answer was seen.
#[test]
fn every_recorded_stream_may_break_anywhere() {
    let Some(recordings) = or_skip("every_recorded_stream_may_break_anywhere") else { return };
    let kinds = [
        ("anthropic", "/messages", ProviderType::Anthropic),
        ("openai", "/chat/completions", ProviderType::OpenaiChat),
        ("openai-compatible", "/chat/completions", ProviderType::OpenaiCompatible),
        ("openai-responses", "/responses", ProviderType::Openai),
        ("openrouter", "/chat/completions", ProviderType::Openrouter),
        ("vercel", "/chat/completions", ProviderType::Vercel),
        ("google", ":streamGenerateContent", ProviderType::Google),
        ("mixed", ":streamGenerateContent", ProviderType::Google),
    ];
    let mut count = 0;
    for (folder, endpoint, provider) in kinds {
        let codec = codec_of(provider);
        let interactions = of(&recordings, folder, endpoint).flat_map(|session| &session.interactions);
        for response in interactions.map(|one| &one.response).filter(|it| it.content_type().contains("event-stream")) {
            let whole = folded(codec, &response.body);
            let step = (response.body.len() / CUTS).max(1);
            for end in (0..response.body.len()).step_by(step) {
                let cut = folded(codec, &response.body[..end]);
                count += 1;
                match &cut.outcome {
                    Some(Outcome::Failed(error)) => {
                        assert_eq!((error.kind(), error.retryable), (ErrorKind::Timeout, true), "{folder} at {end}");
                        assert_eq!(error.partial_output, !cut.parts.is_empty(), "{folder} at {end}");
                    }
                    // Several servers end a stream of calls without saying so.
                    Some(Outcome::Finished(_)) => assert!(whole.parts.starts_with(&cut.parts), "{folder} at {end}"),
                    None => panic!("{folder} at {end}: no end"),
                }
            }
        }
    }
    report(&format!("{count} cut streams"));
}

fn folded(codec: &dyn Codec, bytes: &[u8]) -> Folded {
    let mut decoder = codec.decoder(ResponseContext::default());
    let mut events = Vec::new();
    decoder.push(bytes, &mut events);
    decoder.finish(&mut events);
    Folded::of(events).expect("an answer")
}

/// The sessions of a folder with an endpoint.
fn of<'a>(
    recordings: &'a Recordings,
    folder: &'static str,
    endpoint: &'static str,
) -> impl Iterator<Item = &'a Recording> {
    recordings.sessions().iter().filter(move |session| {
        session.folder == folder && session.interactions.iter().all(|one| one.request.path().ends_with(endpoint))
    })
}

/// What a model asked for and what came of it return as the recorded client sent them. That
/// client sends neither reasoning nor identifiers of items, so those are left aside.
#[test]
fn the_next_request_holds_the_calls_of_the_last_response() {
    let Some(recordings) = or_skip("the_next_request_holds_the_calls_of_the_last_response") else { return };
    let codec = codec_of(ProviderType::Openai);
    let mut compared = 0;
    for session in recordings.openai_responses() {
        for pair in session.interactions.windows(2) {
            let next = pair[1].request.json();
            let recorded = essentials(&next["input"]);
            let request = GenerateRequest { messages: conversation(codec, &pair[0], &recorded), ..Default::default() };
            let model = next["model"].as_str().expect("a model");
            let options = ModelOptions::default();
            let encoded = codec.encode(&Call { request: &request, model, options: &options }).expect("encoded");
            let body: Value = serde_json::from_slice(&encoded.body).expect("JSON");
            assert_eq!(essentials(&body["input"]), recorded, "{}", session.file);
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared}");
}

/// Calls and outputs, with the fields that decide.
fn essentials(input: &Value) -> Vec<Value> {
    let items = input.as_array().into_iter().flatten();
    let fields = ["type", "call_id", "name", "arguments", "output"];
    items
        .filter(|item| item["call_id"].is_string())
        .map(|item| fields.iter().filter_map(|field| Some((*field, item.get(field)?.clone()))).collect())
        .collect()
}

/// A question, the recorded answer to it, and the recorded results of its calls.
fn conversation(codec: &dyn Codec, answered: &Interaction, items: &[Value]) -> Vec<PromptMessage> {
    let response = &answered.response;
    let mut events = Vec::new();
    if response.content_type().contains("event-stream") {
        codec.decoder(ResponseContext::default()).push(&response.body, &mut events);
    } else {
        codec.decode_unary(ResponseContext::default(), &response.body, &mut events);
    }
    let answer = Folded::of(events).expect("an answer");
    assert!(answer.warnings.is_empty(), "{:?}", answer.warnings);
    let outputs = items.iter().filter(|item| item["type"] == "function_call_output");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let results = outputs.map(|item| {
        let result =
            ToolResult { call_id: text(&item["call_id"]), result: text(&item["output"]), ..Default::default() };
        Part { body: Some(Body::ToolResult(result)), ..Default::default() }
    });
    let question = Part { body: Some(Body::Text("go".to_owned())), ..Default::default() };
    vec![
        PromptMessage { role: Role::User.into(), parts: vec![question] },
        PromptMessage { role: Role::Assistant.into(), parts: answer.parts },
        PromptMessage { role: Role::Tool.into(), parts: results.collect() },
    ]
}

fn replay_all<'a>(provider: &str, sessions: impl Iterator<Item = &'a Recording>, provider_type: ProviderType) {
    replay_with(provider, sessions, codec_of(provider_type));
}

fn replay_with<'a>(provider: &str, sessions: impl Iterator<Item = &'a Recording>, codec: &dyn Codec) {
    let mut failures = Vec::new();
    let (mut interactions, mut count) = (0, 0);
    for session in sessions {
        count += 1;
        for (number, interaction) in session.interactions.iter().enumerate() {
            interactions += 1;
            if let Err(difference) = replay(codec, interaction) {
                failures.push(format!("{} #{number}: {difference}", session.file));
            }
        }
    }
    let passed = interactions - failures.len();
    report(&format!("{provider}: {passed} of {interactions} interactions in {count} sessions replay"));
    assert!(count > 0, "no recordings of {provider}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[expect(clippy::print_stdout, reason = "how many there were is what one wants to see")]
fn report(line: &str) {
    println!("{line}");
}

fn replay(codec: &dyn Codec, interaction: &Interaction) -> Result<(), String> {
    let request = &interaction.request;
    let response = &interaction.response;
    let content_type = response.content_type();
    let expected = oracle::read(request.path_and_query(), content_type, &response.body);
    let expected = normalise(expected.map_err(|error| format!("the oracle failed: {error}"))?);
    if !content_type.contains("event-stream") && !content_type.contains("eventstream") {
        let mut events = Vec::new();
        codec.decode_unary(ResponseContext::default(), &response.body, &mut events);
        return compare(&expected, events, "unary");
    }
    for size in CHUNK_SIZES {
        let mut decoder = codec.decoder(ResponseContext::default());
        let mut events = Vec::new();
        for chunk in response.body.chunks(if size == 0 { response.body.len().max(1) } else { size }) {
            decoder.push(chunk, &mut events);
        }
        decoder.finish(&mut events);
        compare(&expected, events, &format!("chunks of {size}"))?;
    }
    Ok(())
}

fn compare(expected: &Reading, events: Vec<chatmesh_llm::codec::Event>, how: &str) -> Result<(), String> {
    let folded = Folded::of(events).map_err(|error| format!("{how}: {error}"))?;
    let found = reading(&folded).map_err(|error| format!("{how}: {error}"))?;
    if found == *expected { Ok(()) } else { Err(format!("{how}:\n expected {expected:?}\n found    {found:?}")) }
}

/// The answer in the words of the oracle.
fn reading(folded: &Folded) -> Result<Reading, String> {
    let finish = match &folded.outcome {
        Some(Outcome::Finished(finish)) => finish,
        other => return Err(format!("did not finish: {other:?}")),
    };
    let mut reading = Reading {
        text: String::new(),
        reasoning: String::new(),
        tool_calls: Vec::new(),
        usage: finish.usage.as_ref().map(usage).unwrap_or_default(),
        finish: finish_reason(finish.reason()),
        raw_finish: finish.raw_reason.clone(),
        signatures: Vec::new(),
    };
    for part in &folded.parts {
        reading.signatures.extend(signatures(part));
        match &part.body {
            Some(Body::Text(text)) => reading.text.push_str(text),
            Some(Body::Reasoning(reasoning)) => reading.reasoning.push_str(&reasoning.text),
            Some(Body::ToolCall(call)) => reading.tool_calls.push(ToolCallReading {
                id: call.call_id.clone(),
                name: call.name.clone(),
                args: serde_json::from_str(&call.args).map_err(|error| format!("args of {}: {error}", call.name))?,
                provider_executed: call.provider_executed,
            }),
            _ => {}
        }
    }
    Ok(reading)
}

fn signatures(part: &Part) -> impl Iterator<Item = String> {
    part.provider_metadata.iter().filter_map(|blob| match blob.kind.as_str() {
        "thinking_signature" | "thought_signature" => serde_json::from_slice::<String>(&blob.json).ok(),
        "reasoning" => {
            let item: Value = serde_json::from_slice(&blob.json).ok()?;
            item["encrypted_content"].as_str().map(str::to_owned)
        }
        _ => None,
    })
}

fn usage(usage: &Usage) -> UsageReading {
    UsageReading {
        input_uncached: usage.input_tokens.map(u64::from),
        output: usage.output_tokens.map(u64::from),
        reasoning: usage.reasoning_tokens.map(u64::from),
        cache_read: usage.cache_read_tokens.map(u64::from),
        cache_write: usage.cache_write_tokens.map(u64::from),
    }
}

fn finish_reason(reason: FinishReason) -> Finish {
    match reason {
        FinishReason::Stop | FinishReason::Pause => Finish::Stop,
        FinishReason::Length => Finish::Length,
        FinishReason::ToolCalls => Finish::ToolCalls,
        FinishReason::ContentFilter => Finish::ContentFilter,
        FinishReason::Error => Finish::Error,
        FinishReason::Unspecified | FinishReason::Other => Finish::Other,
    }
}

/// Identifiers of calls are made safe for every provider, the same for call and result, and made up
/// where the provider gave none.
fn normalise(mut reading: Reading) -> Reading {
    for (number, call) in reading.tool_calls.iter_mut().enumerate() {
        let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
        call.id = match call.id.as_str() {
            "" => format!("tool-call-{number}"),
            id => id.chars().map(safe).collect(),
        };
    }
    reading
}

fn codec_of(provider: ProviderType) -> &'static dyn Codec {
    codec_for(provider, "")
}

fn codec_for(provider: ProviderType, model: &str) -> &'static dyn Codec {
    compose(provider, &ProviderSettings::default(), model).expect("a codec").codec
}
