//! Configuration: defaults, then a file, then the environment, then flags; the later wins.
//!
//! A key is `section.field`, in the environment `CHATMESH_SECTION__FIELD`. Variables of the
//! mesh without the double underscore (`CHATMESH_TOKEN`, ...) are no configuration.

use std::path::Path;

use ::config::{Config, ConfigError as Cause, File, FileFormat, Map};
use serde::de::DeserializeOwned;

const PREFIX: &str = "CHATMESH_";

/// A configuration could not be read.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {0}")]
pub struct ConfigError(#[from] Cause);

/// Where values come from, beside the defaults of the types.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    /// A TOML file.
    pub file: Option<&'a Path>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// `section.field` and value, from flags.
    pub overrides: Vec<(&'static str, String)>,
}

impl Sources<'_> {
    /// Takes the process's environment.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads configuration from the environment"
    )]
    pub fn with_process_environment(mut self) -> Self {
        self.environment = std::env::vars().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        self
    }

    /// Merges the sources.
    ///
    /// # Errors
    /// The file cannot be read, a key is unknown, or a value has the wrong type; the message names the key.
    pub fn load<T: DeserializeOwned>(self) -> Result<T, ConfigError> {
        let mut builder = Config::builder();
        if let Some(path) = self.file {
            builder = builder.add_source(File::from(path).format(FileFormat::Toml).required(true));
        }
        let environment: Map<String, String> = self.environment.into_iter().filter(|(name, _)| is_key(name)).collect();
        let environment = ::config::Environment::with_prefix("CHATMESH")
            .prefix_separator("_")
            .separator("__")
            .source(Some(environment));
        builder = builder.add_source(environment);
        for (key, value) in self.overrides {
            builder = builder.set_override(key, value)?;
        }
        Ok(builder.build()?.try_deserialize()?)
    }
}

fn is_key(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        server: Server,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Server {
        listen: String,
        limit: u32,
    }

    impl Default for Server {
        fn default() -> Self {
            Self { listen: "default".to_owned(), limit: 1 }
        }
    }

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_later_source_wins_value_by_value() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        write!(file, "[server]\nlisten = \"file\"\nlimit = 2").expect("written");
        let sources = Sources {
            file: Some(file.path()),
            environment: env(&[("CHATMESH_SERVER__LIMIT", "3"), ("CHATMESH_TOKEN", "not a key")]),
            overrides: vec![],
        };
        let settings: Settings = sources.load().expect("loaded");
        assert_eq!(settings.server, Server { listen: "file".to_owned(), limit: 3 });

        let sources = Sources {
            environment: env(&[("CHATMESH_SERVER__LIMIT", "3")]),
            overrides: vec![("server.limit", "4".to_owned())],
            ..Sources::default()
        };
        assert_eq!(sources.load::<Settings>().expect("loaded").server.limit, 4);
    }

    #[test]
    fn an_unknown_key_is_named() {
        let sources = Sources { environment: env(&[("CHATMESH_SERVER__LISTN", "x")]), ..Sources::default() };
        let error = sources.load::<Settings>().expect_err("refused").to_string();
        assert!(error.contains("listn"), "{error}");
    }
}
