//! The frames of a body of AWS that is complete: what they hold is taken, checksums are not looked at.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::sse::Event;

/// The events that the frames hold, in base64 beside padding.
pub(super) fn events(body: &[u8]) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let number = |at: usize| -> anyhow::Result<usize> {
            let bytes = rest.get(at..at + 4).context("a frame is cut")?;
            Ok(u32::from_be_bytes(bytes.try_into()?) as usize)
        };
        let (length, headers) = (number(0)?, number(4)?);
        let payload = rest.get(12 + headers..length.saturating_sub(4)).context("a frame is cut")?;
        let payload: Value = serde_json::from_slice(payload)?;
        let bytes = payload["bytes"].as_str().context("a frame holds no event")?;
        events.push(Event { name: String::new(), data: String::from_utf8(STANDARD.decode(bytes)?)? });
        rest = rest.get(length..).context("a frame is cut")?;
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_out_of_frames() {
        let payload = br#"{"bytes":"e30=","p":"ab"}"#;
        let frame =
            [&(payload.len() as u32 + 18).to_be_bytes()[..], &[0, 0, 0, 2], &[0; 4], b"hh", payload, &[0; 4]].concat();
        let data: Vec<_> = events(&frame.repeat(2)).unwrap().into_iter().map(|event| event.data).collect();
        assert_eq!(data, ["{}", "{}"]);
        assert!(events(&frame[..frame.len() - 1]).is_err());
    }
}
