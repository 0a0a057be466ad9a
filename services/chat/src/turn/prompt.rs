//! What the model is told: instructions, then the history. Built from committed messages only,
//! so that a prompt is the same whether it was extended step by step or read anew.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role};
use chatmesh_proto::llm::v1::PromptMessage;

use crate::domain::{Chat, Message};

/// The instructions of the mesh itself.
const INSTRUCTIONS: &str = "You are an agent that works for its user through tools. Use them to find out and to act \
instead of guessing; when independent things are to be done, ask for several tools at once. Say in plain words what \
you did and what came out. When a tool fails, read its error and decide: try another way, or tell the user what is \
in the way.";

/// A prompt that grows with the turn.
#[derive(Debug)]
pub(super) struct Prompt {
    messages: Vec<PromptMessage>,
}

impl Prompt {
    pub(super) fn new(chat: &Chat, workspace_context: &str, history: Vec<Message>) -> Self {
        let texts = [INSTRUCTIONS, chat.system_prompt.as_str(), workspace_context];
        let system = texts.into_iter().filter(|text| !text.trim().is_empty()).map(|text| PromptMessage {
            role: Role::System.into(),
            parts: vec![Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }],
        });
        let mut prompt = Self { messages: system.collect() };
        prompt.extend(history);
        prompt
    }

    pub(super) fn extend(&mut self, committed: Vec<Message>) {
        let messages = committed
            .into_iter()
            .map(|message| PromptMessage { role: message.body.role.into(), parts: message.body.content });
        self.messages.extend(messages);
    }

    pub(super) fn messages(&self) -> Vec<PromptMessage> {
        self.messages.clone()
    }
}
