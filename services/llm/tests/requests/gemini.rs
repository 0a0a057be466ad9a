//! Reads a request of Gemini's.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ProviderMetadata, Role, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{OutputFormat, ToolChoice};
use serde_json::{Value, json};

use super::{Asked, Fields, add, call, file, message, part, text_of, text_part};

pub(super) fn read(path: &str, mut fields: Fields) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let (_, model) = path.rsplit_once('/').ok_or("no model")?;
    asked.model = model.split(':').next().unwrap_or_default().to_owned();
    let mut system = Fields::of(&fields.take("systemInstruction"));
    system.expect("role", &json!("user"))?;
    let parts = system.list("parts");
    if !parts.is_empty() {
        let texts = parts.iter().map(|part| text_part(text_of(&part["text"]))).collect();
        asked.request.messages.push(message(Role::System, texts));
    }
    system.finish()?;
    config(Fields::of(&fields.take("generationConfig")), &mut asked)?;
    for tool in fields.list("tools") {
        let mut tool = Fields::of(&tool);
        for declared in tool.list("functionDeclarations") {
            asked.request.tools.push(definition(Fields::of(&declared))?);
        }
        tool.finish()?;
    }
    if fields.take("toolConfig") == json!({"functionCallingConfig": {"mode": "AUTO"}}) {
        asked.request.tool_choice = ToolChoice::Auto.into();
    }
    let mut calls = Calls::default();
    for said in fields.list("contents") {
        let mut said = Fields::of(&said);
        let is_user = said.text("role") == "user";
        for said in said.list("parts") {
            let (role, part) = calls.part(Fields::of(&said), is_user)?;
            add(&mut asked.request.messages, role, part);
        }
        said.finish()?;
    }
    fields.finish().map(|()| asked)
}

fn config(mut config: Fields, asked: &mut Asked) -> Result<(), String> {
    asked.request.max_output_tokens = config.count("maxOutputTokens");
    let mut thinking = Fields::of(&config.take("thinkingConfig"));
    asked.options.thinking_budget_tokens = thinking.count("thinkingBudget");
    thinking.expect("includeThoughts", &json!(true))?;
    thinking.finish()?;
    config.expect("responseMimeType", &json!("application/json"))?;
    let schema = config.take("responseJsonSchema");
    if !schema.is_null() {
        asked.request.output_format = Some(OutputFormat { schema: schema.to_string(), ..OutputFormat::default() });
    }
    config.finish()
}

fn definition(mut declared: Fields) -> Result<ToolDefinition, String> {
    let definition = ToolDefinition {
        name: declared.text("name"),
        description: declared.text("description"),
        input_schema: json_schema(declared.take("parameters")).to_string(),
        strict: false,
    };
    declared.finish().map(|()| definition)
}

/// The names of types are words of its own there.
fn json_schema(mut schema: Value) -> Value {
    if let Some(kind) = schema["type"].as_str() {
        schema["type"] = json!(kind.to_lowercase());
    }
    for property in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        *property.1 = json_schema(property.1.take());
    }
    schema
}

/// Calls have no identifiers there, so their order tells which result is whose.
#[derive(Default)]
struct Calls {
    called: usize,
    returned: usize,
}

impl Calls {
    fn part(&mut self, mut said: Fields, is_user: bool) -> Result<(Role, Part), String> {
        let signature = said.take("thoughtSignature");
        let (function, response) = (Fields::of(&said.take("functionCall")), Fields::of(&said.take("functionResponse")));
        let inline = said.take("inlineData");
        let text = said.take("text");
        said.finish()?;
        let (role, mut part) = if !function.0.is_empty() {
            let made = call(
                &format!("tool-call-{}", self.called),
                &text_of(&function.0["name"]),
                function.0["args"].to_string(),
            );
            self.called += 1;
            (Role::Assistant, made)
        } else if !response.0.is_empty() {
            let result = ToolResult {
                call_id: format!("tool-call-{}", self.returned),
                name: text_of(&response.0["name"]),
                result: text_of(&response.0["response"]["result"]),
                ..ToolResult::default()
            };
            self.returned += 1;
            (Role::Tool, part(Body::ToolResult(result)))
        } else if inline.is_object() {
            (Role::User, file(&text_of(&inline["mimeType"]), &text_of(&inline["data"]))?)
        } else if text.is_string() {
            (if is_user { Role::User } else { Role::Assistant }, text_part(text_of(&text)))
        } else {
            return Err("a part without content".to_owned());
        };
        if signature.is_string() {
            part.provider_metadata.push(ProviderMetadata {
                namespace: "google".to_owned(),
                kind: "thought_signature".to_owned(),
                json: signature.to_string().into(),
            });
        }
        Ok((role, part))
    }
}
