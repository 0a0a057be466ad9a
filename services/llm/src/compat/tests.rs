#![expect(clippy::needless_pass_by_value, reason = "a literal reads best where its value is used")]

mod errors;
mod golden_chat;
mod golden_messages;
mod golden_responses;
mod parse_chat;
mod parse_messages;
mod parse_responses;
mod properties;
mod round_trip;

use serde_json::Value;

use super::{Asked, BadRequest, Dialect};
use crate::codec::testing::metadata_values;
use chatmesh_proto::common::v1::Part;

fn parse(dialect: Dialect, body: Value) -> Result<Asked, BadRequest> {
    dialect.parse(body.to_string().as_bytes())
}

/// The conversation, one line per part.
fn lines(asked: &Asked) -> Vec<String> {
    let of = |part: &Part| {
        let data: Vec<_> = metadata_values(part).into_iter().map(|(kind, json)| format!(" {kind}={json}")).collect();
        format!("{}{}", crate::codec::testing::line(part), data.concat())
    };
    let messages = &asked.request.messages;
    messages
        .iter()
        .flat_map(|message| message.parts.iter().map(move |part| format!("{:?}: {}", message.role(), of(part))))
        .collect()
}
