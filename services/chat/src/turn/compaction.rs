//! A summary that takes the place of a conversation.
//!
//! The model writes it itself: it is called with the prompt as it is, so that what providers cache of it is of use,
//! and with the same tools, of which it may call none. What people said last and nobody answered stays behind
//! the summary in their own words.

mod shorten;
mod when;
mod words;

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, GenerationError, Part, Role};
use chatmesh_proto::llm::v1::{GenerateRequest, ToolChoice};
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument as _, info, info_span};

use super::attempt::{self, Heard};
use super::listen::Listener;
use super::markers::{Occasion, Source};
use super::persist::persist;
use super::rows::Row;
use super::{Partial, Turn, Work, prepare, retry};
use crate::domain::{Chat, NewMessage};
use crate::metrics::{CompactionLabels, StageLabels};
use crate::parts::Episode;
use crate::store::StoreError;

pub(super) use when::{Measure, Verdict, judge};

/// How often a summary is asked for before its failure is taken for an answer.
const ATTEMPTS: u32 = 3;
/// How many steps a turn goes on without a summary before one is asked for again that failed.
const RESTING_STEPS: u32 = 5;

impl Turn {
    /// The rows of a summary of what was before an answer, where the conversation has become too long with it.
    pub(super) async fn summary_before(
        &mut self,
        messages: &[NewMessage],
        work: &Work,
    ) -> Result<Vec<NewMessage>, StoreError> {
        let mut rows = work.prompt.rows().to_vec();
        rows.extend(messages.iter().map(|message| Row::uncommitted(message, self.chat.versions.snapshot + 1)));
        match judge(&rows, work.threshold_percent) {
            Verdict::TooLong(measure) if work.resting == 0 => {
                let occasion = self.occasion(Source::Automatic, measure);
                // What waits for the summary to be committed stays in view meanwhile.
                Ok(summarise(self, work, occasion, messages).await?.unwrap_or_default())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Lets a summary take the place of the history. Returns whether there is one.
    pub(super) async fn summarise(&mut self, work: &mut Work, measure: Measure) -> Result<bool, StoreError> {
        let occasion = self.occasion(Source::Automatic, measure);
        match summarise(self, work, occasion, &[]).await? {
            Ok(rows) => self.commit_summary(rows, work).await.map(|()| true),
            Err(_) => {
                work.resting = RESTING_STEPS;
                Ok(false)
            }
        }
    }

    /// The owner wants a summary, and nothing else.
    pub(super) async fn summarise_as_wanted(
        &mut self,
        work: &mut Work,
        partial: &mut Partial,
    ) -> Result<Chat, StoreError> {
        let occasion = self.occasion(Source::Manual, last_measure(work));
        match summarise(self, work, occasion, &[]).await? {
            Ok(rows) => self.commit_summary(rows, work).await?,
            Err(error) => return self.fail(error, partial).await,
        }
        self.finish().await
    }

    async fn commit_summary(&mut self, rows: Vec<NewMessage>, work: &mut Work) -> Result<(), StoreError> {
        let began = Instant::now();
        let (fence, now) = (self.fence(), self.state.clock.now());
        let commit = || self.state.store.commit_compaction(fence, rows.clone(), now);
        let (chat, committed) = persist(&self.state, commit).await?;
        self.committed(chat, committed, began).await;
        prepare::reread(self, work).await
    }

    fn occasion(&self, source: Source, measure: Measure) -> Occasion {
        Occasion { id: self.state.ids.next(), source, measure }
    }
}

/// How long the conversation was when the model last answered, as far as that is known.
pub(super) fn last_measure(work: &Work) -> Measure {
    let said = work.prompt.rows().iter().rev().find_map(Row::said);
    said.map(|said| Measure::of(said, work.threshold_percent.unwrap_or_default())).unwrap_or_default()
}

/// The rows that take the place of what the prompt holds, to be committed; or why there are none. What the
/// turn holds besides is not touched: where it is stopped, nothing is lost. `shown` is what people see of that.
async fn summarise(
    turn: &mut Turn,
    work: &Work,
    mut occasion: Occasion,
    shown: &[NewMessage],
) -> Result<Result<Vec<NewMessage>, GenerationError>, StoreError> {
    if !work.prompt.has_answers() {
        return Ok(Err(failed("There is nothing to summarise.")));
    }
    let span = info_span!("chat.compact", chat.tokens = occasion.measure.tokens);
    let began = Instant::now();
    let summary = summary(turn, work, &occasion, shown).instrument(span).await?;
    turn.state.metrics.turn.stage(&StageLabels::COMPACT, began.elapsed());
    let (error, is_late) = match summary {
        Ok((text, heard)) => {
            occasion.measure.threshold_percent = heard.started.compaction_threshold_percent;
            let mut rows = occasion.rows(&text, &heard.answer.message);
            rows.extend(work.prompt.unanswered().iter().cloned());
            count(turn, "success", &heard.started.provider);
            return Ok(Ok(rows));
        }
        Err(error) => error,
    };
    info!(chat = %turn.chat.id, "no summary: {}", error.message);
    count(turn, if is_late { "timeout" } else { "error" }, &error.provider);
    if let Some(episode) = turn.episode() {
        show(&episode, Role::Tool, Body::ToolResult(occasion.failure(&error.message)));
    }
    Ok(Err(error))
}

/// Asks for the summary, more than once where that may help. With an error comes whether the time was up.
async fn summary(
    turn: &mut Turn,
    work: &Work,
    occasion: &Occasion,
    shown: &[NewMessage],
) -> Result<Result<(String, Heard), (GenerationError, bool)>, StoreError> {
    let give_up_at = Instant::now() + turn.state.config.compaction_timeout;
    let (mut level, mut failures) = (0, 0);
    loop {
        let episode = turn.begin_attempt().await?;
        turn.forgive_attempt();
        show_again(&episode, shown);
        show(&episode, Role::Assistant, Body::ToolCall(occasion.call()));
        let error = match timeout_at(give_up_at, ask(turn, work, level)).await {
            Ok(Ok(heard)) => match summary_in(&heard) {
                Ok(summary) => return Ok(Ok((summary, heard))),
                Err(error) => error,
            },
            Ok(Err(error)) => error,
            Err(_) => return Ok(Err((late(), true))),
        };
        if error.context_overflow && level < shorten::MAX_LEVEL {
            level += 1;
            continue;
        }
        failures += 1;
        let pause = retry::delay(failures, &error);
        if !error.retryable || failures >= ATTEMPTS || Instant::now() + pause >= give_up_at {
            let is_late = error.kind() == ErrorKind::StreamSilenceTimeout;
            return Ok(Err((error, is_late)));
        }
        tokio::time::sleep(pause).await;
    }
}

/// The summary that a model gave. One that was cut off would lose what it did not come to.
fn summary_in(heard: &Heard) -> Result<String, GenerationError> {
    let summary = words::summary_of(&heard.answer.message.content);
    match (summary, heard.answer.finish_reason) {
        (_, FinishReason::Length) => Err(failed("The summary was cut off by the model's token limit.")),
        (_, FinishReason::ContentFilter) => Err(failed("The provider blocked the summary.")),
        (Some(summary), _) => Ok(summary),
        (None, _) => Err(failed("The model gave no summary.")),
    }
    .map_err(|error| GenerationError { provider: heard.started.provider.clone(), ..error })
}

async fn ask(turn: &Turn, work: &Work, level: u32) -> Result<Heard, GenerationError> {
    let said = shorten::shorten(work.prompt.answered(), level);
    let mut messages = work.prompt.instructions().to_vec();
    messages.extend(said);
    messages.push(words::instruction());
    let request = GenerateRequest {
        model: work.model(&turn.chat),
        messages,
        tools: work.toolbox.definitions.clone(),
        tool_choice: ToolChoice::None.into(),
        chat_id: turn.chat.id.to_string(),
        user_id: turn.chat.owner_id.to_string(),
        ..GenerateRequest::default()
    };
    // Nobody watches a summary being written, and half of one is of no use.
    let mut scratch = Partial::default();
    let listener = Listener::new(&*turn.state.clock, None, &mut scratch);
    let _streaming = turn.phase.streaming();
    let span = info_span!("llm.generate", gen_ai.request.model = %turn.chat.model, gen_ai.operation.name = "summarize");
    attempt::call(&turn.state, &turn.chat, request, work.prompt.size(), listener).instrument(span).await
}

/// Shows what is not committed yet in the episode that takes the place of its own.
fn show_again(episode: &Episode, messages: &[NewMessage]) {
    let mut results = 0..;
    for message in messages {
        for (index, part) in (0..).zip(&message.content) {
            let index = if message.role == Role::Tool { results.next().unwrap_or_default() } else { index };
            episode.push(message.role, index, part.clone());
        }
    }
}

fn show(episode: &Episode, role: Role, body: Body) {
    episode.push(role, 0, Part { body: Some(body), ..Part::default() });
}

fn count(turn: &Turn, result: &'static str, provider: &str) {
    let labels = CompactionLabels { provider: provider.to_owned(), model: turn.chat.model.clone(), result };
    turn.state.metrics.turn.compactions.get_or_create(&labels).inc();
}

fn failed(message: &str) -> GenerationError {
    GenerationError { message: message.to_owned(), kind: ErrorKind::Generic.into(), ..GenerationError::default() }
}

fn late() -> GenerationError {
    GenerationError { kind: ErrorKind::Timeout.into(), ..failed("The summary took too long.") }
}

/// A conversation that a summary does not make short enough.
pub(super) fn still_too_long() -> GenerationError {
    GenerationError {
        message: "The conversation is too long for the model, even after it was summarised. Choose a model with a \
                  larger context, or begin a new chat."
            .to_owned(),
        kind: ErrorKind::Config.into(),
        context_overflow: true,
        ..GenerationError::default()
    }
}
