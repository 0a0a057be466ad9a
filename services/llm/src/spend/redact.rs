//! Takes out of a record what nobody may read: keys, tokens, passwords.

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// Beginnings of keys and tokens.
const PREFIXES: [&str; 16] = [
    "sk-",
    "sk_",
    "rk_",
    "pk-",
    "AIza",
    "AKIA",
    "ASIA",
    "gsk_",
    "xai-",
    "hf_",
    "vck_",
    "ya29.",
    "ghp_",
    "github_pat_",
    "glpat-",
    "xox",
];

/// Ends of names whose values are secrets, without the marks between words.
const NAMES: [&str; 14] = [
    "authorization",
    "apikey",
    "secret",
    "password",
    "passwd",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "sessiontoken",
    "privatekey",
    "secretkey",
    "accesskey",
    "cookie",
];

/// A secret of a few characters would tear holes into words and be no secret.
const MIN_SECRET: usize = 8;

/// The text of a body without secrets. `secret` is the key that the call was made with.
pub(crate) fn redact(body: &[u8], secret: Option<&str>) -> String {
    let text = String::from_utf8_lossy(body);
    let text = match secret {
        Some(secret) if secret.len() >= MIN_SECRET => text.replace(secret, REDACTED),
        _ => text.into_owned(),
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut announced = false;
    while !rest.is_empty() {
        let gap = rest.find(is_word).unwrap_or(rest.len());
        let (between, tail) = rest.split_at(gap);
        // A value follows its name at once, or after quotes and one sign.
        announced &= between.chars().all(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | ':' | '='));
        out.push_str(between);
        let end = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        let (word, tail) = tail.split_at(end);
        let is_name = is_secret_name(word) || word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
        let is_value = announced && !is_name && word.len() >= MIN_SECRET;
        let looks_secret = PREFIXES.iter().any(|prefix| word.starts_with(prefix)) && word.len() >= 2 * MIN_SECRET;
        out.push_str(if is_value || looks_secret { REDACTED } else { word });
        announced = is_name || (announced && word.is_empty());
        rest = tail;
    }
    out
}

/// The characters of keys and of names.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '~')
}

fn is_secret_name(word: &str) -> bool {
    let bare: String = word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    bare == "token" || NAMES.iter().any(|name| bare.ends_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_wherever_they_stand() {
        for (text, expected) in [
            (
                r#"{"api_key": "abcdef123456", "max_tokens": 64000}"#,
                r#"{"api_key": "[redacted]", "max_tokens": 64000}"#,
            ),
            (r#"{"args":"{\"password\":\"correct-horse\"}"}"#, r#"{"args":"{\"password\":\"[redacted]\"}"}"#),
            ("Authorization: Bearer abc.def-ghi_123", "Authorization: Bearer [redacted]"),
            ("x-api-key=0123456789abcdef next", "x-api-key=[redacted] next"),
            ("look: gsk_0123456789abcdef", "look: [redacted]"),
            (r#"{"client_secret":"0123456789","text":"hi"}"#, r#"{"client_secret":"[redacted]","text":"hi"}"#),
            ("the key is my-own-key-77!", "the key is [redacted]!"),
            ("a token count of 12345678 is fine", "a token count of 12345678 is fine"),
            (r#"{"token":"0123456789"}"#, r#"{"token":"[redacted]"}"#),
        ] {
            assert_eq!(redact(text.as_bytes(), Some("my-own-key-77")), expected);
        }
    }

    #[test]
    fn what_is_no_text_is_no_reason_to_fail() {
        assert_eq!(redact(b"\xff\xfe ok", None), "\u{fffd}\u{fffd} ok");
    }
}
