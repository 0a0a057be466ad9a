//! Line ends.

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing: it is the last one.
    None,
    /// A line feed.
    Lf,
    /// A carriage return and a line feed.
    CrLf,
}

impl Ending {
    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }
}

/// How many lines end in which way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    lf: usize,
    crlf: usize,
}

impl Tally {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut tally = Self { lf: 0, crlf: 0 };
        for at in memchr::memchr_iter(b'\n', text) {
            if at > 0 && text[at - 1] == b'\r' {
                tally.crlf += 1;
            } else {
                tally.lf += 1;
            }
        }
        tally
    }

    /// The line end that is used more often, where there is any.
    pub(super) fn dominant(self) -> Option<Ending> {
        match self {
            Self { lf: 0, crlf: 0 } => None,
            Self { lf, crlf } if crlf > lf => Some(Ending::CrLf),
            _ => Some(Ending::Lf),
        }
    }

    /// The line end that is used alone, where there is one.
    pub(super) fn consistent(self) -> Option<Ending> {
        match self {
            Self { lf: 0, crlf: 1.. } => Some(Ending::CrLf),
            Self { lf: 1.., crlf: 0 } => Some(Ending::Lf),
            _ => None,
        }
    }
}

/// A text with other line ends.
pub(super) fn converted(text: &[u8], ending: Ending) -> Vec<u8> {
    let mut new = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let Some(body) = line.strip_suffix(b"\n") else {
            new.extend_from_slice(line);
            continue;
        };
        new.extend_from_slice(body.strip_suffix(b"\r").unwrap_or(body));
        new.extend_from_slice(ending.bytes());
    }
    new
}
