//! Reads what tools returned, and the attachments that users and tools give.

use bytes::Bytes;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ToolResult};
use serde_json::{Value, json};

use super::history::own_block;
use crate::compat::BadRequest;
use crate::compat::media;
use crate::compat::node::{Fields, Node};
use crate::compat::prompt::{Returned, part, part_with, text};

/// What a tool of the client's returned.
pub(super) fn returned(block: &Fields<'_>) -> Result<Returned, BadRequest> {
    let mut returned = Returned { is_error: block.flag("is_error")?, ..Returned::default() };
    let Some(content) = block.get("content") else { return Ok(returned) };
    if content.is_string() {
        returned.text = content.string()?.into_owned();
        return Ok(returned);
    }
    for node in content.items()? {
        let block = node.fields()?;
        let kind = block.kind()?;
        let part = match kind.as_str() {
            "text" => Some(text(block.need_string("text")?)),
            kind => attachment(kind, &node, &block)?,
        };
        match part.and_then(|part| part.body) {
            Some(Body::Text(text)) => returned.add(&text),
            Some(Body::File(file)) => returned.files.push(file),
            _ => {
                let why = format!("`{kind}` is not one of text, image, document, search_result");
                return Err(node.wrong(why));
            }
        }
    }
    Ok(returned)
}

/// A block that is neither text nor result; `None` where it is of another type.
pub(super) fn attachment(kind: &str, node: &Node<'_>, block: &Fields<'_>) -> Result<Option<Part>, BadRequest> {
    Ok(Some(match kind {
        "image" => part(Body::File(image(block)?)),
        "document" => document(block)?,
        "search_result" => search_result(block)?,
        "container_upload" => {
            return Err(node.unsupported("files that another server keeps cannot be read: send their content"));
        }
        _ => return Ok(None),
    }))
}

fn image(block: &Fields<'_>) -> Result<File, BadRequest> {
    let node = block.need("source")?;
    let source = node.fields()?;
    match source.kind()?.as_str() {
        "base64" => inline(&source),
        "url" => media::at_url(&source.need("url")?, media::ANY_IMAGE),
        kind => Err(foreign(&node, kind, "base64, url")),
    }
}

fn inline(source: &Fields<'_>) -> Result<File, BadRequest> {
    let media_type = source.need_string("media_type")?;
    Ok(File { media_type, data: media::base64(&source.need("data")?)?, ..File::default() })
}

fn foreign(node: &Node<'_>, kind: &str, known: &str) -> BadRequest {
    match kind {
        "file" => node.unsupported("files that another server keeps cannot be read: send their content as base64"),
        _ => node.wrong(format!("`{kind}` is not one of {known}")),
    }
}

fn document(block: &Fields<'_>) -> Result<Part, BadRequest> {
    let node = block.need("source")?;
    let source = node.fields()?;
    let file = match source.kind()?.as_str() {
        "base64" => inline(&source)?,
        "url" => media::at_url(&source.need("url")?, media::PDF)?,
        "text" => plain(source.need_string("data")?),
        "content" => plain(content(&source.need("content")?)?),
        kind => return Err(foreign(&node, kind, "base64, text, content, url")),
    };
    Ok(part(Body::File(File { name: block.text("title")?, ..file })))
}

fn plain(data: String) -> File {
    File { media_type: "text/plain".to_owned(), data: Bytes::from(data), ..File::default() }
}

/// The text of content that is a text or a list of texts.
fn content(node: &Node<'_>) -> Result<String, BadRequest> {
    if node.is_string() {
        return Ok(node.string()?.into_owned());
    }
    let mut returned = Returned::default();
    for item in node.items()? {
        let block = item.fields()?;
        match block.kind()?.as_str() {
            "text" => returned.add(&block.need_string("text")?),
            kind => return Err(item.wrong(format!("a block of type `{kind}` is not possible here: use `text`"))),
        }
    }
    Ok(returned.text)
}

fn search_result(block: &Fields<'_>) -> Result<Part, BadRequest> {
    let (source, title) = (block.text("source")?, block.text("title")?);
    Ok(text(format!("{title} ({source}):\n\n{}", content(&block.need("content")?)?)))
}

/// What a tool returned that the provider ran; `before` holds its call.
pub(super) fn provider_result(
    kind: &str,
    node: &Node<'_>,
    block: &Fields<'_>,
    before: &[Part],
) -> Result<Part, BadRequest> {
    let call_id = block.need_string("tool_use_id")?;
    let named = before.iter().rev().find_map(|part| match &part.body {
        Some(Body::ToolCall(call)) if call.call_id == call_id => Some(call.name.clone()),
        _ => None,
    });
    let name = named.unwrap_or_else(|| kind.trim_end_matches("_tool_result").to_owned());
    let mut content: Value = match block.get("content") {
        Some(content) => serde_json::from_str(content.text()).unwrap_or_default(),
        None => Value::Null,
    };
    for entry in content.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        entry.retain(|key, _| !key.starts_with("encrypted_"));
    }
    let error = content.get("error_code").cloned();
    let is_error = error.is_some();
    let result = match error {
        Some(error) => json!({ "error": error }),
        None => json!({ "content": content }),
    };
    let metadata = own_block(&call_id, node);
    let result = ToolResult {
        call_id,
        name,
        result: result.to_string(),
        is_error,
        provider_executed: true,
        ..ToolResult::default()
    };
    Ok(part_with(Body::ToolResult(result), metadata))
}
