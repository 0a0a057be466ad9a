//! The fields of a request that its answer shows.

use crate::compat::node::Fields;

/// The fields in the order in which OpenAI writes them, each with what stands for it where it was
/// not given.
const FIELDS: [(&str, &str); 14] = [
    ("background", "false"),
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("reasoning", r#"{"effort":null,"summary":null}"#),
    ("temperature", "null"),
    ("text", r#"{"format":{"type":"text"}}"#),
    ("tool_choice", r#""auto""#),
    ("tools", "[]"),
    ("top_p", "null"),
    ("truncation", r#""disabled""#),
    ("metadata", "{}"),
];

/// The fields as members of a JSON object. Line breaks between tokens would cut a stream's line,
/// so values are written without any.
pub(super) fn fields(body: &Fields<'_>) -> String {
    let mut shown = String::new();
    for (name, default) in FIELDS {
        let value = body.get(name).map(|node| on_one_line(node.text()));
        shown.push('"');
        shown.push_str(name);
        shown.push_str("\":");
        shown.push_str(value.as_deref().unwrap_or(default));
        shown.push(',');
    }
    // What a client wants stored is not.
    shown.push_str(r#""store":false"#);
    shown
}

/// Line breaks in JSON stand between tokens only; in strings they are escaped.
fn on_one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}
