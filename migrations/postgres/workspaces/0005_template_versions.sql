-- What a template says. A version never changes.
CREATE TABLE template_versions (
    id UUID PRIMARY KEY,
    template_id UUID NOT NULL REFERENCES templates (id) ON DELETE CASCADE,
    -- 1, 2, 3, ... within the template.
    version_number BIGINT NOT NULL CHECK (version_number > 0),
    -- JSON.
    manifest TEXT NOT NULL,
    -- The kind of provisioner that carries builds out, as in the manifest.
    provisioner TEXT NOT NULL,
    readme TEXT NOT NULL,
    -- What the manifest and the readme are recognised by; empty for those that were there before this table.
    digest BYTEA NOT NULL,
    message TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    -- NULL for the configuration.
    created_by UUID,
    UNIQUE (template_id, version_number)
);
CREATE UNIQUE INDEX template_versions_by_digest ON template_versions (template_id, digest);

-- What there was becomes version 1 of each template, with the identifier of the template.
INSERT INTO template_versions (id, template_id, version_number, manifest, provisioner, readme, digest, message, created_at)
SELECT id, id, 1, jsonb_build_object('description', description, 'provisioner', provisioner, 'agents',
    jsonb_build_array(jsonb_build_object('name', 'main', 'scripts', (
        SELECT coalesce(jsonb_agg((script - 'timeout_seconds') || CASE WHEN (script ->> 'timeout_seconds')::BIGINT > 0
            THEN jsonb_build_object('timeout', (script ->> 'timeout_seconds') || 's') ELSE '{}'::JSONB END
            ORDER BY place), '[]'::JSONB)
        FROM jsonb_array_elements(templates.scripts::JSONB) WITH ORDINALITY AS listed (script, place)))))::TEXT,
    provisioner, '', ''::BYTEA, '', created_at
FROM templates;

-- These are as in the manifest of the active version. `scripts` is read no more.
ALTER TABLE templates ADD COLUMN display_name TEXT NOT NULL DEFAULT '';
ALTER TABLE templates ADD COLUMN icon TEXT NOT NULL DEFAULT '';
ALTER TABLE templates ADD COLUMN active_version_id UUID REFERENCES template_versions (id);
-- Why the template should not be used any more; empty while it may.
ALTER TABLE templates ADD COLUMN deprecation TEXT NOT NULL DEFAULT '';
-- Each start is of the active version: that is how it was before there were several.
ALTER TABLE templates ADD COLUMN require_active_version BOOLEAN NOT NULL DEFAULT TRUE;
-- The tools of chats may use it.
ALTER TABLE templates ADD COLUMN allowed_for_agents BOOLEAN NOT NULL DEFAULT TRUE;
UPDATE templates SET active_version_id = id;

ALTER TABLE builds ADD COLUMN template_version_id UUID REFERENCES template_versions (id);
-- The values by the names of parameters, a JSON object.
ALTER TABLE builds ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}';
-- The preset that was chosen last; empty for none.
ALTER TABLE builds ADD COLUMN preset TEXT NOT NULL DEFAULT '';
UPDATE builds SET template_version_id = (SELECT template_id FROM workspaces WHERE workspaces.id = builds.workspace_id);
