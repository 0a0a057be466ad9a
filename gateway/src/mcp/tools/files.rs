//! Files.

use serde_json::json;

use super::{Row, page_token, text, workspace};

pub(super) fn rows() -> Vec<Row> {
    let edit = json!({
        "type": "object",
        "properties": {
            "search": text("The text to find, whole lines as a rule."),
            "replace": text("What takes its place; empty to remove it."),
            "replace_all": {"type": "boolean", "description": "Replace it wherever it is; false by default."},
        },
        "required": ["search", "replace"],
        "additionalProperties": false,
    });
    let file = json!({
        "type": "object",
        "properties": {
            "path": text("The absolute path."),
            "edits": {"type": "array", "minItems": 1, "items": edit},
        },
        "required": ["path", "edits"],
        "additionalProperties": false,
    });
    vec![
        Row {
            name: "workspace_ls",
            description: "Lists a directory of a workspace.",
            arguments: (
                json!({
                    "workspace": workspace(),
                    "path": text("The directory: absolute, or `~` and what is below the home directory."),
                    "page_token": page_token(),
                }),
                &["workspace", "path"],
            ),
        },
        Row {
            name: "workspace_read_file",
            description: "Reads a text file by lines, with their numbers: 2000 lines and 32 KiB at most at once.",
            arguments: (
                json!({
                    "workspace": workspace(),
                    "path": text("The absolute path."),
                    "offset": {"type": "integer", "minimum": 1, "description": "The first line; 1 by default."},
                    "limit": {"type": "integer", "minimum": 1, "description": "How many lines; 2000 at most."},
                }),
                &["workspace", "path"],
            ),
        },
        Row {
            name: "workspace_write_file",
            description: "Writes a text file, in place of what it had; directories on the way are made.",
            arguments: (
                json!({
                    "workspace": workspace(),
                    "path": text("The absolute path."),
                    "content": text("All of what the file has then."),
                }),
                &["workspace", "path", "content"],
            ),
        },
        Row {
            name: "workspace_edit_files",
            description: "Replaces texts in files. Either all edits are made or, where one of them cannot be, none. A \
                          `search` must be in its file once, or `replace_all` be set.",
            arguments: (
                json!({
                    "workspace": workspace(),
                    "files": {"type": "array", "minItems": 1, "maxItems": 100, "items": file},
                }),
                &["workspace", "files"],
            ),
        },
    ]
}
