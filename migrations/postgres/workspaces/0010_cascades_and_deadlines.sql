-- What goes with a workspace, or with an agent, is found without looking at all that there is.
CREATE INDEX agents_by_workspace ON agents (workspace_id);
CREATE INDEX agents_by_parent ON agents (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX chat_workspaces_by_workspace ON chat_workspaces (workspace_id);
-- Who uses a template, among many workspaces that are deleted.
CREATE INDEX workspaces_of_template ON workspaces (template_id, owner_id) WHERE NOT deleted;

-- A build that was to stop or delete a workspace, and was given up before anybody began it, has no deadline any more: the
-- build has it that the state of the workspace follows from.
UPDATE builds SET deadline = given_up.deadline
FROM builds AS given_up
WHERE given_up.deadline IS NOT NULL AND given_up.transition <> 'start' AND given_up.status = 'failed'
    AND given_up.canceled AND given_up.leased_by = '' AND builds.workspace_id = given_up.workspace_id
    AND builds.build_number = (
        SELECT max(carried_out.build_number) FROM builds AS carried_out
        WHERE carried_out.workspace_id = given_up.workspace_id AND NOT (carried_out.transition <> 'start'
            AND carried_out.status = 'failed' AND carried_out.canceled AND carried_out.leased_by = ''));
UPDATE builds SET deadline = NULL
WHERE deadline IS NOT NULL AND transition <> 'start' AND status = 'failed' AND canceled AND leased_by = '';
