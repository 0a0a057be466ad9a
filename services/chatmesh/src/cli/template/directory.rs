//! A template as a directory: one manifest, and a readme where there is one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use chatmesh_workspaces::{Manifest, ManifestFormat};

/// The names of manifests, and how each is written.
const MANIFESTS: [(&str, ManifestFormat); 3] = [
    ("template.toml", ManifestFormat::Toml),
    ("template.yaml", ManifestFormat::Yaml),
    ("template.yml", ManifestFormat::Yaml),
];
/// The name of the readme.
pub(super) const README: &str = "README.md";
/// The name of manifests that are written here.
pub(super) const MANIFEST: &str = MANIFESTS[0].0;

/// What a directory holds. The manifest is valid.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) file: PathBuf,
    pub(super) format: ManifestFormat,
    pub(super) manifest: String,
    pub(super) readme: String,
}

/// Reads a directory.
pub(super) fn read(dir: &Path) -> anyhow::Result<Directory> {
    let mut found = Vec::new();
    for (name, format) in MANIFESTS {
        let file = dir.join(name);
        if let Some(manifest) = read_if_there(&file)? {
            found.push((file, format, manifest));
        }
    }
    let Some((file, format, manifest)) = found.pop() else {
        bail!("{} has no manifest: `chatmesh template init` begins one", dir.display());
    };
    if let Some((other, ..)) = found.first() {
        bail!("{} and {} are both there: keep one", other.display(), file.display());
    }
    if let Err(violations) = Manifest::read(format, &manifest) {
        let told: Vec<String> = violations.iter().map(|one| format!("  {}: {}", one.field, one.description)).collect();
        bail!("{} is no manifest:\n{}", file.display(), told.join("\n"));
    }
    let readme = read_if_there(&dir.join(README))?.unwrap_or_default();
    Ok(Directory { file, format, manifest, readme })
}

fn read_if_there(file: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// Writes a manifest in TOML and a readme where there is one, and returns the files. Before anything is written it is clear
/// that nothing is in the way; with `force` what is there is replaced.
pub(super) fn write(dir: &Path, manifest: &str, readme: &str, force: bool) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let manifests = MANIFESTS.map(|(name, _)| dir.join(name));
    let readme_file = dir.join(README);
    // A readme that is not of the template would be pushed with it.
    let all = manifests.iter().chain((force || !readme.is_empty()).then_some(&readme_file));
    let in_the_way: Vec<&PathBuf> = all.filter(|file| file.symlink_metadata().is_ok()).collect();
    if let Some(file) = in_the_way.first().filter(|_| !force) {
        bail!("{} is there already: `--force` replaces it, `--dir` writes elsewhere", file.display());
    }
    for file in in_the_way {
        std::fs::remove_file(file).with_context(|| format!("cannot replace {}", file.display()))?;
    }
    let mut written = Vec::new();
    for (file, text) in [(dir.join(MANIFEST), manifest), (readme_file, readme)] {
        if !text.is_empty() {
            write_new(&file, text)?;
            written.push(file);
        }
    }
    Ok(written)
}

/// Writes a file that is not there yet.
pub(super) fn write_new(file: &Path, text: &str) -> anyhow::Result<()> {
    let opened = std::fs::File::options().write(true).create_new(true).open(file);
    let mut opened = opened.with_context(|| format!("cannot make {}", file.display()))?;
    std::io::Write::write_all(&mut opened, text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_where_something_is_in_the_way() {
        let dir = tempfile::tempdir().expect("a directory");
        let there = || {
            let entries =
                std::fs::read_dir(dir.path()).expect("a directory").map(|entry| entry.expect("one").file_name());
            let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
            names.sort_unstable();
            names
        };
        for other in ["template.yaml", "template.yml", "template.toml", README] {
            std::fs::write(dir.path().join(other), "other").expect("written");
            let refused = write(dir.path(), "display_name = 'X'", "# X", false).expect_err("refused").to_string();
            assert!(refused.contains(other) && refused.contains("--force"), "{refused}");
            assert_eq!(there(), [other], "nothing else was written");
            write(dir.path(), "display_name = 'X'", "# X", true).expect("replaced");
            assert_eq!(
                (there(), read(dir.path()).expect("valid").readme),
                (vec![README.to_owned(), MANIFEST.to_owned()], "# X".to_owned())
            );
            for file in there() {
                std::fs::remove_file(dir.path().join(file)).expect("removed");
            }
        }
        std::fs::write(dir.path().join(README), "mine").expect("written");
        assert_eq!(
            write(dir.path(), "display_name = 'X'", "", false).expect("no readme is in the way"),
            [dir.path().join(MANIFEST)]
        );
    }

    #[test]
    fn a_directory_has_one_manifest_that_is_valid() {
        let dir = tempfile::tempdir().expect("a directory");
        let refused = |dir: &Path| format!("{:#}", read(dir).expect_err("refused"));
        assert!(refused(dir.path()).contains("has no manifest"));
        std::fs::write(dir.path().join("template.yaml"), "icon: x\ncolor: red\n").expect("written");
        assert!(refused(dir.path()).contains("  color: unknown field `color`"), "{}", refused(dir.path()));
        let pool = "provisioner: external\npresets: [{name: a, prebuilds: {instances: 1}}]\n";
        std::fs::write(dir.path().join("template.yaml"), pool).expect("written");
        assert!(refused(dir.path()).contains("  presets[0].prebuilds: must be left out"), "{}", refused(dir.path()));
        std::fs::write(dir.path().join("template.yaml"), "display_name: X\n").expect("written");
        let found = read(dir.path()).expect("read");
        assert_eq!((found.format, found.readme.as_str()), (ManifestFormat::Yaml, ""));
        std::fs::write(dir.path().join(README), "# X\n").expect("written");
        assert_eq!(read(dir.path()).expect("read").readme, "# X\n");
        std::fs::write(dir.path().join("template.toml"), "").expect("written");
        assert!(refused(dir.path()).contains("are both there: keep one"));
    }
}
