//! What a turn begins with. What does not depend on each other is fetched at the same time, and nothing that is
//! away holds the turn up for long.

use std::sync::Arc;

use chatmesh_proto::common::v1::{GenerationError, ToolDefinition};
use chatmesh_proto::llm::v1::{ResponseChain, ResponseStarted};
use chatmesh_proto::tools::v1::ListToolsResponse;

use super::chain::Circumstances;
use super::own::own;
use super::prompt::{Prompt, unanswered_of};
use super::rows::{Kind, Row, is_open};
use super::tools::{Primer, Toolbox};
use super::workspace::{Equipment, equipment};
use super::{Answer, Partial, Turn, markers};
use crate::domain::{Chat, Message, NewMessage};
use crate::files;
use crate::skills::SkillSummary;
use crate::state::State;
use crate::store::{KeptStep, StoreError};

/// What a turn works with, and what it learned.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) prompt: Prompt,
    pub(super) toolbox: Toolbox,
    client_tools: Vec<ToolDefinition>,
    /// The answer whose tools another worker was running.
    pub(super) kept: Option<KeptStep>,
    /// True where the turn was committed to its end and only not ended.
    pub(super) is_over: bool,
    /// The display name of the provider that answered last.
    pub(super) provider: String,
    /// From how many percent of its limit on the conversation is too long, once somebody said.
    pub(super) threshold_percent: Option<u32>,
    /// The chat's model was deleted: the default stands in for it.
    pub(super) model_is_gone: bool,
    /// The provider forgot an answer: this turn continues none.
    pub(super) chain_is_broken: bool,
    /// The conversation was summarised because it did not fit, and nothing was committed since.
    pub(super) was_too_long: bool,
    /// How many steps there will be before a summary is asked for again, because the last one failed.
    pub(super) resting: u32,
    /// How often the model went on after the end of a turn because of a summary.
    pub(super) re_entries: u32,
    /// A tool gave the chat a workspace, or started or stopped the one it has: what is known of it is the past.
    pub(super) is_moved: bool,
    /// The skills of the chat's owner: the same ones for the whole turn.
    skills: Arc<[SkillSummary]>,
}

impl Work {
    /// Goes on with what the mesh has by now.
    fn equip(&mut self, chat: &Chat, equipment: Option<Equipment>) {
        let (listed, mut blocks) = taken_apart(equipment);
        self.toolbox = Toolbox::new(listed, self.client_tools.clone(), chat.workspace_id);
        blocks.extend(self.toolbox.note());
        self.prompt.instruct(&blocks);
    }

    /// Who answered, and what is known of the model.
    pub(super) fn heard(&mut self, started: &ResponseStarted) {
        self.provider.clone_from(&started.provider);
        self.threshold_percent = Some(started.compaction_threshold_percent);
    }

    /// The model to ask; the default where it is empty.
    pub(super) fn model(&self, chat: &Chat) -> String {
        if self.model_is_gone { String::new() } else { chat.model.clone() }
    }

    /// The answer to continue, where the next call may.
    pub(super) fn chain(&self, chat: &Chat) -> Option<ResponseChain> {
        self.prompt.chain(&chat.model, Circumstances { planning: false, broken: self.chain_is_broken })
    }
}

/// Prepares a turn; an error ends it. An answer that another worker kept is in `partial` then, so that it does not
/// go with the turn.
pub(super) async fn prepare(turn: &Turn, partial: &mut Partial) -> Result<Result<Work, GenerationError>, StoreError> {
    let (state, chat) = (&*turn.state, &turn.chat);
    let equipped = async {
        let own = own(state, chat).await;
        let equipment = equipment(state, chat, &own.skills).await;
        (own, equipment)
    };
    let ((own, equipment), history, client_tools, kept) = tokio::join!(
        equipped,
        history(state, chat),
        state.store.dynamic_tools(chat.id),
        state.store.kept_step(chat.id, chat.versions.history),
    );
    let (history, client_tools, kept) = (history?, client_tools?, kept?);
    let (listed, mut blocks) = match equipment {
        Ok(equipment) => taken_apart(equipment),
        Err(error) => {
            if let Some(kept) = kept {
                partial.resume(chat.versions.history, &Answer::from_message(kept.answer), kept.workspace_id);
            }
            return Ok(Err(error));
        }
    };
    let toolbox = Toolbox::new(listed, client_tools.clone(), chat.workspace_id);
    blocks.extend(toolbox.note());
    let prompt = Prompt::new(own.frame, &blocks, history.messages, history.unanswered);
    let is_over = kept.is_none() && is_over(state, chat, prompt.rows()).await?;
    Ok(Ok(Work { prompt, toolbox, client_tools, kept, is_over, skills: own.skills, ..Work::default() }))
}

/// Lists the tools anew where the chat has another workspace by now, or a tool started or stopped it, takes up what was found since the last step,
/// and has looked for what is still missing.
pub(super) async fn refresh_tools(turn: &Turn, work: &mut Work, primer: &mut Primer) -> Result<(), GenerationError> {
    let chat = &turn.chat;
    if std::mem::take(&mut work.is_moved) || chat.workspace_id != work.toolbox.workspace_id {
        primer.start_over();
        let equipment = equipment(&turn.state, chat, &work.skills).await?;
        work.equip(chat, equipment);
    } else if let Some(found) = primer.take() {
        work.equip(chat, Some(found));
    }
    primer.begin(&turn.state, chat, work.toolbox.missing, &work.skills);
    Ok(())
}

fn taken_apart(equipment: Option<Equipment>) -> (Option<ListToolsResponse>, Vec<String>) {
    equipment.map(|Equipment { listed, blocks }| (Some(listed), blocks)).unwrap_or_default()
}

/// Reads the history anew, as after a summary.
pub(super) async fn reread(turn: &Turn, work: &mut Work) -> Result<(), StoreError> {
    let history = history(&turn.state, &turn.chat).await?;
    work.prompt.read(history.messages, history.unanswered);
    Ok(())
}

/// What the model sees, with the content of files in their place.
struct History {
    messages: Vec<Message>,
    /// The end of it as it is stored.
    unanswered: Vec<NewMessage>,
}

async fn history(state: &State, chat: &Chat) -> Result<History, StoreError> {
    let mut messages = state.store.prompt_messages(chat.id).await?;
    let unanswered = unanswered_of(&messages);
    files::resolve(&*state.files, chat.id, &mut messages).await?;
    Ok(History { messages, unanswered })
}

/// Whether there is nothing to ask the model: its last word is committed, or the summary that its owner wanted.
async fn is_over(state: &State, chat: &Chat, rows: &[Row]) -> Result<bool, StoreError> {
    if !is_open(rows) {
        return Ok(true);
    }
    let mut newest = rows.iter().rev().skip_while(|row| row.kind == Kind::User);
    if newest.next().is_none_or(|row| row.kind != Kind::Summary) {
        return Ok(false);
    }
    let seen = state.store.list_messages(chat.id, None, true, 1).await?;
    Ok(seen.first().is_some_and(markers::tells_of_wanted_summary))
}
