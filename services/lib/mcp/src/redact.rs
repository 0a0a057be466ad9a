//! Keeps secrets of a configuration, and of users, out of what is said about a server.

use std::borrow::Cow;
use std::{fmt, iter};

use serde_json::Value;
use url::{Position, Url};

/// The shortest value that is taken for a secret: shorter ones occur by chance.
const MIN_SECRET_BYTES: usize = 8;
/// The shortest part of an address that is taken for a secret in what a tool says, where words and paths are the matter.
const MIN_PART_BYTES: usize = 16;
/// The longest text in bytes that comes out.
const MAX_BYTES: usize = 512;
/// What stands before a secret in `Authorization`.
const SCHEMES: [&str; 4] = ["ApiKey", "Basic", "Bearer", "Token"];
/// The last parts of names whose values are secrets, as of `GITHUB_TOKEN` and `X-Api-Key`.
const TELLING: [&str; 9] =
    ["AUTHORIZATION", "CREDENTIAL", "CREDENTIALS", "KEY", "PASSPHRASE", "PASSWORD", "PASSWD", "SECRET", "TOKEN"];
/// The same, where they are a part by themselves.
const TELLING_ALONE: [&str; 4] = ["AUTH", "COOKIE", "PASS", "PAT"];
/// What stands in place of a secret.
const MARKER: &str = "[redacted]";

/// What stands in place of what.
#[derive(Clone, PartialEq, Eq)]
struct Replacement {
    secret: String,
    by: String,
    /// True for what occurs nowhere by chance, so that it is replaced in answers, too.
    is_sure: bool,
}

impl Replacement {
    fn new(secret: &str, is_sure: bool) -> Self {
        Self { secret: secret.to_owned(), by: MARKER.to_owned(), is_sure }
    }
}

/// True where the value of a variable or a header of this name is a secret, and not a name, a path or a setting that is
/// spoken of.
#[must_use]
pub fn is_secret(name: &str, value: &str) -> bool {
    let is_telling = |part: &str| {
        let part = part.to_ascii_uppercase();
        TELLING_ALONE.contains(&part.as_str()) || TELLING.iter().any(|telling| part.ends_with(telling))
    };
    // Of a secret in a file the path is none.
    !value.starts_with(['/', '~']) && name.split(['_', '-']).any(is_telling)
}

/// Replaces the secrets of one server.
#[derive(Clone, Default)]
pub struct Redactor {
    /// The longest first, so that no part of one is left over.
    replacements: Vec<Replacement>,
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
            replacements.push(Replacement::new(secret, true));
            let words: Vec<&str> = secret.split_whitespace().collect();
            // Of `Bearer abc`, the second word is the secret; of a sentence, no word is for sure.
            let is_scheme = |word: &str| SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word));
            let has_scheme = words.len() == 2 && is_scheme(words[0]);
            for (at, word) in words.iter().enumerate() {
                replacements.push(Replacement::new(word, has_scheme && at == 1));
            }
        }
        replacements.extend(url.into_iter().flat_map(parts));
        Self { replacements: Vec::new() }.and(replacements)
    }

    /// Knows these values, too, which may be secrets or not: they are kept out of what is said about the server, and left
    /// in what it says itself.
    #[must_use]
    pub fn with_doubtful(self, values: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        let words = values.iter().flat_map(|value| iter::once(value.as_ref()).chain(value.as_ref().split_whitespace()));
        let replacements = words.map(|word| Replacement::new(word, false)).collect();
        self.and(replacements)
    }

    fn and(mut self, more: Vec<Replacement>) -> Self {
        self.replacements.extend(more.into_iter().filter(|replacement| replacement.secret.len() >= MIN_SECRET_BYTES));
        // Where the same is known twice, the sure one counts.
        self.replacements.sort_by(|a, b| {
            let longest_first = b.secret.len().cmp(&a.secret.len());
            longest_first.then_with(|| a.secret.cmp(&b.secret)).then_with(|| b.is_sure.cmp(&a.is_sure))
        });
        self.replacements.dedup_by(|later, first| later.secret == first.secret);
        self
    }

    /// Makes text about a server fit to be shown: without secrets and control characters, and short.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let text = self.replaced(text.to_owned(), |_| true);
        let mut text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.truncate(text.floor_char_boundary(MAX_BYTES));
        text
    }

    /// Replaces the secrets in what a server says itself, and leaves the rest as it is.
    #[must_use]
    pub fn hide(&self, text: String) -> String {
        self.replaced(text, |replacement| replacement.is_sure)
    }

    /// Replaces the secrets in all texts of a value, the names of its fields among them.
    #[must_use]
    pub fn hide_in(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.hide(text)),
            Value::Array(items) => items.into_iter().map(|item| self.hide_in(item)).collect(),
            Value::Object(fields) => {
                fields.into_iter().map(|(name, value)| (self.hide(name), self.hide_in(value))).collect()
            }
            other => other,
        }
    }

    fn replaced(&self, mut text: String, is_meant: impl Fn(&Replacement) -> bool) -> String {
        for Replacement { secret, by, .. } in self.replacements.iter().filter(|replacement| is_meant(replacement)) {
            if text.contains(secret) {
                text = text.replace(secret, by);
            }
        }
        text
    }
}

