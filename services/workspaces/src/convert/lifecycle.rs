//! What agents say, in and out. On the way in nothing is refused: what has no place in the database is cut or replaced.

use std::borrow::Cow;

use chatmesh_core::Timestamp;
use chatmesh_proto::agent::v1 as agents;
use chatmesh_proto::agent::v1::supervise_response::Report;
use chatmesh_proto::workspaces::v1 as pb;
use chrono::SubsecRound as _;

use crate::domain::{
    Lifecycle, LifecycleReport, LifecycleState, LogLevel, LogLine, MAX_LINE, NumberedLine, NumberedRun, Script,
    ScriptResult, ScriptRun, ScriptStage,
};

/// The longest id of a script.
const MAX_ID: usize = 64;
/// The longest name and message.
const MAX_TEXT: usize = 4096;

/// What an agent says, with the numbers of its reports. What has no time is of `now`.
pub(crate) fn reports(reports: Vec<agents::SuperviseResponse>, now: Timestamp) -> Vec<(i64, LifecycleReport)> {
    let reports = reports.into_iter().map(|response| {
        let sequence = i64::try_from(response.sequence).unwrap_or(i64::MAX);
        (sequence, report(response.report, now))
    });
    reports.collect()
}

fn report(report: Option<Report>, now: Timestamp) -> LifecycleReport {
    match report {
        Some(Report::Lifecycle(report)) => match state(report.state()) {
            Some(state) => LifecycleReport::State(Lifecycle {
                state,
                changed_at: Some(time(report.change_time).unwrap_or(now)),
                message: text(report.message, MAX_TEXT),
            }),
            None => LifecycleReport::Unknown,
        },
        Some(Report::Logs(logs)) => {
            let script_id = text(logs.script_id, MAX_ID);
            let lines = logs.lines.into_iter().map(|line| LogLine {
                time: time(line.time).unwrap_or(now),
                level: line.level().into(),
                script_id: script_id.clone(),
                text: text(line.text, MAX_LINE),
            });
            let dropped = u32::try_from(logs.dropped_lines).unwrap_or(u32::MAX);
            LifecycleReport::Lines { dropped, lines: lines.collect() }
        }
        Some(Report::Run(run)) => script_ran(run).map_or(LifecycleReport::Unknown, LifecycleReport::Run),
        None => LifecycleReport::Unknown,
    }
}

fn script_ran(run: agents::ScriptRun) -> Option<ScriptRun> {
    let stage = match run.stage() {
        agents::ScriptStage::Unspecified => return None,
        agents::ScriptStage::Start => ScriptStage::Start,
        agents::ScriptStage::Stop => ScriptStage::Stop,
        agents::ScriptStage::Cron => ScriptStage::Cron,
    };
    let result = match run.result() {
        agents::ScriptResult::Unspecified => return None,
        agents::ScriptResult::Ok => ScriptResult::Ok,
        agents::ScriptResult::Failed => ScriptResult::Failed,
        agents::ScriptResult::TimedOut => ScriptResult::TimedOut,
        agents::ScriptResult::OutputLeftOpen => ScriptResult::OutputLeftOpen,
        agents::ScriptResult::NotStarted => ScriptResult::NotStarted,
        agents::ScriptResult::Interrupted => ScriptResult::Interrupted,
    };
    Some(ScriptRun {
        script_id: text(run.script_id, MAX_ID),
        display_name: text(run.display_name, MAX_TEXT),
        stage,
        result,
        exit_code: run.exit_code,
        started_at: time(run.start_time),
        ended_at: time(run.end_time),
        message: text(run.message, MAX_TEXT),
    })
}

fn state(state: agents::LifecycleState) -> Option<LifecycleState> {
    LifecycleState::ALL.into_iter().find(|&one| agents::LifecycleState::from(one) == state)
}

/// The time as exactly as the database keeps it, where it is one.
pub(super) fn time(time: Option<pbjson_types::Timestamp>) -> Option<Timestamp> {
    let time = Timestamp::try_from(time?).ok()?;
    // Years that both databases can write.
    (1970..10_000).contains(&chrono::Datelike::year(&time)).then(|| time.trunc_subsecs(6))
}

/// The text without what no database keeps, cut at a character.
pub(super) fn text(text: String, max: usize) -> String {
    let mut text = match text.contains('\0') {
        true => text.replace('\0', "\u{FFFD}"),
        false => text,
    };
    text.truncate(text.floor_char_boundary(max));
    text
}

impl From<agents::LogLevel> for LogLevel {
    fn from(level: agents::LogLevel) -> Self {
        match level {
            agents::LogLevel::Error => Self::Error,
            agents::LogLevel::Info | agents::LogLevel::Unspecified => Self::Info,
        }
    }
}

impl From<LogLevel> for agents::LogLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Info => Self::Info,
            LogLevel::Error => Self::Error,
        }
    }
}

/// A line of a log, after so many that were lost.
pub(crate) fn log_line(numbered: NumberedLine, dropped: i64, scripts: &[Script]) -> pb::AgentLogLine {
    let NumberedLine { number, line } = numbered;
    let script = scripts.iter().find(|script| script.id == line.script_id);
    let script_name = script.map_or(Cow::Borrowed(&*line.script_id), |script| Cow::Borrowed(script.name()));
    pb::AgentLogLine {
        number: number.unsigned_abs(),
        time: Some(line.time.into()),
        level: agents::LogLevel::from(line.level).into(),
        script_name: script_name.into_owned(),
        script_id: line.script_id,
        text: line.text,
        dropped_lines: dropped.unsigned_abs(),
    }
}

