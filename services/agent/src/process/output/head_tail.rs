//! The two ends of a stream of bytes.

/// How much of each end is kept.
pub(super) const END_BYTES: usize = 16 * 1024;

/// Keeps the first and the last 16 KiB of what is pushed, and where lines were cut in them.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadTail {
    pushed: u64,
    head: Vec<u8>,
    tail: Ring,
    /// Positions in the stream after which bytes of a long line are left out, ascending. A cut
    /// line fills an eighth of an end, so there are never more than some twenty.
    cuts: Vec<u64>,
}

impl HeadTail {
    /// Adds bytes at the end.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.pushed += bytes.len() as u64;
        let room = END_BYTES - self.head.len();
        let (head, tail) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.push(tail);
    }

    /// Notes that the line that ends here was cut here.
    pub(super) fn cut(&mut self) {
        let (head, tail) = (self.head.len() as u64, self.tail_start());
        self.cuts.retain(|&at| at <= head || at > tail);
        self.cuts.push(self.pushed);
    }

    /// Bytes that were pushed and are in neither end.
    pub(super) fn missing(&self) -> u64 {
        self.tail_start() - self.head.len() as u64
    }

    /// The first bytes, and where in them lines were cut.
    pub(super) fn head(&self) -> (&[u8], Vec<usize>) {
        let end = self.head.len() as u64;
        (&self.head, self.cuts.iter().filter(|&&at| at <= end).map(|&at| at as usize).collect())
    }

    /// The last bytes after the head, and where in them lines were cut.
    pub(super) fn tail(&self) -> (Vec<u8>, Vec<usize>) {
        let start = self.tail_start();
        let head = self.head.len() as u64;
        let cuts = self.cuts.iter().filter(|&&at| at > head && at > start).map(|&at| (at - start) as usize);
        (self.tail.to_vec(), cuts.collect())
    }

    fn tail_start(&self) -> u64 {
        self.pushed - self.tail.len() as u64
    }
}

/// The last 16 KiB of what is pushed.
#[derive(Debug, Clone, Default)]
struct Ring {
    bytes: Vec<u8>,
    /// Where the oldest byte is, once the ring is full.
    start: usize,
}

impl Ring {
    fn push(&mut self, bytes: &[u8]) {
        let room = END_BYTES - self.bytes.len();
        let (fits, rest) = bytes.split_at(room.min(bytes.len()));
        self.bytes.extend_from_slice(fits);
        let rest = &rest[rest.len().saturating_sub(END_BYTES)..];
        if rest.is_empty() {
            return;
        }
        let (first, second) = rest.split_at(rest.len().min(END_BYTES - self.start));
        self.bytes[self.start..self.start + first.len()].copy_from_slice(first);
        self.bytes[..second.len()].copy_from_slice(second);
        self.start = (self.start + rest.len()) % END_BYTES;
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn to_vec(&self) -> Vec<u8> {
        let (newer, older) = self.bytes.split_at(self.start);
        [older, newer].concat()
    }
}
