//! Encodes a conversation as instructions and a flat list of items.

mod answer;

use std::borrow::Cow;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part};
use chatmesh_proto::llm::v1::{PromptMessage, Warning};
use serde_json::Map;

use self::answer::Answer;
use super::types::{Content, InputFile, Item, Ours, Output, Role};
use super::{NAMESPACE, SERVER_TOOL};
use crate::classify::Failure;
use crate::codec::attachment::{Address, Attachment, Base64, Remote, inline_text};
use crate::codec::history::{AssistantTurn, CallResult, Policy, Turn, arrange, plain_text};
use crate::codec::openai_models::Family;
use crate::codec::warnings::{ATTACHMENT_DROPPED, PROVIDER_TOOL_DROPPED, REASONING_DROPPED, warning};

const POLICY: Policy = Policy { namespace: NAMESPACE, keeps_call_ids: true, provider_tools: Some(SERVER_TOOL) };

/// A conversation on the wire.
#[derive(Debug)]
pub(super) struct Prompt<'a> {
    /// What the conversation begins with; the provider keeps it out of what it stores.
    pub(super) instructions: Option<Cow<'a, str>>,
    pub(super) items: Vec<Item<'a>>,
}

/// What could not be sent.
#[derive(Debug, Default)]
struct Dropped {
    reasoning: usize,
    provider_tools: usize,
}

pub(super) fn encode<'a>(
    family: Family,
    messages: impl IntoIterator<Item = &'a PromptMessage>,
    warnings: &mut Vec<Warning>,
) -> Result<Prompt<'a>, Failure> {
    let turns = arrange(messages, POLICY, warnings);
    let mut encoder =
        Encoder { family, instructions: Vec::new(), items: Vec::new(), dropped: Dropped::default(), warnings };
    for turn in turns {
        encoder.take(turn);
    }
    encoder.finish()
}

struct Encoder<'a, 'w> {
    family: Family,
    instructions: Vec<Cow<'a, str>>,
    items: Vec<Item<'a>>,
    dropped: Dropped,
    warnings: &'w mut Vec<Warning>,
}

impl<'a> Encoder<'a, '_> {
    fn take(&mut self, turn: Turn<'a>) {
        match turn {
            Turn::System(texts) if self.items.is_empty() => self.instructions.extend(texts),
            Turn::System(texts) => {
                let role = if self.family.reasons { Role::Developer } else { Role::System };
                let content = texts.into_iter().map(|text| Content::InputText { text }).collect();
                self.push(role, content);
            }
            Turn::User(parts) => {
                let content = parts.into_iter().filter_map(|part| self.user_content(part)).collect();
                self.push(Role::User, content);
            }
            Turn::Assistant(said) => self.take_assistant(said),
        }
    }

    fn push(&mut self, role: Role, content: Vec<Content<'a>>) {
        if !content.is_empty() {
            self.items.push(Item::Ours(Ours::Message { role, content, more: Map::new() }));
        }
    }

    fn user_content(&mut self, part: &'a Part) -> Option<Content<'a>> {
        match &part.body {
            Some(Body::File(file)) => Some(self.file(file)),
            _ => plain_text(part).map(|text| Content::InputText { text }),
        }
    }

    fn file(&mut self, file: &'a File) -> Content<'a> {
        let data = || Base64::url(&file.media_type, &file.data);
        let image = |image_url| Content::InputImage { image_url, detail: "auto" };
        match Remote::of(file) {
            Some(Remote::Image(url)) => return image(Address::Url(url)),
            Some(Remote::Pdf(url)) => return Content::InputFile(InputFile::Url { file_url: url }),
            None => {}
        }
        match Attachment::of(file) {
            Attachment::Image => image(Address::Data(data())),
            Attachment::Pdf => Content::InputFile(InputFile::Data { filename: &file.name, file_data: data() }),
            Attachment::Text(text) => Content::InputText { text: Cow::Owned(inline_text(file, text)) },
            Attachment::Note(note) => {
                self.warnings.push(warning(ATTACHMENT_DROPPED, note.clone()));
                Content::InputText { text: Cow::Owned(note) }
            }
        }
    }

    fn take_assistant(&mut self, said: AssistantTurn<'a>) {
        let mut answer = Answer::new(&mut self.items, &mut self.dropped);
        for piece in said.pieces {
            answer.take(piece);
        }
        answer.finish();
        for result in said.results {
            let output = self.output(&result);
            self.items.push(Item::Ours(Ours::FunctionCallOutput { call_id: result.call_id, output }));
        }
    }

    fn output(&mut self, result: &CallResult<'a>) -> Output<'a> {
        if result.files().is_empty() {
            return Output::Text(result.text());
        }
        let text = Some(result.text()).filter(|text| !text.trim().is_empty());
        let text = text.map(|text| Content::InputText { text: Cow::Borrowed(text) });
        Output::Contents(text.into_iter().chain(result.files().iter().map(|file| self.file(file))).collect())
    }

    fn finish(self) -> Result<Prompt<'a>, Failure> {
        let Self { instructions, items, dropped, warnings, .. } = self;
        if items.is_empty() {
            return Err(Failure::configuration("the conversation has no message"));
        }
        if dropped.reasoning > 0 {
            let message = format!("{} reasoning parts that the provider cannot read were left out", dropped.reasoning);
            warnings.push(warning(REASONING_DROPPED, message));
        }
        if dropped.provider_tools > 0 {
            let message = format!("{} items came apart from their reasoning and were left out", dropped.provider_tools);
            warnings.push(warning(PROVIDER_TOOL_DROPPED, message));
        }
        let instructions = (!instructions.is_empty()).then(|| join(instructions));
        Ok(Prompt { instructions, items })
    }
}

fn join<'a>(mut texts: Vec<Cow<'a, str>>) -> Cow<'a, str> {
    match texts.len() {
        1 => texts.remove(0),
        _ => Cow::Owned(texts.join("\n\n")),
    }
}
