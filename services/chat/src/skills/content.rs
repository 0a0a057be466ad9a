//! What a skill is made of.

use chatmesh_core::skill::{is_name, split};
use chatmesh_core::{Uuid, Violations};

/// The longest content.
const MAX_CONTENT_BYTES: usize = 64 * 1024;
/// The longest description.
const MAX_DESCRIPTION_BYTES: usize = 1024;

/// Reads the name and the description of a skill, and says everything that is wrong with it.
pub(crate) fn check_content(content: &str, violations: &mut Violations) -> Option<(String, String)> {
    if content.len() > MAX_CONTENT_BYTES || content.contains('\0') {
        let length = content.len();
        violations
            .add("content", format!("must have at most {MAX_CONTENT_BYTES} bytes and no NUL; it has {length} bytes"));
        return None;
    }
    let (front, _) = match split(content) {
        Ok(read) => read,
        Err(problem) => {
            violations.add("content", problem);
            return None;
        }
    };
    let name = front.name.unwrap_or_default();
    let description = front.description.unwrap_or_default();
    // It would be taken for an identifier.
    let is_good = is_name(&name) && Uuid::try_parse(&name).is_err();
    violations.require(
        is_good,
        "content",
        "must have a `name` in its frontmatter: lowercase words joined by hyphens, 64 bytes at most, and no UUID",
    );
    violations.require(
        (1..=MAX_DESCRIPTION_BYTES).contains(&description.len()),
        "content",
        format!("must have a `description` in its frontmatter, of at most {MAX_DESCRIPTION_BYTES} bytes"),
    );
    Some((name, description))
}

/// The text of a skill behind its frontmatter.
pub(crate) fn body_of(content: &str) -> &str {
    split(content).map_or(content, |(_, body)| body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(content: &str) -> Result<(String, String), String> {
        let mut violations = Violations::new();
        let read = check_content(content, &mut violations);
        violations.finish(read).map_err(|violations| violations.to_string())
    }

    #[test]
    fn name_and_description_stand_in_the_frontmatter() {
        let content = "---\nname: deploy\ndescription: How to deploy.\n---\n# Deploy\n";
        assert_eq!(checked(content), Ok(("deploy".to_owned(), "How to deploy.".to_owned())));
        assert_eq!(body_of(content), "# Deploy\n");
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        let long = format!("---\nname: a\ndescription: {}\n---\n", "d".repeat(1025));
        let large = format!("---\nname: a\ndescription: d\n---\n{}", "x".repeat(MAX_CONTENT_BYTES));
        for (content, expected) in [
            ("", "its first line must be `---`"),
            ("# Deploy", "its first line must be `---`"),
            ("---\nname: a\n", "a frontmatter without an end"),
            ("---\nname: a: b\n---\n", "not valid YAML: line 2"),
            ("---\ndescription: d\n---\n", "must have a `name`"),
            ("---\nname: Deploy It\ndescription: d\n---\n", "lowercase words"),
            ("---\nname: personal/deploy\ndescription: d\n---\n", "lowercase words"),
            ("---\nname: 0190a2b4-7c3d-7e5f-8a9b-0c1d2e3f4a5b\ndescription: d\n---\n", "no UUID"),
            ("---\nname: deploy\n---\n", "must have a `description`"),
            ("---\nname: deploy\ndescription: ''\n---\n", "must have a `description`"),
            (&long, "at most 1024 bytes"),
            (&large, "at most 65536 bytes"),
            ("---\nname: deploy\ndescription: d\n---\n\0", "no NUL"),
        ] {
            let wrong = checked(content).expect_err(content);
            assert!(wrong.contains(expected), "{wrong}");
        }
        let both = checked("---\nfor: nobody\n---\n").expect_err("both are missing");
        assert!(both.contains("`name`") && both.contains("`description`"), "{both}");
    }
}
