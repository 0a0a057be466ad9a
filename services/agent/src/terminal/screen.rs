//! The output of a terminal and those who read it.

use std::collections::HashMap;

use bytes::Bytes;

use super::log::{Log, MAX_LAG};

/// How much is read from a terminal at once.
pub(super) const MAX_READ: usize = 16 * 1024;

/// A terminal's output with the positions of its viewers.
#[derive(Debug, Default)]
pub(super) struct Screen {
    log: Log,
    viewers: HashMap<u64, Viewer>,
    next_viewer: u64,
}

#[derive(Debug)]
struct Viewer {
    /// What it has not read begins here.
    at: u64,
    /// It read nothing for a while, so nobody waits for it.
    is_stalled: bool,
}

/// What a viewer gets next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Output.
    Data(Bytes),
    /// So many bytes that passed without it.
    Skipped(u64),
}

impl Screen {
    /// Adds output.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.log.write(bytes);
    }

    /// Adds a viewer, which begins with a replay of so many bytes.
    pub(super) fn attach(&mut self) -> (u64, u64) {
        let (id, at) = (self.next_viewer, self.log.replay());
        self.next_viewer += 1;
        self.viewers.insert(id, Viewer { at, is_stalled: false });
        (id, self.log.end() - at)
    }

    /// Removes a viewer.
    pub(super) fn detach(&mut self, id: u64) {
        self.viewers.remove(&id);
    }

    /// How many viewers there are.
    pub(super) fn viewers(&self) -> usize {
        self.viewers.len()
    }

    /// What this viewer gets next; nothing where it has everything.
    pub(super) fn take(&mut self, id: u64) -> Option<Piece> {
        let viewer = self.viewers.get_mut(&id)?;
        viewer.is_stalled = false;
        if viewer.at < self.log.oldest() {
            let next = self.log.clean(self.log.oldest());
            let skipped = next - viewer.at;
            viewer.at = next;
            return Some(Piece::Skipped(skipped));
        }
        let data = self.log.read(viewer.at);
        viewer.at += data.len() as u64;
        (!data.is_empty()).then_some(Piece::Data(data))
    }

    /// True where the terminal may go on: somebody who reads has room for what comes next, or
    /// nobody reads.
    pub(super) fn has_room(&self) -> bool {
        let mut reading = self.viewers.values().filter(|viewer| !viewer.is_stalled).peekable();
        let room = (MAX_LAG - MAX_READ) as u64;
        reading.peek().is_none() || reading.any(|viewer| self.log.end() - viewer.at <= room)
    }

    /// Waits no more for those who do not read at present.
    pub(super) fn stall(&mut self) {
        for viewer in self.viewers.values_mut() {
            viewer.is_stalled = true;
        }
    }

    /// The position after the last byte.
    #[cfg(any(test, fuzzing))]
    pub(super) fn end(&self) -> u64 {
        self.log.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes as a terminal does that waits for room, `count` bytes at most.
    fn fill(screen: &mut Screen, count: usize) -> usize {
        let mut written = 0;
        while written < count && screen.has_room() {
            screen.write(&[b'x'; MAX_READ]);
            written += MAX_READ;
        }
        written
    }

    #[test]
    fn the_only_viewer_sets_the_pace_and_loses_nothing() {
        let mut screen = Screen::default();
        let (viewer, _) = screen.attach();
        let mut read = 0;
        for _ in 0..20 {
            let written = fill(&mut screen, usize::MAX);
            assert!(written > 0 && !screen.has_room());
            while let Some(piece) = screen.take(viewer) {
                let Piece::Data(data) = piece else { panic!("{piece:?}") };
                read += data.len() as u64;
            }
        }
        assert_eq!(read, screen.end());
    }

    /// G-gap 11: the viewer that does not read is passed, and is told how much it missed.
    #[test]
    fn a_slow_viewer_holds_up_nobody_and_learns_what_it_missed() {
        let mut screen = Screen::default();
        let ((fast, _), (slow, _)) = (screen.attach(), screen.attach());
        for _ in 0..100 {
            assert_eq!(fill(&mut screen, MAX_READ), MAX_READ, "somebody has room");
            assert!(matches!(screen.take(fast), Some(Piece::Data(data)) if data.len() == MAX_READ));
        }
        let Some(Piece::Skipped(skipped)) = screen.take(slow) else { panic!("it missed nothing") };
        let mut read = 0;
        while let Some(Piece::Data(data)) = screen.take(slow) {
            read += data.len() as u64;
        }
        assert_eq!(skipped + read, screen.end());
        assert_eq!(read, MAX_LAG as u64);
    }

    #[test]
    fn a_viewer_that_stalled_is_waited_for_again_once_it_reads() {
        let mut screen = Screen::default();
        let (viewer, _) = screen.attach();
        fill(&mut screen, usize::MAX);
        screen.stall();
        assert!(screen.has_room(), "nobody reads");
        screen.take(viewer);
        fill(&mut screen, usize::MAX);
        assert!(!screen.has_room());
        screen.detach(viewer);
        assert!(screen.has_room());
    }
}
