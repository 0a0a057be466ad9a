//! Accompanies a process from its start until it is forgotten.

use std::io;
use std::pin::pin;
use std::process::ExitStatus;

use chatmesh_core::{Clock as _, SystemClock};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::time::timeout;
use tracing::{Span, debug};

use super::entry::{Entry, Exit};
use super::manager::Limits;
use super::spawn::Spawned;

/// How much is read at once.
const READ_BYTES: usize = 32 * 1024;

/// Stores what the process writes until it has ended, then says so.
///
/// Once the shell has ended, children that it left behind have `limits.drain` to close the pipe;
/// what they write later is not part of the output.
pub(super) async fn until_exit(spawned: &mut Spawned, entry: &Entry, limits: &Limits) -> Exit {
    let Spawned { child, output, .. } = spawned;
    let mut stored = pin!(store(output, entry));
    let (status, is_stored) = tokio::select! {
        biased;
        () = &mut stored => (child.wait().await, true),
        status = child.wait() => (status, false),
    };
    if !is_stored && timeout(limits.drain, stored).await.is_err() {
        debug!("children of the process hold its output open");
    }
    let exit = Exit { code: exit_code(status), time: SystemClock.now() };
    Span::current().record("process.exit.code", exit.code);
    exit
}

/// Reads until no process holds the pipe any more, so that children which outlive the shell do
/// not die of a broken pipe.
pub(super) async fn discard(mut output: pipe::Receiver) {
    let mut buffer = vec![0; READ_BYTES];
    while matches!(output.read(&mut buffer).await, Ok(1..)) {}
}

async fn store(output: &mut pipe::Receiver, entry: &Entry) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(count @ 1..) = output.read(&mut buffer).await {
        entry.output.lock().write(&buffer[..count]);
    }
}

fn exit_code(status: io::Result<ExitStatus>) -> i32 {
    status.ok().and_then(|status| status.code()).unwrap_or(-1)
}
