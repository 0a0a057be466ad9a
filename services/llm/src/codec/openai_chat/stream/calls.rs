//! Puts calls of tools together. Servers number them, name them, repeat themselves or do none of
//! it; here a piece finds its call all the same.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::chunk::{CallDelta, string};
use crate::codec::Event;
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::history::ORIGINAL_CALL_ID;
use crate::codec::json::is_object;
use crate::codec::metadata::metadata_of;
use crate::codec::warnings::{INVALID_ARGS, ODD_STREAM, TRUNCATED_CALL};

/// A piece of a call.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    index: Option<u32>,
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    args: Option<&'a RawValue>,
}

impl<'a> Piece<'a> {
    pub(super) fn of(delta: &CallDelta<'a>) -> Self {
        let function = delta.function.unwrap_or_default();
        Self { index: delta.index, id: string(delta.id), name: string(function.name), args: function.arguments }
    }

    /// Says nothing; some servers send such pieces before the first call.
    pub(super) fn is_empty(&self) -> bool {
        self.id.is_empty() && self.name.is_empty() && self.args().is_empty()
    }

    fn args(&self) -> Cow<'a, str> {
        match self.args.map(RawValue::get) {
            // An object where its text should be.
            Some(raw) if raw.starts_with('{') => Cow::Borrowed(raw),
            _ => string(self.args),
        }
    }

    fn is_object(&self) -> bool {
        self.args.is_some_and(|raw| raw.get().starts_with('{'))
    }
}

#[derive(Debug)]
struct Call {
    index: Option<u32>,
    raw_id: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The name is not known yet, and without it there is nothing to show.
    Nameless {
        args: String,
    },
    Open(OpenPart),
}

impl Call {
    fn args(&self) -> &str {
        match &self.state {
            State::Nameless { args } => args,
            State::Open(part) => part.text(),
        }
    }

    /// Nothing can follow arguments that are complete.
    fn has_whole_args(&self) -> bool {
        is_object(self.args())
    }
}

/// The calls of an answer, in the order in which they appeared.
#[derive(Debug)]
pub(super) struct Calls {
    namespace: &'static str,
    calls: Vec<Call>,
}

impl Calls {
    pub(super) fn new(namespace: &'static str) -> Self {
        Self { namespace, calls: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Whether there are calls and each could be run as it is.
    pub(super) fn are_whole(&self) -> bool {
        !self.is_empty() && self.calls.iter().all(|call| matches!(call.state, State::Open(_)) && call.has_whole_args())
    }

    /// Finds the call that a piece belongs to; `None` where it begins one.
    pub(super) fn find(&self, piece: &Piece<'_>) -> Option<usize> {
        let has_id = !piece.id.is_empty();
        let at = match piece.index {
            Some(_) => self.calls.iter().rposition(|call| call.index == piece.index)?,
            None if has_id => return self.calls.iter().rposition(|call| call.raw_id == piece.id),
            None => self.calls.len().checked_sub(1)?,
        };
        let call = &self.calls[at];
        let is_other = match has_id {
            true => !call.raw_id.is_empty() && call.raw_id != piece.id,
            // Servers that give neither number nor identifier send each call as a whole.
            false => !piece.name.is_empty() && call.has_whole_args() && piece.args().starts_with('{'),
        };
        (!is_other).then_some(at)
    }

    /// Takes a piece for the call that [`Self::find`] found, or for a new one.
    pub(super) fn take(&mut self, at: Option<usize>, piece: &Piece<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) {
        if piece.is_object() {
            assembly.warn(INVALID_ARGS, "arguments came as an object and not as text", out);
        }
        let at = at.unwrap_or_else(|| {
            let state = State::Nameless { args: String::new() };
            self.calls.push(Call { index: piece.index, raw_id: piece.id.to_string(), state });
            self.calls.len() - 1
        });
        let call = &mut self.calls[at];
        match &mut call.state {
            State::Open(part) => part.append(&piece.args(), out),
            State::Nameless { args } => {
                args.push_str(&piece.args());
                if call.raw_id.is_empty() {
                    call.raw_id = piece.id.to_string();
                }
                if !piece.name.is_empty() {
                    let args = std::mem::take(args);
                    let mut part = open(self.namespace, &call.raw_id, &piece.name, assembly, out);
                    part.append(&args, out);
                    call.state = State::Open(part);
                }
            }
        }
    }

    /// Completes all calls and returns whether there were any. Those that the token limit cut are
    /// told apart by a warning.
    pub(super) fn close(&mut self, is_cut: bool, assembly: &mut Assembly, out: &mut Vec<Event>) -> bool {
        let mut has_calls = false;
        for call in self.calls.drain(..) {
            let args = call.args();
            let is_usable = call.has_whole_args() || (args.trim().is_empty() && !is_cut);
            let State::Open(part) = call.state else {
                assembly.warn(ODD_STREAM, "a call without the name of a tool was left out", out);
                continue;
            };
            if !is_usable {
                let code = if is_cut { TRUNCATED_CALL } else { INVALID_ARGS };
                assembly.warn(code, "the arguments of a call are not a JSON object", out);
            }
            part.close_call(out);
            has_calls = true;
        }
        has_calls
    }
}

fn open(namespace: &str, raw_id: &str, name: &str, assembly: &mut Assembly, out: &mut Vec<Event>) -> OpenPart {
    let (id, is_changed) = assembly.call_id(raw_id);
    let mut part = assembly.open(Kind::Call { id, name: name.to_owned(), provider_executed: false }, out);
    if is_changed {
        part.metadata.push(metadata_of(namespace, ORIGINAL_CALL_ID, &raw_id));
    }
    part
}
