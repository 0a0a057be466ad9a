//! Commands.

use serde_json::json;

use super::{Row, text, workspace};

pub(super) fn rows() -> Vec<Row> {
    let process = || text("The `background_process_id` of the command.");
    vec![
        Row {
            name: "workspace_bash",
            description: "Runs a shell command and returns its output and its exit code. One that is not done when \
                          `timeout_ms` is over is ended: its exit code is 124. A workspace that is stopped is started \
                          first; five minutes are all that there is for both.",
            arguments: (
                json!({
                    "workspace": workspace(),
                    "command": text("The command, run by `sh -c`. Nothing can be typed into it."),
                    "timeout_ms": {
                        "type": "integer", "minimum": 0, "maximum": 300_000,
                        "description": "How long to wait for its end, in milliseconds; 60000 by default.",
                    },
                    "workdir": text("An absolute path to run it in; the working directory by default."),
                    "background": {
                        "type": "boolean",
                        "description": "Return at once and leave it running; its `background_process_id` is returned.",
                    },
                }),
                &["workspace", "command"],
            ),
        },
        Row {
            name: "workspace_process_list",
            description: "Lists the commands that were started here in a workspace and run, or ran in the last minutes.",
            arguments: (json!({"workspace": workspace()}), &["workspace"]),
        },
        Row {
            name: "workspace_process_output",
            description: "Returns what a command that was left running has written so far, and its exit code if it has \
                          ended.",
            arguments: (
                json!({
                    "workspace": workspace(),
                    "process_id": process(),
                    "wait_timeout": text("How long to wait for its end, like `30s`; 10s by default, 5m at most, `0s` to look only."),
                }),
                &["workspace", "process_id"],
            ),
        },
        Row {
            name: "workspace_process_signal",
            description: "Ends a command that was left running, with all that it started.",
            arguments: (
                json!({
                    "workspace": workspace(),
                    "process_id": process(),
                    "signal": {"type": "string", "enum": ["terminate", "kill"]},
                }),
                &["workspace", "process_id", "signal"],
            ),
        },
        Row {
            name: "workspace_list_ports",
            description: "Lists the ports at which programs in a workspace listen.",
            arguments: (json!({"workspace": workspace()}), &["workspace"]),
        },
    ]
}
