//! Two snapshots compared: what changed, and whether what came back equals what was there (law 1).
