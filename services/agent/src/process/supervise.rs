//! Accompanies a process from its start until it is forgotten.

use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::pin::pin;
use std::process::ExitStatus;

use chatmesh_core::{Clock as _, SystemClock};
use tokio::net::unix::pipe;
use tokio::task::coop::consume_budget;
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
pub(super) async fn discard(output: pipe::Receiver) {
    read_all(&output, |_| {}).await;
}

async fn store(output: &pipe::Receiver, entry: &Entry) {
    read_all(output, |bytes| entry.output.write(bytes)).await;
}

async fn read_all(output: &pipe::Receiver, mut take: impl FnMut(&[u8])) {
    while output.readable().await.is_ok() {
        if read(output, &mut take).is_break() {
            break;
        }
        // What never stops writing must not keep others from their turn.
        consume_budget().await;
    }
}

/// Reads once. The buffer lives as long as that: most processes write nothing most of the time.
fn read(output: &pipe::Receiver, take: &mut impl FnMut(&[u8])) -> ControlFlow<()> {
    let mut buffer = [0; READ_BYTES];
    match output.try_read(&mut buffer) {
        Ok(0) => ControlFlow::Break(()),
        Ok(count) => {
            take(&buffer[..count]);
            ControlFlow::Continue(())
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            ControlFlow::Continue(())
        }
        Err(_) => ControlFlow::Break(()),
    }
}

fn exit_code(status: io::Result<ExitStatus>) -> i32 {
    status.ok().and_then(|status| status.code()).unwrap_or(-1)
}
