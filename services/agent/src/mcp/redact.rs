//! Keeps secrets of a configuration out of what is said about it.

use url::Url;

/// The shortest value that is taken for a secret: shorter ones occur by chance.
const MIN_SECRET_BYTES: usize = 8;
/// The longest text in bytes that comes out.
const MAX_BYTES: usize = 512;
/// What stands in place of a secret.
const MARKER: &str = "[redacted]";

/// Replaces the secrets of one server.
#[derive(Clone, Default)]
pub(super) struct Redactor {
    /// The longest first, so that no part of one is left over.
    secrets: Vec<(String, String)>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// A redactor for these secrets and for the parts of `url` that may hold one.
    pub(super) fn new(secrets: impl IntoIterator<Item = String>, url: Option<&Url>) -> Self {
        let mut pairs: Vec<_> = secrets
            .into_iter()
            // Of `Bearer abc`, the second word is the secret.
            .flat_map(|secret| secret.split_whitespace().map(str::to_owned).chain([secret.clone()]).collect::<Vec<_>>())
            .filter(|secret| secret.len() >= MIN_SECRET_BYTES)
            .map(|secret| (secret, MARKER.to_owned()))
            .collect();
        if let Some(url) = url {
            // Where it leads may be told, but neither the path nor the query.
            pairs.push((url.to_string(), url.origin().ascii_serialization()));
            let path = url[url::Position::BeforePath..].to_owned();
            if path.len() >= MIN_SECRET_BYTES {
                pairs.push((path, MARKER.to_owned()));
            }
        }
        pairs.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        pairs.dedup();
        Self { secrets: pairs }
    }

    /// Makes text fit to be shown: without secrets and control characters, and short.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (secret, replacement) in &self.secrets {
            text = text.replace(secret, replacement);
        }
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.truncate(text.floor_char_boundary(MAX_BYTES));
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_replaced_and_addresses_are_shortened() {
        let url = Url::parse("https://host:8443/path/with?key=value").expect("url");
        let secrets = ["Bearer abcdefgh".to_owned(), "abcdefghij".to_owned(), "short".to_owned()];
        let redactor = Redactor::new(secrets, Some(&url));
        for (text, expected) in [
            ("failed for url (https://host:8443/path/with?key=value)", "failed for url (https://host:8443)"),
            ("GET /path/with?key=value", "GET [redacted]"),
            ("token abcdefghij, abcdefgh", "token [redacted], [redacted]"),
            ("a short\nline", "a short line"),
        ] {
            assert_eq!(redactor.apply(text), expected);
        }
        assert!(redactor.apply(&"é".repeat(2000)).len() <= MAX_BYTES);
    }

    proptest! {
        #[test]
        fn no_secret_comes_out(secrets in prop::collection::vec("[a-c]{8,12}", 1..4), around in "[a-c ]{0,20}") {
            let text = format!("{around}{}{around}", secrets.join(" "));
            let shown = Redactor::new(secrets.clone(), None).apply(&text);
            prop_assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
        }
    }
}
