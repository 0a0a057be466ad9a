//! What must hold for everything that viewers send and programs write, whoever made it up. Shared
//! by the tests of properties and the fuzzer.

use std::collections::HashMap;

use chatmesh_proto::agent::v1 as pb;
use prost::Message as _;

use super::input::{Action, MAX_DATA, MAX_HEADER, Opening};
use super::log::{MAX_PIECE, REPLAY};
use super::screen::{Piece, Screen};

/// Takes bytes for a viewer's message, and for a program's output with viewers that come and go.
///
/// # Panics
/// Something that must hold does not.
#[cfg_attr(not(fuzzing), expect(unreachable_pub, reason = "the fuzzer is another crate"))]
pub fn check(bytes: &[u8]) {
    if let Ok(message) = pb::AttachTerminalRequest::decode(bytes) {
        check_message(&message);
    }
    let mut model = Model::default();
    let mut rest = bytes;
    while let Some((&step, after)) = rest.split_first() {
        let count = usize::from(step >> 3).min(after.len());
        let (argument, after) = after.split_at(count);
        rest = after;
        match step & 7 {
            0..=2 => model.write(argument),
            3 => model.write(&argument.repeat(4 * 1024 / count.max(1))),
            4 => model.attach(),
            5 => model.take(argument.first().copied()),
            6 => model.detach(argument.first().copied()),
            _ => model.screen.stall(),
        }
    }
    model.finish();
}

fn check_message(message: &pb::AttachTerminalRequest) {
    if let Ok(opening) = Opening::read(message.clone()) {
        assert!(message.encoded_len() <= MAX_HEADER);
        assert!(opening.workdir.is_empty() || opening.workdir.starts_with('/'));
        assert!(!opening.command.contains('\0') && !opening.workdir.contains('\0'));
        assert!(opening.env.keys().all(|name| !name.is_empty() && !name.starts_with("CHATMESH_")));
        if let Some(size) = opening.size {
            assert!((1..=1000).contains(&size.rows) && (1..=1000).contains(&size.cols));
        }
        assert!(Action::read(message.clone()).is_err(), "a header is no action");
    }
    match Action::read(message.clone()) {
        Ok(Action::Type(data)) => assert!(data.len() <= MAX_DATA),
        Ok(Action::Resize(size)) => assert!((1..=1000).contains(&size.rows) && (1..=1000).contains(&size.cols)),
        Err(_) => {}
    }
}

/// A screen beside everything that was ever written to it.
#[derive(Debug, Default)]
struct Model {
    screen: Screen,
    whole: Vec<u8>,
    /// Where each viewer is.
    positions: HashMap<u64, usize>,
}

impl Model {
    fn write(&mut self, bytes: &[u8]) {
        self.screen.write(bytes);
        self.whole.extend_from_slice(bytes);
        assert_eq!(self.screen.end(), self.whole.len() as u64);
    }

    fn attach(&mut self) {
        let (id, replayed) = self.screen.attach();
        let replayed = usize::try_from(replayed).expect("fits");
        assert!(replayed <= REPLAY);
        let at = self.whole.len() - replayed;
        assert!(!is_inside_character(&self.whole, at), "the replay begins inside of a character");
        assert!(self.positions.insert(id, at).is_none(), "an id is given once");
        assert_eq!(self.screen.viewers(), self.positions.len());
    }

    /// A viewer, chosen by a byte.
    fn viewer(&self, choice: Option<u8>) -> Option<u64> {
        let mut ids: Vec<_> = self.positions.keys().copied().collect();
        ids.sort_unstable();
        let index = usize::from(choice?).checked_rem(ids.len())?;
        Some(ids[index])
    }

    fn take(&mut self, choice: Option<u8>) {
        if let Some(id) = self.viewer(choice) {
            self.take_of(id);
        }
    }

    fn take_of(&mut self, id: u64) -> bool {
        let at = self.positions.get_mut(&id).expect("known");
        match self.screen.take(id) {
            Some(Piece::Data(data)) => {
                assert!(!data.is_empty() && data.len() <= MAX_PIECE);
                assert_eq!(data, self.whole[*at..*at + data.len()]);
                *at += data.len();
            }
            Some(Piece::Skipped(count)) => {
                assert!(count > 0);
                *at += usize::try_from(count).expect("fits");
                assert!(!is_inside_character(&self.whole, *at), "a viewer goes on inside of a character");
            }
            None => {
                assert_eq!(*at, self.whole.len(), "something is withheld");
                return false;
            }
        }
        true
    }

    fn detach(&mut self, choice: Option<u8>) {
        if let Some(id) = self.viewer(choice) {
            self.screen.detach(id);
            self.positions.remove(&id);
            assert_eq!(self.screen.take(id), None);
        }
    }

    /// Everyone gets everything that is left.
    fn finish(mut self) {
        let ids: Vec<_> = self.positions.keys().copied().collect();
        for id in ids {
            while self.take_of(id) {}
        }
        assert!(self.screen.has_room(), "nobody is behind");
    }
}

/// True where `at` is between the bytes of one character.
fn is_inside_character(whole: &[u8], at: usize) -> bool {
    (1..4).filter_map(|back| at.checked_sub(back)).any(|begin| {
        let is_character = |end: &usize| {
            let text = whole.get(begin..*end).and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.is_some_and(|text| text.chars().count() == 1)
        };
        (at + 1..=begin + 4).any(|end| is_character(&end))
    })
}
