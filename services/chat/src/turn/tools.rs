//! The tools that a model asks for.

mod attach;
mod call;
mod end_commands;
mod lifecycle;
mod list;
mod outcome;
mod primer;
mod room;
mod skill;
mod toolbox;

use std::sync::atomic::{AtomicBool, Ordering};

use chatmesh_core::Uuid;
use chatmesh_proto::common::v1::{FinishReason, Role, ToolCall};
use chatmesh_proto::tools::v1::{ChatMode, ToolOutcome};
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use tracing::{Instrument as _, info_span};

pub(crate) use end_commands::end_commands;
pub(super) use list::list;
pub(super) use primer::Primer;
pub(super) use toolbox::{Fate, Toolbox};

use super::{Answer, Partial, Reply};
use crate::domain::Chat;
use crate::metrics::ToolLabels;
use crate::state::State;
use crate::store::Fence;
use lifecycle::{Binder, is_lifecycle};
use outcome::{failure, limited, result_part};

/// Where the results of a step's tools come from.
pub(super) struct Bench<'a> {
    pub(super) state: &'a State,
    pub(super) chat: &'a Chat,
    /// Under which a tool gives the chat another workspace.
    pub(super) fence: Fence,
    pub(super) toolbox: &'a Toolbox,
    /// Who asks, for the metrics.
    pub(super) provider: &'a str,
    /// The workspace that the model was told of when it asked for the calls.
    pub(super) made_for: Option<Uuid>,
    /// Another worker ran the calls before and ended before it could say what came of them.
    pub(super) is_repeated: bool,
}

/// What came of the calls of a step.
#[derive(Debug)]
pub(super) struct Done {
    /// What the calls are answered with, in their order.
    pub(super) replies: Vec<Reply>,
    /// True where the client has calls to run, too.
    pub(super) waits_for_client: bool,
    /// True where a tool gave the chat a workspace, or started or stopped the one it has.
    pub(super) has_new_workspace: bool,
}

