//! Encodes a conversation: one message per step, results of tools as messages of their own.

use std::borrow::Cow;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part};
use chatmesh_proto::llm::v1::{PromptMessage, Warning};

use super::dialect::{Dialect, Replay};
use super::stream::details::Details;
use super::types::{Assistant, Content, ContentPart, FileData, Function, FunctionKind, ImageUrl, Message, ToolCall};
use super::{REASONING_DETAILS, REFUSAL};
use crate::classify::Failure;
use crate::codec::attachment::{Address, Attachment, Base64, Remote, inline_text, note, result_files_text};
use crate::codec::history::{AssistantTurn, CallResult, Policy, Turn, arrange, plain_text};
use crate::codec::metadata;
use crate::codec::openai_models::Family;
use crate::codec::warnings::{ATTACHMENT_DROPPED, SYSTEM_MESSAGE_CONVERTED, warning};

pub(super) fn encode<'a>(
    dialect: &Dialect,
    family: Family,
    messages: &'a [PromptMessage],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Message<'a>>, Failure> {
    let policy = Policy { namespace: dialect.namespace, keeps_call_ids: true, provider_tools: None };
    let turns = arrange(messages, policy, warnings);
    let mut encoder = Encoder { dialect, family, messages: Vec::new(), warnings };
    for turn in turns {
        encoder.take(turn);
    }
    if dialect.replay == Replay::Content {
        fill_reasoning(&mut encoder.messages);
    }
    let has_conversation =
        encoder.messages.iter().any(|message| !matches!(message, Message::System { .. } | Message::Developer { .. }));
    match has_conversation {
        true => Ok(encoder.messages),
        false => Err(Failure::configuration("the conversation has no message")),
    }
}

struct Encoder<'a, 'c> {
    dialect: &'c Dialect,
    family: Family,
    messages: Vec<Message<'a>>,
    warnings: &'c mut Vec<Warning>,
}

