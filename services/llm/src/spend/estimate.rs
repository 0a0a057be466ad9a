//! How many tokens a prompt has, roughly, without asking anyone.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Usage};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions};

use crate::codec::Prices;

/// How many bytes of text are counted as one token.
const BYTES_PER_TOKEN: usize = 4;

/// What an image or a document is counted as; how large it is says little.
const TOKENS_PER_FILE: usize = 1500;

/// How long an answer is expected to be at most. Answers may be longer, few are.
const EXPECTED_OUTPUT: u32 = 4096;

/// The tokens of a prompt.
pub(crate) fn prompt_tokens(request: &GenerateRequest) -> u32 {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let said: usize = parts.map(part_tokens).sum();
    let tools = request.tools.iter().map(|tool| text_tokens(&tool.description) + text_tokens(&tool.input_schema));
    u32::try_from(said + tools.sum::<usize>()).unwrap_or(u32::MAX)
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
