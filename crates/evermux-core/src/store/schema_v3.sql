-- Format 3: packs of old snapshots. docs/format.md explains it.

UPDATE store SET value = '3' WHERE name = 'minimum_reader';

-- What only these snapshots need, in one zstd frame: neighbouring states differ little.
CREATE TABLE packs (
    -- AUTOINCREMENT: a number is never used again.
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    -- How many bytes, uncompressed.
    size INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

-- The snapshots in packs. They have no rows in snapshot_sessions.
CREATE TABLE packed (
    snapshot INTEGER PRIMARY KEY REFERENCES snapshots ON DELETE CASCADE,
    pack     INTEGER NOT NULL REFERENCES packs,
    -- The hash of the part of the pack that says which sessions it has.
    root     BLOB NOT NULL,
    -- What lists need of its sessions, a part outside the pack.
    entries  INTEGER NOT NULL REFERENCES parts
) STRICT;
CREATE INDEX packed_pack ON packed (pack);
CREATE INDEX packed_entries ON packed (entries);

-- The parts outside that a pack mentions: what others need, too, and sealed blocks of text.
CREATE TABLE pack_refs (
    pack INTEGER NOT NULL REFERENCES packs ON DELETE CASCADE,
    part INTEGER NOT NULL REFERENCES parts,
    PRIMARY KEY (pack, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX pack_refs_part ON pack_refs (part);
