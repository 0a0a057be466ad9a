//! Reads the messages of a request.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ProviderMetadata, Reasoning, Role};
use chatmesh_proto::llm::v1::PromptMessage;

use super::AFTER_TEXT;
use crate::compat::BadRequest;
use crate::compat::carried::{Carried, Of};
use crate::compat::kinds::{DETAILED, GOOGLE, REASONING_DETAILS, REFUSAL, RESPONSES, THOUGHT_SIGNATURE, datum};
use crate::compat::media;
use crate::compat::node::{Fields, Node};
use crate::compat::prompt::{Prompt, Returned, call, part, part_with, text};
use crate::compat::wire::json_text;

pub(super) fn read(messages: &Node<'_>) -> Result<Vec<PromptMessage>, BadRequest> {
    let mut prompt = Prompt::default();
    for node in messages.items()? {
        let message = node.fields()?;
        let role = message.need("role")?;
        match role.string()?.as_ref() {
            "system" | "developer" => prompt.say(Role::System, texts(&message.need("content")?)?),
            "user" => prompt.say(Role::User, user(&message.need("content")?)?),
            "assistant" => prompt.say(Role::Assistant, assistant(&message)?),
            "tool" => {
                let returned = tool(&message.need("content")?)?;
                prompt.result(message.need_string("tool_call_id")?, returned);
            }
            "function" => {
                let why =
                    "results of functions are from before there were tools: use the role `tool` with `tool_call_id`";
                return Err(role.unsupported(why));
            }
            other => {
                let why = format!("`{other}` is not one of system, developer, user, assistant, tool");
                return Err(role.wrong(why));
            }
        }
    }
    prompt.finish("messages")
}

/// Content that is text only.
fn texts(content: &Node<'_>) -> Result<Vec<Part>, BadRequest> {
    if content.is_string() {
        return Ok(vec![text(content.string()?)]);
    }
    let mut parts = Vec::new();
    for node in content.items()? {
        let fields = node.fields()?;
        match fields.kind()?.as_str() {
            "text" => parts.push(text(fields.need_string("text")?)),
            kind => return Err(node.wrong(format!("a part of type `{kind}` is not possible here: use `text`"))),
        }
    }
    Ok(parts)
}

fn user(content: &Node<'_>) -> Result<Vec<Part>, BadRequest> {
    if content.is_string() {
        return Ok(vec![text(content.string()?)]);
    }
    content.items()?.iter().map(user_part).collect()
}

fn user_part(node: &Node<'_>) -> Result<Part, BadRequest> {
    let fields = node.fields()?;
    match fields.kind()?.as_str() {
        "text" => Ok(text(fields.need_string("text")?)),
        "refusal" => Ok(text(fields.need_string("refusal")?)),
        "image_url" => Ok(part(Body::File(image(&fields.need("image_url")?)?))),
        "file" => Ok(part(Body::File(file(&fields.need("file")?.fields()?)?))),
        "input_audio" => Err(node.unsupported("audio is not available: send its text")),
        kind => Err(node.wrong(format!("`{kind}` is not one of text, image_url, file"))),
    }
}

/// An image; some clients send its address alone.
fn image(node: &Node<'_>) -> Result<File, BadRequest> {
    match node.is_string() {
        true => media::at_url(node, media::ANY_IMAGE),
        false => media::at_url(&node.fields()?.need("url")?, media::ANY_IMAGE),
    }
}

fn file(fields: &Fields<'_>) -> Result<File, BadRequest> {
    if let Some(id) = fields.get("file_id") {
        return Err(id.unsupported("files that another server keeps cannot be read: send `file_data`"));
    }
    media::file_data(&fields.need("file_data")?, &fields.text("filename")?)
}

fn tool(content: &Node<'_>) -> Result<Returned, BadRequest> {
    let mut returned = Returned::default();
    if content.is_string() {
        returned.text = content.string()?.into_owned();
        return Ok(returned);
    }
    for node in content.items()? {
        match user_part(&node)?.body {
            Some(Body::Text(text)) => returned.add(&text),
            Some(Body::File(file)) => returned.files.push(file),
            _ => {}
        }
    }
    Ok(returned)
}

fn assistant(message: &Fields<'_>) -> Result<Vec<Part>, BadRequest> {
    for old in ["function_call", "audio"] {
        if let Some(node) = message.get(old) {
            return Err(node.unsupported("this is not available: use `content` and `tool_calls`"));
        }
    }
    let mut said = Said::default();
    if let Some(content) = message.get("content") {
        said.text(&content)?;
    }
    if let Some(refusal) = message.get("refusal") {
        said.refusal(refusal.string()?.into_owned());
    }
    if let (Some(signature), Some((_, text))) = (signature(message)?, said.visible.last_mut()) {
        text.provider_metadata.push(signature);
    }
    for node in message.list("tool_calls")? {
        said.call(&node)?;
    }
    said.reasoning(message)
}

