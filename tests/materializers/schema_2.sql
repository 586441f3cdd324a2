-- A ledger of schema 2, as the program wrote it: three partitions with a gap, a version that was adopted again, one
-- that was rejected, a judgement by changed checks, a skip, another environment, and a run that was killed.
BEGIN TRANSACTION;
CREATE TABLE asset_state (
    environment TEXT NOT NULL, asset TEXT NOT NULL, counter INTEGER NOT NULL, partitions TEXT NOT NULL,
    set_digest TEXT NOT NULL, PRIMARY KEY (environment, asset)
) WITHOUT ROWID;
INSERT INTO "asset_state" VALUES('main','g/up',3,'[[738886, 738887], [738889, 738889]]','b65ee785f1427efb2d5515d9aa39b45a');
CREATE TABLE attempt_ends (
    attempt_id INTEGER PRIMARY KEY, ended_at INTEGER NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    error TEXT NOT NULL, until INTEGER, output TEXT NOT NULL
);
INSERT INTO "attempt_ends" VALUES(1,1704067204000000,'published','','',NULL,'printed');
INSERT INTO "attempt_ends" VALUES(2,1704067207000000,'published','','',NULL,'printed');
INSERT INTO "attempt_ends" VALUES(3,1704067210000000,'published','','',NULL,'printed');
INSERT INTO "attempt_ends" VALUES(4,1704067213000000,'published','','',NULL,'printed');
INSERT INTO "attempt_ends" VALUES(5,1704067216000000,'published','','',NULL,'printed');
INSERT INTO "attempt_ends" VALUES(6,1704067219000000,'adopted','','',NULL,'');
INSERT INTO "attempt_ends" VALUES(7,1704067222000000,'rejected','a check failed','',NULL,'printed');
INSERT INTO "attempt_ends" VALUES(8,1704067226000000,'skipped','closed','',1704844800000000,'');
INSERT INTO "attempt_ends" VALUES(9,1704067230000000,'published','','',NULL,'printed');
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, environment TEXT NOT NULL, asset TEXT NOT NULL,
    ordinal INTEGER NOT NULL, number INTEGER NOT NULL, token INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    started_at INTEGER NOT NULL
);
INSERT INTO "attempts" VALUES(1,'r1','main','g/up',738886,1,1,'f1',1704067202000000);
INSERT INTO "attempts" VALUES(2,'r1','main','g/up',738887,1,1,'f2',1704067205000000);
INSERT INTO "attempts" VALUES(3,'r1','main','g/up',738889,1,1,'f3',1704067208000000);
INSERT INTO "attempts" VALUES(4,'r1','main','g/whole',0,1,1,'f4',1704067211000000);
INSERT INTO "attempts" VALUES(5,'r1','main','g/whole',0,1,2,'f5',1704067214000000);
INSERT INTO "attempts" VALUES(6,'r1','main','g/whole',0,1,3,'f4',1704067217000000);
INSERT INTO "attempts" VALUES(7,'r1','main','g/whole',0,1,4,'f6',1704067220000000);
INSERT INTO "attempts" VALUES(8,'r1','main','g/skip',0,1,1,'fs',1704067225000000);
INSERT INTO "attempts" VALUES(9,'r2','dev','g/whole',0,1,1,'f7',1704067228000000);
INSERT INTO "attempts" VALUES(10,'r2','dev','g/open',0,1,1,'fo',1704067232000000);
CREATE TABLE cancellations (run_id TEXT NOT NULL, at INTEGER NOT NULL);
INSERT INTO "cancellations" VALUES('r2',1704067233000000);
CREATE TABLE claims (
    environment TEXT NOT NULL, asset TEXT NOT NULL, ordinal INTEGER NOT NULL, token INTEGER NOT NULL,
    run_id TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (environment, asset, ordinal)
) WITHOUT ROWID;
INSERT INTO "claims" VALUES('dev','g/open',0,1,'r2',1704067292000000);
INSERT INTO "claims" VALUES('dev','g/whole',0,1,'r2',0);
INSERT INTO "claims" VALUES('main','g/skip',0,1,'r1',0);
INSERT INTO "claims" VALUES('main','g/up',738886,1,'r1',0);
INSERT INTO "claims" VALUES('main','g/up',738887,1,'r1',0);
INSERT INTO "claims" VALUES('main','g/up',738889,1,'r1',0);
INSERT INTO "claims" VALUES('main','g/whole',0,4,'r1',0);
CREATE TABLE judgements (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version_id TEXT NOT NULL, checks TEXT NOT NULL, verdicts TEXT NOT NULL,
    digest TEXT NOT NULL, failing INTEGER NOT NULL, judged_at INTEGER NOT NULL, run_id TEXT NOT NULL
);
INSERT INTO "judgements" VALUES(1,'6612405f9cd5f9b20382d2b','k','["{\"check\":\"one\"}"]','c5a080e0f22ba14eaffcd6e3d2e1a83c',0,1704067203000000,'r1');
INSERT INTO "judgements" VALUES(2,'6612405f9cf3b8a5700d6fa','k','["{\"check\":\"one\"}"]','c5a080e0f22ba14eaffcd6e3d2e1a83c',0,1704067206000000,'r1');
INSERT INTO "judgements" VALUES(3,'6612405f9d01dfea9c1074f','k','["{\"check\":\"one\"}"]','c5a080e0f22ba14eaffcd6e3d2e1a83c',0,1704067209000000,'r1');
INSERT INTO "judgements" VALUES(4,'6612405f9d0cce1e059909c','k','["{\"check\":\"one\"}"]','c5a080e0f22ba14eaffcd6e3d2e1a83c',0,1704067212000000,'r1');
INSERT INTO "judgements" VALUES(5,'6612405f9d16f4d051e4092','k','["{\"check\":\"one\"}"]','c5a080e0f22ba14eaffcd6e3d2e1a83c',0,1704067215000000,'r1');
INSERT INTO "judgements" VALUES(6,'6612405f9d2c1090267cfa0','k','["{\"check\":\"one\"}"]','c5a080e0f22ba14eaffcd6e3d2e1a83c',1,1704067221000000,'r1');
INSERT INTO "judgements" VALUES(7,'6612405f9d0cce1e059909c','k2','["{}"]','50690c8335f80a1d1c12cd33e133ffd4',1,1704067224000000,'r1');
INSERT INTO "judgements" VALUES(8,'6612405f9d5ec275aef3366','k','["{\"check\":\"one\"}"]','c5a080e0f22ba14eaffcd6e3d2e1a83c',0,1704067229000000,'r2');
CREATE TABLE last_attempts (
    environment TEXT NOT NULL, asset TEXT NOT NULL, ordinal INTEGER NOT NULL, attempt_id INTEGER NOT NULL,
    PRIMARY KEY (environment, asset, ordinal)
) WITHOUT ROWID;
INSERT INTO "last_attempts" VALUES('dev','g/whole',0,9);
INSERT INTO "last_attempts" VALUES('main','g/skip',0,8);
INSERT INTO "last_attempts" VALUES('main','g/up',738886,1);
INSERT INTO "last_attempts" VALUES('main','g/up',738887,2);
INSERT INTO "last_attempts" VALUES('main','g/up',738889,3);
INSERT INTO "last_attempts" VALUES('main','g/whole',0,7);
CREATE TABLE pointers (
    environment TEXT NOT NULL, asset TEXT NOT NULL, ordinal INTEGER NOT NULL, version_id TEXT NOT NULL,
    sequence INTEGER NOT NULL, as_of INTEGER, ends INTEGER, judgement INTEGER,
    PRIMARY KEY (environment, asset, ordinal)
) WITHOUT ROWID;
INSERT INTO "pointers" VALUES('dev','g/whole',0,'6612405f9d5ec275aef3366',7,1704067200000000,0,8);
INSERT INTO "pointers" VALUES('main','g/up',738886,'6612405f9cd5f9b20382d2b',1,1704240000000000,1,1);
INSERT INTO "pointers" VALUES('main','g/up',738887,'6612405f9cf3b8a5700d6fa',2,1704067200000000,0,2);
INSERT INTO "pointers" VALUES('main','g/up',738889,'6612405f9d01dfea9c1074f',3,1704067200000000,0,3);
INSERT INTO "pointers" VALUES('main','g/whole',0,'6612405f9d0cce1e059909c',6,1704070800000000,NULL,7);
CREATE TABLE publications (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, environment TEXT NOT NULL, asset TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, version_id TEXT NOT NULL, kind TEXT NOT NULL,
    at INTEGER NOT NULL, run_id TEXT NOT NULL, name TEXT, reason TEXT
);
INSERT INTO "publications" VALUES(1,'main','g/up',738886,738886,'6612405f9cd5f9b20382d2b','publish',1704067203000000,'r1',NULL,NULL);
INSERT INTO "publications" VALUES(2,'main','g/up',738887,738887,'6612405f9cf3b8a5700d6fa','publish',1704067206000000,'r1',NULL,NULL);
INSERT INTO "publications" VALUES(3,'main','g/up',738889,738889,'6612405f9d01dfea9c1074f','publish',1704067209000000,'r1',NULL,NULL);
INSERT INTO "publications" VALUES(4,'main','g/whole',0,0,'6612405f9d0cce1e059909c','publish',1704067212000000,'r1',NULL,NULL);
INSERT INTO "publications" VALUES(5,'main','g/whole',0,0,'6612405f9d16f4d051e4092','publish',1704067215000000,'r1',NULL,NULL);
INSERT INTO "publications" VALUES(6,'main','g/whole',0,0,'6612405f9d0cce1e059909c','adopt',1704067218000000,'r1',NULL,NULL);
INSERT INTO "publications" VALUES(7,'dev','g/whole',0,0,'6612405f9d5ec275aef3366','publish',1704067229000000,'r2',NULL,NULL);
CREATE TABLE run_ends (run_id TEXT PRIMARY KEY, ended_at INTEGER NOT NULL, outcome TEXT NOT NULL);
INSERT INTO "run_ends" VALUES('r1',1704067231000000,'success');
CREATE TABLE runs (
    id TEXT PRIMARY KEY, environment TEXT NOT NULL, selection TEXT NOT NULL, engine TEXT NOT NULL,
    started_at INTEGER NOT NULL, context TEXT NOT NULL, plan TEXT NOT NULL
);
INSERT INTO "runs" VALUES('r1','main','*','local',1704067201000000,'{"host": "h"}','');
INSERT INTO "runs" VALUES('r2','dev','*','local',1704067227000000,'{"host": "h"}','');
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO "schema_version" VALUES(2);
CREATE TABLE verifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT, environment TEXT NOT NULL, asset TEXT NOT NULL, first INTEGER NOT NULL,
    last INTEGER NOT NULL, version_id TEXT NOT NULL, as_of INTEGER, ends INTEGER, at INTEGER NOT NULL,
    run_id TEXT NOT NULL
);
INSERT INTO "verifications" VALUES(1,'main','g/up',738886,738886,'6612405f9cd5f9b20382d2b',1704240000000000,1,1704067223000000,'r1');
CREATE TABLE versions (
    id TEXT PRIMARY KEY, asset TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, code TEXT NOT NULL, config TEXT NOT NULL, resources TEXT NOT NULL,
    inputs TEXT NOT NULL, lineage TEXT NOT NULL, data_version TEXT NOT NULL, format TEXT NOT NULL,
    address TEXT, size INTEGER NOT NULL, row_count INTEGER, schema TEXT, as_of INTEGER, ends INTEGER NOT NULL,
    made_at INTEGER NOT NULL, duration INTEGER NOT NULL, run_id TEXT NOT NULL, attempt_id INTEGER NOT NULL,
    rejected TEXT
);
INSERT INTO "versions" VALUES('6612405f9cd5f9b20382d2b','g/up',738886,738886,'f1','c','{"a":1}','{}','{}','{}','u0','table','u0.parquet',9,1,'x: int64',1704067200000000,0,1704067203000000,1000000,'r1',1,NULL);
INSERT INTO "versions" VALUES('6612405f9cf3b8a5700d6fa','g/up',738887,738887,'f2','c','{"a":1}','{}','{}','{}','u1','table','u1.parquet',9,1,'x: int64',1704067200000000,0,1704067206000000,1000000,'r1',2,NULL);
INSERT INTO "versions" VALUES('6612405f9d01dfea9c1074f','g/up',738889,738889,'f3','c','{"a":1}','{}','{}','{}','u3','table','u3.parquet',9,1,'x: int64',1704067200000000,0,1704067209000000,1000000,'r1',3,NULL);
INSERT INTO "versions" VALUES('6612405f9d0cce1e059909c','g/whole',0,0,'f4','c','{"a":1}','{"z.Z": "{}", "a.A": "{}"}','{"up": "old digest"}','{"up": ["g/up", ["6612405f9cd5f9b20382d2b", "6612405f9cf3b8a5700d6fa", "6612405f9d01dfea9c1074f"]]}','w1','table','w1.parquet',9,1,'x: int64',1704067200000000,0,1704067212000000,1000000,'r1',4,NULL);
INSERT INTO "versions" VALUES('6612405f9d16f4d051e4092','g/whole',0,0,'f5','c','{"a":1}','{}','{"up": "old digest 2"}','{"up": ["g/up", ["6612405f9cd5f9b20382d2b", "6612405f9cf3b8a5700d6fa", "6612405f9d01dfea9c1074f"]]}','w2','table','w2.parquet',9,1,'x: int64',1704067200000000,0,1704067215000000,1000000,'r1',5,NULL);
INSERT INTO "versions" VALUES('6612405f9d2c1090267cfa0','g/whole',0,0,'f6','c','{"a":1}','{}','{}','{}','bad','table','bad.parquet',9,1,'x: int64',1704067200000000,0,1704067221000000,1000000,'r1',7,'a check failed');
INSERT INTO "versions" VALUES('6612405f9d5ec275aef3366','g/whole',0,0,'f7','c','{"a":1}','{}','{}','{}','dev','table','dev.parquet',9,1,'x: int64',1704067200000000,0,1704067229000000,1000000,'r2',9,NULL);
CREATE INDEX attempts_of_asset ON attempts (environment, asset, ordinal);
CREATE INDEX attempts_of_run ON attempts (run_id);
CREATE INDEX versions_of_asset ON versions (asset, first, fingerprint);
CREATE INDEX versions_of_attempt ON versions (attempt_id);
CREATE INDEX judgements_of_version ON judgements (version_id);
CREATE INDEX publications_of_asset ON publications (environment, asset);
CREATE INDEX claims_of_run ON claims (run_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('attempts',10);
INSERT INTO "sqlite_sequence" VALUES('judgements',8);
INSERT INTO "sqlite_sequence" VALUES('publications',7);
INSERT INTO "sqlite_sequence" VALUES('verifications',1);
COMMIT;
