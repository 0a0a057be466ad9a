//! chatmesh-e2e
