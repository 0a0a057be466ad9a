//! What every command that runs services does first and last.

use std::path::{Path, PathBuf};

use chatmesh_runtime::config::Sources as ConfigSources;
use chatmesh_telemetry::Guard;

use super::Sources;
use crate::Config;

/// Reads the configuration.
pub(super) fn config(sources: &Sources, mut overrides: Vec<(&'static str, String)>) -> anyhow::Result<Config> {
    if let Some(log) = &sources.log {
        overrides.push(("telemetry.log", log.clone()));
    }
    let file = sources.config.as_deref();
    let sources = ConfigSources { file, overrides, ..ConfigSources::default() };
    let mut config: Config = sources.with_process_environment().load()?;
    config.provisioner.local.hidden.extend(file.into_iter().flat_map(hidden_with));
    config.chat.validate().map_err(anyhow::Error::msg)?;
    config.relay.validate().map_err(anyhow::Error::msg)?;
    config.tools.validate().map_err(anyhow::Error::msg)?;
    config.workspaces.validate().map_err(anyhow::Error::msg)?;
    Ok(config)
}

/// What workspaces on this machine are not to read: the file may hold secrets of the mesh. Its directory too, where that is
/// there for it: another file may take its place while they run.
fn hidden_with(file: &Path) -> Vec<PathBuf> {
    let Ok(file) = std::path::absolute(file) else { return Vec::new() };
    let directory = file.parent().filter(|directory| directory.ends_with("chatmesh")).map(Path::to_owned);
    directory.into_iter().chain([file]).collect()
}

/// Sets up logs and traces.
pub(super) fn telemetry(name: &'static str, config: &Config) -> anyhow::Result<Guard> {
    Ok(chatmesh_telemetry::init(name, &config.telemetry)?)
}

/// Sends what is left of the traces.
pub(super) async fn flush(guard: Guard) {
    // It blocks until the collector has answered.
    let _ = tokio::task::spawn_blocking(move || guard.flush()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../examples/chatmesh.toml");

    /// With the settings that the example only shows.
    fn whole(example: &str) -> String {
        let shown = |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).map(str::to_owned);
        example.lines().map(|line| shown(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
    }

    #[test]
    fn the_example_is_a_configuration_also_with_what_it_leaves_out() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_ne!(whole(EXAMPLE), EXAMPLE);
        for text in [EXAMPLE.to_owned(), whole(EXAMPLE)] {
            let file = directory.path().join("chatmesh.toml");
            std::fs::write(&file, text).expect("written");
            let read = config(&Sources { config: Some(file), log: None }, vec![]);
            read.unwrap_or_else(|error| panic!("{error:#}"));
        }
    }

    #[test]
    fn workspaces_do_not_see_the_configuration_nor_a_directory_that_is_there_for_it() {
        for (file, expected) in [
            ("/etc/mesh.toml", &["/etc/mesh.toml"][..]),
            ("/etc/chatmesh/mesh.toml", &["/etc/chatmesh", "/etc/chatmesh/mesh.toml"]),
        ] {
            assert_eq!(hidden_with(Path::new(file)), expected.iter().map(PathBuf::from).collect::<Vec<_>>());
        }
    }
}
