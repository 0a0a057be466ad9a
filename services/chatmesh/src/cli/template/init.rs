//! `chatmesh template init`.

use std::path::Path;

use anyhow::Context as _;

use super::directory::{MANIFEST, README, write_new};
use crate::terminal;

/// A manifest that shows a little of everything.
const EXAMPLE: &str = r##"# `chatmesh template schema` prints the schema for editors, `chatmesh template check` says what is wrong.
display_name = "Example"
description = "A directory with a clone of a repository."
provisioner = "local"
# Stopped when nobody has used it for this long, and in any case when it has run for that long.
default_ttl = "8h"
max_lifetime = "7d"

[[agents]]
name = "main"

[[agents.scripts]]
id = "hello"
display_name = "Say hello"
run_on_start = true
timeout = "5m"
script = """
#!/bin/sh
echo hello
"""

[[parameters]]
name = "size"
display_name = "Size"
description = "How large the workspace is."
type = "string"
mutable = true
default = "small"
options = [{ value = "small" }, { value = "large" }]

[[presets]]
name = "large"
description = "For builds."
parameters = { size = "large" }
"##;

const EXAMPLE_README: &str = "# Example\n\nWhat there is to know before one makes a workspace from this template.\n";

pub(super) fn init(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let (manifest, readme) = (dir.join(MANIFEST), dir.join(README));
    write_new(&manifest, EXAMPLE)?;
    terminal::line(format!("wrote {}", manifest.display()));
    if !readme.exists() {
        write_new(&readme, EXAMPLE_README)?;
        terminal::line(format!("wrote {}", readme.display()));
    }
    terminal::line("edit it, then: chatmesh template push NAME");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::directory;
    use super::*;

    #[test]
    fn what_is_begun_is_a_valid_template_and_is_never_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let inner = dir.path().join("new");
        init(&inner).expect("begun");
        assert_eq!(directory::read(&inner).expect("valid").readme, EXAMPLE_README);
        let again = init(&inner).expect_err("refused");
        assert!(format!("{again:#}").contains("cannot make"), "{again:#}");
    }
}
