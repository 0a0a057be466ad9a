//! Calls of which nobody knows how they ended.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::error::is_answer;

/// Counts the calls that were sent and not answered, also those that were dropped half-way.
#[derive(Debug, Default)]
pub(super) struct Unanswered(AtomicUsize);

impl Unanswered {
    /// Makes a call, and counts it unless its answer says how it ended.
    pub(super) async fn unless_answered<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, kube::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let answer = call.await;
        if answer.as_ref().err().is_none_or(is_answer) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
        answer
    }

    pub(super) fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}
