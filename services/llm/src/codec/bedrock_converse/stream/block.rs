//! One block of content, from its first piece to its end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::codec::Event;
use crate::codec::assembly::{Assembly, Kind, OpenPart};
use crate::codec::bedrock_converse::{NAMESPACE, REDACTED_CONTENT, THINKING_SIGNATURE};
use crate::codec::json::is_object;
use crate::codec::metadata::metadata_of;
use crate::codec::warnings::{INVALID_ARGS, ODD_STREAM};

/// A piece of a block.
#[derive(Debug, Clone, Copy)]
pub(in crate::codec::bedrock_converse) enum Piece<'a> {
    Text(&'a str),
    Thought(&'a str),
    Signature(&'a str),
    /// Hidden reasoning, in base64.
    Redacted(&'a str),
    /// Arguments of a call.
    Input(&'a str),
}

/// A block that is being read. Only calls are announced; every other block begins with its first
/// piece.
#[derive(Debug)]
pub(super) enum Block {
    Text(OpenPart),
    Reasoning {
        part: OpenPart,
        signature: String,
        hidden: Vec<u8>,
    },
    Call(OpenPart),
    /// A block of a type that is not known here.
    Unknown,
}

impl Block {
    /// The block that begins with a piece; `None` where the piece says nothing, or where it needs
    /// a block that was announced.
    pub(super) fn beginning_with(piece: Piece<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) -> Option<Self> {
        let redacted = matches!(piece, Piece::Redacted(_));
        match piece {
            Piece::Text("") | Piece::Thought("") | Piece::Signature("") | Piece::Redacted("") | Piece::Input(_) => None,
            Piece::Text(_) => Some(Self::Text(assembly.open(Kind::Text, out))),
            Piece::Thought(_) | Piece::Signature(_) | Piece::Redacted(_) => Some(Self::Reasoning {
                part: assembly.open(Kind::Reasoning { redacted }, out),
                signature: String::new(),
                hidden: Vec::new(),
            }),
        }
    }

    /// Whether a piece can be one of this block.
    pub(super) fn takes(&self, piece: Piece<'_>) -> bool {
        match (self, piece) {
            (Self::Unknown, _)
            | (Self::Text(_), Piece::Text(_))
            | (Self::Reasoning { .. }, Piece::Thought(_) | Piece::Signature(_) | Piece::Redacted(_))
            | (Self::Call(_), Piece::Input(_)) => true,
            // Some models send empty texts between the pieces of a call.
            (_, Piece::Text(text) | Piece::Thought(text)) => text.is_empty(),
            _ => false,
        }
    }

    pub(super) fn append(&mut self, piece: Piece<'_>, assembly: &mut Assembly, out: &mut Vec<Event>) {
        match (self, piece) {
            (Self::Text(part), Piece::Text(text))
            | (Self::Reasoning { part, .. }, Piece::Thought(text))
            | (Self::Call(part), Piece::Input(text)) => part.append(text, out),
            (Self::Reasoning { signature, .. }, Piece::Signature(text)) => signature.push_str(text),
            (Self::Reasoning { .. }, Piece::Redacted("")) => {}
            (Self::Reasoning { part, hidden, .. }, Piece::Redacted(text)) => match STANDARD.decode(text) {
                Ok(bytes) => {
                    part.redact();
                    hidden.extend(bytes);
                }
                Err(_) => assembly.warn(ODD_STREAM, "hidden reasoning could not be read", out),
            },
            _ => {}
        }
    }

    pub(super) fn close(self, assembly: &mut Assembly, out: &mut Vec<Event>) {
        match self {
            Self::Text(part) => part.close(out),
            Self::Reasoning { mut part, signature, hidden } => {
                if !hidden.is_empty() {
                    part.metadata.push(metadata_of(NAMESPACE, REDACTED_CONTENT, &STANDARD.encode(hidden)));
                } else if !signature.is_empty() {
                    part.metadata.push(metadata_of(NAMESPACE, THINKING_SIGNATURE, &signature));
                }
                part.close(out);
            }
            Self::Call(part) => {
                if !part.text().trim().is_empty() && !is_object(part.text()) {
                    assembly.warn(INVALID_ARGS, "the arguments of a call are not a JSON object", out);
                }
                part.close_call(out);
            }
            Self::Unknown => {}
        }
    }
}
