//! Lines of the log on their way out.
//!
//! Who logs does not wait: where standard error is a pipe that nobody reads, the program goes on and
//! lines are dropped. A thread of its own writes them, and says how many are missing.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// The most bytes of lines that wait; further ones are dropped.
const MAX_BYTES: usize = 1024 * 1024;

/// Takes lines for the thread that writes them, which ends with this.
#[derive(Debug)]
pub(crate) struct Lines(Arc<Shared>);

/// Knows whether all is written.
#[derive(Debug)]
pub(crate) struct Written(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// How many lines were dropped after those that wait.
    dropped: u64,
    is_writing: bool,
    is_closed: bool,
}

impl State {
    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.dropped == 0
    }
}

/// Writes lines to `out` from here on; `notice` makes a line of the number of those that were dropped.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn start(
    out: impl Write + Send + 'static,
    notice: impl Fn(u64) -> String + Send + 'static,
) -> io::Result<(Lines, Written)> {
    let shared = Arc::new(Shared::default());
    let writing = Arc::clone(&shared);
    thread::Builder::new().name("log".to_owned()).spawn(move || writing.write_all(out, notice))?;
    Ok((Lines(Arc::clone(&shared)), Written(shared)))
}

impl Shared {
    fn add(&self, line: &[u8]) {
        let mut state = self.state.lock();
        // After a gap the thread is behind anyway, and says so before anything else is written.
        if state.dropped > 0 || state.waiting.len() + line.len() > MAX_BYTES {
            state.dropped += 1;
        } else {
            state.waiting.extend_from_slice(line);
        }
        drop(state);
        self.changed.notify_all();
    }

    fn write_all(&self, mut out: impl Write, notice: impl Fn(u64) -> String) {
        loop {
            let mut state = self.state.lock();
            while state.is_empty() {
                if state.is_closed {
                    return;
                }
                self.changed.wait(&mut state);
            }
            let (mut lines, dropped) = (std::mem::take(&mut state.waiting), std::mem::take(&mut state.dropped));
            state.is_writing = true;
            drop(state);
            if dropped > 0 {
                lines.extend_from_slice(notice(dropped).as_bytes());
            }
            // There is no other place to complain.
            let _ = out.write_all(&lines).and_then(|()| out.flush());
            self.state.lock().is_writing = false;
            self.changed.notify_all();
        }
    }
}

impl Written {
    /// Waits until everything is written, `patience` at most. Blocks.
    pub(crate) fn wait(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut state = self.0.state.lock();
        while !state.is_empty() || state.is_writing {
            if self.0.changed.wait_until(&mut state, until).timed_out() {
                return;
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.0.state.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// Takes one line, which is written at once.
#[derive(Debug)]
pub(crate) struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Longer than anything takes that is to happen.
    const LONG: Duration = Duration::from_secs(20);

    fn notice(dropped: u64) -> String {
        format!("dropped {dropped}\n")
    }

    #[test]
    fn a_reader_that_does_not_read_holds_up_nobody_and_every_line_is_written_or_counted() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let (lines, written) = start(writer, notice).expect("a thread");
        let count = 3 * MAX_BYTES as u64 / 64;
        for number in 0..count {
            lines.make_writer().write_all(format!("{number:063}\n").as_bytes()).expect("taken");
        }
        written.wait(Duration::from_millis(10));
        drop(lines);
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("read");
        let (notices, whole): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("dropped "));
        let dropped: u64 = notices.iter().map(|line| line["dropped ".len()..].parse::<u64>().expect("a number")).sum();
        assert!(dropped > 0);
        assert_eq!(whole.len() as u64 + dropped, count);
        assert!(whole.iter().all(|line| line.len() == 63) && whole.is_sorted());
    }

    #[test]
    fn what_was_logged_is_written_when_the_wait_is_over() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let (lines, written) = start(writer, notice).expect("a thread");
        lines.make_writer().write_all(b"last words\n").expect("taken");
        written.wait(LONG);
        let mut text = [0; 11];
        reader.read_exact(&mut text).expect("read");
        assert_eq!(&text, b"last words\n");
    }
}
