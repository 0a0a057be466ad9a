//! What a script prints, on its way to the relay and to its log.

use std::pin::pin;

use chatmesh_proto::agent::v1::LogLevel;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStderr, ChildStdout};

use super::super::lines::Lines;
use super::super::log_file::LogFile;
use super::super::reports::Reports;

/// How much is read at once.
const READ_BYTES: usize = 8 * 1024;

/// Both outputs of a script.
#[derive(Debug)]
pub(super) struct Output {
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
    sink: Sink,
}

/// One of them.
#[derive(Debug)]
struct Stream<R> {
    /// None once it is closed.
    reader: Option<R>,
    buffer: Vec<u8>,
    lines: Lines,
    level: LogLevel,
}

#[derive(Debug)]
struct Sink {
    log: LogFile,
    reports: Reports,
    script_id: String,
}

impl Output {
    pub(super) fn new(child: &mut Child, log: LogFile, reports: Reports, script_id: String) -> Self {
        let stdout = Stream::new(child.stdout.take(), LogLevel::Info);
        let stderr = Stream::new(child.stderr.take(), LogLevel::Error);
        Self { stdout, stderr, sink: Sink { log, reports, script_id } }
    }

    /// Passes on what is printed until `other` is there.
    pub(super) async fn forward_during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        loop {
            let (out, err) = tokio::select! {
                value = &mut other => return value,
                count = self.stdout.read() => (count, 0),
                count = self.stderr.read() => (0, count),
            };
            // Outside of the choice, so that nothing that was read is lost.
            self.take(out, err).await;
        }
    }

    /// Passes on what is printed until nobody can print any more.
    pub(super) async fn forward_rest(&mut self) {
        while self.stdout.reader.is_some() || self.stderr.reader.is_some() {
            let (out, err) = tokio::select! {
                count = self.stdout.read() => (count, 0),
                count = self.stderr.read() => (0, count),
            };
            self.take(out, err).await;
        }
    }

    /// Passes on lines without an end.
    pub(super) async fn finish(&mut self) {
        for (line, level) in
            [(self.stdout.lines.finish(), LogLevel::Info), (self.stderr.lines.finish(), LogLevel::Error)]
        {
            if let Some(line) = line {
                self.sink.reports.add_line(&self.sink.script_id, level, line);
            }
        }
    }

    /// Reads on without passing on, so that what the script left behind does not die of a broken pipe.
    pub(super) async fn discard(mut self) {
        while self.stdout.reader.is_some() || self.stderr.reader.is_some() {
            tokio::select! {
                _ = self.stdout.read() => {}
                _ = self.stderr.read() => {}
            }
        }
    }

    async fn take(&mut self, out: usize, err: usize) {
        self.stdout.take(out, &mut self.sink).await;
        self.stderr.take(err, &mut self.sink).await;
    }
}

impl<R: AsyncRead + Unpin> Stream<R> {
    fn new(reader: Option<R>, level: LogLevel) -> Self {
        Self { reader, buffer: vec![0; READ_BYTES], lines: Lines::default(), level }
    }

    /// Reads into the buffer; never returns once the stream is closed.
    async fn read(&mut self) -> usize {
        let Some(reader) = &mut self.reader else { return std::future::pending().await };
        match reader.read(&mut self.buffer).await {
            Ok(count @ 1..) => count,
            Ok(0) | Err(_) => {
                self.reader = None;
                0
            }
        }
    }

    /// Passes on the first bytes of the buffer.
    async fn take(&mut self, count: usize, sink: &mut Sink) {
        if count == 0 {
            return;
        }
        let (level, bytes) = (self.level, &self.buffer[..count]);
        self.lines.push(bytes, |line| sink.reports.add_line(&sink.script_id, level, line));
        sink.log.write(bytes).await;
    }
}
