//! What every command that runs services does first and last.

use chatmesh_runtime::config::Sources as ConfigSources;
use chatmesh_telemetry::Guard;

use super::Sources;
use crate::Config;

/// Reads the configuration.
pub(super) fn config(sources: &Sources, mut overrides: Vec<(&'static str, String)>) -> anyhow::Result<Config> {
    if let Some(log) = &sources.log {
        overrides.push(("telemetry.log", log.clone()));
    }
    let sources = ConfigSources { file: sources.config.as_deref(), overrides, ..ConfigSources::default() };
    let config: Config = sources.with_process_environment().load()?;
    config.chat.validate().map_err(anyhow::Error::msg)?;
    config.workspaces.validate().map_err(anyhow::Error::msg)?;
    Ok(config)
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
