//! Reads the instructions and the items of a request.

use bytes::Bytes;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ProviderMetadata, Reasoning, Role, ToolCall, ToolResult};
use chatmesh_proto::llm::v1::PromptMessage;
use serde_json::{Map, Value, json};

use super::items::OWN;
use crate::compat::BadRequest;
use crate::compat::carried::Carried;
use crate::compat::kinds::{
    ANNOTATIONS, FUNCTION_CALL, MESSAGE, RAW, REASONING, REFUSAL, RESPONSES, SERVER_TOOL, datum,
};
use crate::compat::media;
use crate::compat::node::{Fields, Node};
use crate::compat::prompt::{Prompt, Returned, call, part, part_with, text};
use crate::compat::wire::json_text;

/// How hosted tools name their calls.
const CALL_SUFFIX: &str = "_call";

pub(super) fn read(body: &Fields<'_>) -> Result<Vec<PromptMessage>, BadRequest> {
    let mut history = History::default();
    if let Some(instructions) = body.string("instructions")?
        && !instructions.is_empty()
    {
        history.prompt.say(Role::System, vec![text(instructions)]);
    }
    let input = body.need("input")?;
    match input.is_string() {
        true => history.prompt.say(Role::User, vec![text(input.string()?)]),
        false => {
            for node in input.items()? {
                history.take(&node)?;
            }
        }
    }
    history.flush();
    history.prompt.finish("input")
}

#[derive(Default)]
struct History {
    prompt: Prompt,
    /// What the model said last: its items are one message.
    said: Vec<Part>,
}

impl History {
    fn flush(&mut self) {
        self.prompt.say(Role::Assistant, std::mem::take(&mut self.said));
    }

    fn take(&mut self, node: &Node<'_>) -> Result<(), BadRequest> {
        let item = node.fields()?;
        let kind = item.text("type")?;
        match kind.as_str() {
            "message" | "" => self.message(&item),
            "function_call" => {
                self.said.push(function_call(&item)?);
                Ok(())
            }
            "function_call_output" => {
                self.flush();
                self.prompt.result(item.need_string("call_id")?, output(&item.need("output")?)?);
                Ok(())
            }
            "reasoning" => self.reasoning(node, &item),
            "item_reference" => Err(node.unsupported("items are not kept here: send the item itself")),
            kind if kind.ends_with("_output") => {
                Err(node.unsupported(format!("items of type `{kind}` are not available: use `function_call_output`")))
            }
            kind if kind.ends_with(CALL_SUFFIX) && item.get("call_id").is_some() => {
                Err(node.unsupported(format!("items of type `{kind}` are not available: use `function_call`")))
            }
            kind if kind.ends_with(CALL_SUFFIX) => {
                self.said.extend(hosted(kind, node, &item)?);
                Ok(())
            }
            // Whatever OpenAI adds returns to it as it came.
            _ => {
                let raw = datum(RESPONSES, RAW, node.text().to_owned());
                self.said.push(part_with(Body::Text(String::new()), vec![raw]));
                Ok(())
            }
        }
    }

    fn message(&mut self, item: &Fields<'_>) -> Result<(), BadRequest> {
        let role = item.need("role")?;
        let content = item.need("content")?;
        let role = match role.string()?.as_ref() {
            "assistant" => {
                self.said.extend(said(item, &content)?);
                return Ok(());
            }
            "user" => Role::User,
            "system" | "developer" => Role::System,
            other => return Err(role.wrong(format!("`{other}` is not one of user, assistant, system, developer"))),
        };
        self.flush();
        let parts = match content.is_string() {
            true => vec![text(content.string()?)],
            false => content.items()?.iter().map(input_part).collect::<Result<_, _>>()?,
        };
        self.prompt.say(role, parts);
        Ok(())
    }

    fn reasoning(&mut self, node: &Node<'_>, item: &Fields<'_>) -> Result<(), BadRequest> {
        let shown = sections(item)?;
        let sealed = item.string("encrypted_content")?;
        match sealed.as_deref().and_then(Carried::open) {
            Some(carried) => carried.restore(&shown, &mut self.said),
            None => {
                let reasoning = Reasoning { redacted: shown.is_empty(), text: shown };
                let own = datum(RESPONSES, REASONING, node.text().to_owned());
                // Without its encrypted content nobody can read it again.
                let metadata = if sealed.is_some() { vec![own] } else { Vec::new() };
                self.said.push(part_with(Body::Reasoning(reasoning), metadata));
            }
        }
        Ok(())
    }
}

/// The readable reasoning: its summary, or the thoughts themselves.
fn sections(item: &Fields<'_>) -> Result<String, BadRequest> {
    for name in ["summary", "content"] {
        let mut texts = Vec::new();
        for node in item.list(name)? {
            texts.push(node.fields()?.text("text")?);
        }
        if !texts.is_empty() {
            return Ok(texts.join("\n\n"));
        }
    }
    Ok(String::new())
}

