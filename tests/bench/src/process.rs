//! One process that is measured.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::deadline::{LONG, eventually};

/// How long an orderly end may take.
const END_TIMEOUT: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);
/// How often a starting process is looked at: start-up is measured too.
const START_PAUSE: Duration = Duration::from_millis(1);
/// What the kernel counts a process's time in.
const TICK: Duration = Duration::from_millis(10);

/// A process; when this is dropped it is asked to end, which also ends the agents that it started.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// It was asked to end: a second time would make it end at once, and leave its agents behind.
    asked: bool,
}

/// What a process has used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// The memory that it holds now.
    pub(crate) resident_bytes: u64,
    /// The time that it has computed since its start.
    pub(crate) cpu: Duration,
}

impl Process {
    /// Starts a process in `directory`, where its output goes to `NAME.log`.
    pub(crate) fn start(name: &str, mut command: Command, directory: &Path) -> anyhow::Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let output = OpenOptions::new().create(true).append(true).open(&log)?;
        command.current_dir(directory).env("TMPDIR", directory).stdin(Stdio::null());
        command.stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name: name.to_owned(), child, log, asked: false })
    }

    /// Waits until `url` answers with success.
    pub(crate) async fn ready(&mut self, url: &str) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().timeout(LONG).build()?;
        eventually(&format!("{} is ready", self.name), LONG, PAUSE, async || {
            self.alive()?;
            let answer = http.get(url).send().await;
            Ok(answer.is_ok_and(|answer| answer.status().is_success()).then_some(()))
        })
        .await
    }

    /// Waits until it has written a word that begins so, and returns the word.
    pub(crate) async fn writes(&mut self, beginning: &str) -> anyhow::Result<String> {
        eventually(&format!("{} writes {beginning}", self.name), LONG, START_PAUSE, async || {
            self.alive()?;
            let written = self.output();
            // The last line may not be whole yet.
            let lines = written.rsplit_once('\n').map_or("", |(whole, _)| whole);
            Ok(lines.split_whitespace().find(|word| word.starts_with(beginning)).map(str::to_owned))
        })
        .await
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        usage_of(self.child.id()).with_context(|| format!("{} cannot be looked at: {}", self.name, self.output()))
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its number may be another's from here on.
        self.asked = true;
    }

    fn alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} has ended ({status}): {}", self.name, self.output()),
            None => Ok(()),
        }
    }

    /// All that it has written.
    fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            // It may have ended before.
            let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.ask_to_end();
        let deadline = Instant::now() + END_TIMEOUT;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(PAUSE);
        }
        self.kill();
    }
}

/// What a process has used so far.
pub(crate) fn usage_of(pid: u32) -> anyhow::Result<Usage> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: u64 = resident.trim().trim_end_matches(" kB").parse()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    let mut times = fields.split_whitespace().skip(11);
    let mut ticks = || times.next().context("no times")?.parse::<u32>().context("no number");
    Ok(Usage { resident_bytes: kibibytes * 1024, cpu: TICK * (ticks()? + ticks()?) })
}
