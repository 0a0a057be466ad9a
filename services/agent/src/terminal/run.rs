//! Accompanies a terminal from its start to its end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use futures::future::{FusedFuture as _, FutureExt as _, pending};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use pty_process::{OwnedReadPty, OwnedWritePty};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking as blocking;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, info, warn};

use super::life::{Exit, State};
use super::members;
use super::screen::MAX_READ;
use super::session::Session;
use super::spawn::Spawned;
use super::terminals::Limits;

/// Pauses between looks at whether everything on a terminal has ended.
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_millis(320);

/// Shows what the program writes and gives it what is typed, until it has ended and everything
/// that it wrote is shown.
pub(super) async fn run(session: &Session, spawned: Spawned, typed: mpsc::Receiver<Bytes>, limits: &Limits) -> Exit {
    let Spawned { mut child, mut reader, writer, leader } = spawned;
    let mut is_drained = false;
    let status = {
        let mut reading = pin!(read(session, &mut reader, Some(limits.patience)).fuse());
        let mut writing = pin!(write(session, writer, typed));
        let mut watching = pin!(end_when_unwatched(session, limits.idle));
        let mut ending = pin!(until_end(session, &mut child, leader, limits));
        loop {
            tokio::select! {
                status = &mut ending => {
                    is_drained |= reading.is_terminated();
                    break status;
                }
                () = &mut reading => {}
                never = &mut writing => match never {},
                never = &mut watching => match never {},
            }
        }
    };
    // What others that have the terminal open write later is not shown.
    if !is_drained && timeout(limits.drain, read(session, &mut reader, None)).await.is_err() {
        debug!("programs hold the terminal open");
    }
    session.life.advance(State::Closing(pb::TerminalEnd::Exited));
    let reason = match session.life.state() {
        State::Closing(reason) => reason,
        _ => pb::TerminalEnd::Exited,
    };
    let code = status.ok().and_then(|status| status.code()).unwrap_or(-1);
    info!(exit_code = code, reason = reason.as_str_name(), "terminal ended");
    Exit { code, reason }
}

/// Shows what the program writes until nothing has the terminal open any more.
async fn read(session: &Session, reader: &mut OwnedReadPty, patience: Option<Duration>) {
    let mut buffer = vec![0; MAX_READ];
    loop {
        if let Some(patience) = patience {
            session.wait_for_room(patience).await;
        }
        match reader.read(&mut buffer).await {
            Ok(count @ 1..) => session.show(&buffer[..count]),
            // The system says EIO where everyone has closed the terminal.
            Ok(0) | Err(_) => return,
        }
    }
}

/// Gives the program what is typed, and its terminal the size that was asked for last.
async fn write(session: &Session, mut writer: OwnedWritePty, mut typed: mpsc::Receiver<Bytes>) -> Infallible {
    let mut sizes = session.size.subscribe();
    // Another viewer may have come while the terminal was opened.
    sizes.mark_changed();
    let mut data = Bytes::new();
    loop {
        tokio::select! {
            Ok(()) = sizes.changed() => {
                let size = *sizes.borrow_and_update();
                if let Err(error) = writer.resize(size.into()) {
                    warn!(%error, "terminal not resized");
                }
            }
            Some(next) = typed.recv(), if data.is_empty() => data = next,
            written = writer.write(&data), if !data.is_empty() => match written {
                Ok(count) => data = data.slice(count..),
                // Nothing has the terminal open, or will again.
                Err(_) => data.clear(),
            },
            else => return pending().await,
        }
    }
}

/// Ends the terminal where nobody looks at it for as long as `idle`.
async fn end_when_unwatched(session: &Session, idle: Duration) -> Infallible {
    let mut viewers = session.watch_viewers();
    loop {
        let is_watched = *viewers.borrow_and_update() > 0;
        // Also somebody who came and went is a change. The sender lives in the session, so no wait fails.
        if is_watched {
            let _ = viewers.changed().await;
        } else if timeout(idle, viewers.changed()).await.is_err() {
            session.close_if_unwatched();
            session.life.ending().await;
            return pending().await;
        }
    }
}

/// Waits until the program has ended, or ends it with all that runs on its terminal.
async fn until_end(session: &Session, child: &mut Child, leader: Pid, limits: &Limits) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        () = session.life.ending() => {}
    }
    let deadline = Instant::now() + limits.stop;
    // A program that is stopped does not see that it is hung up on.
    signal(leader, Signal::SIGHUP).await;
    signal(leader, Signal::SIGCONT).await;
    let status = timeout_at(deadline, child.wait()).await;
    let mut pause = MIN_PAUSE;
    let are_gone = async {
        while blocking(move || members::are_there(leader)).await.unwrap_or_default() {
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    };
    if timeout_at(deadline, are_gone).await.is_err() || status.is_err() {
        signal(leader, Signal::SIGKILL).await;
    }
    match status {
        Ok(status) => status,
        Err(_) => timeout(limits.stop, child.wait()).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
    }
}

async fn signal(leader: Pid, signal: Signal) {
    // It does not panic, and nothing aborts it.
    let _ = blocking(move || members::signal(leader, signal)).await;
}
