//! Keeps secrets of a configuration, and of users, out of what is said about a server.

use std::fmt;

use url::{Position, Url};

/// The shortest value that is taken for a secret: shorter ones occur by chance.
const MIN_SECRET_BYTES: usize = 8;
/// The longest text in bytes that comes out.
const MAX_BYTES: usize = 512;
/// What stands in place of a secret.
const MARKER: &str = "[redacted]";

/// Replaces the secrets of one server.
#[derive(Clone, Default)]
pub struct Redactor {
    /// The longest first, so that no part of one is left over.
    replacements: Vec<(String, String)>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// A redactor for these secrets, and for the parts of `url` that may hold one.
    pub fn new(secrets: impl IntoIterator<Item = impl AsRef<str>>, url: Option<&Url>) -> Self {
        let mut replacements = Vec::new();
        for secret in secrets {
            let secret = secret.as_ref();
            // Of `Bearer abc`, the second word is the secret.
            for part in std::iter::once(secret).chain(secret.split_whitespace()) {
                if part.len() >= MIN_SECRET_BYTES {
                    replacements.push((part.to_owned(), MARKER.to_owned()));
                }
            }
        }
        replacements.extend(url.into_iter().flat_map(parts));
        replacements.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        replacements.dedup();
        Self { replacements }
    }

    /// Makes text fit to be shown: without secrets and control characters, and short.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (secret, replacement) in &self.replacements {
            text = text.replace(secret, replacement);
        }
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.truncate(text.floor_char_boundary(MAX_BYTES));
        text
    }
}

/// The parts of an address that may be secret. Where it leads may be told, but neither the path nor the query.
fn parts(url: &Url) -> Vec<(String, String)> {
    let path = &url[Position::BeforePath..Position::AfterPath];
    let parts = [&url[Position::BeforePath..], path, url.query().unwrap_or_default()];
    // What is as short as this occurs in sentences of its own.
    let long = parts.into_iter().filter(|part| part.len() >= MIN_SECRET_BYTES);
    let whole = (url.to_string(), url.origin().ascii_serialization());
    long.map(|part| (part.to_owned(), MARKER.to_owned())).chain([whole]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let url = Url::parse("https://host:8443/path/with?key=value").expect("a URL");
        Redactor::new(secrets, Some(&url))
    }

    /// M15: neither a header's value, nor a token in it, nor the path or the query of the address is said.
    #[test]
    fn m15_secrets_are_replaced_and_addresses_are_shortened() {
        let redactor = redactor(&["Bearer abcdefgh", "abcdefghij", "short"]);
        for (text, expected) in [
            ("failed for url (https://host:8443/path/with?key=value)", "failed for url (https://host:8443)"),
            ("GET /path/with?key=value", "GET [redacted]"),
            ("GET /path/with", "GET [redacted]"),
            ("the query key=value", "the query [redacted]"),
            ("token abcdefghij, abcdefgh", "token [redacted], [redacted]"),
            ("a short\nline", "a short line"),
        ] {
            assert_eq!(redactor.apply(text), expected);
        }
    }

    /// M15: what is said is at most 512 bytes.
    #[test]
    fn m15_what_is_said_is_short_and_whole_letters() {
        let said = redactor(&[]).apply(&"é".repeat(2000));
        assert_eq!(said.len(), MAX_BYTES);
    }

    proptest! {
        /// M15: whatever the secrets are, and whatever stands around them.
        #[test]
        fn m15_no_secret_comes_out(secrets in prop::collection::vec("[a-c]{8,12}", 1..4), around in "[a-c ]{0,20}") {
            let text = format!("{around}{}{around}", secrets.join(" "));
            let shown = Redactor::new(&secrets, None).apply(&text);
            prop_assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
        }
    }
}
