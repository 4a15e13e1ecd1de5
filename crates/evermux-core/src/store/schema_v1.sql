-- Format 1 of the store. docs/format.md explains it; changes of it come as further migrations, never here.
-- Times are microseconds since the epoch. Hashes are BLAKE3, 32 bytes. Sockets and names are bytes as tmux knows them.

-- minimum_reader: the oldest format whose readers understand this database.
CREATE TABLE store (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO store VALUES ('minimum_reader', '1');

CREATE TABLE servers (
    id      INTEGER PRIMARY KEY,
    machine TEXT NOT NULL,
    socket  BLOB NOT NULL,
    UNIQUE (machine, socket)
) STRICT;

-- The lives of a server.
CREATE TABLE generations (
    id      INTEGER PRIMARY KEY,
    server  INTEGER NOT NULL REFERENCES servers,
    boot    TEXT NOT NULL,
    pid     INTEGER NOT NULL,
    started INTEGER NOT NULL,
    -- Facts that do not change during a life.
    version TEXT NOT NULL,
    uid     INTEGER NOT NULL,
    -- How it ended, if somebody saw it: 'collapse', 'last-session-closed'; and when.
    ending  TEXT,
    ended_at INTEGER,
    UNIQUE (server, boot, pid, started)
) STRICT;

-- Everything a snapshot is made of, each named by the hash of its uncompressed bytes and kept once.
CREATE TABLE parts (
    id       INTEGER PRIMARY KEY,
    hash     BLOB NOT NULL UNIQUE,
    -- 'server', 'clients', 'session', 'facts', 'window', 'text' (JSON), 'block' (lines). Only for people: bytes that
    -- are two things at once are kept once, under the first.
    kind     TEXT NOT NULL,
    -- 0: as they are, 1: zstd.
    encoding INTEGER NOT NULL,
    -- How many bytes, uncompressed.
    size     INTEGER NOT NULL,
    data     BLOB NOT NULL
) STRICT;

-- What a part mentions: sessions their windows, windows their texts, texts their blocks.
CREATE TABLE refs (
    parent INTEGER NOT NULL REFERENCES parts ON DELETE CASCADE,
    child  INTEGER NOT NULL REFERENCES parts,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;
CREATE INDEX refs_child ON refs (child);

-- What lists need of a session part, so that they need not open it.
CREATE TABLE sessions (
    part       INTEGER PRIMARY KEY REFERENCES parts ON DELETE CASCADE,
    name       BLOB NOT NULL,
    windows    INTEGER NOT NULL,
    -- The identities of its panes, 16 bytes each, in the order of its links, each once.
    identities BLOB NOT NULL
) STRICT;

CREATE TABLE snapshots (
    -- AUTOINCREMENT: a number is never used again.
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    generation INTEGER NOT NULL REFERENCES generations,
    taken_at   INTEGER NOT NULL,
    -- The last time the server was seen in this state.
    still_at   INTEGER NOT NULL,
    -- 'manual', 'automatic', 'before-replace', 'after-restore'.
    kind       TEXT NOT NULL,
    -- JSON: "whole", "part", or {"without": [NAME, …]}.
    coverage   TEXT NOT NULL,
    name       TEXT,
    note       TEXT,
    pinned     INTEGER NOT NULL DEFAULT 0,
    -- The version of the bodies.
    format     INTEGER NOT NULL,
    -- The hash of all that counts for equality.
    state      BLOB NOT NULL,
    windows    INTEGER NOT NULL,
    panes      INTEGER NOT NULL,
    server     INTEGER NOT NULL REFERENCES parts,
    clients    INTEGER NOT NULL REFERENCES parts
) STRICT;
CREATE INDEX snapshots_generation ON snapshots (generation, id);
CREATE INDEX snapshots_name ON snapshots (name, id) WHERE name IS NOT NULL;
CREATE INDEX snapshots_server ON snapshots (server);
CREATE INDEX snapshots_clients ON snapshots (clients);

CREATE TABLE snapshot_sessions (
    snapshot  INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
    position  INTEGER NOT NULL,
    session   INTEGER NOT NULL REFERENCES parts,
    -- The last two change with still_at.
    facts     INTEGER NOT NULL REFERENCES parts,
    untouched INTEGER NOT NULL,
    PRIMARY KEY (snapshot, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshot_sessions_session ON snapshot_sessions (session);
CREATE INDEX snapshot_sessions_facts ON snapshot_sessions (facts);

-- Panes whose past is settled: 'closed', 'forgotten', 'left-out'.
CREATE TABLE settled (
    server INTEGER NOT NULL REFERENCES servers,
    pane   BLOB NOT NULL,
    until  INTEGER NOT NULL,
    why    TEXT NOT NULL,
    PRIMARY KEY (server, pane)
) STRICT, WITHOUT ROWID;

-- The journal of restores.
CREATE TABLE restores (
    -- Random; the tag on everything the restore makes.
    id         TEXT PRIMARY KEY,
    number     INTEGER NOT NULL UNIQUE,
    server     INTEGER NOT NULL REFERENCES servers,
    -- None until the server it restores into is known.
    generation INTEGER REFERENCES generations,
    began_at   INTEGER NOT NULL,
    ended_at   INTEGER,
    -- 'running', 'done', 'interrupted', 'completed' (by a later one), 'rolled-back', 'undone'.
    state      TEXT NOT NULL,
    -- What it was going to do, JSON.
    plan       TEXT NOT NULL,
    -- The snapshot of what it found.
    before     INTEGER REFERENCES snapshots ON DELETE SET NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX restores_server ON restores (server, number);

-- What a restore was to bring back.
CREATE TABLE restore_panes (
    restore  TEXT NOT NULL REFERENCES restores ON DELETE CASCADE,
    snapshot INTEGER NOT NULL REFERENCES snapshots ON DELETE CASCADE,
    session  INTEGER NOT NULL,
    pane     BLOB NOT NULL,
    -- It stands in its place with its text.
    finished INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (restore, snapshot, session, pane)
) STRICT, WITHOUT ROWID;
CREATE INDEX restore_panes_snapshot ON restore_panes (snapshot);

-- The panes it was asked to replace.
CREATE TABLE restore_replaced (
    restore TEXT NOT NULL REFERENCES restores ON DELETE CASCADE,
    pane    BLOB NOT NULL,
    PRIMARY KEY (restore, pane)
) STRICT, WITHOUT ROWID;

-- What it did, in order.
CREATE TABLE restore_steps (
    restore  TEXT NOT NULL REFERENCES restores ON DELETE CASCADE,
    position INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    what     TEXT NOT NULL,
    -- JSON.
    detail   TEXT NOT NULL,
    PRIMARY KEY (restore, position)
) STRICT, WITHOUT ROWID;
