//! Where a server wants its messages. It says so itself, so it must not lead elsewhere: what is posted there has the
//! credentials for the server.

use url::Url;

/// The longest address.
const MAX_BYTES: usize = 4096;

/// The address that a server named at `base`.
///
/// # Errors
/// Says what is wrong with it; a part of a sentence.
pub(super) fn resolve(base: &Url, given: &str) -> Result<Url, &'static str> {
    if given.len() > MAX_BYTES {
        return Err("is longer than 4096 bytes");
    }
    let mut url = base.join(given.trim()).map_err(|_| "is none")?;
    if url.origin() != base.origin() {
        return Err("is at another host than the server: its credentials are not sent there");
    }
    if !url.username().is_empty() || url.password().is_some() {
        // They would take the place of the credentials that are configured.
        return Err("holds a user name or a password");
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_to_the_host_of_the_stream_and_nowhere_else() {
        let base = Url::parse("https://host:8443/mcp/sse?key=1").expect("a URL");
        let at = |given: &str| resolve(&base, given).map(|url| url.to_string());
        for (given, expected) in [
            ("/messages?session=1", "https://host:8443/messages?session=1"),
            ("messages", "https://host:8443/mcp/messages"),
            ("?session=1", "https://host:8443/mcp/sse?session=1"),
            (" https://host:8443/x#part ", "https://host:8443/x"),
        ] {
            assert_eq!(at(given).as_deref(), Ok(expected), "{given}");
        }
        for given in [
            "https://other:8443/x",
            "//other/x",
            "http://host:8443/x",
            "https://host/x",
            "file:///etc/passwd",
            "https://user@host:8443/x",
            "https://:secret@host:8443/x",
            "https://[",
            &"x".repeat(5000),
        ] {
            assert!(at(given).is_err(), "{given}");
        }
    }
}
