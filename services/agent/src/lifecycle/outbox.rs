//! Reports that were not acknowledged yet.

use std::collections::VecDeque;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::supervise_response::Report;

/// The most bytes of lines that wait; the oldest that were not told are dropped.
const MAX_LOG_BYTES: usize = 512 * 1024;
/// The most bytes of lines in one report.
const MAX_BATCH_BYTES: usize = 64 * 1024;
/// What a line takes besides its text.
const LINE_BYTES: usize = 64;
/// The most runs of scripts that wait; the oldest are dropped.
const MAX_RUNS: usize = 256;

/// Reports in the order of their numbers. It holds one state at most, the present one, as long as
/// it was not acknowledged; lines and runs as long as there is room for them.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    state: pb::SuperviseResponse,
    last_sequence: u64,
    /// Reports up to this one were given to somebody, and do not change any more.
    sealed: u64,
    acked: u64,
    log_bytes: usize,
    /// Lines that were dropped since the last report of lines.
    dropped_lines: u64,
}

#[derive(Debug)]
struct Waiting {
    response: pb::SuperviseResponse,
    /// Of lines; 0 for other reports.
    bytes: usize,
}

impl Outbox {
    /// An outbox with nothing but the first state.
    pub(super) fn new(state: pb::LifecycleReport) -> Self {
        let mut outbox = Self {
            waiting: VecDeque::new(),
            state: pb::SuperviseResponse::default(),
            last_sequence: 0,
            sealed: 0,
            acked: 0,
            log_bytes: 0,
            dropped_lines: 0,
        };
        outbox.set_state(state);
        outbox
    }

    /// Replaces the state.
    pub(super) fn set_state(&mut self, state: pb::LifecycleReport) {
        self.waiting.retain(|waiting| !matches!(waiting.response.report, Some(Report::Lifecycle(_))));
        self.state = self.push(Report::Lifecycle(state), 0);
    }

    /// The present state.
    pub(super) fn state(&self) -> Option<&pb::LifecycleReport> {
        match &self.state.report {
            Some(Report::Lifecycle(state)) => Some(state),
            _ => None,
        }
    }

    /// Adds a line of a script.
    pub(super) fn add_line(&mut self, script_id: &str, line: pb::ScriptLogLine) {
        let bytes = line.text.len() + LINE_BYTES;
        self.log_bytes += bytes;
        match self.open_batch(script_id) {
            Some(batch) => {
                batch.bytes += bytes;
                if let Some(Report::Logs(logs)) = &mut batch.response.report {
                    logs.lines.push(line);
                }
            }
            None => {
                let dropped_lines = std::mem::take(&mut self.dropped_lines);
                let logs = pb::ScriptLogs { script_id: script_id.to_owned(), lines: vec![line], dropped_lines };
                self.push(Report::Logs(logs), bytes);
            }
        }
        while self.log_bytes > MAX_LOG_BYTES && self.drop_oldest_lines() {}
    }

    /// Adds a run of a script.
    pub(super) fn add_run(&mut self, run: pb::ScriptRun) {
        let is_run = |waiting: &Waiting| matches!(waiting.response.report, Some(Report::Run(_)));
        if self.waiting.iter().filter(|waiting| is_run(waiting)).count() >= MAX_RUNS
            && let Some(oldest) = self.waiting.iter().position(is_run)
        {
            self.waiting.remove(oldest);
        }
        self.push(Report::Run(run), 0);
    }

    /// Forgets reports that have arrived.
    pub(super) fn ack(&mut self, sequence: u64) {
        // Nobody can have got what was given to nobody.
        self.acked = self.acked.max(sequence.min(self.sealed));
        while let Some(waiting) = self.waiting.pop_front_if(|waiting| waiting.response.sequence <= self.acked) {
            self.log_bytes -= waiting.bytes;
        }
    }

    /// True where the present state has arrived.
    pub(super) fn is_state_acked(&self) -> bool {
        self.state.sequence <= self.acked
    }

    /// The present state, where it is not among the reports that wait.
    pub(super) fn acked_state(&self) -> Option<pb::SuperviseResponse> {
        self.is_state_acked().then(|| self.state.clone())
    }

    /// True where the first report after `sequence` are lines to which more may be added.
    pub(super) fn is_growing_after(&self, sequence: u64) -> bool {
        let is_growing = |waiting: &Waiting| {
            let number = waiting.response.sequence;
            number > self.sealed && number == self.last_sequence && is_open(waiting)
        };
        self.after(sequence).is_some_and(is_growing)
    }

    /// The first report after `sequence`.
    pub(super) fn take_after(&mut self, sequence: u64) -> Option<pb::SuperviseResponse> {
        let response = self.after(sequence)?.response.clone();
        self.sealed = self.sealed.max(response.sequence);
        Some(response)
    }

    fn after(&self, sequence: u64) -> Option<&Waiting> {
        let first = self.waiting.partition_point(|waiting| waiting.response.sequence <= sequence);
        self.waiting.get(first)
    }

    fn push(&mut self, report: Report, bytes: usize) -> pb::SuperviseResponse {
        self.last_sequence += 1;
        let response = pb::SuperviseResponse { sequence: self.last_sequence, report: Some(report) };
        self.waiting.push_back(Waiting { response: response.clone(), bytes });
        response
    }

    /// The newest report, where it is one of lines of this script to which more may be added.
    fn open_batch(&mut self, script_id: &str) -> Option<&mut Waiting> {
        let sealed = self.sealed;
        self.waiting.back_mut().filter(|waiting| {
            let is_same = matches!(&waiting.response.report, Some(Report::Logs(logs)) if logs.script_id == script_id);
            is_same && waiting.response.sequence > sealed && is_open(waiting)
        })
    }

    /// Drops the oldest lines of those that were given to nobody, and counts them with those after
    /// them. What was given to somebody may have arrived: to drop or to change it makes counts wrong.
    fn drop_oldest_lines(&mut self) -> bool {
        let unsealed = self.waiting.partition_point(|waiting| waiting.response.sequence <= self.sealed);
        let mut rest = self.waiting.range(unsealed..);
        let Some(oldest) = rest.position(|waiting| waiting.bytes > 0) else { return false };
        let Some(waiting) = self.waiting.remove(unsealed + oldest) else { return false };
        self.log_bytes -= waiting.bytes;
        let Some(Report::Logs(logs)) = waiting.response.report else { return true };
        let dropped = logs.dropped_lines + logs.lines.len() as u64;
        let next = self.waiting.range_mut(unsealed..).find_map(|waiting| match &mut waiting.response.report {
            Some(Report::Logs(logs)) => Some(&mut logs.dropped_lines),
            _ => None,
        });
        *next.unwrap_or(&mut self.dropped_lines) += dropped;
        true
    }
}

fn is_open(waiting: &Waiting) -> bool {
    (1..MAX_BATCH_BYTES).contains(&waiting.bytes)
}
