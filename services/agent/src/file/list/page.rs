//! The part of a directory that is on one page.

use std::collections::BinaryHeap;
use std::fmt;

use chatmesh_proto::agent::v1::FileKind;

use super::super::error::Error;

/// Where an entry stands: directories first, then by name, byte by byte. As text it is the token
/// of the page that begins after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    is_no_directory: bool,
    name: Vec<u8>,
}

impl Place {
    pub(super) fn new(kind: FileKind, name: &[u8]) -> Self {
        Self { is_no_directory: kind != FileKind::Directory, name: name.to_vec() }
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// Reads a token; an empty one is for the first page.
    pub(super) fn parse(token: &str) -> Result<Option<Self>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        let parsed = token.split_at_checked(1).and_then(|(kind, name)| {
            let is_no_directory = match kind {
                "d" => false,
                "f" => true,
                _ => return None,
            };
            Some(Self { is_no_directory, name: bytes(name)? })
        });
        let invalid = || Error::Invalid("`page_token` must be the `next_page_token` of an answer".to_owned());
        parsed.map(Some).ok_or_else(invalid)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_no_directory { "f" } else { "d" })?;
        self.name.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    // The longest name that a directory can have is far shorter.
    if hex.len() > 2048 || !hex.len().is_multiple_of(2) || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

/// The first entries after a place. The others that are offered are forgotten.
#[derive(Debug)]
pub(super) struct Page {
    after: Option<Place>,
    size: usize,
    /// The last entry on top; one more than the page has tells that there is a further page.
    entries: BinaryHeap<(Place, i32)>,
}

impl Page {
    pub(super) fn new(after: Option<Place>, size: usize) -> Self {
        Self { after, size, entries: BinaryHeap::with_capacity(size + 2) }
    }

    pub(super) fn offer(&mut self, place: Place, kind: FileKind) {
        let is_on_former_page = self.after.as_ref().is_some_and(|after| place <= *after);
        let is_behind = self.entries.len() > self.size && self.entries.peek().is_some_and(|(last, _)| place > *last);
        if is_on_former_page || is_behind {
            return;
        }
        self.entries.push((place, kind.into()));
        if self.entries.len() > self.size + 1 {
            self.entries.pop();
        }
    }

    /// The entries in their order, and whether there are more behind them.
    pub(super) fn finish(self) -> (Vec<(Place, FileKind)>, bool) {
        let mut entries = self.entries.into_sorted_vec();
        let has_more = entries.len() > self.size;
        entries.truncate(self.size);
        let known = |kind: i32| FileKind::try_from(kind).unwrap_or(FileKind::Unspecified);
        (entries.into_iter().map(|(place, kind)| (place, known(kind))).collect(), has_more)
    }
}
