-- MCP servers outside of the mesh.
CREATE TABLE mcp_servers (
    id BLOB PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    enabled INTEGER NOT NULL,
    -- Grows by one with every change.
    version INTEGER NOT NULL,
    -- A message McpServer without what is in the other columns.
    settings BLOB NOT NULL,
    -- Sealed with the key of the deployment, bound to this row.
    sealed_secrets BLOB,
    request_id BLOB UNIQUE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) STRICT;
