//! How many tokens a prompt has, roughly, without asking anyone.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Usage};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions};
use memchr::memmem;

use crate::codec::Prices;

/// How many bytes of text are counted as one token.
const BYTES_PER_TOKEN: usize = 4;

/// What an image or a document is counted as; how large it is says little.
const TOKENS_PER_FILE: usize = 1500;

/// How a file begins in a URL that holds it, and in a field of its own.
const BASE64_BEGINS: &[u8] = b";base64,";
const DATA_BEGINS: &[u8] = b"\"data\":\"";

/// A shorter value in base64 is counted as text, in bytes.
const LEAST_FILE: usize = 1024;

/// How long an answer is expected to be at most. Answers may be longer, few are.
const EXPECTED_OUTPUT: u32 = 4096;

/// The tokens of a prompt.
pub(crate) fn prompt_tokens(request: &GenerateRequest) -> u32 {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let said: usize = parts.map(part_tokens).sum();
    let tools = request.tools.iter().map(|tool| text_tokens(&tool.description) + text_tokens(&tool.input_schema));
    u32::try_from(said + tools.sum::<usize>()).unwrap_or(u32::MAX)
}

/// The tokens of a prompt that passes unread, as the JSON that it is. Files in base64 count as files.
pub(crate) fn body_tokens(body: &[u8]) -> u32 {
    let (mut text, mut files, mut rest) = (body.len(), 0_usize, body);
    while let Some(at) = memmem::find(rest, BASE64_BEGINS).map(|at| at + BASE64_BEGINS.len()) {
        rest = &rest[at..];
        let end = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        if end >= LEAST_FILE {
            text -= end;
            files += 1;
        }
        rest = &rest[end..];
    }
    let mut rest = body;
    while let Some(at) = memmem::find(rest, DATA_BEGINS).map(|at| at + DATA_BEGINS.len()) {
        rest = &rest[at..];
        let end = memchr::memchr(b'"', rest).unwrap_or(rest.len());
        let is_base64 =
            |bytes: &[u8]| bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        if end >= LEAST_FILE && is_base64(&rest[..LEAST_FILE]) {
            text -= end;
            files += 1;
        }
        rest = &rest[end..];
    }
    tokens_of(text).saturating_add(u32::try_from(files * TOKENS_PER_FILE).unwrap_or(u32::MAX))
}

/// The tokens of a text with this many bytes.
pub(crate) fn tokens_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}

/// What a call may use: its tokens, and their cost in micro-dollars, nothing where a price is missing.
pub(crate) fn call(prompt_tokens: u32, request: &GenerateRequest, options: &ModelOptions) -> (i64, i64) {
    let longest = request.max_output_tokens.or(options.max_output_tokens).unwrap_or(EXPECTED_OUTPUT);
    let output = longest.min(EXPECTED_OUTPUT);
    let usage = Usage { input_tokens: Some(prompt_tokens), output_tokens: Some(output), ..Usage::default() };
    let cost = Prices::of(options).cost(&usage).unwrap_or(0);
    (i64::from(prompt_tokens) + i64::from(output), i64::from(cost))
}

fn part_tokens(part: &Part) -> usize {
    match &part.body {
        Some(Body::Text(text)) => text_tokens(text),
        Some(Body::Reasoning(reasoning)) => text_tokens(&reasoning.text),
        Some(Body::ToolCall(call)) => text_tokens(&call.args),
        Some(Body::ToolResult(result)) => {
            text_tokens(&result.result) + result.files.iter().map(file_tokens).sum::<usize>()
        }
        Some(Body::File(file)) => file_tokens(file),
        Some(Body::FileReference(reference)) => text_tokens(&reference.content),
        Some(Body::ContextFile(file)) => text_tokens(&file.content),
        Some(Body::Source(_) | Body::Skill(_)) | None => 0,
    }
}

fn file_tokens(file: &File) -> usize {
    match file.media_type.starts_with("text/") {
        true => file.data.len().div_ceil(BYTES_PER_TOKEN),
        false => TOKENS_PER_FILE,
    }
}

fn text_tokens(text: &str) -> usize {
    text.len().div_ceil(BYTES_PER_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_a_body_count_as_files() {
        let image = "aGVsbG8+".repeat(100_000);
        let text = r#"{"messages":[{"content":"hello"}]}"#;
        assert_eq!(body_tokens(text.as_bytes()), tokens_of(text.len()));
        for body in [
            format!(r#"{{"image_url":{{"url":"data:image/png;base64,{image}"}}}}"#),
            format!(r#"{{"source":{{"type":"base64","data":"{image}"}}}}"#),
            format!(r#"{{"file":"data:application/pdf;base64,{image}"}}"#),
        ] {
            assert!((1500..1600).contains(&body_tokens(body.as_bytes())), "{}", body_tokens(body.as_bytes()));
        }
        // A text that is called data is a text.
        let text = format!(r#"{{"data":"{}"}}"#, "some words ".repeat(1000));
        assert_eq!(body_tokens(text.as_bytes()), tokens_of(text.len()));
    }
}
