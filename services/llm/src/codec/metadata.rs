//! Opaque data of a provider on a part: put there by decoders, put back by encoders.

use bytes::Bytes;
use chatmesh_proto::common::v1::{Part, ProviderMetadata};
use serde::Serialize;
use serde_json::value::RawValue;

pub(super) fn metadata(namespace: &str, kind: &str, json: impl Into<Bytes>) -> ProviderMetadata {
    ProviderMetadata { namespace: namespace.to_owned(), kind: kind.to_owned(), json: json.into() }
}

/// Metadata from a value of ours. Strings and JSON values always serialise.
pub(crate) fn metadata_of(namespace: &str, kind: &str, value: &impl Serialize) -> ProviderMetadata {
    metadata(namespace, kind, serde_json::to_vec(value).unwrap_or_default())
}

/// The first datum of a kind on a part, where it is valid JSON.
pub(super) fn find<'a>(part: &'a Part, namespace: &str, kind: &str) -> Option<&'a RawValue> {
    all(part, namespace, kind).next()
}

/// Every datum of a kind on a part, in order, where it is valid JSON.
pub(super) fn all<'a, 'k>(
    part: &'a Part,
    namespace: &'k str,
    kind: &'k str,
) -> impl Iterator<Item = &'a RawValue> + use<'a, 'k> {
    part.provider_metadata
        .iter()
        .filter(move |datum| datum.namespace == namespace && datum.kind == kind)
        .filter_map(|datum| serde_json::from_slice(&datum.json).ok())
}

/// Whether a part belongs to another protocol: it carries data, and none of it is of this one.
pub(super) fn is_foreign(part: &Part, namespace: &str) -> bool {
    !part.provider_metadata.is_empty() && part.provider_metadata.iter().all(|datum| datum.namespace != namespace)
}
