//! What a model is told of the tools for commands.

use serde_json::{Value, json};

pub(super) const EXECUTE: &str = "Runs a shell command in the workspace and returns its output (standard output and \
standard error together, 32 KiB at most: head and tail) and its exit code. A command that is not done when `timeout` \
is over keeps running; its `background_process_id` is returned, for `process_output` and `process_signal`. Nothing can \
be typed into a command: use flags that make it non-interactive. Start servers and the like with `run_in_background`.";

pub(super) fn execute_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "command": {"type": "string", "description": "The command, run by `sh -c`."},
            "timeout": {"type": "string", "description": "How long to wait for it, like `30s` or `5m`; 10s by default, 4h at most."},
            "workdir": {"type": "string", "description": "An absolute path to run it in; the working directory by default."},
            "run_in_background": {"type": "boolean", "description": "Return at once and leave it running, for servers and the like."},
            "model_intent": {"type": "string", "maxLength": 100, "description": "What this is for, in a few words, for the user to read."}
        },
        "required": ["command"],
        "additionalProperties": false
    })
}

pub(super) const LIST: &str = "Lists the commands that this chat runs in the workspace or ran in the last minutes, 10 \
at most: running ones first, then the newest first.";

pub(super) fn list_schema() -> Value {
    json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false})
}

pub(super) const OUTPUT: &str = "Returns what a command that was left running has written so far (32 KiB at most: head \
and tail), and its exit code if it has ended. Waits for its end, `wait_timeout` at most. The output of a command can be \
read for 5 minutes after its end.";

pub(super) fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "process_id": {"type": "string", "description": "The `background_process_id` of the command."},
            "wait_timeout": {"type": "string", "description": "How long to wait for its end, like `30s` or `5m`; 10s by default, 4h at most, `0s` to look only."}
        },
        "required": ["process_id"],
        "additionalProperties": false
    })
}

pub(super) const SIGNAL: &str = "Ends a command that was left running, with all that it started.";

pub(super) fn signal_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "process_id": {"type": "string", "description": "The `background_process_id` of the command."},
            "signal": {"type": "string", "enum": ["terminate", "kill"], "description": "`terminate` asks it to end (SIGTERM), `kill` ends it at once (SIGKILL)."}
        },
        "required": ["process_id", "signal"],
        "additionalProperties": false
    })
}
