use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::ToolChoice;
use futures::StreamExt;
use tokio::time::Instant;

use super::*;
use crate::codec::fold::Folded;
use crate::codec::testing::{message, text};

fn request(tools: &[&str]) -> GenerateRequest {
    let tool = |name: &&str| ToolDefinition { name: (*name).to_owned(), ..ToolDefinition::default() };
    GenerateRequest {
        messages: vec![
            message(Role::System, vec![text("You help.\n  Working directory: /home/me/project/ \nBe kind.")]),
            message(Role::User, vec![text("Hello")]),
        ],
        tools: tools.iter().map(tool).collect(),
        ..GenerateRequest::default()
    }
}

async fn answer(request: &GenerateRequest) -> Folded {
    let target = Target { display_name: "Simulated".to_owned(), context_limit: 9, ..Target::default() };
    Folded::of(generate(Simulated::default(), &target, request).collect::<Vec<_>>().await).unwrap()
}

/// Adds an answer and a result for each of its calls.
fn go_on(request: &mut GenerateRequest, folded: Folded, result: &str) {
    let results = folded.parts.iter().filter_map(|part| match &part.body {
        Some(Body::ToolCall(call)) => {
            let (call_id, name) = (call.call_id.clone(), call.name.clone());
            let result = ToolResult { call_id, name, result: result.to_owned(), ..ToolResult::default() };
            Some(Part { body: Some(Body::ToolResult(result)), ..Part::default() })
        }
        _ => None,
    });
    let results = results.collect();
    request.messages.push(message(Role::Assistant, folded.parts));
    request.messages.push(message(Role::Tool, results));
}

#[tokio::test(start_paused = true)]
async fn the_script_is_played_to_its_end_and_begins_again() {
    let mut request = request(&["write_file", "execute", "read_file"]);
    let first = answer(&request).await;
    assert_eq!(
        first.lines()[1..],
        [
            r#"call tool-call-0 write_file {"content":"Hello from a simulated model.\n","path":"/home/me/project/hello.txt"}"#,
            r#"call tool-call-1 execute {"command":"uname -s && pwd"}"#,
        ]
    );
    assert!(first.lines()[0].contains("simulated model"));
    assert_eq!(first.reason(), FinishReason::ToolCalls);
    go_on(&mut request, first, "{}");
    let second = answer(&request).await;
    assert_eq!(second.lines()[1], r#"call tool-call-2 read_file {"path":"/home/me/project/hello.txt"}"#);
    go_on(&mut request, second, "{}");
    let third = answer(&request).await;
    assert_eq!(third.lines()[1], r#"call tool-call-3 execute {"command":"wc -c < /home/me/project/hello.txt"}"#);
    go_on(&mut request, third, r#"{"output":"30\n","exit_code":0}"#);
    let last = answer(&request).await;
    assert_eq!(last.lines(), ["text Done. The last tool, `execute`, returned: 30"]);
    assert_eq!(last.reason(), FinishReason::Stop);
    request.messages.push(message(Role::Assistant, last.parts));
    request.messages.push(message(Role::User, vec![text("Again")]));
    assert!(answer(&request).await.lines()[1].starts_with("call tool-call-4 write_file"));
}

#[tokio::test(start_paused = true)]
async fn only_tools_that_are_offered_are_called() {
    let with_one = answer(&request(&["execute", "other"])).await;
    assert_eq!(with_one.lines()[1..], [r#"call tool-call-0 execute {"command":"uname -s && pwd"}"#]);
    let without = answer(&request(&["other"])).await;
    assert_eq!((without.lines().len(), without.reason()), (1, FinishReason::Stop));
    assert!(without.lines()[0].contains("simulated model"));
    let forbidden = GenerateRequest { tool_choice: ToolChoice::None.into(), ..request(&["execute"]) };
    let summary = answer(&forbidden).await;
    assert_eq!(summary.lines(), ["text This is a simulated summary of 2 messages."]);
    assert_eq!(summary.reason(), FinishReason::Stop);
}

#[tokio::test(start_paused = true)]
async fn an_answer_looks_like_a_provider_s() {
    let request = request(&["execute"]);
    let folded = answer(&request).await;
    let usage = folded.usage();
    assert!(usage.input_tokens > Some(5) && usage.output_tokens > Some(10));
    assert_eq!(usage.total_tokens, Some(usage.input_tokens.unwrap() + usage.output_tokens.unwrap()));
    let started = folded.started.as_ref().unwrap();
    assert_eq!((started.provider.as_str(), started.context_limit), ("Simulated", 9));
    assert_eq!(answer(&request).await, folded);
}

#[tokio::test(start_paused = true)]
async fn pieces_are_small_and_take_their_time() {
    let began = Instant::now();
    let events: Vec<_> = generate(Simulated::default(), &Target::default(), &request(&[])).collect().await;
    let deltas = events.iter().filter(|event| matches!(event, Event::PartDelta(_))).count();
    assert!(deltas > 5);
    assert_eq!(began.elapsed(), Simulated::default().delay * u32::try_from(deltas).unwrap());
}
