//! Counting tokens before a call.
//!
//! Where a provider cannot count, this estimates: one token per four bytes of text, names, schemas
//! and arguments included, four per message and per tool, 1600 per image, one per 32 bytes of any
//! other file. A real tokenizer counts less for English prose and more for digits; the reply says
//! in [`COUNT_HEADER`] that it is an estimate.

use bytes::Bytes;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part};
use chatmesh_proto::llm::v1::GenerateRequest;
use http::{HeaderName, HeaderValue};
use serde::Serialize;

use super::{BadRequest, messages};

/// Says that a count is an estimate.
pub const COUNT_HEADER: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-chatmesh-token-count"), HeaderValue::from_static("estimate"));

const BYTES_PER_TOKEN: usize = 4;
const TOKENS_PER_MESSAGE: usize = 4;
const TOKENS_PER_TOOL: usize = 4;
const TOKENS_PER_IMAGE: usize = 1600;
const FILE_BYTES_PER_TOKEN: usize = 32;

/// What is to be counted.
#[derive(Debug, Clone)]
pub struct CountAsked {
    /// The model as the client named it.
    pub model: String,
    /// The prompt; `model` is the client's word for it.
    pub request: GenerateRequest,
}

/// Reads the body of a request to count.
///
/// # Errors
/// As for a message, of which it is the part that becomes the prompt.
pub fn parse_count(body: &[u8]) -> Result<CountAsked, BadRequest> {
    let asked = messages::parse_prompt(body)?;
    Ok(CountAsked { model: asked.model, request: asked.request })
}

/// The body of a reply.
pub fn render_count(input_tokens: u32) -> Bytes {
    #[derive(Serialize)]
    struct Reply {
        input_tokens: u32,
    }
    Bytes::from(serde_json::to_vec(&Reply { input_tokens }).unwrap_or_default())
}

/// About how many tokens a prompt has.
pub fn estimate(request: &GenerateRequest) -> u32 {
    let messages = request.messages.iter().flat_map(|message| &message.parts);
    let (bytes, files) = messages.map(weigh).fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1));
    let tools = request.tools.iter().map(|tool| tool.name.len() + tool.description.len() + tool.input_schema.len());
    let format = request.output_format.as_ref().map_or(0, |format| format.schema.len());
    let text = (bytes + tools.sum::<usize>() + format).div_ceil(BYTES_PER_TOKEN);
    let tokens = text + files + request.messages.len() * TOKENS_PER_MESSAGE + request.tools.len() * TOKENS_PER_TOOL;
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// The bytes of text in a part, and the tokens of its files.
fn weigh(part: &Part) -> (usize, usize) {
    match &part.body {
        Some(Body::Text(text)) => (text.len(), 0),
        Some(Body::Reasoning(reasoning)) => (reasoning.text.len(), 0),
        Some(Body::ToolCall(call)) => (call.name.len() + call.args.len(), 0),
        Some(Body::ToolResult(result)) => (result.result.len(), result.files.iter().map(file_tokens).sum()),
        Some(Body::File(file)) if file.media_type.starts_with("text/") => (file.data.len(), 0),
        Some(Body::File(file)) => (0, file_tokens(file)),
        _ => (0, 0),
    }
}

fn file_tokens(file: &File) -> usize {
    match file.media_type.starts_with("image/") {
        true => TOKENS_PER_IMAGE,
        false => file.data.len().div_ceil(FILE_BYTES_PER_TOKEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_follows_its_rule() {
        let body = br#"{"model":"m","system":"12345678","messages":[{"role":"user","content":[
            {"type":"text","text":"1234"},
            {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]}],
            "tools":[{"name":"abcd","description":"1234","input_schema":{}}]}"#;
        let asked = parse_count(body).unwrap();
        // 8 + 4 bytes of text, 4 + 4 + 2 of the tool, two messages, one tool, one image.
        assert_eq!(estimate(&asked.request), 22_u32.div_ceil(4) + 8 + 4 + 1600);
        assert_eq!(&render_count(7)[..], br#"{"input_tokens":7}"#);
    }
}
