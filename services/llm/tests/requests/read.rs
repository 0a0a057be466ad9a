//! Reads a recorded request as a call of ours. It knows nothing of the codecs, and nothing of a
//! request may be overlooked: what is not understood is an error.

use std::collections::HashMap;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ProviderMetadata, Reasoning, Role, ToolCall, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, PromptMessage, ToolChoice, WebSearch};
use chatmesh_testkit::recordings::RecordedRequest;
use serde_json::{Map, Value, json};

use super::canonical::Protocol;
#[path = "gemini.rs"]
mod gemini;

/// A call of ours.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) request: GenerateRequest,
    pub(super) options: ModelOptions,
}

pub(super) fn read(protocol: Protocol, request: &RecordedRequest) -> Result<Asked, String> {
    let fields = Fields(request.json().as_object().ok_or("no object")?.clone());
    match protocol {
        Protocol::Messages => messages(fields),
        Protocol::Chat => chat(fields),
        Protocol::Responses => responses(fields),
        Protocol::Gemini => gemini::read(request.path(), fields),
    }
}

/// The fields of an object, each of which must be taken.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(value: &Value) -> Self {
        Self(value.as_object().cloned().unwrap_or_default())
    }

    fn take(&mut self, name: &str) -> Value {
        self.0.remove(name).unwrap_or_default()
    }

    fn text(&mut self, name: &str) -> String {
        text_of(&self.take(name))
    }

    fn count(&mut self, name: &str) -> Option<u32> {
        self.take(name).as_u64().and_then(|count| u32::try_from(count).ok())
    }

    fn list(&mut self, name: &str) -> Vec<Value> {
        list_of(self.take(name))
    }

    /// Takes a field that may have one value only, or be missing.
    fn expect(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match self.0.remove(name) {
            Some(found) if found != *value => Err(format!("`{name}` is {found}")),
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("not understood: {:?}", self.0)) }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list_of(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

fn part(body: Body) -> Part {
    Part { body: Some(body), ..Part::default() }
}

fn text_part(text: impl Into<String>) -> Part {
    part(Body::Text(text.into()))
}

fn message(role: Role, parts: Vec<Part>) -> PromptMessage {
    PromptMessage { role: role.into(), parts }
}

/// Adds a part to the last message where that is of the same role.
fn add(messages: &mut Vec<PromptMessage>, role: Role, part: Part) {
    match messages.last_mut() {
        Some(last) if last.role() == role => last.parts.push(part),
        _ => messages.push(message(role, vec![part])),
    }
}

fn image(data_url: &str) -> Result<Part, String> {
    let (head, data) =
        data_url.strip_prefix("data:").and_then(|url| url.split_once(";base64,")).ok_or("no data URL")?;
    file(head, data)
}

fn file(media_type: &str, base64: &str) -> Result<Part, String> {
    use base64::Engine as _;
    let data = base64::engine::general_purpose::STANDARD.decode(base64).map_err(|error| error.to_string())?;
    Ok(part(Body::File(File { media_type: media_type.to_owned(), data: data.into(), ..File::default() })))
}

fn call(id: &str, name: &str, args: String) -> Part {
    let (call_id, name) = (id.to_owned(), name.to_owned());
    part(Body::ToolCall(ToolCall { call_id, name, args, ..ToolCall::default() }))
}

/// What a chat calls a call: identifiers have letters, digits, `_` and `-` only.
fn own_id(id: &str) -> String {
    id.replace(['.', ':'], "_")
}

/// The provider's own identifier, where a chat has another.
fn original_id(id: &str) -> Vec<ProviderMetadata> {
    let data = ProviderMetadata {
        namespace: "openai.compatible".to_owned(),
        kind: "call_id".to_owned(),
        json: json!(id).to_string().into(),
    };
    if own_id(id) == id { Vec::new() } else { vec![data] }
}

fn choice(value: &Value, request: &mut GenerateRequest) -> Result<(), String> {
    let name = [&value["name"], &value["function"]["name"]].into_iter().find_map(Value::as_str);
    let word = value["type"].as_str().or(value.as_str());
    let choice = match (word, name) {
        (None, None) => ToolChoice::Unspecified,
        (Some("auto"), None) => ToolChoice::Auto,
        (Some("none"), None) => ToolChoice::None,
        (Some("required" | "any"), None) => ToolChoice::Required,
        (Some("tool" | "function"), Some(name)) => {
            name.clone_into(&mut request.required_tool);
            ToolChoice::Required
        }
        other => return Err(format!("tool_choice: {other:?}")),
    };
    request.tool_choice = choice.into();
    Ok(())
}

fn definition(mut fields: Fields, schema: &str) -> Result<ToolDefinition, String> {
    let definition = ToolDefinition {
        name: fields.text("name"),
        description: fields.text("description"),
        input_schema: fields.take(schema).to_string(),
        strict: fields.take("strict") == json!(true),
    };
    fields.finish().map(|()| definition)
}

fn format(mut fields: Fields) -> Result<OutputFormat, String> {
    let format = OutputFormat {
        name: fields.text("name"),
        schema: fields.take("schema").to_string(),
        description: fields.text("description"),
        strict: fields.take("strict") == json!(true),
    };
    fields.finish().map(|()| format)
}

fn messages(mut fields: Fields) -> Result<Asked, String> {
    let mut asked = Asked { model: fields.text("model"), ..Asked::default() };
    let (request, options) = (&mut asked.request, &mut asked.options);
    fields.expect("stream", &json!(true))?;
    let thinking = fields.take("thinking");
    options.thinking_budget_tokens = thinking["budget_tokens"].as_u64().and_then(|budget| u32::try_from(budget).ok());
    // Ours is the limit of what is visible, and the budget comes on top.
    let limit = fields.count("max_tokens").ok_or("no limit")?;
    request.max_output_tokens = Some(limit - options.thinking_budget_tokens.unwrap_or(0));
    let mut tool_choice = Fields(fields.take("tool_choice").as_object().cloned().unwrap_or_default());
    tool_choice.expect("disable_parallel_tool_use", &json!(false))?;
    choice(&Value::Object(tool_choice.0), request)?;
    let tools = fields.list("tools");
    for tool in &tools {
        match tool["type"].as_str() {
            None => request.tools.push(definition(Fields::of(tool), "input_schema")?),
            Some("web_search_20250305") => options.web_search = Some(WebSearch::default()),
            // What the contract does not have, extra fields can say.
            Some(_) => options.extra_body = Some(json!({ "tools": tools }).to_string()),
        }
    }
    let system = fields.list("system");
    if !system.is_empty() {
        request
            .messages
            .push(message(Role::System, system.iter().map(|block| text_part(text_of(&block["text"]))).collect()));
    }
    let mut names = HashMap::new();
    for said in fields.list("messages") {
        for block in list_of(said["content"].clone()) {
            let (role, part) = block_part(&said["role"], &block, &mut names)?;
            add(&mut request.messages, role, part);
        }
    }
    fields.finish().map(|()| asked)
}

fn block_part(role: &Value, block: &Value, names: &mut HashMap<String, String>) -> Result<(Role, Part), String> {
    let mut block = Fields::of(block);
    let is_user = role == "user";
    let result = match (block.text("type").as_str(), is_user) {
        ("text", true) => (Role::User, text_part(block.text("text"))),
        ("text", false) => (Role::Assistant, text_part(block.text("text"))),
        ("image", true) => {
            let source = block.take("source");
            (Role::User, file(&text_of(&source["media_type"]), &text_of(&source["data"]))?)
        }
        ("thinking", false) => {
            let signature = block.take("signature").to_string();
            let data = ProviderMetadata {
                namespace: "anthropic".to_owned(),
                kind: "thinking_signature".to_owned(),
                json: signature.into(),
            };
            let reasoning = Body::Reasoning(Reasoning { text: block.text("thinking"), redacted: false });
            (Role::Assistant, Part { provider_metadata: vec![data], ..part(reasoning) })
        }
        ("tool_use", false) => {
            let (id, name) = (block.text("id"), block.text("name"));
            names.insert(id.clone(), name.clone());
            (Role::Assistant, call(&id, &name, block.take("input").to_string()))
        }
        ("tool_result", true) => {
            let call_id = block.text("tool_use_id");
            let name = names.get(&call_id).cloned().unwrap_or_default();
            let mut result = ToolResult { call_id, name, ..ToolResult::default() };
            for content in block.list("content") {
                match content["type"].as_str() {
                    Some("text") => result.result.push_str(&text_of(&content["text"])),
                    _ => match block_part(&json!("user"), &content, names)?.1.body {
                        Some(Body::File(file)) => result.files.push(file),
                        other => return Err(format!("in a result: {other:?}")),
                    },
                }
            }
            (Role::Tool, part(Body::ToolResult(result)))
        }
        (kind, _) => return Err(format!("a block of the kind {kind}")),
    };
    block.finish().map(|()| result)
}

fn chat(mut fields: Fields) -> Result<Asked, String> {
    let mut asked = Asked { model: fields.text("model"), ..Asked::default() };
    let (request, options) = (&mut asked.request, &mut asked.options);
    fields.expect("stream", &json!(true))?;
    fields.expect("stream_options", &json!({"include_usage": true}))?;
    fields.expect("usage", &json!({"include": true}))?;
    request.max_output_tokens = fields.count("max_tokens").or_else(|| fields.count("max_completion_tokens"));
    options.reasoning_effort = Some(fields.text("reasoning_effort")).filter(|effort| !effort.is_empty());
    choice(&fields.take("tool_choice"), request)?;
    for tool in fields.list("tools") {
        request.tools.push(definition(Fields::of(&tool["function"]), "parameters")?);
    }
    let answer = fields.take("response_format");
    if !answer.is_null() {
        request.output_format = Some(format(Fields::of(&answer["json_schema"]))?);
    }
    let mut names = HashMap::new();
    for said in fields.list("messages") {
        chat_message(Fields::of(&said), &mut names, &mut request.messages)?;
    }
    fields.finish().map(|()| asked)
}

fn chat_message(
    mut said: Fields,
    names: &mut HashMap<String, String>,
    messages: &mut Vec<PromptMessage>,
) -> Result<(), String> {
    let content = said.take("content");
    let texts = match &content {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text_part(text)],
        content => list_of(content.clone()).iter().map(content_part).collect::<Result<_, _>>()?,
    };
    match said.text("role").as_str() {
        "system" | "developer" => messages.push(message(Role::System, texts)),
        "user" => messages.push(message(Role::User, texts)),
        "assistant" => {
            let thought = said.text("reasoning_content");
            let thought = Body::Reasoning(Reasoning { text: thought, redacted: false });
            let mut parts = vec![part(thought)];
            parts.extend(texts);
            for one in said.list("tool_calls") {
                let (id, function) = (text_of(&one["id"]), &one["function"]);
                names.insert(id.clone(), text_of(&function["name"]));
                let part = call(&own_id(&id), &text_of(&function["name"]), text_of(&function["arguments"]));
                parts.push(Part { provider_metadata: original_id(&id), ..part });
            }
            messages.push(message(Role::Assistant, parts));
        }
        "tool" => {
            let call_id = said.text("tool_call_id");
            let name = names.get(&call_id).cloned().unwrap_or_default();
            let call_id = own_id(&call_id);
            let result = ToolResult { call_id, name, result: text_of(&content), ..ToolResult::default() };
            add(messages, Role::Tool, part(Body::ToolResult(result)));
        }
        role => return Err(format!("a message of {role}")),
    }
    said.finish()
}

