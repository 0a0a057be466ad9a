//! A chat as people read it, for whoever runs a test with `--nocapture`.

use serde_json::Value;

/// The longest line that is shown whole, in characters.
const MAX_LINE: usize = 400;

/// Prints the messages of a chat, a line per part.
pub(crate) fn print(messages: &[Value]) {
    for message in messages {
        let role = message["role"].as_str().unwrap_or_default().trim_start_matches("ROLE_").to_lowercase();
        for part in message["content"].as_array().into_iter().flatten() {
            println!("{role:>9}  {}", shortened(&line(part)));
        }
    }
}

fn line(part: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(call) = part.get("tool_call") {
        return format!("{} {}", text(&call["name"]), text(&call["args"]));
    }
    match part.get("tool_result") {
        Some(result) => format!("{} -> {}", text(&result["name"]), text(&result["result"])),
        None => text(&part["text"]),
    }
}

fn shortened(text: &str) -> String {
    let text = text.replace('\n', "\\n");
    match text.char_indices().nth(MAX_LINE) {
        None => text,
        Some((end, _)) => format!("{} …", &text[..end]),
    }
}
