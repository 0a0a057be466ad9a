//! Hears what is sent to a provider and what comes back, for the records of administrators.

use std::sync::Arc;

use parking_lot::Mutex;

/// How much is kept of each direction, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Keeps the bytes of a call, the last one where there are several. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tap(Arc<Mutex<Heard>>);

/// What a tap heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
    pub(crate) truncated: bool,
}

impl Tap {
    /// A request goes out; what was heard before is forgotten.
    pub(crate) fn sent(&self, body: &[u8]) {
        let mut heard = self.0.lock();
        *heard = Heard::default();
        heard.truncated = append(&mut heard.request, body);
    }

    /// A piece of the response came in.
    pub(crate) fn received(&self, bytes: &[u8]) {
        let mut heard = self.0.lock();
        let is_cut = append(&mut heard.response, bytes);
        heard.truncated |= is_cut;
    }

    /// What was heard.
    pub(crate) fn take(&self) -> Heard {
        std::mem::take(&mut *self.0.lock())
    }
}

/// Appends what fits and says whether something did not.
fn append(kept: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let room = MAX_BYTES.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(&bytes[..room]);
    room < bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_has_a_bound() {
        let tap = Tap::default();
        tap.sent(b"first");
        tap.sent(b"second");
        tap.received(&vec![b'a'; MAX_BYTES - 1]);
        tap.received(b"bc");
        let heard = tap.take();
        assert_eq!((heard.request.as_slice(), heard.truncated), (&b"second"[..], true));
        assert_eq!((heard.response.len(), heard.response.last()), (MAX_BYTES, Some(&b'b')));
    }
}
