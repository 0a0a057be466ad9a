//! `write_file`: writes a file whole.

use bytes::Bytes;
use chatmesh_proto::agent::v1::file_service_client::FileServiceClient;
use chatmesh_proto::agent::v1::write_file_request::Body;
use chatmesh_proto::agent::v1::{WriteFileHeader, WriteFileRequest};
use serde::Deserialize;
use serde_json::json;

use super::{EFFECT_TIMEOUT, Writes, absolute, parse};
use crate::agent::{Workspace, explain};
use crate::outcome::Outcome;

/// The most bytes of a file in one message.
const CHUNK: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
struct Args {
    path: String,
    content: String,
}

pub(super) async fn run(workspace: &Workspace, writes: Writes<'_>, args: &str, key: &str) -> Result<Outcome, String> {
    let args: Args = parse(args)?;
    absolute(&args.path)?;
    writes.check(workspace, std::iter::once(args.path.as_str())).await?;
    let content = Bytes::from(args.content);
    let header = WriteFileHeader { path: args.path, size_bytes: content.len() as u64, idempotency_key: key.to_owned() };
    workspace
        .effect(|agent| {
            let messages = futures::stream::iter(messages(&header, &content));
            async move {
                let mut files = FileServiceClient::new(agent.transport());
                files.write_file(agent.request_within(EFFECT_TIMEOUT, messages)).await
            }
        })
        .await
        .map_err(|status| explain(&status))?;
    Ok(Outcome::Result(json!({ "ok": true }).to_string()))
}

fn messages(header: &WriteFileHeader, content: &Bytes) -> Vec<WriteFileRequest> {
    let chunks = (0..content.len()).step_by(CHUNK).map(|at| content.slice(at..content.len().min(at + CHUNK)));
    std::iter::once(Body::Header(header.clone()))
        .chain(chunks.map(Body::Data))
        .map(|body| WriteFileRequest { body: Some(body) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_travels_in_chunks_that_add_up() {
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let content = Bytes::from(vec![b'x'; size]);
            let messages = messages(&WriteFileHeader::default(), &content);
            let sizes: Vec<usize> = messages[1..]
                .iter()
                .map(|message| match &message.body {
                    Some(Body::Data(data)) => data.len(),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(sizes.iter().sum::<usize>(), size);
            assert!(sizes.iter().all(|size| *size <= CHUNK && *size > 0), "{sizes:?}");
        }
    }
}
