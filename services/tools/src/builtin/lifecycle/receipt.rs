//! What makes a repeated call find what it did the first time.

use chatmesh_core::Uuid;
use chatmesh_core::uuid::Builder;
use sha2::{Digest as _, Sha256};

/// The identifier of the request that a call makes: the same whenever and wherever the call is made.
pub(super) fn request_id(what: &str, key: &str) -> Uuid {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = digest(what, key);
    Builder::from_custom_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]).into_uuid()
}

/// A number that differs from call to call, and is the same for a repeat of one.
pub(super) fn number(what: &str, key: &str) -> u16 {
    let [a, b, ..] = digest(what, key);
    u16::from_be_bytes([a, b])
}

fn digest(what: &str, key: &str) -> [u8; 32] {
    // Neither holds a NUL: what is before it and what is after it cannot be taken for each other.
    Sha256::new().chain_update(what).chain_update([0]).chain_update(key).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_one_identifier_and_every_call_another() {
        let id = request_id("create", "chat-1/2/call-1");
        assert_eq!(request_id("create", "chat-1/2/call-1"), id);
        assert_eq!(Uuid::try_parse(&id.to_string()), Ok(id));
        assert_eq!(id.get_version_num(), 8, "one that is made of what its maker chose (RFC 9562)");
        for (what, key) in [("create", "chat-1/2/call-2"), ("start", "chat-1/2/call-1"), ("creat", "echat-1/2/call-1")]
        {
            assert_ne!(request_id(what, key), id, "{what} {key}");
        }
    }
}
