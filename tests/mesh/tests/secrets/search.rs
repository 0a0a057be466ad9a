//! Looks for secrets, also where they were encoded.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The ways in which a secret may lie in bytes.
#[derive(Debug)]
pub(crate) struct Needle {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Needle {
    pub(crate) fn of(secret: &str) -> Self {
        let mut forms = vec![secret.as_bytes().to_vec(), hex(secret).into_bytes()];
        for skipped in 0..3 {
            // In base64, what a text becomes depends on where in it it stands.
            let rest = &secret.as_bytes()[skipped..];
            let whole = &rest[..rest.len() / 3 * 3];
            forms.push(STANDARD_NO_PAD.encode(whole).into_bytes());
            forms.push(URL_SAFE_NO_PAD.encode(whole).into_bytes());
        }
        Self { name: secret.to_owned(), forms }
    }

    /// Where the secret is in the bytes, with what surrounds it.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<String> {
        self.forms.iter().find_map(|form| {
            let at = bytes.windows(form.len()).position(|window| window.eq_ignore_ascii_case(form))?;
            let around = &bytes[at.saturating_sub(200)..(at + form.len() + 100).min(bytes.len())];
            Some(format!("{}: …{}…", self.name, String::from_utf8_lossy(around)))
        })
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = "sk-canary-0123456789";
    let needle = Needle::of(secret);
    for pad in ["", "a", "ab"] {
        let text = format!("{pad}{secret} and more");
        for form in [text.clone(), STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text), hex(&text)] {
            assert!(needle.find(form.as_bytes()).is_some(), "{form}");
        }
    }
    assert!(needle.find(b"sk-canary-012345678").is_none());
}
