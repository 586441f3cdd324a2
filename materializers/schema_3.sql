-- Times are microseconds since 1970 in UTC; (slice, ordinal) is a partition, ('', 0) that of an asset without any.
-- Rows are only added, except to `leases` and `claims`, and where something is erased. `pointers`, `sightings`, `asset_state`, `asset_slices`, `last_attempts` and
-- `definitions` are indexes of the others or tell what is now; `settlements` and `unsettled` are a note of what planning found,
-- which may be lost.

CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (3);

-- `born` is the last publication before it was made, `first` the first one of its own.
CREATE TABLE environments (
    id NUMBERED, name TEXT NOT NULL, parent TEXT, live INTEGER NOT NULL, created_at BIGINT NOT NULL,
    born BIGINT NOT NULL, first BIGINT, dropped_at BIGINT
);
CREATE UNIQUE INDEX environments_by_name ON environments (name) WHERE dropped_at IS NULL;
INSERT INTO environments VALUES (1, 'main', NULL, 1, 0, 0, NULL, NULL);

CREATE TABLE runs (
    id TEXT PRIMARY KEY, environment TEXT NOT NULL, selection TEXT NOT NULL, engine TEXT NOT NULL,
    started_at BIGINT NOT NULL, context TEXT NOT NULL, plan TEXT NOT NULL
);
CREATE TABLE run_ends (run_id TEXT PRIMARY KEY, ended_at BIGINT NOT NULL, outcome TEXT NOT NULL);
CREATE TABLE cancellations (run_id TEXT NOT NULL, at BIGINT NOT NULL);
-- One row for each run that has not ended; its claims live as long as its lease.
CREATE TABLE leases (run_id TEXT PRIMARY KEY, since BIGINT NOT NULL, expires_at BIGINT NOT NULL);

CREATE TABLE claims (
    environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL, ordinal BIGINT NOT NULL,
    token BIGINT NOT NULL, run_id TEXT NOT NULL, held INTEGER NOT NULL,
    PRIMARY KEY (environment, asset, slice, ordinal)
) CLUSTERED;
CREATE INDEX claims_of_run ON claims (run_id) WHERE held = 1;

-- `seen` is the last publication that it knew of; at `seen_at` nothing later was there yet.
CREATE TABLE attempts (
    id NUMBERED, run_id TEXT NOT NULL, environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL,
    ordinal BIGINT NOT NULL, label TEXT NOT NULL, number INTEGER NOT NULL, token BIGINT NOT NULL,
    fingerprint TEXT NOT NULL, started_at BIGINT NOT NULL, seen BIGINT NOT NULL, seen_at BIGINT NOT NULL
);
CREATE INDEX attempts_of_asset ON attempts (environment, asset, id);
CREATE INDEX attempts_of_run ON attempts (run_id, id);
CREATE TABLE attempt_ends (
    attempt_id NUMBERED, ended_at BIGINT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    error TEXT NOT NULL, until BIGINT, output TEXT NOT NULL
);
-- The last attempt of each partition that came to an end of its own.
CREATE TABLE last_attempts (
    environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL, ordinal BIGINT NOT NULL,
    attempt_id BIGINT NOT NULL, fingerprint TEXT NOT NULL, outcome TEXT NOT NULL, ended_at BIGINT NOT NULL,
    reason TEXT NOT NULL, until BIGINT, checks TEXT NOT NULL,
    PRIMARY KEY (environment, asset, slice, ordinal)
) CLUSTERED;
CREATE INDEX last_attempts_at_wholes ON last_attempts (environment, asset) WHERE slice = '' AND ordinal = 0;

CREATE TABLE versions (
    id TEXT PRIMARY KEY, asset TEXT NOT NULL, slice TEXT NOT NULL, ordinal BIGINT NOT NULL,
    fingerprint TEXT NOT NULL, code TEXT NOT NULL, config TEXT NOT NULL, resources TEXT NOT NULL,
    inputs TEXT NOT NULL, lineage TEXT NOT NULL, data_version TEXT NOT NULL, format TEXT NOT NULL,
    address TEXT, size BIGINT NOT NULL, row_count BIGINT, schema TEXT, as_of BIGINT, ends INTEGER NOT NULL,
    made_at BIGINT NOT NULL, duration BIGINT NOT NULL, run_id TEXT NOT NULL, attempt_id BIGINT NOT NULL,
    rejected TEXT
);
CREATE INDEX versions_of_asset ON versions (asset, slice, ordinal, fingerprint);
CREATE INDEX versions_of_code ON versions (asset, code);
CREATE INDEX versions_of_attempt ON versions (attempt_id);

