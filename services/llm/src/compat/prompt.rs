//! Puts a conversation together.

use std::collections::HashMap;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, ProviderMetadata, Role, ToolCall, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, PromptMessage, ToolChoice};

use super::BadRequest;
use super::node::Node;

/// A conversation that is being read.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    messages: Vec<PromptMessage>,
    /// The names of tools by the identifiers of their calls; results do not repeat them.
    names: HashMap<String, String>,
}

impl Prompt {
    /// Adds a message; one that says nothing is left out.
    pub(super) fn say(&mut self, role: Role, parts: Vec<Part>) {
        if parts.is_empty() {
            return;
        }
        for part in &parts {
            if let Some(Body::ToolCall(call)) = &part.body {
                self.names.insert(call.call_id.clone(), call.name.clone());
            }
        }
        match self.messages.last_mut() {
            // Results of calls that were made together stand together.
            Some(last) if role == Role::Tool && last.role() == Role::Tool => last.parts.extend(parts),
            _ => self.messages.push(PromptMessage { role: role.into(), parts }),
        }
    }

    /// What a tool returned.
    pub(super) fn result(&mut self, call_id: String, returned: Returned) {
        let name = self.names.get(&call_id).cloned().unwrap_or_default();
        let Returned { text, files, is_error } = returned;
        let result = ToolResult { call_id, name, result: text, is_error, files, ..ToolResult::default() };
        self.say(Role::Tool, vec![part(Body::ToolResult(result))]);
    }

    /// The conversation; it must have a message that is not the system's.
    pub(super) fn finish(self, field: &str) -> Result<Vec<PromptMessage>, BadRequest> {
        match self.messages.iter().any(|message| message.role() != Role::System) {
            true => Ok(self.messages),
            false => Err(BadRequest::at(field, format!("`{field}`: a message of the user is required"))),
        }
    }
}

/// What a tool returned.
#[derive(Debug, Default)]
pub(super) struct Returned {
    pub(super) text: String,
    pub(super) files: Vec<File>,
    pub(super) is_error: bool,
}

impl Returned {
    /// Adds a text; each is a paragraph of its own.
    pub(super) fn add(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }
}

pub(super) fn part(body: Body) -> Part {
    Part { body: Some(body), ..Part::default() }
}

pub(super) fn part_with(body: Body, provider_metadata: Vec<ProviderMetadata>) -> Part {
    Part { body: Some(body), provider_metadata, ..Part::default() }
}

pub(super) fn text(text: impl Into<String>) -> Part {
    part(Body::Text(text.into()))
}

/// A call of a tool of the client's.
pub(super) fn call(call_id: String, name: String, args: String) -> Body {
    let args = if args.trim().is_empty() { "{}".to_owned() } else { args };
    Body::ToolCall(ToolCall { call_id, name, args, ..ToolCall::default() })
}

/// Which tools there are and how they may be used.
#[derive(Debug, Default)]
pub(super) struct Tools {
    pub(super) definitions: Vec<ToolDefinition>,
    choice: ToolChoice,
    required: String,
}

impl Tools {
    /// Adds a tool. Its schema is an object where it has one.
    pub(super) fn add(&mut self, place: &Node<'_>, tool: ToolDefinition) -> Result<(), BadRequest> {
        if tool.name.is_empty() {
            return Err(place.wrong("a tool needs a name"));
        }
        if self.definitions.iter().any(|known| known.name == tool.name) {
            return Err(place.wrong(format!("there is another tool named `{}`", tool.name)));
        }
        self.definitions.push(tool);
        Ok(())
    }

    pub(super) fn choose(&mut self, choice: ToolChoice) {
        self.choice = choice;
    }

    /// The model must call this tool.
    pub(super) fn require(&mut self, place: &Node<'_>, name: String) -> Result<(), BadRequest> {
        self.check(place, &name)?;
        self.choice = ToolChoice::Required;
        self.required = name;
        Ok(())
    }

    /// The model may call only these tools.
    pub(super) fn allow(&mut self, place: &Node<'_>, names: &[String]) -> Result<(), BadRequest> {
        for name in names {
            self.check(place, name)?;
        }
        self.definitions.retain(|tool| names.contains(&tool.name));
        Ok(())
    }

    fn check(&self, place: &Node<'_>, name: &str) -> Result<(), BadRequest> {
        match self.definitions.iter().any(|tool| tool.name == name) {
            true => Ok(()),
            false => Err(place.wrong(format!("there is no tool named `{name}` in `tools`"))),
        }
    }

    pub(super) fn apply(self, request: &mut GenerateRequest) {
        request.tools = self.definitions;
        request.tool_choice = self.choice.into();
        request.required_tool = self.required;
    }
}
