//! The hidden command `run-limited PLAN PROGRAM [ARGUMENT...]` of the agent: sets limits on itself
//! and becomes the program.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

use super::launch::Plan;
use super::resources::ResourceLimits;

/// The exit code where a limit could not be set, as other programs of this kind have it.
const EXIT_LIMITS: u8 = 125;
/// The exit code where the program could not be run.
const EXIT_NOT_RUN: u8 = 126;
/// How long a program that used its processor time has to end by itself.
const CPU_GRACE_SECONDS: u64 = 1;

/// Runs the command with these arguments; returns only where it could not.
pub(crate) fn run_limited(mut args: impl Iterator<Item = OsString>) -> ExitCode {
    let plan = args.next().and_then(|plan| serde_json::from_str::<Plan>(plan.to_str()?).ok());
    let (Some(plan), Some(program)) = (plan, args.next()) else {
        return complain(EXIT_LIMITS, "this command is for the agent itself");
    };
    let mut command = Command::new(&program);
    command.args(args);
    // Defaults of the agent must not make commands impossible where the system does not permit them.
    apply(&plan.preferred).for_each(drop);
    if let Some((name, error)) = apply(&plan.required).find_map(|(name, result)| Some((name, result.err()?))) {
        return complain(EXIT_LIMITS, &format!("the limit `{name}` can not be set: {error}"));
    }
    // Resets what the runtime changed in the handling of signals, too.
    let error = command.exec();
    complain(EXIT_NOT_RUN, &format!("`{}` can not be run: {error}", program.display()))
}

/// Sets one limit after the other while the results are taken. The one on memory is the last,
/// because it may leave none for anything else.
fn apply(limits: &ResourceLimits) -> impl Iterator<Item = (&'static str, io::Result<()>)> {
    let ResourceLimits { niceness, oom_score_adj, memory_bytes, cpu_seconds, .. } = *limits;
    let nice = niceness.map(|value| ("niceness", setpriority_process(None, value).map_err(io::Error::from)));
    let oom = oom_score_adj.map(|value| ("oom_score_adj", set_oom_score_adj(value)));
    let resources = [
        ("cpu_seconds", Resource::Cpu, cpu_seconds, CPU_GRACE_SECONDS),
        ("open_files", Resource::Nofile, limits.open_files, 0),
        ("processes", Resource::Nproc, limits.processes, 0),
        ("file_size_bytes", Resource::Fsize, limits.file_size_bytes, 0),
        ("memory_bytes", Resource::As, memory_bytes, 0),
    ];
    let resources = resources
        .into_iter()
        .filter_map(|(name, resource, value, grace)| Some((name, limit(resource, value?, grace).map_err(Into::into))));
    nice.into_iter().chain(oom).chain(resources)
}

/// Sets both limits, so that the program can not lift them. A stricter one that holds already stays.
fn limit(resource: Resource, value: u64, grace: u64) -> rustix::io::Result<()> {
    let held = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let (current, maximum) = (value.min(held), value.saturating_add(grace).min(held));
    setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
}

#[cfg(target_os = "linux")]
fn set_oom_score_adj(value: i32) -> io::Result<()> {
    std::fs::write("/proc/self/oom_score_adj", value.to_string())
}

#[cfg(not(target_os = "linux"))]
fn set_oom_score_adj(_: i32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn complain(code: u8, problem: &str) -> ExitCode {
    // It is the output of the command; there is nobody else to tell.
    let _ = writeln!(io::stderr(), "chatmesh-agent: {problem}");
    ExitCode::from(code)
}
