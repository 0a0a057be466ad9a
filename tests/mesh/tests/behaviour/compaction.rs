//! A turn that is longer than the model's context.

use chatmesh_mesh_tests::{Mesh, Transcript};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::{said, text_of};

/// The answers between two summaries.
const CYCLE: usize = 20;
/// How long the conversation is said to be: far below the limit, and above the part of it at which a summary is made.
const SHORT: u64 = 100;
const LONG: u64 = 800;
const LIMIT: u64 = 1000;

/// An answer that asks for a tool, with which the conversation is so long.
fn call(tokens: u64) -> Step {
    Step::text("On I go.").call("execute", json!({"command": "true"})).tokens(tokens, 10)
}

fn cycle(last: Step) -> Vec<Step> {
    let mut steps = vec![call(SHORT); CYCLE - 1];
    steps.push(last);
    steps
}

/// What the model reads last decides where it is: the beginning, or one of the summaries.
fn script(summary: &str) -> Script {
    Script::new("long")
        .when_contains("second summary", cycle(Step::text("Done at last.").tokens(SHORT, 10)))
        .when_contains("first summary", cycle(call(LONG)))
        .when_contains("Begin.", cycle(call(LONG)))
        .when_summarising(Step::text(format!("This is the {summary} summary.")))
}

fn is_marker(event: &Value) -> bool {
    event["message"]["content"][0]["tool_call"]["name"] == "chat_summarized"
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_steps_need_two_summaries_and_people_still_see_all_of_them() {
    Mesh::run(vec![script("first")], async |mesh| {
        let client = mesh.admin();
        let model = json!({"provider": "sim", "model": "long", "name": "small", "context_limit": LIMIT});
        client.post("/api/v1/models", &model).await.ok();
        let workspace = client.workspace("demo").await;
        let body = json!({"content": [{"text": "Begin."}], "model": "small", "workspace_id": workspace});
        let chat = client.post("/api/v1/chats", &body).await.ok()["id"].as_str().expect("an id").to_owned();
        let mut stream = client.follow(&chat, 0).await;
        let mut events = stream.until(is_marker).await;
        // The next summary is twenty answers and as many commands away.
        mesh.simulator().add_script(script("second"));
        events.extend(stream.until_idle().await);

        let stored = client.messages(&chat).await;
        let (told, markers): (Vec<Value>, Vec<Value>) =
            stored.iter().cloned().partition(|message| message["compressed"].is_null());
        let roles: Vec<&str> = markers.iter().map(|message| message["role"].as_str().unwrap_or_default()).collect();
        assert_eq!(roles, ["ROLE_ASSISTANT", "ROLE_TOOL"].repeat(2), "each summary is told once: {markers:#?}");
        let answers = said(&told).into_iter().filter(|(role, _)| *role == "ROLE_ASSISTANT").count();
        assert_eq!(answers, CYCLE * 3, "all of what was said is there");
        assert_eq!(text_of(stored.last().expect("an answer")), "Done at last.");
        let mut transcript = Transcript::default();
        events.iter().for_each(|event| transcript.apply(event));
        assert_eq!(transcript.messages(), stored);

        let requests = mesh.simulator().journal().requests();
        let (summaries, calls): (Vec<_>, Vec<_>) =
            requests.iter().map(|request| &request.body).partition(|body| body["tool_choice"]["type"] == "none");
        assert_eq!((summaries.len(), calls.len()), (2, CYCLE * 3));
        for (number, body) in calls.into_iter().enumerate() {
            let (cycle, step) = (number / CYCLE, number % CYCLE);
            let prompt = body["messages"].to_string();
            let holds = ["Begin.", "first summary", "second summary"].map(|text| prompt.contains(text));
            assert_eq!(holds, [cycle == 0, cycle == 1, cycle == 2], "call {number}: the newest and nothing before it");
            assert_eq!(prompt.matches("On I go.").count(), step, "call {number}: and all that came after it");
            assert!(body["system"].to_string().contains("You are an agent"), "call {number}: the instructions stay");
        }
    })
    .await;
}
