//! What the model is told of a command.

use chatmesh_proto::agent::v1::{Process, ProcessOutput};
use serde::Serialize;

/// The result of a command that was started or looked at.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(in crate::builtin) struct Report {
    pub(in crate::builtin) success: bool,
    /// There while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::builtin) running: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::builtin) output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::builtin) exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::builtin) wall_duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::builtin) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::builtin) truncated: Option<Truncated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::builtin) note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::builtin) background_process_id: Option<String>,
}

/// How much of an output is left out.
#[derive(Debug, PartialEq, Serialize)]
pub(in crate::builtin) struct Truncated {
    original_bytes: u64,
    retained_bytes: u64,
    omitted_bytes: u64,
    strategy: &'static str,
}

impl Report {
    /// A structured failure.
    pub(in crate::builtin) fn failed(error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..Self::default() }
    }

    /// What is known of a process that runs, ended or was lost; of one that runs there is more to say.
    pub(in crate::builtin) fn of(process: &Process, output: ProcessOutput) -> Self {
        let truncated = (output.omitted_bytes > 0).then_some(Truncated {
            original_bytes: output.original_bytes,
            retained_bytes: output.retained_bytes,
            omitted_bytes: output.omitted_bytes,
            strategy: "head_tail",
        });
        let output = Some(output.text).filter(|text| !text.is_empty());
        let report = Self { output, truncated, wall_duration_ms: wall_duration(process), ..Self::default() };
        match process.exit_code {
            _ if process.running => report,
            Some(code) => Self { success: code == 0, exit_code: Some(code), ..report },
            None => Self {
                exit_code: Some(-1),
                error: Some(
                    "how the command ended is not known: look at its effects before you run it again".to_owned(),
                ),
                ..report
            },
        }
    }

    /// True where the middle of the output is left out.
    pub(in crate::builtin) fn is_cut(&self) -> bool {
        self.truncated.is_some()
    }
}

/// How long a process ran, by the clock of its machine.
fn wall_duration(process: &Process) -> Option<u64> {
    let (start, exit) = (process.start_time.as_ref()?, process.exit_time.as_ref()?);
    let millis = (exit.seconds - start.seconds) * 1000 + i64::from(exit.nanos - start.nanos) / 1_000_000;
    u64::try_from(millis).ok()
}

#[cfg(test)]
mod tests {
    use chatmesh_core::Timestamp;
    use serde_json::json;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(millis).expect("a time")
    }

    #[test]
    fn a_report_says_how_the_command_ended() {
        let text = |text: &str| ProcessOutput { text: text.to_owned(), ..ProcessOutput::default() };
        let (start_time, exit_time) = (Some(at(1_900).into()), Some(at(3_100).into()));
        let ended = Process { exit_code: Some(3), start_time, exit_time, ..Process::default() };
        let expected = json!({"success": false, "exit_code": 3, "output": "hello\n", "wall_duration_ms": 1200});
        assert_eq!(json!(Report::of(&ended, text("hello\n"))), expected);
        let well = Process { exit_code: Some(0), ..Process::default() };
        assert_eq!(json!(Report::of(&well, text(""))), json!({"success": true, "exit_code": 0}));
        let lost = Report::of(&Process::default(), text(""));
        assert_eq!((lost.success, lost.exit_code), (false, Some(-1)));
        assert!(lost.error.is_some_and(|error| error.contains("not known")));
    }

    /// F.6 item 10: a command that runs has no exit code.
    #[test]
    fn a_command_that_runs_has_no_exit_code() {
        let running = Process { running: true, ..Process::default() };
        assert_eq!(Report::of(&running, ProcessOutput::default()).exit_code, None);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let output = ProcessOutput { text: "a".to_owned(), original_bytes: 9, retained_bytes: 1, omitted_bytes: 8 };
        let report = Report::of(&Process { exit_code: Some(0), ..Process::default() }, output);
        assert!(report.is_cut());
        let expected = json!({"original_bytes": 9, "retained_bytes": 1, "omitted_bytes": 8, "strategy": "head_tail"});
        assert_eq!(json!(report.truncated), expected);
    }
}