/// What the model said in a message. Each text is a part of its own.
fn said(item: &Fields<'_>, content: &Node<'_>) -> Result<Vec<Part>, BadRequest> {
    if content.is_string() {
        return Ok(vec![text(content.string()?)]);
    }
    let head = identity(item, MESSAGE, &["type", "role", "content"]);
    let mut parts = Vec::new();
    for node in content.items()? {
        let fields = node.fields()?;
        let (body, mark) = match fields.kind()?.as_str() {
            "output_text" | "input_text" | "text" => {
                let annotations = fields.get("annotations").filter(|list| list.text().len() > "[]".len());
                let mark = annotations.map(|list| datum(RESPONSES, ANNOTATIONS, list.text().to_owned()));
                (fields.need_string("text")?, mark)
            }
            "refusal" => (fields.need_string("refusal")?, Some(datum(RESPONSES, REFUSAL, "true"))),
            kind => return Err(node.wrong(format!("`{kind}` is not one of output_text, refusal"))),
        };
        parts.push(part_with(Body::Text(body), head.iter().cloned().chain(mark).collect()));
    }
    Ok(parts)
}

fn input_part(node: &Node<'_>) -> Result<Part, BadRequest> {
    let fields = node.fields()?;
    match fields.kind()?.as_str() {
        "input_text" | "text" | "output_text" => Ok(text(fields.need_string("text")?)),
        "input_image" => {
            refuse_id(&fields)?;
            let url = fields.need("image_url")?;
            Ok(part(Body::File(media::at_url(&url, media::ANY_IMAGE)?)))
        }
        "input_file" => Ok(part(Body::File(file(&fields)?))),
        "input_audio" => Err(node.unsupported("audio is not available: send its text")),
        kind => Err(node.wrong(format!("`{kind}` is not one of input_text, input_image, input_file"))),
    }
}

fn refuse_id(fields: &Fields<'_>) -> Result<(), BadRequest> {
    match fields.get("file_id") {
        Some(id) => Err(id.unsupported("files that another server keeps cannot be read: send their content")),
        None => Ok(()),
    }
}

fn file(fields: &Fields<'_>) -> Result<File, BadRequest> {
    refuse_id(fields)?;
    let name = fields.text("filename")?;
    match fields.get("file_url") {
        Some(url) => Ok(File { name, ..media::at_url(&url, media::PDF)? }),
        None => media::file_data(&fields.need("file_data")?, &name),
    }
}

fn function_call(item: &Fields<'_>) -> Result<Part, BadRequest> {
    let body = call(item.need_string("call_id")?, item.need_string("name")?, item.text("arguments")?);
    let known = identity(item, FUNCTION_CALL, &["type", "call_id", "name", "arguments"]);
    Ok(part_with(body, known.into_iter().collect()))
}

/// The fields by which OpenAI knows an item of its own, those that say what it is excepted.
fn identity(item: &Fields<'_>, kind: &str, said: &[&str]) -> Option<ProviderMetadata> {
    let id = item.get("id")?.string().ok()?;
    let is_ours = id.split_once(OWN).is_some_and(|(prefix, _)| !prefix.contains('_'));
    let mut known = item.beside(said);
    known.retain(|_, value| value.get() != "null");
    (!is_ours).then(|| datum(RESPONSES, kind, json_text(&known)))
}

fn output(node: &Node<'_>) -> Result<Returned, BadRequest> {
    let mut returned = Returned::default();
    if node.is_string() {
        returned.text = node.string()?.into_owned();
        return Ok(returned);
    }
    for item in node.items()? {
        match input_part(&item)?.body {
            Some(Body::Text(text)) => returned.add(&text),
            Some(Body::File(file)) => returned.files.push(file),
            _ => {}
        }
    }
    Ok(returned)
}

/// An item that is call and result of a tool that OpenAI ran.
fn hosted(kind: &str, node: &Node<'_>, item: &Fields<'_>) -> Result<[Part; 2], BadRequest> {
    let id = item.need_string("id")?;
    let name = kind.trim_end_matches(CALL_SUFFIX).to_owned();
    let action = item.get("action").filter(Node::is_object);
    let call = ToolCall {
        call_id: id.clone(),
        name: name.clone(),
        args: action.map_or("{}", |action| action.text()).to_owned(),
        provider_executed: true,
        ..ToolCall::default()
    };
    let mut outcome: Map<String, Value> = serde_json::from_str(node.text()).unwrap_or_default();
    outcome.retain(|key, value| !matches!(key.as_str(), "type" | "id" | "action") && !value.is_null());
    let status = item.text("status")?;
    let is_error = matches!(status.as_str(), "failed" | "incomplete");
    let result = match is_error {
        true => json!({ "error": format!("the provider's tool ended as {status}") }),
        false => Value::Object(outcome),
    };
    let metadata = vec![datum(RESPONSES, SERVER_TOOL, json_text(&id))];
    let result = ToolResult {
        call_id: id,
        name,
        result: result.to_string(),
        is_error,
        provider_executed: true,
        ..ToolResult::default()
    };
    let whole = datum(RESPONSES, SERVER_TOOL, Bytes::from(node.text().to_owned()));
    Ok([part_with(Body::ToolCall(call), vec![whole]), part_with(Body::ToolResult(result), metadata)])
}
