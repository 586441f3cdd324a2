-- Times are microseconds since 1970 in UTC. Partitions are ordinals; 0 stands for an asset without partitions.
-- Rows are only added, except in `claims`; `pointers`, `asset_state` and `last_attempts` are indexes of the rest.

CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (2);

CREATE TABLE runs (
    id TEXT PRIMARY KEY, environment TEXT NOT NULL, selection TEXT NOT NULL, engine TEXT NOT NULL,
    started_at INTEGER NOT NULL, context TEXT NOT NULL, plan TEXT NOT NULL
);
CREATE TABLE run_ends (run_id TEXT PRIMARY KEY, ended_at INTEGER NOT NULL, outcome TEXT NOT NULL);
CREATE TABLE cancellations (run_id TEXT NOT NULL, at INTEGER NOT NULL);

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, environment TEXT NOT NULL, asset TEXT NOT NULL,
    ordinal INTEGER NOT NULL, number INTEGER NOT NULL, token INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    started_at INTEGER NOT NULL
);
CREATE INDEX attempts_of_asset ON attempts (environment, asset, ordinal);
CREATE INDEX attempts_of_run ON attempts (run_id);
CREATE TABLE attempt_ends (
    attempt_id INTEGER PRIMARY KEY, ended_at INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    error TEXT NOT NULL, until INTEGER, output TEXT NOT NULL
);
-- The last attempt of each partition that came to an end of its own; an index of `attempt_ends`.
CREATE TABLE last_attempts (
    environment TEXT NOT NULL, asset TEXT NOT NULL, ordinal INTEGER NOT NULL, attempt_id INTEGER NOT NULL,
    PRIMARY KEY (environment, asset, ordinal)
) WITHOUT ROWID;

-- One row for a contiguous range of partitions that were made as one; today the first is always the last.
CREATE TABLE versions (
    id TEXT PRIMARY KEY, asset TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, code TEXT NOT NULL, config TEXT NOT NULL, resources TEXT NOT NULL,
    inputs TEXT NOT NULL, lineage TEXT NOT NULL, data_version TEXT NOT NULL, format TEXT NOT NULL,
    address TEXT, size INTEGER NOT NULL, row_count INTEGER, schema TEXT, as_of INTEGER, ends INTEGER NOT NULL,
    made_at INTEGER NOT NULL, duration INTEGER NOT NULL, run_id TEXT NOT NULL, attempt_id INTEGER NOT NULL,
    rejected TEXT
);
CREATE INDEX versions_of_asset ON versions (asset, first, fingerprint);
CREATE INDEX versions_of_attempt ON versions (attempt_id);

CREATE TABLE judgements (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version_id TEXT NOT NULL, checks TEXT NOT NULL, verdicts TEXT NOT NULL,
    digest TEXT NOT NULL, failing INTEGER NOT NULL, judged_at INTEGER NOT NULL, run_id TEXT NOT NULL
);
CREATE INDEX judgements_of_version ON judgements (version_id);

CREATE TABLE verifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT, environment TEXT NOT NULL, asset TEXT NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, version_id TEXT NOT NULL, as_of INTEGER, ends INTEGER, at INTEGER NOT NULL,
    run_id TEXT NOT NULL
);

CREATE TABLE publications (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, environment TEXT NOT NULL, asset TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, version_id TEXT NOT NULL, kind TEXT NOT NULL,
    at INTEGER NOT NULL, run_id TEXT NOT NULL, name TEXT, reason TEXT
);
CREATE INDEX publications_of_asset ON publications (environment, asset);

-- `as_of` and `ends` are what was seen last; without `ends` it is the version's own.
CREATE TABLE pointers (
    environment TEXT NOT NULL, asset TEXT NOT NULL, ordinal INTEGER NOT NULL, version_id TEXT NOT NULL,
    sequence INTEGER NOT NULL, as_of INTEGER, ends INTEGER, judgement INTEGER,
    PRIMARY KEY (environment, asset, ordinal)
) WITHOUT ROWID;

-- What deciding needs of a partitioned asset without reading its partitions: how often it changed, the set of
-- published partitions as ranges, and the incremental digest of that set.
CREATE TABLE asset_state (
    environment TEXT NOT NULL, asset TEXT NOT NULL, counter INTEGER NOT NULL, partitions TEXT NOT NULL,
    set_digest TEXT NOT NULL, PRIMARY KEY (environment, asset)
) WITHOUT ROWID;

CREATE TABLE claims (
    environment TEXT NOT NULL, asset TEXT NOT NULL, ordinal INTEGER NOT NULL, token INTEGER NOT NULL,
    run_id TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (environment, asset, ordinal)
) WITHOUT ROWID;
CREATE INDEX claims_of_run ON claims (run_id);
