-- Somebody asked for the build to be given up. One that runs is being given up; one that failed was, where its code says
-- so. The words of `status` stay those that an older release knows, which may run beside this one.
ALTER TABLE builds ADD COLUMN canceled INTEGER NOT NULL DEFAULT FALSE;
-- What kind of failure it ended with; NULL for any other.
ALTER TABLE builds ADD COLUMN error_code TEXT;
ALTER TABLE builds ADD COLUMN reason TEXT;
-- The user who asked for it; NULL where the mesh did.
ALTER TABLE builds ADD COLUMN initiator_id BLOB;
-- What the version of the template says of waiting, of cost, and of stopping what is not used: a JSON object.
ALTER TABLE builds ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
-- What the workspace takes of its owner's credits from this build on.
ALTER TABLE builds ADD COLUMN daily_cost INTEGER NOT NULL DEFAULT 0;
-- When the workspace is stopped unless it is used until then. Only the latest build has one.
ALTER TABLE builds ADD COLUMN deadline TEXT;
CREATE INDEX builds_by_deadline ON builds (deadline) WHERE deadline IS NOT NULL;
-- How many lines its log had, and what those that were recorded take; they only grow. And how many of them the
-- provisioner said that has it now.
ALTER TABLE builds ADD COLUMN log_lines INTEGER NOT NULL DEFAULT 0;
ALTER TABLE builds ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE builds ADD COLUMN lease_log_lines INTEGER NOT NULL DEFAULT 0;

-- What provisioners say of builds. The numbers of lines that were lost, or are kept no more, are left out.
CREATE TABLE build_log_lines (
    build_id BLOB NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
    line_number INTEGER NOT NULL,
    -- What all lines that were recorded before it took.
    log_offset INTEGER NOT NULL,
    printed_at TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('info', 'error')),
    stage TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (build_id, line_number)
) STRICT;

-- How long the workspace runs without being used, 0 for ever; NULL where its template says.
ALTER TABLE workspaces ADD COLUMN ttl_seconds INTEGER;
ALTER TABLE workspaces ADD COLUMN last_used_at TEXT;
CREATE INDEX workspaces_by_template ON workspaces (template_id, owner_id);

-- A row for each user whose credits were taken: while one build takes some, no other of the same owner does.
CREATE TABLE quota_owners (
    owner_id BLOB PRIMARY KEY,
    committed_at TEXT NOT NULL
) STRICT;

-- It is not listed, and no workspaces are made from it.
ALTER TABLE templates ADD COLUMN archived INTEGER NOT NULL DEFAULT FALSE;
-- It is only there for what deleted workspaces say of it. Its name is its identifier.
ALTER TABLE templates ADD COLUMN deleted INTEGER NOT NULL DEFAULT FALSE;
