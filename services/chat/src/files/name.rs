//! What a file is called.

use chatmesh_core::Violations;

/// The longest name, in bytes, as file systems have it.
const MAX_NAME_BYTES: usize = 255;

/// Takes the last part of a path, as some clients send the whole of it. A file without a name is called after its type.
pub(crate) fn name_of(given: &str, media_type: &str, violations: &mut Violations) -> String {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let fits = name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    violations.require(fits, "name", format!("must be one line of at most {MAX_NAME_BYTES} bytes"));
    match name {
        "" | "." | ".." => format!("attachment.{}", extension(media_type)),
        name => name.to_owned(),
    }
}

fn extension(media_type: &str) -> &str {
    match media_type {
        "image/jpeg" => "jpg",
        "text/plain" => "txt",
        "text/markdown" => "md",
        other => other.rsplit('/').next().unwrap_or("bin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_last_part_of_a_path_and_never_empty() {
        let table = [
            ("Grüße.txt", "Grüße.txt"),
            ("C:\\Users\\me\\a b.png", "a b.png"),
            ("../../etc/passwd", "passwd"),
            ("", "attachment.md"),
            (" . ", "attachment.md"),
            ("dir/..", "attachment.md"),
        ];
        for (given, expected) in table {
            let mut violations = Violations::new();
            assert_eq!(name_of(given, "text/markdown", &mut violations), expected);
            assert!(violations.is_empty(), "{violations}");
        }
        for given in ["a\nb", "a\0", &"x".repeat(MAX_NAME_BYTES + 1)] {
            let mut violations = Violations::new();
            name_of(given, "text/plain", &mut violations);
            assert!(violations.to_string().contains("`name` must be one line"), "{violations}");
        }
        assert_eq!(extension("application/pdf"), "pdf");
    }
}
