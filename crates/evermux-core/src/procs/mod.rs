//! Room `procs`.
