-- Every row of schema 2, whose tables are called `old_...` by now, in the tables of schema 3.

INSERT INTO runs SELECT id, environment, selection, engine, started_at, context, plan FROM old_runs;
INSERT INTO run_ends SELECT run_id, ended_at, outcome FROM old_run_ends;
INSERT INTO cancellations SELECT run_id, at FROM old_cancellations;

-- Whoever still ran has to start again: a lease that has run out.
INSERT INTO leases SELECT id, started_at, 0 FROM runs WHERE id NOT IN (SELECT run_id FROM run_ends);
INSERT INTO claims SELECT environment, asset, '', ordinal, token, run_id, expires_at > 0 FROM old_claims;

-- All partitions were days, counted from the first of January of the year 1.
INSERT INTO attempts
SELECT id, run_id, environment, asset, '', ordinal,
    CASE WHEN ordinal = 0 THEN '' ELSE date(ordinal + 1721424.5) END, number, token, fingerprint, started_at, 0,
    started_at
FROM old_attempts;
INSERT INTO attempt_ends
SELECT attempt_id, ended_at, outcome, reason, error, until, output FROM old_attempt_ends;
INSERT INTO last_attempts
SELECT l.environment, l.asset, '', l.ordinal, l.attempt_id, a.fingerprint, e.outcome, e.ended_at, e.reason, e.until,
    coalesce((
        SELECT j.checks FROM old_versions v JOIN old_judgements j ON j.version_id = v.id
        WHERE v.attempt_id = l.attempt_id AND v.asset = l.asset ORDER BY j.id LIMIT 1
    ), '')
FROM old_last_attempts l JOIN attempts a ON a.id = l.attempt_id JOIN attempt_ends e ON e.attempt_id = l.attempt_id;

INSERT INTO versions
SELECT id, asset, '', first, fingerprint, code, config, resources, inputs, lineage, data_version, format, address,
    size, row_count, schema, as_of, ends, made_at, duration, run_id, attempt_id, rejected
FROM old_versions;

-- Who judged was the environment in which the version was made: nobody promoted anything yet.
INSERT INTO judgements
SELECT j.id, j.version_id, coalesce(a.environment, 'main'), j.checks, j.verdicts, j.digest, j.failing, j.judged_at,
    j.run_id
FROM old_judgements j LEFT JOIN versions v ON v.id = j.version_id LEFT JOIN attempts a ON a.id = v.attempt_id;

INSERT INTO publications
SELECT p.sequence, p.environment, p.asset, '', p.first, p.version_id, p.kind, p.at, p.run_id,
    CASE WHEN o.sequence IS NULL THEN v.as_of ELSE o.as_of END, o.ends,
    (SELECT max(j.id) FROM judgements j WHERE j.version_id = p.version_id AND j.judged_at <= p.at),
    NULL, p.name, p.reason, 1
FROM old_publications p LEFT JOIN versions v ON v.id = p.version_id
LEFT JOIN old_pointers o ON o.sequence = p.sequence;

-- Other environments were just names.
INSERT INTO environments
SELECT 1 + row_number() OVER (ORDER BY environment), environment, NULL, 0, min(at), 0, NULL, NULL
FROM (
    SELECT environment, started_at AS at FROM old_attempts UNION ALL SELECT environment, started_at FROM old_runs
) AS found
WHERE environment <> 'main' GROUP BY environment;

INSERT INTO verifications
SELECT x.id,
    (SELECT coalesce(max(p.sequence), 0) FROM publications p
     WHERE p.environment = x.environment AND p.asset = x.asset AND p.at <= x.at),
    x.environment, x.asset, '', x.first, x.version_id, x.as_of, x.ends, x.at, x.run_id
FROM old_verifications x;

INSERT INTO pointers
SELECT p.environment, p.asset, '', p.ordinal, p.version_id, v.data_version, p.sequence, p.as_of, p.ends, p.judgement,
    NULL
FROM old_pointers p JOIN versions v ON v.id = p.version_id;