/// The parts of an address that may be secret. Where it leads may be told, but neither the path nor the query.
fn parts(url: &Url) -> Vec<Replacement> {
    let path = &url[Position::BeforePath..Position::AfterPath];
    let query = url.query().unwrap_or_default();
    // Other pages of the host begin with the address of a server that has no more than a short path.
    let is_sure = !query.is_empty() || path.len() >= MIN_PART_BYTES;
    let whole = Replacement { secret: url.to_string(), by: url.origin().ascii_serialization(), is_sure };
    let mut parts = vec![whole, Replacement::new(query, true)];
    // What is as short as many a path occurs in sentences of its own.
    let mut long = |part: &str| parts.push(Replacement::new(part, part.len() >= MIN_PART_BYTES));
    long(&url[Position::BeforePath..]);
    long(path);
    path.split('/').filter(|part| part.len() >= MIN_PART_BYTES).for_each(&mut long);
    // A key in a query may be written as it is, or as it is sent.
    let sent = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| Cow::from(value));
    let meant = url.query_pairs().map(|(_, value)| value);
    sent.chain(meant).filter(|value| value.len() >= MIN_PART_BYTES).for_each(|value| long(&value));
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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

    /// M15: what a tool says stays whole but for secrets, and what may occur by chance is none there.
    #[test]
    fn m15_answers_are_without_secrets_and_otherwise_as_they_were() {
        let url = Url::parse("https://host/s/0123456789abcdef/mcp?tools=whatever&key=a%2Fb%2Fc%2Fd%2Fe%2Ff%2Fg%2Fhi");
        let redactor = Redactor::new(["Bearer abcdefgh", "some words of a header"], Some(&url.expect("a URL")));
        let redactor = redactor.with_doubtful(["/home/project", "abcdefgh"]);
        for (text, expected) in [
            ("401 for Authorization: Bearer abcdefgh\n", "401 for Authorization: [redacted]\n"),
            ("the token abcdefgh", "the token [redacted]"),
            ("at /s/0123456789abcdef/mcp", "at [redacted]"),
            ("of 0123456789abcdef", "of [redacted]"),
            ("the key a/b/c/d/e/f/g/hi", "the key [redacted]"),
            ("a header of /home/project, whatever it says", "a header of /home/project, whatever it says"),
        ] {
            assert_eq!(redactor.hide(text.to_owned()), expected);
        }
        let long = "é".repeat(2000);
        assert_eq!(redactor.hide(long.clone()), long);
        let value = json!({"a": ["abcdefgh", 1, null], "is abcdefgh": {"b": "Bearer abcdefgh"}});
        let expected = json!({"a": ["[redacted]", 1, null], "is [redacted]": {"b": "[redacted]"}});
        assert_eq!(redactor.hide_in(value), expected);
        assert_eq!(
            redactor.apply("in /home/project"),
            "in [redacted]",
            "of what is said about a server, it is left out"
        );
        let short = Redactor::new([""; 0], Some(&Url::parse("https://host/services").expect("a URL")));
        let text = "src/services/a.rs, https://host/services/list";
        assert_eq!(short.hide(text.to_owned()), text);
    }

    /// Answers speak of authors, teams and files: what is hidden there is what nobody else may say.
    #[test]
    fn names_say_which_values_are_secrets() {
        for name in ["GITHUB_TOKEN", "API_KEY", "OPENAI_APIKEY", "githubToken", "DB_PASSWORD", "X-Api-Key", "Cookie"] {
            assert!(is_secret(name, "abcdefgh"), "{name}");
        }
        for name in ["Authorization", "Proxy-Authorization", "X-Auth", "AWS_SECRET_ACCESS_KEY", "GITLAB_PAT"] {
            assert!(is_secret(name, "abcdefgh"), "{name}");
        }
        for name in ["GIT_AUTHOR_NAME", "KEYCLOAK_URL", "X-Team", "Accept", "X-MCP-Toolsets", "COMPASS", "X-Org-Id"] {
            assert!(!is_secret(name, "abcdefgh"), "{name}");
        }
        assert!(!is_secret("GOOGLE_APPLICATION_CREDENTIALS", "/etc/key.json") && !is_secret("SSH_AUTH_SOCK", "/run/a"));
        let redactor = Redactor::new(["Platform Engineering"], None);
        let text = "the team of Engineering".to_owned();
        assert_eq!(redactor.hide(text.clone()), text, "no scheme stands before it");
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
            let hidden = Redactor::new(&secrets, None).hide(text);
            prop_assert!(secrets.iter().all(|secret| !hidden.contains(secret)), "{hidden}");
        }
    }
}