-- What was said of a version, as it is seen from an environment.
CREATE TABLE judgements (
    id NUMBERED, version_id TEXT NOT NULL, environment TEXT NOT NULL, checks TEXT NOT NULL, verdicts TEXT NOT NULL,
    digest TEXT NOT NULL, failing INTEGER NOT NULL, judged_at BIGINT NOT NULL, run_id TEXT NOT NULL
);
CREATE INDEX judgements_of_version ON judgements (version_id, id);

-- `sequence` is the last publication before it.
CREATE TABLE verifications (
    id NUMBERED, sequence BIGINT NOT NULL, environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL,
    ordinal BIGINT NOT NULL, version_id TEXT NOT NULL, as_of BIGINT, ends INTEGER, at BIGINT NOT NULL,
    run_id TEXT NOT NULL
);
CREATE INDEX verifications_of_version ON verifications (version_id, environment, id);
CREATE INDEX verifications_of_asset ON verifications (environment, asset, id);

-- Without a version the partition became invisible; `moved` where the data are others than what was visible before. The
-- time never goes back. `as_of`, `ends` (where it is not the version's), `judgement` and
-- `pin` are what was known of it then; `pin` is the fingerprint that was rolled back.
CREATE TABLE publications (
    sequence NUMBERED, environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL, ordinal BIGINT NOT NULL,
    version_id TEXT, kind TEXT NOT NULL, at BIGINT NOT NULL, run_id TEXT, as_of BIGINT, ends INTEGER,
    judgement BIGINT, pin TEXT, name TEXT, reason TEXT, moved INTEGER NOT NULL
);
CREATE INDEX publications_of_asset ON publications (environment, asset, sequence);
CREATE INDEX publications_that_hide ON publications (asset, slice, ordinal) WHERE version_id IS NULL;

-- The last publication of each partition, with what was seen and said of its version since.
CREATE TABLE pointers (
    environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL, ordinal BIGINT NOT NULL, version_id TEXT,
    data_version TEXT, sequence BIGINT NOT NULL, as_of BIGINT, ends INTEGER, judgement BIGINT, pin TEXT,
    PRIMARY KEY (environment, asset, slice, ordinal)
) CLUSTERED;
CREATE INDEX pointers_at_wholes ON pointers (environment, asset) WHERE slice = '' AND ordinal = 0;

-- What an environment saw and said of versions that it reads from its parent; `verified` where it looked at them.
CREATE TABLE sightings (
    environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL, ordinal BIGINT NOT NULL,
    version_id TEXT NOT NULL, verified INTEGER NOT NULL, as_of BIGINT, ends INTEGER, judgement BIGINT,
    PRIMARY KEY (environment, asset, slice, ordinal)
) CLUSTERED;
CREATE INDEX sightings_at_wholes ON sightings (environment, asset) WHERE slice = '' AND ordinal = 0;

-- What deciding needs of an asset without reading its partitions: the last publication that touched it, the digest of
-- the set of partitions that have a version, those of them in the slice '', and those there that were made invisible.
-- `sliced` where other slices have rows in `asset_slices`: the ranges that have a version, and those made invisible.
CREATE TABLE asset_state (
    environment TEXT NOT NULL, asset TEXT NOT NULL, sequence BIGINT NOT NULL, partitions TEXT NOT NULL,
    withdrawn TEXT NOT NULL, digest TEXT NOT NULL, sliced INTEGER NOT NULL, PRIMARY KEY (environment, asset)
) CLUSTERED;
CREATE TABLE asset_slices (
    environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL, partitions TEXT NOT NULL,
    withdrawn TEXT NOT NULL, PRIMARY KEY (environment, asset, slice)
) CLUSTERED;
CREATE TABLE settlements (
    environment TEXT NOT NULL, asset TEXT NOT NULL, sequence BIGINT NOT NULL, code TEXT NOT NULL,
    config TEXT NOT NULL, resources TEXT NOT NULL, checks TEXT NOT NULL, partitions TEXT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (environment, asset)
) CLUSTERED;
-- Partitions that a settlement does not hold for any more: an attempt at them ended without a publication since.
CREATE TABLE unsettled (
    environment TEXT NOT NULL, asset TEXT NOT NULL, slice TEXT NOT NULL, ordinal BIGINT NOT NULL,
    PRIMARY KEY (environment, asset, slice, ordinal)
) CLUSTERED;

-- When automation of assets was switched on (`is_on` 1) and off, after which publication.
CREATE TABLE switches (
    id NUMBERED, environment TEXT NOT NULL, asset TEXT NOT NULL, is_on INTEGER NOT NULL, at BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);
CREATE INDEX switches_of_asset ON switches (environment, asset, id);

-- With what definition an environment is served.
CREATE TABLE definitions (
    environment TEXT NOT NULL, asset TEXT NOT NULL, code TEXT NOT NULL, config TEXT NOT NULL,
    resources TEXT NOT NULL, checks TEXT NOT NULL, checkout TEXT NOT NULL, at BIGINT NOT NULL, run_id TEXT NOT NULL,
    PRIMARY KEY (environment, asset)
) CLUSTERED;

-- Keys of dynamic partitions, as they came (`present` 1) and went.
CREATE TABLE dynamic_keys (
    id NUMBERED, name TEXT NOT NULL, key TEXT NOT NULL, present INTEGER NOT NULL, at BIGINT NOT NULL
);
CREATE INDEX dynamic_keys_by_name ON dynamic_keys (name, key, id);

-- What happened to the items of effects; `effects` tells the state of each.
CREATE TABLE effect_events (
    id NUMBERED, environment TEXT NOT NULL, asset TEXT NOT NULL, occasion TEXT NOT NULL, item TEXT NOT NULL,
    attempt INTEGER NOT NULL, state TEXT NOT NULL, payload TEXT NOT NULL, receipt TEXT NOT NULL, reason TEXT NOT NULL,
    name TEXT, at BIGINT NOT NULL, run_id TEXT NOT NULL, attempt_id BIGINT NOT NULL
);
CREATE INDEX effect_events_of_item ON effect_events (environment, asset, occasion, item, attempt, id);
CREATE TABLE effects (
    environment TEXT NOT NULL, asset TEXT NOT NULL, occasion TEXT NOT NULL, item TEXT NOT NULL,
    attempt INTEGER NOT NULL, first_id BIGINT NOT NULL, last_id BIGINT NOT NULL, state TEXT NOT NULL,
    planned_at BIGINT NOT NULL, PRIMARY KEY (environment, asset, occasion, item, attempt)
) CLUSTERED;
CREATE INDEX effects_that_are_open ON effects (environment, asset)
    WHERE state IN ('planned', 'intended', 'in doubt');
-- What was decided for an occasion, and from what; it is finished when what came of it is on record.
CREATE TABLE effect_decisions (
    id NUMBERED, environment TEXT NOT NULL, asset TEXT NOT NULL, occasion TEXT NOT NULL, fingerprint TEXT NOT NULL,
    made_from TEXT NOT NULL, until BIGINT, at BIGINT NOT NULL, run_id TEXT NOT NULL
);
CREATE INDEX effect_decisions_of_asset ON effect_decisions (environment, asset, occasion, id);
CREATE TABLE effects_finished (decision_id NUMBERED, at BIGINT NOT NULL, run_id TEXT NOT NULL);

-- Content that nothing needs: `condemned` may be taken back, `removing` may not, `gone` is not in the store any more.
CREATE TABLE tombstones (address TEXT PRIMARY KEY, state TEXT NOT NULL, at BIGINT NOT NULL);

-- That rows were taken out of versions, which name what remains of them from then on; what they were is not told.
CREATE TABLE erasures (
    id NUMBERED, asset TEXT NOT NULL, versions INTEGER NOT NULL, row_count BIGINT NOT NULL, name TEXT NOT NULL,
    reason TEXT NOT NULL, at BIGINT NOT NULL
);

-- Asset keys that were given up for others.
CREATE TABLE aliases (old TEXT PRIMARY KEY, new TEXT NOT NULL, at BIGINT NOT NULL);

-- How far each subscriber has been told what was published, and who tells it at the moment.
CREATE TABLE subscribers (
    name TEXT PRIMARY KEY, sequence BIGINT NOT NULL, token BIGINT NOT NULL, expires_at BIGINT NOT NULL
);