/// What the model said: what clients see, by its name, and what goes between.
#[derive(Default)]
struct Said {
    visible: Vec<(String, Part)>,
}

impl Said {
    fn text(&mut self, content: &Node<'_>) -> Result<(), BadRequest> {
        if content.is_string() {
            self.push_text(text(content.string()?));
            return Ok(());
        }
        for node in content.items()? {
            let fields = node.fields()?;
            match fields.kind()?.as_str() {
                "text" => self.push_text(text(fields.need_string("text")?)),
                "refusal" => self.refusal(fields.need_string("refusal")?),
                kind => return Err(node.wrong(format!("`{kind}` is not one of text, refusal"))),
            }
        }
        Ok(())
    }

    fn push_text(&mut self, part: Part) {
        if !matches!(&part.body, Some(Body::Text(text)) if text.is_empty()) {
            self.visible.push((AFTER_TEXT.to_owned(), part));
        }
    }

    fn refusal(&mut self, refusal: String) {
        let marks = vec![datum("openai.chat", REFUSAL, "true"), datum(RESPONSES, REFUSAL, "true")];
        self.push_text(part_with(Body::Text(refusal), marks));
    }

    fn call(&mut self, node: &Node<'_>) -> Result<(), BadRequest> {
        let fields = node.fields()?;
        let kind = fields.text("type")?;
        if !matches!(kind.as_str(), "function" | "") {
            return Err(node.unsupported(format!("calls of type `{kind}` are not available: use `function`")));
        }
        let function = fields.need("function")?.fields()?;
        let id = fields.need_string("id")?;
        let body = call(id.clone(), function.need_string("name")?, function.text("arguments")?);
        self.visible.push((id, part_with(body, signature(&fields)?.into_iter().collect())));
        Ok(())
    }

    /// Adds the reasoning, and what rides with it, where each belongs.
    fn reasoning(mut self, message: &Fields<'_>) -> Result<Vec<Part>, BadRequest> {
        let thought = match message.string("reasoning_content")? {
            Some(thought) => Some(thought),
            None => message.string("reasoning")?,
        };
        let thought = thought.unwrap_or_default();
        let mut native = Vec::new();
        let mut between: Vec<Carried> = Vec::new();
        for node in message.list("reasoning_details")? {
            let sealed = node.fields()?.get("data").and_then(|data| data.string().ok());
            match sealed.and_then(|sealed| Carried::open(&sealed)) {
                Some(carried) => between.push(carried),
                None => native.push(node.text()),
            }
        }
        let is_apart = between.iter().any(|carried| matches!(carried.of, Of::Reasoning { .. }));
        let mut parts = Vec::new();
        if !native.is_empty() || (!is_apart && !thought.is_empty()) {
            parts.push(native_reasoning(thought.into_owned(), &native));
        }
        for carried in between.extract_if(.., |carried| !matches!(carried.of, Of::Before) && carried.after.is_empty()) {
            carried.restore("", &mut parts);
        }
        let mut visible = std::mem::take(&mut self.visible).into_iter().peekable();
        while let Some((name, mut said)) = visible.next() {
            let is_last = visible.peek().is_none_or(|(next, _)| *next != name);
            if !is_last {
                parts.push(said);
                continue;
            }
            for carried in between.extract_if(.., |carried| carried.of == Of::Before && carried.after == name) {
                said.provider_metadata.extend(carried.metadata());
            }
            parts.push(said);
            for carried in between.extract_if(.., |carried| carried.of != Of::Before && carried.after == name) {
                carried.restore("", &mut parts);
            }
        }
        for carried in between {
            if carried.of != Of::Before {
                carried.restore("", &mut parts);
            }
        }
        Ok(parts)
    }
}

/// Reasoning as servers of this protocol keep it. Which of them gave the details, nobody says;
/// each finds its own.
fn native_reasoning(text: String, details: &[&str]) -> Part {
    let list = (!details.is_empty()).then(|| format!("[{}]", details.join(",")));
    let metadata =
        DETAILED.iter().flat_map(|namespace| list.iter().map(|list| datum(namespace, REASONING_DETAILS, list.clone())));
    let redacted = text.is_empty();
    part_with(Body::Reasoning(Reasoning { text, redacted }), metadata.collect())
}

/// `extra_content.google.thought_signature`
fn signature(fields: &Fields<'_>) -> Result<Option<ProviderMetadata>, BadRequest> {
    let Some(extra) = fields.get("extra_content") else { return Ok(None) };
    let Some(google) = extra.fields()?.get(GOOGLE) else { return Ok(None) };
    let signature = google.fields()?.string(THOUGHT_SIGNATURE)?;
    Ok(signature.map(|signature| datum(GOOGLE, THOUGHT_SIGNATURE, json_text(&signature))))
}
