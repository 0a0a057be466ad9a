-- At how many percent of the context limit a conversation is compacted; by the limit where it is null.
ALTER TABLE models ADD COLUMN compaction_threshold_percent INTEGER;
