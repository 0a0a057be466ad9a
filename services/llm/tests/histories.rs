//! Conversations of any kind: with answers of every provider in them, cut anywhere, with results
//! missing. Whatever is encoded of them, no provider refuses.

use chatmesh_llm::codec::fold::Folded;
use chatmesh_llm::codec::{Call, Codec, ResponseContext, call_ids};
use chatmesh_llm::provider::compose;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Role, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, PromptMessage, ProviderSettings, ProviderType};
use chatmesh_testkit::simulator::{Step, offline};
use proptest::prelude::*;
use serde_json::{Value, json};

#[path = "histories/gemini.rs"]
mod gemini;

const PROVIDERS: [(ProviderType, &str); 4] = [
    (ProviderType::Anthropic, "/v1/messages"),
    (ProviderType::OpenaiChat, "/v1/chat/completions"),
    (ProviderType::Openai, "/v1/responses"),
    (ProviderType::Google, gemini::ENDPOINT),
];

/// One answer and what became of it.
#[derive(Debug, Clone)]
struct Turn {
    /// What the user says before it; nothing where the loop of tools goes on.
    said: Option<String>,
    provider: usize,
    step: Step,
    /// Whether the provider gave its reasoning along, encrypted.
    is_encrypted: bool,
    /// How many parts were committed before the turn was interrupted.
    kept_parts: usize,
    /// Which of the calls have a result.
    has_results: [bool; 3],
    /// Whether the results have images.
    has_images: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    let text = || prop::option::of("[a-z ]{0,8}");
    let call =
        ("[a-z]{1,4}", prop_oneof![Just(String::new()), Just("{\"a\":1}".to_owned()), Just("{\"a\"".to_owned())]);
    let step = (text(), text(), prop::collection::vec(call, 0..3)).prop_map(|(reasoning, text, calls)| {
        let step = Step { reasoning, text, ..Step::calls() };
        calls.into_iter().fold(step, |step, (name, args)| step.raw_call(name, args))
    });
    let kept = prop_oneof![4 => Just(usize::MAX), 1 => 0_usize..4];
    (text(), 0..PROVIDERS.len(), step, any::<bool>(), kept, any::<[bool; 3]>(), any::<bool>()).prop_map(
        |(said, provider, step, is_encrypted, kept_parts, has_results, has_images)| Turn {
            said,
            provider,
            step,
            is_encrypted,
            kept_parts,
            has_results,
            has_images,
        },
    )
}

fn text(text: &str) -> Part {
    Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }
}

fn message(role: Role, parts: Vec<Part>) -> PromptMessage {
    PromptMessage { role: role.into(), parts }
}

/// The parts of an answer, decoded from what the provider said.
fn answer(turn: &Turn, number: usize, request: &GenerateRequest) -> Vec<Part> {
    let (provider, path) = PROVIDERS[turn.provider];
    let include = if turn.is_encrypted { json!(["reasoning.encrypted_content"]) } else { json!([]) };
    let asked = json!({"include": include, "reasoning": {"summary": "auto"}});
    let body = match path {
        gemini::ENDPOINT => gemini::answer(&turn.step, turn.is_encrypted),
        path => offline::answer(path, &turn.step, number, &asked),
    };
    let body = body.to_string();
    let context = ResponseContext { used_call_ids: call_ids::used(request), ..ResponseContext::default() };
    let mut events = Vec::new();
    codec_of(provider).decode_unary(context, body.as_bytes(), &mut events);
    Folded::of(events).expect("an answer").parts
}

fn results(parts: &[Part], turn: &Turn) -> Vec<Part> {
    let image = File { media_type: "image/png".to_owned(), data: "x".into(), ..File::default() };
    let files = if turn.has_images { vec![image] } else { Vec::new() };
    let calls = parts.iter().filter_map(|part| match &part.body {
        Some(Body::ToolCall(call)) => Some(call),
        _ => None,
    });
    let answered = calls.zip(turn.has_results).filter(|(_, has_result)| *has_result);
    answered
        .map(|(call, _)| {
            let (call_id, name) = (call.call_id.clone(), call.name.clone());
            let files = files.clone();
            let result = ToolResult { call_id, name, result: "{}".to_owned(), files, ..ToolResult::default() };
            Part { body: Some(Body::ToolResult(result)), ..Part::default() }
        })
        .collect()
}

fn conversation(turns: &[Turn]) -> GenerateRequest {
    let tool = ToolDefinition { name: "t".to_owned(), ..ToolDefinition::default() };
    let system = message(Role::System, vec![text("Be brief.")]);
    let first = message(Role::User, vec![text("go")]);
    let mut request =
        GenerateRequest { messages: vec![system, first], tools: vec![tool], ..GenerateRequest::default() };
    for (number, turn) in turns.iter().enumerate() {
        if let Some(said) = &turn.said {
            request.messages.push(message(Role::User, vec![text(said)]));
        }
        let mut parts = answer(turn, number, &request);
        parts.truncate(turn.kept_parts);
        let results = results(&parts, turn);
        request.messages.push(message(Role::Assistant, parts));
        request.messages.push(message(Role::Tool, results));
    }
    // A loop of tools goes on without a word of the user's.
    let goes_on = request.messages.last().is_some_and(|last| last.role() == Role::Tool && !last.parts.is_empty());
    if !goes_on {
        request.messages.push(message(Role::User, vec![text("and now?")]));
    }
    request
}

proptest! {
    // A failing case is minimal and goes into a test of its own, not into a file.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_conversation_is_refused(turns in prop::collection::vec(turn(), 0..6), thinks in any::<bool>()) {
        let request = conversation(&turns);
        let thinking_budget_tokens = thinks.then_some(2000);
        let options = ModelOptions { thinking_budget_tokens, max_output_tokens: Some(4000), ..ModelOptions::default() };
        for (provider, path) in PROVIDERS {
            let model = if path == gemini::ENDPOINT { "gemini-3-test" } else { "gpt-5-test" };
            let call = Call { request: &request, model, options: &options };
            let encoded = codec_of(provider).encode(&call).expect("encoded");
            let body: Value = serde_json::from_slice(&encoded.body).expect("JSON");
            let refusal = match path {
                gemini::ENDPOINT => gemini::refusal(&body),
                path => offline::refusal(path, &body),
            };
            prop_assert!(refusal.is_none(), "{:?}: {:?}\n{:#}", provider, refusal, body);
        }
    }
}

fn codec_of(provider: ProviderType) -> &'static dyn Codec {
    compose(provider, &ProviderSettings::default(), "").expect("a codec").codec
}