/// A script that ran.
pub(crate) fn script_run(numbered: NumberedRun) -> pb::AgentScriptRun {
    let NumberedRun { number, run } = numbered;
    pb::AgentScriptRun {
        number: number.unsigned_abs(),
        script_id: run.script_id,
        script_name: run.display_name,
        stage: agents::ScriptStage::from(run.stage).into(),
        result: agents::ScriptResult::from(run.result).into(),
        exit_code: run.exit_code,
        start_time: run.started_at.map(Into::into),
        end_time: run.ended_at.map(Into::into),
        message: run.message,
    }
}

impl From<LifecycleState> for agents::LifecycleState {
    fn from(state: LifecycleState) -> Self {
        match state {
            LifecycleState::Created => Self::Created,
            LifecycleState::Starting => Self::Starting,
            LifecycleState::Ready => Self::Ready,
            LifecycleState::StartTimeout => Self::StartTimeout,
            LifecycleState::StartError => Self::StartError,
            LifecycleState::ShuttingDown => Self::ShuttingDown,
            LifecycleState::ShutdownTimeout => Self::ShutdownTimeout,
            LifecycleState::ShutdownError => Self::ShutdownError,
            LifecycleState::Off => Self::Off,
        }
    }
}

impl From<ScriptStage> for agents::ScriptStage {
    fn from(stage: ScriptStage) -> Self {
        match stage {
            ScriptStage::Start => Self::Start,
            ScriptStage::Stop => Self::Stop,
            ScriptStage::Cron => Self::Cron,
        }
    }
}

impl From<ScriptResult> for agents::ScriptResult {
    fn from(result: ScriptResult) -> Self {
        match result {
            ScriptResult::Ok => Self::Ok,
            ScriptResult::Failed => Self::Failed,
            ScriptResult::TimedOut => Self::TimedOut,
            ScriptResult::OutputLeftOpen => Self::OutputLeftOpen,
            ScriptResult::NotStarted => Self::NotStarted,
            ScriptResult::Interrupted => Self::Interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_timestamp(1_700_000_000, 5_000).expect("a time")
    }

    fn one(report: Report) -> LifecycleReport {
        let response = agents::SuperviseResponse { sequence: 7, report: Some(report) };
        let mut found = reports(vec![response], now());
        assert_eq!(found[0].0, 7);
        found.remove(0).1
    }

    /// What no database keeps would be refused again and again, and what comes after it with it.
    #[test]
    fn times_that_can_not_be_kept_are_replaced_and_others_are_as_exact_as_the_database() {
        let at = |seconds, nanos| Some(pbjson_types::Timestamp { seconds, nanos });
        let exact = Timestamp::from_timestamp(1_700_000_001, 123_456_000).expect("a time");
        for (given, expected) in [
            (None, now()),
            (at(1_700_000_001, 123_456_789), exact),
            (at(-1, 0), now()),
            (at(300_000_000_000, 0), now()),
            (at(i64::MAX, 0), now()),
            (at(0, -1), now()),
        ] {
            let report = agents::LifecycleReport {
                state: agents::LifecycleState::Ready.into(),
                change_time: given,
                ..Default::default()
            };
            let LifecycleReport::State(found) = one(Report::Lifecycle(report)) else { panic!("{given:?}") };
            assert_eq!((found.state, found.changed_at), (LifecycleState::Ready, Some(expected)), "{given:?}");
        }
    }

    #[test]
    fn what_only_later_versions_understand_is_passed_over() {
        let run = |stage: i32, result: i32| agents::ScriptRun { stage, result, ..Default::default() };
        for unknown in [
            Report::Lifecycle(agents::LifecycleReport { state: 99, ..Default::default() }),
            Report::Lifecycle(agents::LifecycleReport::default()),
            Report::Run(run(99, 1)),
            Report::Run(run(1, 99)),
            Report::Run(run(1, 0)),
        ] {
            assert_eq!(one(unknown.clone()), LifecycleReport::Unknown, "{unknown:?}");
        }
        let empty = agents::SuperviseResponse { sequence: u64::MAX, report: None };
        assert_eq!(reports(vec![empty], now()), [(i64::MAX, LifecycleReport::Unknown)]);
    }

    #[test]
    fn text_is_cut_at_a_character_and_has_no_nul() {
        assert_eq!(text("a\0b".to_owned(), 10), "a\u{FFFD}b");
        assert_eq!(text("aäb".to_owned(), 2), "a");
        assert_eq!(text("äb".to_owned(), 2), "ä");
        let logs = agents::ScriptLogs { dropped_lines: u64::MAX, ..Default::default() };
        assert_eq!(one(Report::Logs(logs)), LifecycleReport::Lines { dropped: u32::MAX, lines: vec![] });
    }

    #[test]
    fn every_word_of_the_contract_has_one_of_ours() {
        for number in 1..=9 {
            let theirs = agents::LifecycleState::try_from(number).expect("a state");
            assert_eq!(state(theirs).map(agents::LifecycleState::from), Some(theirs));
        }
        assert_eq!(state(agents::LifecycleState::Unspecified), None);
    }
}
