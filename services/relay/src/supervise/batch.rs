//! Reports that are told together.

use chatmesh_proto::agent::v1::SuperviseResponse;
use futures::{FutureExt as _, Stream, StreamExt as _};
use prost::Message as _;
use tonic::Status;

/// The most reports of one message to `workspaces`.
const MAX_REPORTS: usize = 256;
/// No report is added to this many bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// Reports in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) reports: Vec<SuperviseResponse>,
    /// How the call ended, where it did.
    pub(super) end: Option<Result<(), Status>>,
}

impl Batch {
    /// Waits for a report, and takes those with it that are there already.
    pub(super) async fn read(responses: &mut (impl Stream<Item = Result<SuperviseResponse, Status>> + Unpin)) -> Self {
        let (mut batch, mut bytes) = (Self::default(), 0);
        let mut next = Some(responses.next().await);
        while let Some(response) = next {
            match response {
                Some(Ok(report)) => {
                    bytes += report.encoded_len();
                    batch.reports.push(report);
                }
                Some(Err(status)) => batch.end = Some(Err(status)),
                None => batch.end = Some(Ok(())),
            }
            let has_room = batch.reports.len() < MAX_REPORTS && bytes < MAX_BYTES;
            next = if has_room && batch.end.is_none() { responses.next().now_or_never() } else { None };
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_proto::agent::v1::supervise_response::Report;
    use chatmesh_proto::agent::v1::{ScriptLogLine, ScriptLogs};
    use futures::stream;

    use super::*;

    fn report(sequence: u64, text: &str) -> Result<SuperviseResponse, Status> {
        let line = ScriptLogLine { text: text.to_owned(), ..Default::default() };
        let logs = ScriptLogs { lines: vec![line], ..Default::default() };
        Ok(SuperviseResponse { sequence, report: Some(Report::Logs(logs)) })
    }

    fn sequences(batch: &Batch) -> Vec<u64> {
        batch.reports.iter().map(|report| report.sequence).collect()
    }

    #[tokio::test]
    async fn a_batch_has_what_is_there_and_does_not_wait_for_more() {
        let there = stream::iter([report(1, "a"), report(2, "b")]);
        let batch = Batch::read(&mut there.chain(stream::pending())).await;
        assert_eq!(sequences(&batch), [1, 2]);
        assert!(batch.end.is_none());
    }

    #[tokio::test]
    async fn a_batch_is_bounded_in_number_and_bytes() {
        let mut many = stream::iter((1..=300).map(|sequence| report(sequence, "a")));
        assert_eq!(sequences(&Batch::read(&mut many).await), (1..=256).collect::<Vec<_>>());
        assert_eq!(sequences(&Batch::read(&mut many).await), (257..=300).collect::<Vec<_>>());
        let text = "x".repeat(MAX_BYTES / 2);
        let mut large = stream::iter((1..=3).map(|sequence| report(sequence, &text)));
        assert_eq!(sequences(&Batch::read(&mut large).await), [1, 2]);
    }

    #[tokio::test]
    async fn what_came_before_the_end_of_the_call_is_in_the_batch() {
        let mut failed = stream::iter([report(1, "a"), Err(Status::aborted("later")), report(2, "never")]);
        let batch = Batch::read(&mut failed).await;
        assert_eq!(sequences(&batch), [1]);
        assert!(matches!(batch.end, Some(Err(status)) if status.message() == "later"));
        let batch = Batch::read(&mut stream::iter([report(1, "a")])).await;
        assert!(matches!(batch.end, Some(Ok(()))));
    }
}
