//! Which servers there are.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chatmesh_mcp::{Protocol, Redactor, is_secret};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::expand::expand;
use super::name;

/// The largest configuration file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// How many servers there are at most.
const MAX_SERVERS: usize = 64;
/// Variables whose values are no secrets.
const PLAIN: [&str; 6] = ["HOME", "PATH", "PWD", "SHELL", "TMPDIR", "USER"];

/// How to reach a server, variables expanded. Two that are equal are the same server.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Transport {
    /// A program that speaks on standard input and output.
    Stdio { command: String, args: Vec<String>, env: BTreeMap<String, String> },
    /// An address, and how it is spoken to.
    Http { protocol: Protocol, url: Url, headers: HashMap<HeaderName, HeaderValue> },
}

impl fmt::Debug for Transport {
    /// Only the kind: everything else may be or hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdio { .. } => "Stdio",
            Self::Http { .. } => "Http",
        })
    }
}

/// A server as its file defines it.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub(super) name: String,
    /// How to reach it, or what is wrong with the definition.
    pub(super) transport: Result<Transport, String>,
    pub(super) redactor: Redactor,
}

/// All definitions.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Sorted by name, each name once.
    pub(super) definitions: Vec<Definition>,
    pub(super) warnings: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default, rename = "mcpServers")]
    servers: Map<String, Value>,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: Option<String>,
    command: Option<String>,
    args: Option<Vec<String>>,
    env: Option<BTreeMap<String, String>>,
    url: Option<String>,
    headers: Option<BTreeMap<String, String>>,
}

/// Reads the definitions in `files`; the first one of a name counts. A missing file is none, one
/// that can not be read is a warning. Blocks.
pub(super) fn load(files: &[PathBuf], lookup: &dyn Fn(&str) -> Option<String>) -> Loaded {
    let mut found: BTreeMap<String, Definition> = BTreeMap::new();
    let mut warnings = Vec::new();
    for path in files {
        let servers = match read(path) {
            Ok(servers) => servers,
            Err(problem) => {
                warnings.push(format!("`{}` was left out: {problem}", path.display()));
                continue;
            }
        };
        for (name, value) in servers {
            let mut shown = name.clone();
            shown.truncate(shown.floor_char_boundary(64));
            if found.contains_key(&name) {
                warnings
                    .push(format!("server `{shown}` of `{}` was left out: another one has its name", path.display()));
            } else if found.len() == MAX_SERVERS {
                warnings.push(format!("server `{shown}` was left out: there are more than {MAX_SERVERS}"));
            } else {
                found.insert(name.clone(), define(name, value, lookup));
            }
        }
    }
    Loaded { definitions: found.into_values().collect(), warnings }
}

/// Reads one file. The error never repeats what stands in it.
fn read(path: &Path) -> Result<Map<String, Value>, String> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Map::new()),
        Err(error) => return Err(error.to_string()),
    };
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(format!("it has more than {MAX_FILE_BYTES} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let file: File = serde_json::from_slice(&bytes).map_err(|error| {
        let problem = if error.is_data() { "`mcpServers` is not a map" } else { "it is not valid JSON" };
        format!("{problem} (line {}, column {})", error.line(), error.column())
    })?;
    Ok(file.servers)
}

fn define(name: String, value: Value, lookup: &dyn Fn(&str) -> Option<String>) -> Definition {
    let mut seen = Seen::default();
    let transport = name::check_server(&name).and_then(|()| transport(value, lookup, &mut seen));
    let url = match &transport {
        Ok(Transport::Http { url, .. }) => Some(url),
        _ => None,
    };
    let redactor = Redactor::new(seen.secrets, url).with_doubtful(seen.doubtful);
    let transport = transport.map_err(|problem| redactor.apply(&problem));
    Definition { name, transport, redactor }
}

