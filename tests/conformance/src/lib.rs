//! chatmesh-conformance
