//! Folds the events of an answer into the answer.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{GenerationError, Part};
use chatmesh_proto::llm::v1::{Finish, PartDelta, ResponseStarted, Warning};

use super::Event;

/// An answer, as far as its events were seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Folded {
    /// Which model answers; absent where the call failed before.
    pub started: Option<ResponseStarted>,
    /// The assistant message, in the order in which its parts began.
    pub parts: Vec<Part>,
    /// What the caller may want to know.
    pub warnings: Vec<Warning>,
    /// How the answer ended; absent while it goes on.
    pub outcome: Option<Outcome>,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is complete.
    Finished(Finish),
    /// It failed; the parts are what had come before.
    Failed(GenerationError),
}

/// An event that does not fit to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// A part began out of order.
    #[error("part {0} began out of order")]
    OutOfOrder(u32),
    /// A piece belongs to a part that has not begun or cannot take it.
    #[error("part {0} cannot take a piece")]
    Misplaced(u32),
    /// Something came after the end.
    #[error("an event came after the end")]
    AfterEnd,
}

impl Folded {
    /// Folds a whole answer.
    ///
    /// # Errors
    /// The first event that breaks the order of an answer.
    pub fn of(events: impl IntoIterator<Item = Event>) -> Result<Self, FoldError> {
        let mut folded = Self::default();
        for event in events {
            folded.push(event)?;
        }
        Ok(folded)
    }

    /// Folds the next event.
    ///
    /// # Errors
    /// The event breaks the order of an answer; it was not taken.
    pub fn push(&mut self, event: Event) -> Result<(), FoldError> {
        if self.outcome.is_some() {
            return Err(FoldError::AfterEnd);
        }
        match event {
            Event::ResponseStarted(started) => self.started = Some(started),
            Event::PartStarted(started) if started.index as usize != self.parts.len() => {
                return Err(FoldError::OutOfOrder(started.index));
            }
            Event::PartStarted(started) => self.parts.push(started.part.unwrap_or_default()),
            Event::PartDelta(delta) => self.append(&delta)?,
            Event::PartFinished(finished) => {
                let part = self.parts.get_mut(finished.index as usize);
                *part.ok_or(FoldError::Misplaced(finished.index))? = finished.part.unwrap_or_default();
            }
            Event::Warning(warning) => self.warnings.push(warning),
            Event::Heartbeat(_) => {}
            Event::Finish(finish) => self.outcome = Some(Outcome::Finished(finish)),
            Event::Error(error) => self.outcome = Some(Outcome::Failed(error)),
        }
        Ok(())
    }

    fn append(&mut self, delta: &PartDelta) -> Result<(), FoldError> {
        let part = self.parts.get_mut(delta.index as usize);
        let text = match part.and_then(|part| part.body.as_mut()) {
            Some(Body::Text(text)) => text,
            Some(Body::Reasoning(reasoning)) => &mut reasoning.text,
            Some(Body::ToolCall(call)) => &mut call.args,
            _ => return Err(FoldError::Misplaced(delta.index)),
        };
        text.push_str(&delta.text);
        Ok(())
    }
}
