//! chatmesh-mesh-tests