impl<'a> Encoder<'a, '_> {
    fn take(&mut self, turn: Turn<'a>) {
        match turn {
            Turn::System(texts) => self.take_system(texts),
            Turn::User(parts) => self.take_user(&parts),
            Turn::Assistant(said) => self.take_assistant(said),
        }
    }

    /// Neighbouring system messages are one: templates of some servers allow no second.
    fn take_system(&mut self, texts: Vec<Cow<'a, str>>) {
        let text = join(texts);
        if self.family.refuses_system {
            let message = "the model takes no system messages; one was sent as the user's";
            self.warnings.push(warning(SYSTEM_MESSAGE_CONVERTED, message));
            self.messages.push(Message::User { content: Content::Text(text) });
            return;
        }
        if let Some(Message::System { content } | Message::Developer { content }) = self.messages.last_mut() {
            let joined = content.to_mut();
            joined.push_str("\n\n");
            joined.push_str(&text);
            return;
        }
        self.messages.push(match self.family.reasons {
            true => Message::Developer { content: text },
            false => Message::System { content: text },
        });
    }

    fn take_user(&mut self, parts: &[&'a Part]) {
        let mut content: Vec<_> = parts.iter().filter_map(|part| self.user_part(part)).collect();
        let content = match content.pop() {
            None => return,
            Some(ContentPart::Text { text }) if content.is_empty() => Content::Text(text),
            Some(last) => {
                content.push(last);
                Content::Parts(content)
            }
        };
        self.messages.push(Message::User { content });
    }

    fn user_part(&mut self, part: &'a Part) -> Option<ContentPart<'a>> {
        match &part.body {
            Some(Body::File(file)) => Some(self.file_part(file)),
            _ => plain_text(part).map(|text| ContentPart::Text { text }),
        }
    }

    fn file_part(&mut self, file: &'a File) -> ContentPart<'a> {
        let data = || Address::Data(Base64::url(&file.media_type, &file.data));
        let image = |url| ContentPart::ImageUrl { image_url: ImageUrl { url } };
        let pdf = |file_data| ContentPart::File { file: FileData { filename: &file.name, file_data } };
        match Remote::of(file) {
            Some(Remote::Image(url)) => return image(Address::Url(url)),
            Some(Remote::Pdf(url)) if self.dialect.is_openrouter() => return pdf(Address::Url(url)),
            Some(Remote::Pdf(_)) | None => {}
        }
        let note = match Attachment::of(file) {
            Attachment::Image => return image(data()),
            Attachment::Pdf if self.dialect.takes_pdf => return pdf(data()),
            Attachment::Text(text) => {
                return ContentPart::Text { text: Cow::Owned(inline_text(file, text)) };
            }
            Attachment::Pdf => note(file, "the model cannot read its type"),
            Attachment::Note(note) => note,
        };
        self.warnings.push(warning(ATTACHMENT_DROPPED, note.clone()));
        ContentPart::Text { text: Cow::Owned(note) }
    }

    fn take_assistant(&mut self, said: AssistantTurn<'a>) {
        let mut message = Assistant::default();
        let mut thoughts = Vec::new();
        let mut details = Details::default();
        let mut is_apart = false;
        for piece in said.pieces {
            let part = piece.part;
            match &part.body {
                Some(Body::Text(text)) if self.is_refusal(part) => {
                    append(&mut message.refusal, Cow::Borrowed(text), false);
                }
                Some(Body::Reasoning(reasoning)) if !metadata::is_foreign(part, self.dialect.namespace) => {
                    thoughts.push(Cow::Borrowed(reasoning.text.as_str()));
                    if let Some(raw) = metadata::find(part, self.dialect.namespace, REASONING_DETAILS) {
                        details.merge(raw);
                    }
                }
                Some(Body::ToolCall(call)) if !piece.call_id.is_empty() => {
                    let arguments = if call.args.trim().is_empty() { "{}" } else { &call.args };
                    let function = Function { name: &call.name, arguments };
                    message.tool_calls.push(ToolCall { id: piece.call_id, kind: FunctionKind::Function, function });
                }
                _ => {
                    if let Some(text) = plain_text(part) {
                        append(&mut message.content, text, is_apart);
                    }
                }
            }
            is_apart = matches!(part.body, Some(Body::ToolCall(_) | Body::ToolResult(_) | Body::Reasoning(_)));
        }
        self.replay(&mut message, &thoughts, details);
        if message.content.is_some() || message.refusal.is_some() || !message.tool_calls.is_empty() {
            self.messages.push(Message::Assistant(Box::new(message)));
        }
        let files = said.results.iter().flat_map(|result| self.result_files(result)).collect::<Vec<_>>();
        self.messages.extend(
            said.results
                .into_iter()
                .map(|result| Message::Tool { content: result.text(), tool_call_id: result.call_id }),
        );
        if !files.is_empty() {
            self.messages.push(Message::User { content: Content::Parts(files) });
        }
    }

    /// The files of a result, which is text alone in this protocol: they follow all results, as if
    /// the user had sent them.
    fn result_files(&mut self, result: &CallResult<'a>) -> Vec<ContentPart<'a>> {
        if result.files().is_empty() {
            return Vec::new();
        }
        let title = ContentPart::Text { text: Cow::Owned(result_files_text(result.name())) };
        std::iter::once(title).chain(result.files().iter().map(|file| self.file_part(file))).collect()
    }

    fn is_refusal(&self, part: &Part) -> bool {
        metadata::find(part, self.dialect.namespace, REFUSAL).is_some()
    }

    fn replay(&self, message: &mut Assistant<'a>, thoughts: &[Cow<'a, str>], details: Details) {
        if self.dialect.replay == Replay::None {
            return;
        }
        let text = thoughts.concat();
        let text = (!text.is_empty()).then_some(Cow::Owned(text));
        message.reasoning_details = details.into_entries();
        match self.dialect.replay {
            Replay::Content => message.reasoning_content = text,
            Replay::Details if message.reasoning_details.is_empty() => message.reasoning = text,
            Replay::Details | Replay::None => {}
        }
    }
}

/// A server whose model thinks refuses a call of a tool without the thought that led to it, and
/// takes an empty one.
fn fill_reasoning(messages: &mut [Message<'_>]) {
    let thinks =
        messages.iter().any(|message| matches!(message, Message::Assistant(said) if said.reasoning_content.is_some()));
    for message in messages.iter_mut().filter(|_| thinks) {
        if let Message::Assistant(said) = message
            && !said.tool_calls.is_empty()
        {
            said.reasoning_content.get_or_insert(Cow::Borrowed(""));
        }
    }
}

/// Adds a text to what was said; one that follows something else is a paragraph of its own.
fn append<'a>(said: &mut Option<Cow<'a, str>>, text: Cow<'a, str>, is_apart: bool) {
    match said {
        None => *said = Some(text),
        Some(said) => {
            let said = said.to_mut();
            said.push_str(if is_apart { "\n\n" } else { "" });
            said.push_str(&text);
        }
    }
}

fn join<'a>(mut texts: Vec<Cow<'a, str>>) -> Cow<'a, str> {
    match texts.pop() {
        Some(only) if texts.is_empty() => only,
        Some(last) => {
            texts.push(last);
            Cow::Owned(texts.join("\n\n"))
        }
        None => Cow::Borrowed(""),
    }
}
