//! What a model is told of the tools for files.

use serde_json::{Value, json};

pub(super) const ATTACH: &str = "Gives a file of the workspace to the people of this chat: they see it in the \
conversation, and can open and download it. Use it for what you made for them, like an image, a report or a table; \
they have no other way into the workspace. At most 10 MiB: a PNG, JPEG, GIF or WebP image, a PDF, JSON, CSV, Markdown, \
or plain text in UTF-8. They get the file as it is now: attach it again where you change it.";

pub(super) fn attach_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The absolute path."},
            "name": {"type": "string", "description": "What to call it; the name of the file by default."}
        },
        "required": ["path"],
        "additionalProperties": false
    })
}

pub(super) const EDIT: &str = "Replaces texts in files of the workspace: in any number of files, any number of edits \
each. Either all edits are made or, where one of them cannot be, none; the error names each that failed. The edits of \
a file are made one after the other. A `search` must be in its file once, or `replace_all` be set; differences in \
indentation and in blanks at the ends of lines are forgiven. Returns what changed as a unified diff.";

pub(super) fn edit_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "files": {
                "type": "array",
                "minItems": 1,
                "maxItems": 100,
                "description": "The files, each once.",
                "items": {
                    "type": "object",
                    "properties": {
                        "path": {"type": "string", "description": "The absolute path."},
                        "edits": {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "object",
                                "properties": {
                                    "search": {"type": "string", "description": "The text to find, whole lines as a rule."},
                                    "replace": {"type": "string", "description": "What takes its place; empty to remove it."},
                                    "replace_all": {"type": "boolean", "description": "Replace it wherever it is; false by default."}
                                },
                                "required": ["search", "replace"],
                                "additionalProperties": false
                            }
                        }
                    },
                    "required": ["path", "edits"],
                    "additionalProperties": false
                }
            }
        },
        "required": ["files"],
        "additionalProperties": false
    })
}

pub(super) const READ: &str = "Reads a text file of the workspace by lines. Each line is returned as its number, a tab \
and its text. At most 2000 lines and 32 KiB at once, from files of at most 1 MiB: use `offset` and `limit` for a part, \
and `execute` with grep, sed or awk for larger files.";

pub(super) fn read_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The absolute path."},
            "offset": {"type": "integer", "minimum": 1, "description": "The first line, from 1."},
            "limit": {"type": "integer", "minimum": 1, "description": "How many lines; 2000 by default and at most."}
        },
        "required": ["path"],
        "additionalProperties": false
    })
}

pub(super) const WRITE: &str = "Writes a file of the workspace whole, replacing what was there. Missing directories \
are made. The write is atomic: readers see the old file or the new one. Use `edit_files` to change parts of a file.";

pub(super) fn write_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "The absolute path."},
            "content": {"type": "string", "description": "The whole text of the file."}
        },
        "required": ["path", "content"],
        "additionalProperties": false
    })
}
