//! The models that every simulator has.

use std::time::Duration;

use serde_json::json;

use super::{Script, Step};

/// Between the deltas of `sim-slow`: long enough to kill a server in the middle.
const SLOW_DELTA_DELAY: Duration = Duration::from_millis(300);

const EXECUTE_STEPS: usize = 10;

/// The built-in scripts.
pub(in crate::simulator) fn all() -> Vec<Script> {
    vec![chat(), coding("sim-tools", Duration::ZERO), coding("sim-slow", SLOW_DELTA_DELAY), ten_steps()]
}

fn chat() -> Script {
    Script::new("sim-chat").step(Step::text("You said: {{last_user_message}}")).looped()
}

/// A coding session, once per message of the user.
fn coding(model: &str, delta_delay: Duration) -> Script {
    let file = "{{dir}}/hello.txt";
    let content = "Hello from the simulator.\n";
    let steps = [
        Step::text("I will write the file and look at the directory.")
            .call("write_file", json!({"path": file, "content": content}))
            .call("execute", json!({"command": "ls -a {{dir}}"})),
        Step::calls().call("read_file", json!({"path": file})),
        Step::calls().call("execute", json!({"command": "wc -c {{dir}}/hello.txt"})),
        Step::text("Done: {{dir}}/hello.txt is written and checked."),
    ];
    let script = Script::new(model).per_turn();
    steps.into_iter().fold(script, |script, step| script.step(step.delta_delay(delta_delay)))
}

/// Many short steps, for measurements.
fn ten_steps() -> Script {
    let execute = Step::calls().call("execute", json!({"command": "true"}));
    let script = Script::new("sim-steps-10").per_turn();
    let script = (0..EXECUTE_STEPS).fold(script, |script, _| script.step(execute.clone()));
    script.step(Step::text("All ten steps are done."))
}
