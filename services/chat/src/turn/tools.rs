//! The tools that a model asks for.

mod call;
mod list;
mod outcome;
mod primer;
mod toolbox;

use chatmesh_core::Uuid;
use chatmesh_proto::common::v1::{FinishReason, Part, Role, ToolCall};
use chatmesh_proto::tools::v1::CallToolResponse;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tracing::{Instrument as _, info_span};

pub(super) use list::list;
pub(super) use primer::Primer;
pub(super) use toolbox::{Fate, Toolbox};

use super::{Answer, Partial};
use crate::domain::Chat;
use crate::metrics::ToolLabels;
use crate::state::State;
use outcome::{failure, limited, result_part};

/// Where the results of a step's tools come from.
pub(super) struct Bench<'a> {
    pub(super) state: &'a State,
    pub(super) chat: &'a Chat,
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
    /// The results, in the order of the calls.
    pub(super) results: Vec<Part>,
    /// True where the client has calls to run, too.
    pub(super) waits_for_client: bool,
}

impl Bench<'_> {
    /// Runs all calls of an answer at the same time, the client's excepted. Each result is shown live when it
    /// is there.
    pub(super) async fn run(&self, answer: &Answer, partial: &mut Partial) -> Done {
        let calls = answer.local_calls();
        let fates: Vec<Fate> = calls.iter().map(|call| self.fate(call, answer.finish_reason)).collect();
        let versions = self.chat.versions;
        let episode = self.state.episodes.find(self.chat.id, versions.history, versions.generation_attempt);
        let model = answer.message.model.as_deref().unwrap_or_default();
        let mine = calls.iter().zip(&fates).enumerate().filter(|(_, (_, fate))| **fate != Fate::HandOver);
        let mut running: FuturesUnordered<_> =
            mine.map(async |(index, (call, fate))| (index, self.part(call, fate, model).await)).collect();
        let mut results: Vec<Option<Part>> = vec![None; calls.len()];
        while let Some((index, part)) = running.next().await {
            if let Some(episode) = &episode {
                episode.push(Role::Tool, u32::try_from(index).unwrap_or(u32::MAX), part.clone());
            }
            partial.result(part.clone());
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(part);
            }
        }
        Done { results: results.into_iter().flatten().collect(), waits_for_client: fates.contains(&Fate::HandOver) }
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

    async fn part(&self, call: &ToolCall, fate: &Fate, model: &str) -> Part {
        let began = self.state.clock.now();
        let span = info_span!("chat.tool", gen_ai.tool.name = %call.name, gen_ai.tool.call.id = %call.call_id);
        let outcome = match fate {
            Fate::Refuse(why) => failure(why),
            Fate::Run | Fate::HandOver => {
                let keeps_receipt = !self.toolbox.is_outside(&call.name);
                call::call(self.state, self.chat, self.made_for, call, keeps_receipt).instrument(span).await
            }
        };
        let mut part = result_part(call, self.counted(call, outcome, model));
        part.create_time = Some(began.into());
        part.complete_time = Some(self.state.clock.now().into());
        part
    }

    /// Counts what came of a call, and cuts what is too long.
    fn counted(&self, call: &ToolCall, outcome: CallToolResponse, model: &str) -> CallToolResponse {
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
