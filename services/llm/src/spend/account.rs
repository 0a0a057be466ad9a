//! What one call took, from its beginning to whatever its end is.

use std::sync::Arc;

use chatmesh_core::{ExposeSecret as _, SecretString, Timestamp, Uuid};
use chatmesh_proto::common::v1::{ErrorKind, GenerationError, Usage};
use chatmesh_proto::llm::v1::Finish;
use chatmesh_rpc::UserId;
use tokio::time::Instant;

use super::estimate::tokens_of;
use super::ledger::Ledger;
use super::redact::redact;
use crate::client::Tap;
use crate::codec::{Event, Prices};
use crate::domain::{DebugRecord, Outcome, ReservationId, UsageEvent, UsageId};
use crate::metrics::{LlmMetrics, ModelLabels};
use crate::route::{Candidate, OpenKey};

/// Whose call it is and what it is for.
#[derive(Debug)]
pub(crate) struct Purpose {
    pub(crate) id: UsageId,
    pub(crate) created_at: Timestamp,
    pub(crate) user_id: Option<UserId>,
    pub(crate) chat_id: Option<Uuid>,
    pub(crate) source: String,
    pub(crate) prompt_tokens: u32,
    pub(crate) reservation: Option<ReservationId>,
}

/// Keeps count of a call. Dropped before its end, the call counts as canceled: nothing that was
/// used is forgotten.
#[derive(Debug)]
pub(crate) struct Account {
    ledger: Arc<Ledger>,
    metrics: LlmMetrics,
    event: Option<UsageEvent>,
    began: Instant,
    prompt_tokens: u32,
    prices: Prices,
    /// The provider took the prompt.
    is_started: bool,
    /// How many bytes the answer has so far.
    said: usize,
    /// What an answer that passes through said of its usage, and about how many tokens it has so far.
    seen: (Option<Usage>, u32),
    tap: Option<(Tap, Option<SecretString>)>,
}

impl Account {
    pub(crate) fn open(ledger: Arc<Ledger>, metrics: LlmMetrics, purpose: Purpose, first: &Candidate) -> Self {
        metrics.open_streams.inc();
        let event = UsageEvent {
            id: purpose.id,
            created_at: purpose.created_at,
            user_id: purpose.user_id,
            chat_id: purpose.chat_id,
            model: first.target.model_name.clone(),
            provider: first.provider.clone(),
            key_id: None,
            usage: Usage::default(),
            usage_estimated: false,
            cost_micros: None,
            first_part_ms: None,
            duration_ms: 0,
            outcome: Outcome::Canceled,
            error_kind: ErrorKind::Unspecified,
            attempts: 0,
            source: purpose.source,
            reservation: purpose.reservation,
            debug: None,
        };
        Self {
            ledger,
            metrics,
            event: Some(event),
            began: Instant::now(),
            prompt_tokens: purpose.prompt_tokens,
            prices: Prices::default(),
            is_started: false,
            said: 0,
            seen: (None, 0),
            tap: None,
        }
    }

    /// The account of a call that costs nothing: it is not written down.
    pub(crate) fn unrecorded(ledger: Arc<Ledger>, metrics: LlmMetrics) -> Self {
        let (prices, seen) = (Prices::default(), (None, 0));
        let began = Instant::now();
        Self {
            ledger,
            metrics,
            event: None,
            began,
            prompt_tokens: 0,
            prices,
            is_started: false,
            said: 0,
            seen,
            tap: None,
        }
    }

    /// A provider is about to be asked.
    pub(crate) fn attempt(&mut self, candidate: &Candidate, key: &OpenKey, tap: Option<Tap>) {
        let Some(event) = &mut self.event else { return };
        event.attempts += 1;
        event.key_id = key.id;
        if event.model != candidate.target.model_name {
            event.model.clone_from(&candidate.target.model_name);
            event.provider.clone_from(&candidate.provider);
        }
        self.prices = Prices::of(&candidate.target.options);
        (self.is_started, self.said, self.seen) = (false, 0, (None, 0));
        self.tap = tap.map(|tap| (tap, key.target.api_key.clone()));
        let labels = ModelLabels { provider: event.provider.clone(), model: event.model.clone() };
        self.metrics.attempts.get_or_create(&labels).inc();
    }

