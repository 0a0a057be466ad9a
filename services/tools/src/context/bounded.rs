//! Text that ends where its room ends.

/// Text of a bounded size.
#[derive(Debug)]
pub(super) struct Bounded {
    text: String,
    room: usize,
}

impl Bounded {
    /// Room for so many bytes.
    pub(super) fn new(room: usize) -> Self {
        Self { text: String::new(), room }
    }

    /// Adds a piece whole, or not at all; false where there is no room for it.
    pub(super) fn push(&mut self, piece: &str) -> bool {
        let fits = piece.len() <= self.room;
        if fits {
            self.text.push_str(piece);
            self.room -= piece.len();
        }
        fits
    }

    /// How many more bytes there is room for.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}