fn transport(value: Value, lookup: &dyn Fn(&str) -> Option<String>, seen: &mut Seen) -> Result<Transport, String> {
    let raw: Raw = serde_json::from_value(value).map_err(|_| {
        "is malformed: `type`, `command` and `url` must be strings, `args` a list of strings, \
         `env` and `headers` maps of strings"
            .to_owned()
    })?;
    let kind = match (raw.kind.as_deref(), &raw.command, &raw.url) {
        (Some(kind), ..) => kind,
        (None, Some(_), _) => "stdio",
        (None, None, Some(_)) => "http",
        (None, None, None) => return Err("has neither a `command` nor a `url`".to_owned()),
    };
    let mut expander = Expander { lookup, seen };
    match kind {
        "stdio" => {
            let command = raw.command.ok_or("has the type `stdio` and no `command`")?;
            let args = raw.args.unwrap_or_default();
            Ok(Transport::Stdio {
                command: expander.plain(&command)?,
                args: args.iter().map(|arg| expander.plain(arg)).collect::<Result<_, _>>()?,
                env: expander.env(raw.env.unwrap_or_default())?,
            })
        }
        "http" | "sse" | "streamable-http" | "streamable_http" | "streamableHttp" => {
            let url = raw.url.ok_or_else(|| format!("has the type `{kind}` and no `url`"))?;
            let url = Url::parse(&expander.plain(&url)?).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            Ok(Transport::Http {
                protocol: if kind == "sse" { Protocol::Sse } else { Protocol::StreamableHttp },
                url: url.ok_or("has a `url` that is no http:// or https:// address")?,
                headers: expander.headers(raw.headers.unwrap_or_default())?,
            })
        }
        _ => Err("has an unknown `type`: it must be `stdio`, `http` or `sse`".to_owned()),
    }
}

/// What must not be shown.
#[derive(Default)]
struct Seen {
    /// What is a secret.
    secrets: Vec<String>,
    /// What may be one, or a path or a word that tools speak of.
    doubtful: Vec<String>,
}

impl Seen {
    /// A value that a variable or a header of this name has.
    fn named(&mut self, name: &str, value: &str) {
        let list = if is_secret(name, value) { &mut self.secrets } else { &mut self.doubtful };
        list.push(value.to_owned());
    }
}

/// Expands variables and remembers what must not be shown.
struct Expander<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    seen: &'a mut Seen,
}

impl Expander<'_> {
    /// Text whose variables may be secrets, though the rest is none.
    fn plain(&mut self, text: &str) -> Result<String, String> {
        let expanded = expand(text, |name| {
            let value = (self.lookup)(name)?;
            if !PLAIN.contains(&name) {
                self.seen.named(name, &value);
            }
            Some(value)
        });
        expanded
            .map_err(|name| format!("needs the variable `{name}`, which is not set for processes of this workspace"))
    }

    fn env(&mut self, env: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
        let mut expanded = BTreeMap::new();
        for (name, value) in env {
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err("has an `env` with a name or value that no variable can have".to_owned());
            }
            if name.starts_with("CHATMESH_") {
                return Err(format!("may not set `{name}`: variables that begin with CHATMESH_ belong to the mesh"));
            }
            let value = self.plain(&value)?;
            self.seen.named(&name, &value);
            expanded.insert(name, value);
        }
        Ok(expanded)
    }

    fn headers(&mut self, headers: BTreeMap<String, String>) -> Result<HashMap<HeaderName, HeaderValue>, String> {
        let mut expanded = HashMap::new();
        for (name, value) in headers {
            let value = self.plain(&value)?;
            self.seen.named(&name, &value);
            let name = HeaderName::try_from(&name).map_err(|_| "has `headers` with a name that is none".to_owned())?;
            let value = HeaderValue::try_from(value);
            let mut value = value.map_err(|_| format!("has a header `{name}` with a value that no header can have"))?;
            value.set_sensitive(true);
            expanded.insert(name, value);
        }
        Ok(expanded)
    }
}

#[cfg(test)]
mod tests;
