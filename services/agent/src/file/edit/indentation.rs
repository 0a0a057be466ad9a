//! Indentation: what the caller uses, what the file uses, and one in terms of the other.

use super::lines::{Line, Lines};

/// One level of indentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Tab,
    Spaces(usize),
}

/// How a text is indented.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    /// How many lines begin with tabs alone.
    tabs: usize,
    /// How many begin with spaces alone.
    spaces: usize,
    /// How many begin with both.
    mixed: usize,
    /// The greatest common divisor of the numbers of spaces.
    step: usize,
}

/// How the caller and the file indent.
#[derive(Debug)]
pub(super) struct Indentation {
    caller: Option<Unit>,
    file: Usage,
}

impl Indentation {
    pub(super) fn of(file: &Lines<'_>, search: &Lines<'_>, replace: &Lines<'_>) -> Self {
        let caller = Usage::of(search.iter().chain(replace.iter()));
        let caller = match caller {
            Usage { tabs: 1.., spaces: 0, mixed: 0, .. } => Some(Unit::Tab),
            Usage { tabs: 0, spaces: 1.., mixed: 0, step } => Some(Unit::Spaces(step)),
            _ => None,
        };
        Self { caller, file: Usage::of(file.iter()) }
    }

    /// The indentation of a line that the caller puts `wanted` deep, next to a line that it has
    /// `searched` deep and the file `found` deep. Nothing where that can not be told: the caller
    /// mixes tabs and spaces or indents by halves, or the line would stand left of the margin.
    pub(super) fn translate(&self, found: &[u8], searched: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
        if searched == wanted {
            return Some(found.to_vec());
        }
        let caller = self.caller?;
        let levels = level(wanted, caller)? - level(searched, caller)?;
        let (byte, width) = match self.unit_at(found, caller)? {
            Unit::Tab => (b'\t', 1),
            Unit::Spaces(width) => (b' ', width),
        };
        let width = isize::try_from(width).ok()?;
        let length = isize::try_from(found.len()).ok()?.checked_add(levels.checked_mul(width)?)?;
        Some(vec![byte; usize::try_from(length).ok()?])
    }

    /// The file's unit where a line is indented by `found`.
    fn unit_at(&self, found: &[u8], caller: Unit) -> Option<Unit> {
        let Usage { tabs, spaces, mixed, step } = self.file;
        let of_spaces = || match (step, caller) {
            // Comments that are aligned by single spaces hide the file's step.
            (0 | 1, Unit::Spaces(width)) => Some(Unit::Spaces(width)),
            (0 | 1, Unit::Tab) => None,
            (step, _) => Some(Unit::Spaces(step)),
        };
        match found {
            [] if (tabs, spaces, mixed) == (0, 0, 0) => Some(caller),
            [] if tabs > spaces => Some(Unit::Tab),
            [] if spaces > tabs => of_spaces(),
            [] => None,
            _ if consists_of(found, b'\t') => Some(Unit::Tab),
            _ if consists_of(found, b' ') => of_spaces(),
            _ => None,
        }
    }
}

impl Usage {
    fn of<'a>(lines: impl Iterator<Item = Line<'a>>) -> Self {
        let mut usage = Self::default();
        for lead in lines.filter(|line| !line.core().is_empty()).map(Line::lead) {
            match lead {
                [] => {}
                _ if consists_of(lead, b'\t') => usage.tabs += 1,
                _ if consists_of(lead, b' ') => {
                    usage.spaces += 1;
                    usage.step = greatest_common_divisor(usage.step, lead.len());
                }
                _ => usage.mixed += 1,
            }
        }
        usage
    }
}

fn level(lead: &[u8], unit: Unit) -> Option<isize> {
    let (byte, width) = match unit {
        Unit::Tab => (b'\t', 1),
        Unit::Spaces(width) => (b' ', width),
    };
    let is_whole = consists_of(lead, byte) && lead.len().is_multiple_of(width);
    if is_whole { isize::try_from(lead.len() / width).ok() } else { None }
}

fn consists_of(lead: &[u8], byte: u8) -> bool {
    lead.iter().all(|&other| other == byte)
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
