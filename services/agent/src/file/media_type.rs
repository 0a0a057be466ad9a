//! Media types by the names of files.

use std::path::Path;

/// The type of bytes about which nothing is known.
const UNKNOWN: &str = "application/octet-stream";

/// Types with the extensions that suggest them.
const TYPES: &[(&str, &[&str])] = &[
    ("application/gzip", &["gz", "tgz"]),
    ("application/java-archive", &["jar"]),
    ("application/json", &["json", "ipynb", "map"]),
    ("application/jsonl", &["jsonl", "ndjson"]),
    ("application/msword", &["doc"]),
    ("application/pdf", &["pdf"]),
    ("application/rtf", &["rtf"]),
    ("application/sql", &["sql"]),
    ("application/toml", &["toml"]),
    ("application/vnd.ms-excel", &["xls"]),
    ("application/vnd.ms-powerpoint", &["ppt"]),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ("application/vnd.sqlite3", &["sqlite", "sqlite3", "db"]),
    ("application/wasm", &["wasm"]),
    ("application/x-7z-compressed", &["7z"]),
    ("application/x-bzip2", &["bz2"]),
    ("application/x-sh", &["sh", "bash", "zsh"]),
    ("application/x-tar", &["tar"]),
    ("application/x-xz", &["xz"]),
    ("application/xml", &["xml", "xsd", "xsl"]),
    ("application/yaml", &["yaml", "yml"]),
    ("application/zip", &["zip"]),
    ("application/zstd", &["zst"]),
    ("audio/flac", &["flac"]),
    ("audio/mp4", &["m4a"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/ogg", &["ogg", "oga", "opus"]),
    ("audio/wav", &["wav"]),
    ("font/ttf", &["ttf"]),
    ("font/woff", &["woff"]),
    ("font/woff2", &["woff2"]),
    ("image/avif", &["avif"]),
    ("image/bmp", &["bmp"]),
    ("image/gif", &["gif"]),
    ("image/heic", &["heic"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/png", &["png"]),
    ("image/svg+xml", &["svg"]),
    ("image/tiff", &["tif", "tiff"]),
    ("image/vnd.microsoft.icon", &["ico"]),
    ("image/webp", &["webp"]),
    ("text/calendar", &["ics"]),
    ("text/css", &["css"]),
    ("text/csv", &["csv"]),
    ("text/html", &["html", "htm"]),
    ("text/javascript", &["js", "mjs", "cjs"]),
    ("text/markdown", &["md", "markdown"]),
    ("text/tab-separated-values", &["tsv"]),
    ("video/mp4", &["mp4", "m4v"]),
    ("video/quicktime", &["mov"]),
    ("video/webm", &["webm"]),
    ("video/x-matroska", &["mkv"]),
    ("video/x-msvideo", &["avi"]),
    (
        "text/plain",
        &[
            "txt", "log", "diff", "patch", "conf", "cfg", "ini", "env", "lock", "rs", "go", "py", "rb", "php", "java",
            "kt", "scala", "swift", "c", "h", "cc", "cpp", "hpp", "cs", "ts", "tsx", "jsx", "vue", "svelte", "lua",
            "pl", "r", "ex", "exs", "erl", "hs", "ml", "clj", "nix", "tf", "proto", "graphql", "scss", "less",
        ],
    ),
];

/// Names without an extension that are known to be text.
const TEXT_NAMES: [&str; 8] =
    ["Dockerfile", "Makefile", "LICENSE", "README", "CHANGELOG", "Procfile", "Justfile", "CODEOWNERS"];

/// The media type that the name of a file suggests. The content is not looked at.
pub(super) fn media_type(path: &Path) -> &'static str {
    let Some(extension) = path.extension().and_then(|extension| extension.to_str()) else {
        let is_text = path.file_name().is_some_and(|name| TEXT_NAMES.iter().any(|known| name == *known));
        return if is_text { "text/plain" } else { UNKNOWN };
    };
    let extension = extension.to_ascii_lowercase();
    let known = TYPES.iter().find(|(_, extensions)| extensions.contains(&extension.as_str()));
    known.map_or(UNKNOWN, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_in_any_case_and_only_the_last_one() {
        for (name, expected) in [
            ("/a/photo.PNG", "image/png"),
            ("/a/archive.tar.gz", "application/gzip"),
            ("/a/main.rs", "text/plain"),
            ("/a/Dockerfile", "text/plain"),
            ("/a/.bashrc", UNKNOWN),
            ("/a/program", UNKNOWN),
            ("/a/x.unheard-of", UNKNOWN),
        ] {
            assert_eq!(media_type(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn no_extension_is_listed_twice() {
        let mut all: Vec<_> = TYPES.iter().flat_map(|(_, extensions)| extensions.iter()).collect();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]), "{all:?}");
    }
}