    /// The provider said something that is no end.
    pub(crate) fn hear(&mut self, said: &Event) {
        match said {
            Event::ResponseStarted(_) => self.is_started = true,
            Event::PartStarted(_) => {
                let millis = millis(self.began);
                if let Some(event) = &mut self.event {
                    event.first_part_ms.get_or_insert(millis);
                }
            }
            Event::PartDelta(delta) => self.said += delta.text.len(),
            _ => {}
        }
    }

    /// An answer passes through that said this of its usage and has about so many tokens.
    pub(crate) fn see(&mut self, usage: Option<Usage>, output_tokens: u32) {
        self.seen = (usage, output_tokens);
    }

    /// The answer is complete.
    pub(crate) async fn finished(&mut self, finish: &Finish) {
        let Some(mut event) = self.event.take() else { return };
        event.outcome = Outcome::Finished;
        event.usage = finish.usage.unwrap_or_default();
        event.cost_micros = finish.cost_micros;
        if event.usage.input_tokens.is_none() || event.usage.output_tokens.is_none() {
            let estimate = self.estimate();
            event.usage.input_tokens = event.usage.input_tokens.or(estimate.input_tokens);
            event.usage.output_tokens = event.usage.output_tokens.or(estimate.output_tokens);
            event.usage_estimated = true;
        }
        event.cost_micros = event.cost_micros.or_else(|| self.prices.cost(&event.usage));
        let event = self.close(event);
        self.ledger.record(event).await;
    }

    /// The call failed for good.
    pub(crate) async fn failed(&mut self, error: &GenerationError) {
        let Some(mut event) = self.event.take() else { return };
        event.outcome = Outcome::Failed;
        event.error_kind = error.kind();
        self.charge_partly(&mut event);
        let event = self.close(event);
        self.ledger.record(event).await;
    }

    /// Providers count at the end; a call that did not get there is charged by what was said. One
    /// that the provider refused costs nothing.
    fn charge_partly(&self, event: &mut UsageEvent) {
        event.usage = Usage::default();
        event.cost_micros = Some(0);
        if self.is_started {
            let (estimate, said) = (self.estimate(), self.seen.0.unwrap_or_default());
            event.usage = Usage {
                input_tokens: said.input_tokens.or(estimate.input_tokens),
                // What is said of the output before the end is that it has begun.
                output_tokens: said.output_tokens.max(estimate.output_tokens),
                ..said
            };
            event.usage_estimated = true;
            event.cost_micros = self.prices.cost(&event.usage);
        }
    }

    fn estimate(&self) -> Usage {
        let output = tokens_of(self.said).max(self.seen.1);
        Usage { input_tokens: Some(self.prompt_tokens), output_tokens: Some(output), ..Usage::default() }
    }

    fn close(&mut self, mut event: UsageEvent) -> UsageEvent {
        self.metrics.open_streams.dec();
        event.duration_ms = millis(self.began);
        event.debug = self.tap.take().map(|(tap, secret)| {
            let heard = tap.take();
            let secret = secret.as_ref().map(|secret| secret.expose_secret());
            DebugRecord {
                request: redact(&heard.request, secret).into_bytes(),
                response: redact(&heard.response, secret).into_bytes(),
                truncated: heard.truncated,
            }
        });
        self.metrics.ended(&event);
        event
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(mut event) = self.event.take() {
            self.charge_partly(&mut event);
            let event = self.close(event);
            self.ledger.record_soon(event);
        }
    }
}

fn millis(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX)
}
