//! What went on, and who asks.

use serde_json::json;

use super::{Row, page_token, text, workspace};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "get_workspace_build_logs",
            description: "Returns what was said while a workspace was built, oldest line first, and how that ended.",
            arguments: (
                json!({
                    "workspace": workspace(),
                    "build_id": text("The build; the latest one by default."),
                    "page_token": page_token(),
                }),
                &["workspace"],
            ),
        },
        Row {
            name: "get_workspace_agent_logs",
            description: "Returns what the startup and shutdown scripts of a workspace printed, oldest line first.",
            arguments: (json!({"workspace": workspace(), "page_token": page_token()}), &["workspace"]),
        },
        Row {
            name: "get_authenticated_user",
            description: "Says for which user these tools act.",
            arguments: (json!({}), &[]),
        },
    ]
}