fn content_part(value: &Value) -> Result<Part, String> {
    match value["type"].as_str() {
        Some("text" | "input_text" | "output_text") => Ok(text_part(text_of(&value["text"]))),
        Some("image_url") => image(&text_of(&value["image_url"]["url"])),
        Some("input_image") => image(&text_of(&value["image_url"])),
        other => Err(format!("a piece of the kind {other:?}")),
    }
}

fn responses(mut fields: Fields) -> Result<Asked, String> {
    let mut asked = Asked { model: fields.text("model"), ..Asked::default() };
    let (request, options) = (&mut asked.request, &mut asked.options);
    fields.expect("stream", &json!(true))?;
    fields.expect("store", &json!(false))?;
    fields.expect("include", &json!(["reasoning.encrypted_content"]))?;
    request.max_output_tokens = fields.count("max_output_tokens");
    let mut reasoning = Fields::of(&fields.take("reasoning"));
    options.reasoning_effort = Some(reasoning.text("effort")).filter(|effort| !effort.is_empty());
    reasoning.expect("summary", &json!("auto"))?;
    reasoning.finish()?;
    choice(&fields.take("tool_choice"), request)?;
    for tool in fields.list("tools") {
        let mut tool = Fields::of(&tool);
        match tool.text("type").as_str() {
            "function" => request.tools.push(definition(tool, "parameters")?),
            "web_search" => options.web_search = Some(WebSearch::default()),
            kind => return Err(format!("a tool of the kind {kind}")),
        }
    }
    let mut answer = Fields::of(&fields.take("text")["format"]);
    if !answer.0.is_empty() {
        answer.expect("type", &json!("json_schema"))?;
        request.output_format = Some(format(answer)?);
    }
    let mut names = HashMap::new();
    for item in fields.list("input") {
        let mut item = Fields::of(&item);
        match item.text("type").as_str() {
            "" | "message" => {
                let role = match item.text("role").as_str() {
                    "user" => Role::User,
                    "assistant" => Role::Assistant,
                    _ => Role::System,
                };
                let parts = match item.take("content") {
                    Value::String(text) => vec![text_part(text)],
                    content => list_of(content).iter().map(content_part).collect::<Result<_, _>>()?,
                };
                request.messages.push(message(role, parts));
            }
            "function_call" => {
                let (id, name) = (item.text("call_id"), item.text("name"));
                names.insert(id.clone(), name.clone());
                add(&mut request.messages, Role::Assistant, call(&id, &name, item.text("arguments")));
            }
            "function_call_output" => {
                let call_id = item.text("call_id");
                let name = names.get(&call_id).cloned().unwrap_or_default();
                let result = ToolResult { call_id, name, result: item.text("output"), ..ToolResult::default() };
                add(&mut request.messages, Role::Tool, part(Body::ToolResult(result)));
            }
            kind => return Err(format!("an item of the kind {kind}")),
        }
        item.finish()?;
    }
    fields.finish().map(|()| asked)
}
