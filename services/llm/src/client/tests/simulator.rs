//! Every protocol against a provider that checks what it is sent and fails as it is told to.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{ModelOptions, PromptMessage, ToolChoice};
use chatmesh_testkit::simulator::{Fault, Script, Simulator, SimulatorConfig, Step, StepUsage};

use super::*;

pub(super) const PROTOCOLS: [ProviderType; 3] =
    [ProviderType::Anthropic, ProviderType::OpenaiChat, ProviderType::Openai];

/// A name that the provider takes for one of a model that reasons.
pub(super) const MODEL: &str = "gpt-5-scripted";

pub(super) async fn start(script: Script) -> Simulator {
    Simulator::start(SimulatorConfig::default().with_script(script)).await.unwrap()
}

pub(super) fn target(simulator: &Simulator, provider_type: ProviderType) -> Target {
    Target {
        provider_type,
        base_url: simulator.base_url(),
        api_key: Some(SecretString::from("key-of-a-test")),
        model: MODEL.to_owned(),
        context_limit: 200_000,
        ..Target::default()
    }
}

/// A request with a tool, as an agent makes it.
pub(super) fn asking(messages: Vec<PromptMessage>) -> GenerateRequest {
    let tool = |name: &str| ToolDefinition {
        name: name.to_owned(),
        description: "does something".to_owned(),
        input_schema: r#"{"type":"object","properties":{}}"#.to_owned(),
        ..ToolDefinition::default()
    };
    let chat_id = "00000000-0000-7000-8000-000000000001".to_owned();
    GenerateRequest { messages, tools: vec![tool("write"), tool("read")], chat_id, ..GenerateRequest::default() }
}

pub(super) fn opening() -> Vec<PromptMessage> {
    vec![message(Role::System, vec![text("Be brief.")]), message(Role::User, vec![text("go")])]
}

/// The answer and the results of its calls, for the next request.
pub(super) fn answered(folded: &Folded) -> Vec<PromptMessage> {
    let results = folded.parts.iter().filter_map(|part| match &part.body {
        Some(Body::ToolCall(call)) => {
            let result = ToolResult {
                call_id: call.call_id.clone(),
                name: call.name.clone(),
                result: r#"{"ok":true}"#.to_owned(),
                ..ToolResult::default()
            };
            Some(Part { body: Some(Body::ToolResult(result)), ..Part::default() })
        }
        _ => None,
    });
    vec![message(Role::Assistant, folded.parts.clone()), message(Role::Tool, results.collect())]
}

async fn failing(fault: Fault, provider_type: ProviderType, request: GenerateRequest) -> Folded {
    // Short pieces, so that every protocol is in the middle of the text where the fault is.
    let step = Step::text("one two three four five six").delta_characters(1).fault(fault);
    let simulator = start(Script::new(MODEL).step(step)).await;
    collect(target(&simulator, provider_type), request).await
}

