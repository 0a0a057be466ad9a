//! Reads the system prompt and the messages of a request.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ProviderMetadata, Reasoning, Role, ToolCall};
use chatmesh_proto::llm::v1::PromptMessage;

use super::tool_result::{attachment, provider_result, returned};
use crate::compat::BadRequest;
use crate::compat::carried::Carried;
use crate::compat::kinds::{
    ANTHROPIC, CITATION, RAW, REDACTED_THINKING, SERVER_TOOL, THINKING_SIGNATURE, TOOL_USE, datum,
};
use crate::compat::node::{Fields, Node};
use crate::compat::prompt::{Prompt, call, part, part_with, text};
use crate::compat::wire::json_text;

/// How Anthropic names calls of tools that it runs. Whatever else a client shows as one is ours.
const PROVIDER_CALL: &str = "srvtoolu_";

pub(super) fn read(body: &Fields<'_>) -> Result<Vec<PromptMessage>, BadRequest> {
    let mut prompt = Prompt::default();
    if let Some(system) = body.get("system") {
        prompt.say(Role::System, system_parts(&system)?);
    }
    for node in body.need("messages")?.items()? {
        let message = node.fields()?;
        let role = message.need("role")?;
        let content = message.need("content")?;
        match role.string()?.as_ref() {
            "user" => user(&content, &mut prompt)?,
            "assistant" => prompt.say(Role::Assistant, assistant(&content)?),
            "system" => prompt.say(Role::System, system_parts(&content)?),
            other => return Err(role.wrong(format!("`{other}` is not one of user, assistant"))),
        }
    }
    prompt.finish("messages")
}

fn system_parts(node: &Node<'_>) -> Result<Vec<Part>, BadRequest> {
    if node.is_string() {
        return Ok(some_text(node.string()?.into_owned()));
    }
    let mut parts = Vec::new();
    for block in node.items()? {
        let fields = block.fields()?;
        match fields.kind()?.as_str() {
            "text" => parts.extend(some_text(fields.need_string("text")?)),
            kind => return Err(block.wrong(format!("a block of type `{kind}` is not possible here: use `text`"))),
        }
    }
    Ok(parts)
}

fn some_text(said: String) -> Vec<Part> {
    if said.is_empty() { Vec::new() } else { vec![text(said)] }
}

fn user(content: &Node<'_>, prompt: &mut Prompt) -> Result<(), BadRequest> {
    if content.is_string() {
        prompt.say(Role::User, some_text(content.string()?.into_owned()));
        return Ok(());
    }
    let mut said = Vec::new();
    for node in content.items()? {
        let block = node.fields()?;
        match block.kind()?.as_str() {
            "text" => said.extend(some_text(block.need_string("text")?)),
            "tool_result" => {
                prompt.say(Role::User, std::mem::take(&mut said));
                prompt.result(block.need_string("tool_use_id")?, returned(&block)?);
            }
            kind => match attachment(kind, &node, &block)? {
                Some(part) => said.push(part),
                None => {
                    let why = format!("`{kind}` is not one of text, image, document, search_result, tool_result");
                    return Err(node.wrong(why));
                }
            },
        }
    }
    prompt.say(Role::User, said);
    Ok(())
}

fn assistant(content: &Node<'_>) -> Result<Vec<Part>, BadRequest> {
    if content.is_string() {
        return Ok(some_text(content.string()?.into_owned()));
    }
    let mut parts = Vec::new();
    for node in content.items()? {
        let block = node.fields()?;
        match block.kind()?.as_str() {
            "text" => parts.extend(said_text(&block)?),
            "thinking" => thinking(&block, &mut parts)?,
            "redacted_thinking" => {
                let sealed = block.need_string("data")?;
                match Carried::open(&sealed) {
                    Some(carried) => carried.restore("", &mut parts),
                    None => parts.push(redacted(&node)),
                }
            }
            "tool_use" => parts.push(tool_use(&block)?),
            kind if kind.ends_with("_tool_use") => parts.push(provider_call(&node, &block)?),
            kind if kind.ends_with("_tool_result") => parts.push(provider_result(kind, &node, &block, &parts)?),
            "tool_result" => return Err(node.wrong("results of tools stand in messages of the user")),
            // Whatever Anthropic adds returns to it as it came.
            _ => parts.push(part_with(Body::Text(String::new()), vec![datum(ANTHROPIC, RAW, node.text().to_owned())])),
        }
    }
    Ok(parts)
}

fn said_text(block: &Fields<'_>) -> Result<Option<Part>, BadRequest> {
    let said = block.need_string("text")?;
    let mut citations = Vec::new();
    for node in block.list("citations")? {
        // Those that we made up for another provider's sources are not Anthropic's.
        let is_ours = node.fields()?.string("encrypted_index")?.is_some_and(|index| index.is_empty());
        if !is_ours {
            citations.push(datum(ANTHROPIC, CITATION, node.text().to_owned()));
        }
    }
    Ok((!said.is_empty()).then(|| part_with(Body::Text(said), citations)))
}

fn thinking(block: &Fields<'_>, parts: &mut Vec<Part>) -> Result<(), BadRequest> {
    let text = block.text("thinking")?;
    let signature = block.text("signature")?;
    if let Some(carried) = Carried::open(&signature) {
        carried.restore(&text, parts);
        return Ok(());
    }
    let metadata = (!signature.is_empty()).then(|| datum(ANTHROPIC, THINKING_SIGNATURE, json_text(&signature)));
    let reasoning = Reasoning { text, redacted: false };
    parts.push(part_with(Body::Reasoning(reasoning), metadata.into_iter().collect()));
    Ok(())
}

fn redacted(node: &Node<'_>) -> Part {
    let block = datum(ANTHROPIC, REDACTED_THINKING, node.text().to_owned());
    part_with(Body::Reasoning(Reasoning { text: String::new(), redacted: true }), vec![block])
}

/// The arguments of a call as they were written; they must be an object.
fn input(block: &Fields<'_>) -> Result<String, BadRequest> {
    let Some(input) = block.get("input") else { return Ok(String::new()) };
    input.fields()?;
    Ok(input.text().to_owned())
}

fn tool_use(block: &Fields<'_>) -> Result<Part, BadRequest> {
    let body = call(block.need_string("id")?, block.need_string("name")?, input(block)?);
    let mut more = block.beside(&["type", "id", "name", "input", "cache_control"]);
    if more.get("caller").is_some_and(|caller| caller.get().replace(' ', "") == r#"{"type":"direct"}"#) {
        more.remove("caller");
    }
    if more.is_empty() {
        return Ok(part(body));
    }
    Ok(part_with(body, vec![datum(ANTHROPIC, TOOL_USE, json_text(&more))]))
}

fn provider_call(node: &Node<'_>, block: &Fields<'_>) -> Result<Part, BadRequest> {
    let call = ToolCall {
        call_id: block.need_string("id")?,
        name: block.need_string("name")?,
        args: input(block)?,
        provider_executed: true,
        ..ToolCall::default()
    };
    let metadata = own_block(&call.call_id, node);
    Ok(part_with(Body::ToolCall(call), metadata))
}

/// A block of a tool that Anthropic ran, to return to it as it came.
pub(super) fn own_block(call_id: &str, node: &Node<'_>) -> Vec<ProviderMetadata> {
    let is_its_own = call_id.starts_with(PROVIDER_CALL);
    is_its_own.then(|| datum(ANTHROPIC, SERVER_TOOL, node.text().to_owned())).into_iter().collect()
}
