-- Every worker looks several times a minute for its chats that somebody stopped: few, among all that there are.
CREATE INDEX chats_stopped ON chats (worker_id) WHERE status = 'interrupting' AND NOT archived;
