-- Format 2: what the keeper looks after. docs/format.md explains it.

-- The servers that are looked after, or are to be left alone.
CREATE TABLE watched (
    server INTEGER PRIMARY KEY REFERENCES servers ON DELETE CASCADE,
    since  INTEGER NOT NULL,
    -- 0: the user has said that it is to be left alone.
    kept   INTEGER NOT NULL
) STRICT;

-- What the keeper is told and notes: 'paused_until', 'pruned_at' (microseconds since the epoch).
CREATE TABLE keeper (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was done at the start of each life of a server, so that it is done once.
CREATE TABLE starts (
    id      INTEGER PRIMARY KEY,
    server  INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,
    boot    TEXT NOT NULL,
    pid     INTEGER NOT NULL,
    started INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    -- 'restoring' until the restore has ended, then 'restored'; 'nothing', 'declined', 'off', 'asked', 'too-late', 'unsafe'.
    outcome TEXT NOT NULL,
    UNIQUE (server, boot, pid, started)
) STRICT;

-- Sessions that somebody waits for, until one who restores takes them on.
CREATE TABLE wanted (
    server  INTEGER NOT NULL REFERENCES servers ON DELETE CASCADE,
    session BLOB NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (server, session)
) STRICT, WITHOUT ROWID;

-- Snapshots whose text had to go, so that everything fits into the limit.
CREATE TABLE thinned (
    snapshot INTEGER PRIMARY KEY REFERENCES snapshots ON DELETE CASCADE,
    at       INTEGER NOT NULL
) STRICT;