impl Bench<'_> {
    /// Runs all calls of an answer at the same time, the client's excepted, and those that make, start or stop a
    /// workspace one after the other; of those that fetch files, a few at a time. Each result is shown live when it is
    /// there.
    pub(super) async fn run(&self, answer: &Answer, partial: &mut Partial) -> Done {
        let calls = answer.local_calls();
        let fates: Vec<Fate> = calls.iter().map(|call| self.fate(call, answer.finish_reason)).collect();
        let versions = self.chat.versions;
        let episode = self.state.episodes.find(self.chat.id, versions.history, versions.generation_attempt);
        let model = answer.message.model.as_deref().unwrap_or_default();
        let mine = calls.iter().zip(&fates).enumerate().filter(|(_, (_, fate))| **fate != Fate::HandOver);
        let (in_turn, together): (Vec<_>, Vec<_>) = mine.partition(|(_, (call, _))| is_lifecycle(&call.name));
        let (attaching, together): (Vec<_>, Vec<_>) =
            together.into_iter().partition(|(_, (call, _))| attach::attaches(&call.name));
        let reply = async |(index, (call, fate)): (usize, (&ToolCall, &Fate))| {
            (index, self.reply(call, fate, model, None).await)
        };
        let together: FuturesUnordered<_> = together.into_iter().map(reply).collect();
        let attaching: Vec<_> = attaching.into_iter().map(reply).collect();
        let attaching = stream::iter(attaching).buffer_unordered(attach::AT_ONCE);
        let has_new_workspace = AtomicBool::new(false);
        let binder = Binder::new(self.state, self.fence, self.made_for, &has_new_workspace);
        let in_turn = stream::unfold((in_turn.into_iter(), binder), |(mut calls, mut binder)| async move {
            let (index, (call, fate)) = calls.next()?;
            let reply = self.reply(call, fate, model, Some(&mut binder)).await;
            Some(((index, reply), (calls, binder)))
        });
        let mut running = Box::pin(stream::select(stream::select(together, attaching), in_turn));
        let mut replies: Vec<Option<Reply>> = vec![None; calls.len()];
        while let Some((index, reply)) = running.next().await {
            if let Some(episode) = &episode {
                // Files are parts of their own: they are counted behind all results.
                let places = std::iter::successors(Some(index), |place| Some(place + calls.len()));
                for (place, part) in places.zip(&reply) {
                    episode.push(Role::Tool, u32::try_from(place).unwrap_or(u32::MAX), part.clone());
                }
            }
            partial.reply(reply.clone());
            if let Some(slot) = replies.get_mut(index) {
                *slot = Some(reply);
            }
        }
        Done {
            replies: replies.into_iter().flatten().collect(),
            waits_for_client: fates.contains(&Fate::HandOver),
            has_new_workspace: has_new_workspace.load(Ordering::Relaxed),
        }
    }

    fn fate(&self, call: &ToolCall, finish_reason: FinishReason) -> Fate {
        match (finish_reason, self.toolbox.fate(call)) {
            (FinishReason::Length, _) => Fate::Refuse(
                "the answer was cut off by its token limit, so this call is not complete: nothing was done".to_owned(),
            ),
            // A model that does not wait for results is not made to wait for people.
            (reason, Fate::HandOver) if reason != FinishReason::ToolCalls => {
                Fate::Refuse("the answer was at its end, so this call was not made".to_owned())
            }
            // It may be that very call that moved the chat: made again, it finds what it made.
            (_, Fate::Run) if self.is_repeated && is_lifecycle(&call.name) => Fate::Run,
            // Another workspace knows nothing of what the model saw, and of what was done already.
            (_, Fate::Run) if self.has_moved() => Fate::Refuse(
                match self.is_repeated {
                    true => {
                        "the chat moved to another workspace while this call was made: what came of it is not known. \
                         Look at its effects before you call it again"
                    }
                    false => {
                        "the chat moved to another workspace: nothing was done. Look at where you are before you call \
                         it again"
                    }
                }
                .to_owned(),
            ),
            // Their servers keep no receipts: what was done once would be done twice.
            (_, Fate::Run) if self.is_repeated && self.toolbox.is_outside(&call.name) => Fate::Refuse(
                "the worker that made this call ended before the answer came: whether the tool did its work is not \
                 known. Look at its effects before you call it again"
                    .to_owned(),
            ),
            (_, fate) => fate,
        }
    }

    /// True where the chat has another workspace than the one for which the calls were made.
    fn has_moved(&self) -> bool {
        [self.toolbox.workspace_id, self.chat.workspace_id].iter().any(|workspace| *workspace != self.made_for)
    }

    async fn reply(&self, call: &ToolCall, fate: &Fate, model: &str, binder: Option<&mut Binder<'_>>) -> Reply {
        let began = self.state.clock.now();
        let span = info_span!("chat.tool", gen_ai.tool.name = %call.name, gen_ai.tool.call.id = %call.call_id);
        let outcome = match fate {
            Fate::Refuse(why) => failure(why),
            Fate::Run | Fate::HandOver => {
                let keeps_receipt = !self.toolbox.is_outside(&call.name);
                let workspace = binder.as_ref().map_or(self.made_for, |binder| binder.workspace());
                let made = call::Made { call, workspace, keeps_receipt };
                call::call(self.state, self.chat, made, binder).instrument(span).await
            }
        };
        let (outcome, file) = attach::keep(self.state, self.chat, &call::key(self.chat, call), outcome).await;
        let mut result = result_part(call, self.counted(call, outcome, model));
        result.create_time = Some(began.into());
        result.complete_time = Some(self.state.clock.now().into());
        std::iter::once(result).chain(file).collect()
    }

    /// Counts what came of a call, and cuts what is too long.
    fn counted(&self, call: &ToolCall, outcome: ToolOutcome, model: &str) -> ToolOutcome {
        let metrics = &self.state.metrics.turn;
        let labels = ToolLabels {
            provider: self.provider.to_owned(),
            model: model.to_owned(),
            tool_name: self.toolbox.label(&call.name),
        };
        metrics.tool_result_size.get_or_create(&labels).observe(outcome.result.len() as f64);
        if outcome.is_error {
            metrics.tool_errors.get_or_create(&labels).inc();
        }
        let (outcome, is_cut) = limited(outcome, self.state.config.max_tool_result_bytes as usize);
        if is_cut {
            metrics.tool_results_truncated.get_or_create(&labels).inc();
        }
        outcome
    }
}

/// What a chat is, as those see it who offer tools.
fn mode_of(chat: &Chat) -> ChatMode {
    if chat.parent_id.is_some() { ChatMode::Child } else { ChatMode::Root }
}
