//! What scripts print, and how they end. Both are kept up to a bound: the newest stay.

use chatmesh_core::Timestamp;

use super::UnknownWord;

/// What the lines of an agent take at most, each with [`LINE_BYTES`] more than its text.
pub(crate) const MAX_LOG_BYTES: i64 = 2 * 1024 * 1024;
/// What a line takes besides its text: as much as leaves room for no more than 10,000 lines.
const LINE_BYTES: i64 = 210;
/// The longest line; agents cut theirs to half of it.
pub(crate) const MAX_LINE: usize = 4096;
/// The most runs of scripts that are kept of an agent.
pub(crate) const MAX_RUNS: i64 = 1000;

/// A line that a script printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it came.
    pub time: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// The script.
    pub script_id: String,
    /// The line without its end.
    pub text: String,
}

/// A line with its number: 1, 2, 3, ... in the order in which the lines of the agent were printed. Lines that were
/// lost have numbers, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedLine {
    /// The number.
    pub number: i64,
    /// The line.
    pub line: LogLine,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Came from standard output.
    Info,
    /// Came from standard error, or from the agent.
    Error,
}

/// A script that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptRun {
    /// The script.
    pub script_id: String,
    /// Its name for people.
    pub display_name: String,
    /// Why it ran.
    pub stage: ScriptStage,
    /// How it ended.
    pub result: ScriptResult,
    /// Its exit code, -1 where a signal ended it.
    pub exit_code: Option<i32>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What went wrong, where something did.
    pub message: String,
}

/// A run with its number: 1, 2, 3, ... within the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedRun {
    /// The number.
    pub number: i64,
    /// The run.
    pub run: ScriptRun,
}

/// Why a script ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptStage {
    /// The workspace started.
    Start,
    /// The workspace stopped.
    Stop,
    /// It was time.
    Cron,
}

/// How a script ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptResult {
    /// With exit code 0.
    Ok,
    /// With another one, or by a signal.
    Failed,
    /// It took too long and was ended.
    TimedOut,
    /// It left processes behind that hold its output open.
    OutputLeftOpen,
    /// It could not be started.
    NotStarted,
    /// The workspace stopped while it ran.
    Interrupted,
}

impl LogLine {
    /// What the line takes of [`MAX_LOG_BYTES`].
    pub(crate) fn bytes(&self) -> i64 {
        i64::try_from(self.text.len()).unwrap_or(MAX_LOG_BYTES).saturating_add(LINE_BYTES)
    }
}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),* $(,)? }) => {
        impl $name {
            /// The word for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = UnknownWord;

            fn try_from(word: String) -> Result<Self, UnknownWord> {
                match word.as_str() {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(UnknownWord(word)),
                }
            }
        }
    };
}

words!(LogLevel { Info => "info", Error => "error" });
words!(ScriptStage { Start => "start", Stop => "stop", Cron => "cron" });
words!(ScriptResult {
    Ok => "ok",
    Failed => "failed",
    TimedOut => "timed_out",
    OutputLeftOpen => "output_left_open",
    NotStarted => "not_started",
    Interrupted => "interrupted",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_ten_thousand_lines_are_kept_however_short_they_are() {
        let empty = LogLine {
            time: Timestamp::UNIX_EPOCH,
            level: LogLevel::Info,
            script_id: String::new(),
            text: String::new(),
        };
        let lines = MAX_LOG_BYTES / empty.bytes();
        assert!((9_900..=10_000).contains(&lines), "{lines}");
    }
}
