//! How much context one answer holds.

/// How many bytes of context there are at most.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// How many instruction files and skills there are at most.
const MAX_RESOURCES: usize = 500;
/// How many warnings there are at most.
const MAX_WARNINGS: usize = 50;
/// The longest warning in bytes.
const MAX_WARNING_BYTES: usize = 512;

/// What is left of an answer's room, and what did not find any.
#[derive(Debug)]
pub(super) struct Bounds {
    bytes: usize,
    resources: usize,
    left_out: usize,
    warnings: Vec<String>,
    unsaid: usize,
}

impl Bounds {
    /// All the room there is.
    pub(super) fn new() -> Self {
        Self { bytes: MAX_BYTES, resources: MAX_RESOURCES, left_out: 0, warnings: Vec::new(), unsaid: 0 }
    }

    /// Takes room for a resource of so many bytes; false where there is none for it.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        if self.resources == 0 || bytes > self.bytes {
            self.left_out += 1;
            return false;
        }
        (self.resources, self.bytes) = (self.resources - 1, self.bytes - bytes);
        true
    }

    /// Notes why something is missing.
    pub(super) fn warn(&mut self, mut warning: String) {
        if self.warnings.len() + 1 >= MAX_WARNINGS {
            self.unsaid += 1;
            return;
        }
        if warning.len() > MAX_WARNING_BYTES {
            warning.truncate(warning.floor_char_boundary(MAX_WARNING_BYTES));
        }
        self.warnings.push(warning);
    }

    /// Everything that was noted.
    pub(super) fn into_warnings(mut self) -> Vec<String> {
        if self.left_out > 0 {
            let left_out = self.left_out;
            self.warn(format!(
                "{left_out} resources were left out: there is room for {MAX_RESOURCES} of {MAX_BYTES} bytes in all"
            ));
        }
        if self.unsaid > 0 {
            self.warnings.push(format!("{} further warnings", self.unsaid));
        }
        self.warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_ends_with_the_bytes_or_with_the_number() {
        let mut bounds = Bounds::new();
        assert!(bounds.take(MAX_BYTES - 1));
        assert!(!bounds.take(2));
        assert!(bounds.take(1));
        let warnings = bounds.into_warnings();
        assert!(warnings[0].starts_with("1 resources were left out"), "{warnings:?}");

        let mut bounds = Bounds::new();
        assert_eq!((0..1000).filter(|_| bounds.take(1)).count(), MAX_RESOURCES);
    }

    #[test]
    fn warnings_are_few_and_short() {
        let mut bounds = Bounds::new();
        for _ in 0..100 {
            bounds.warn("é".repeat(1000));
        }
        let warnings = bounds.into_warnings();
        assert_eq!(warnings.len(), MAX_WARNINGS);
        assert!(warnings.iter().all(|warning| warning.len() <= MAX_WARNING_BYTES));
        assert_eq!(warnings.last().map(String::as_str), Some("51 further warnings"));
    }
}
