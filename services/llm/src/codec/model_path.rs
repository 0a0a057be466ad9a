//! Names of models in paths. What could lead a request elsewhere never gets there.

use std::fmt::Write as _;

use crate::classify::Failure;

/// The longest name that is put into a path, in characters.
const MAX_LENGTH: usize = 2048;

/// A name of one segment, such as `claude-sonnet-4@20250514`, as it is.
///
/// # Errors
/// The name has characters that mean something in a URL.
pub(super) fn segment(model: &str) -> Result<&str, Failure> {
    match is_plain(model) {
        true => Ok(model),
        false => Err(refused()),
    }
}

/// A model of Bedrock: a name, or the ARN of a profile, a model or a deployment, percent-encoded.
///
/// # Errors
/// It is neither.
pub(super) fn bedrock(model: &str) -> Result<String, Failure> {
    let is_known = match model.strip_prefix("arn:") {
        Some(rest) => is_arn(rest),
        None => is_plain(model),
    };
    if !is_known {
        return Err(refused());
    }
    let mut encoded = String::with_capacity(model.len() + 8);
    for byte in model.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            // Writing to a string never fails.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    Ok(encoded)
}

fn is_plain(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '@');
    (1..=MAX_LENGTH).contains(&name.len()) && name.chars().all(is_allowed) && !name.contains("..") && name != "."
}

/// `aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0`
fn is_arn(rest: &str) -> bool {
    let mut parts = rest.splitn(5, ':');
    let [Some(partition), Some(service), Some(region), Some(account), Some(resource)] = [(); 5].map(|()| parts.next())
    else {
        return false;
    };
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let Some((kind, name)) = resource.split_once('/') else { return false };
    partition.starts_with("aws")
        && matches!(service, "bedrock" | "sagemaker")
        && [partition, region, account, kind].into_iter().all(is_word)
        && !kind.is_empty()
        // A custom model has its base before its own name.
        && name.split('/').count() <= 2
        && name.split('/').all(is_plain)
}

fn refused() -> Failure {
    Failure::configuration("the name of the model has characters that cannot be part of an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_models_are_encoded() {
        let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2";
        let cases = [
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "us.anthropic.claude-haiku-4-5-20251001-v1%3A0"),
            ("openai.gpt-oss-120b-1:0", "openai.gpt-oss-120b-1%3A0"),
            (arn, "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fa1b2"),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
                "arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Famazon.nova-pro-v1%3A0",
            ),
            (
                "arn:aws-us-gov:bedrock:us-gov-west-1:1:custom-model/amazon.nova-lite-v1:0/xyz",
                "arn%3Aaws-us-gov%3Abedrock%3Aus-gov-west-1%3A1%3Acustom-model%2Famazon.nova-lite-v1%3A0%2Fxyz",
            ),
        ];
        for (model, expected) in cases {
            assert_eq!(bedrock(model).unwrap(), expected);
        }
        assert_eq!(segment("claude-3-7-sonnet@20250219").unwrap(), "claude-3-7-sonnet@20250219");
    }

    #[test]
    fn what_would_lead_elsewhere_is_refused() {
        let names =
            ["", ".", "..", "a/b", "a/../b", "a..b", "a%2fb", "a%2Fb", "a?b", "a#b", "a\\b", "a b", "é", "a;b", "a&b"];
        for name in names {
            assert!(segment(name).is_err() && bedrock(name).is_err(), "{name}");
        }
        let arns = [
            "arn:aws:bedrock:us-east-1:1:inference-profile",
            "arn:aws:bedrock:us-east-1:1:inference-profile/",
            "arn:aws:bedrock:us-east-1:1:inference-profile/a/b/c",
            "arn:aws:bedrock:us-east-1:1:inference-profile/../../x",
            "arn:aws:bedrock:us-east-1:1:inference-profile/a?b",
            "arn:aws:bedrock:us east:1:inference-profile/a",
            "arn:aws:s3:us-east-1:1:bucket/a",
            "arn:azure:bedrock:us-east-1:1:inference-profile/a",
            "arn:aws:bedrock",
        ];
        for arn in arns {
            assert!(bedrock(arn).is_err(), "{arn}");
        }
        assert!(segment("arn:aws:bedrock:us-east-1:1:inference-profile/a").is_err());
        assert!(bedrock(&"a".repeat(3000)).is_err());
    }
}
