//! How the agents of a workspace are ended, whoever has started them.

use futures::future::join_all;
use tracing::info;

use super::directory::{Directory, Earlier};
use super::process::Process;
use super::{Local, LocalError, Supervisors, on_disk};

impl Local {
    /// Stops the workspace. There may be nothing to stop.
    pub(super) async fn stop_workspace(
        &self,
        directory: &Directory,
        supervisors: &mut Supervisors,
    ) -> Result<(), LocalError> {
        self.bring_up_to_date(directory).await?;
        // Written first: whatever happens from here on, no agent is started again.
        on_disk(directory, Directory::write_stopped).await?;
        self.end_agents(directory, supervisors).await?;
        on_disk(directory, Directory::remove_tokens).await
    }

    /// Ends the workspace's agents, whether they are looked after or were left by a build that was let go of. Each has
    /// the same time, and all of them have it at once.
    pub(super) async fn end_agents(
        &self,
        directory: &Directory,
        supervisors: &mut Supervisors,
    ) -> Result<(), LocalError> {
        for supervisor in supervisors.iter() {
            supervisor.ask_to_stop();
        }
        join_all(supervisors.iter().map(super::Supervisor::stop)).await;
        supervisors.clear();
        let left = on_disk(directory, Directory::living_processes).await?;
        let ended = join_all(left.into_values().map(|identity| self.end_process(Process::adopt(identity)))).await;
        ended.into_iter().collect::<Result<(), LocalError>>()?;
        on_disk(directory, Directory::remove_pids).await
    }

    pub(super) async fn end_process(&self, mut process: Process) -> Result<(), LocalError> {
        Ok(process.terminate(self.stop_grace).await?)
    }

    /// Takes over what an earlier release has left, whose agent is ended: it knows the workspace by other paths.
    pub(super) async fn bring_up_to_date(&self, directory: &Directory) -> Result<(), LocalError> {
        let Some(mut earlier) = on_disk(directory, Earlier::find).await? else { return Ok(()) };
        info!(directory = %directory.root().display(), "workspace of an earlier release is brought up to date");
        if let Some(identity) = earlier.living.take() {
            self.end_process(Process::adopt(identity)).await?;
        }
        on_disk(directory, move |directory| earlier.convert(directory)).await
    }
}