#[tokio::test]
async fn an_agent_s_conversation_is_taken_by_every_provider() {
    let script = Script::new(MODEL)
        .step(Step::text("first").reasoning("hm").call("write", json!({"a": 1})).call("read", json!({})))
        .step(Step::calls().reasoning("again").call("read", json!({})))
        .step(Step::text("done"));
    let simulator = start(script).await;
    for provider_type in PROTOCOLS {
        let mut messages = opening();
        let mut lines = Vec::new();
        for _ in 0..3 {
            let folded = collect(target(&simulator, provider_type), asking(messages.clone())).await;
            assert!(matches!(folded.outcome, Some(Outcome::Finished(_))), "{provider_type:?} {:?}", folded.outcome);
            lines.extend(folded.lines());
            messages.extend(answered(&folded));
        }
        let calls = lines.iter().filter(|line| line.starts_with("call ")).count();
        assert_eq!((calls, lines.last().map(String::as_str)), (3, Some("text done")), "{provider_type:?} {lines:?}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_told_apart_from_other_mistakes() {
    for provider_type in PROTOCOLS {
        let folded = failing(Fault::ContextOverflow, provider_type, asking(opening())).await;
        assert_eq!(folded.error_kind(), (ErrorKind::Config, false), "{provider_type:?}");
        assert!(folded.error().context_overflow, "{provider_type:?}");
        let folded = failing(Fault::status(400), provider_type, asking(opening())).await;
        assert!(!folded.error().context_overflow, "{provider_type:?}");
    }
}

#[tokio::test]
async fn a_provider_says_when_to_come_back() {
    for provider_type in PROTOCOLS {
        let limited = Fault::status(429).with_header("retry-after", "7");
        let folded = failing(limited, provider_type, asking(opening())).await;
        assert_eq!(folded.error_kind(), (ErrorKind::RateLimit, true), "{provider_type:?}");
        assert_eq!(folded.error().retry_after_ms, Some(7000), "{provider_type:?}");
        let overloaded = Fault::status(529).with_header("retry-after-ms", "1500");
        let folded = failing(overloaded, provider_type, asking(opening())).await;
        assert_eq!(folded.error_kind(), (ErrorKind::Overloaded, true), "{provider_type:?}");
        assert_eq!(folded.error().retry_after_ms, Some(1500), "{provider_type:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_be_asked_for_again() {
    for provider_type in PROTOCOLS {
        for fault in [Fault::cut(7), Fault::truncate(7)] {
            let folded = failing(fault.clone(), provider_type, asking(opening())).await;
            assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true), "{provider_type:?} {fault:?}");
            assert!(folded.error().partial_output && !folded.parts.is_empty(), "{provider_type:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_falls_silent_runs_out_of_time() {
    for provider_type in PROTOCOLS {
        let request = GenerateRequest { silence_timeout_ms: 100, ..asking(opening()) };
        let folded = failing(Fault::stall(7), provider_type, request).await;
        assert_eq!(folded.error_kind(), (ErrorKind::StreamSilenceTimeout, true), "{provider_type:?}");
        assert!(folded.error().partial_output, "{provider_type:?}");
    }
}

#[tokio::test]
async fn an_answer_has_its_tokens_and_its_cost() {
    let usage = StepUsage { input: 150_000, output: 1000, cache_read: 10, ..StepUsage::default() };
    let simulator = start(Script::new(MODEL).step(Step::text("a").usage(usage))).await;
    for provider_type in PROTOCOLS {
        let mut priced = target(&simulator, provider_type);
        priced.compaction_threshold_percent = 70;
        priced.options = ModelOptions {
            input_price_micros: Some(3_000_000),
            output_price_micros: Some(15_000_000),
            cache_read_price_micros: Some(300_000),
            ..ModelOptions::default()
        };
        let folded = collect(priced.clone(), asking(opening())).await;
        assert_eq!(folded.usage().input_tokens, Some(150_000), "{provider_type:?}");
        assert_eq!(folded.finish().cost_micros, Some(450_000 + 15_000 + 3), "{provider_type:?}");
        let started = folded.started.unwrap();
        assert_eq!((started.context_limit, started.compaction_threshold_percent), (200_000, 70));
        priced.options.cache_read_price_micros = None;
        let folded = collect(priced, asking(opening())).await;
        assert_eq!(folded.finish().cost_micros, None, "{provider_type:?}: the cache has no price");
    }
}

#[tokio::test]
async fn a_prompt_begins_the_same_from_call_to_call() {
    let simulator = start(Script::new(MODEL).step(Step::text("a"))).await;
    for provider_type in PROTOCOLS {
        let folded = collect(target(&simulator, provider_type), asking(opening())).await;
        assert!(matches!(folded.outcome, Some(Outcome::Finished(_))));
    }
    let bodies: Vec<_> = simulator.journal().requests().into_iter().map(|request| request.body).collect();
    let names = |body: &Value| -> Vec<Value> {
        let tools = body["tools"].as_array().unwrap().iter();
        tools.map(|tool| tool.get("function").unwrap_or(tool)["name"].clone()).collect()
    };
    for body in &bodies {
        assert_eq!(names(body), ["read", "write"]);
    }
    let mark = json!({"type": "ephemeral"});
    assert_eq!(bodies[0]["system"][0]["cache_control"], mark);
    assert_eq!(bodies[0]["messages"][0]["content"][0]["cache_control"], mark);
    for body in &bodies[1..] {
        assert_eq!(body["prompt_cache_key"], "00000000-0000-7000-8000-000000000001");
    }
}

#[tokio::test]
async fn a_summary_is_asked_for_with_the_same_tools_and_none_to_call() {
    let script = Script::new(MODEL).step(Step::text("a")).when_summarising(Step::text("short"));
    let simulator = start(script).await;
    for provider_type in PROTOCOLS {
        let request = GenerateRequest { tool_choice: ToolChoice::None.into(), ..asking(opening()) };
        assert_eq!(collect(target(&simulator, provider_type), request).await.lines(), ["text short"]);
    }
}
