//! evermux keeps tmux work alive: this library saves everything a tmux server holds and brings it back exactly.
//!
//! It has no terminal, reads no environment and has no clock or randomness of its own: time, random identities
//! and folders are parameters. A room (module) uses only rooms above it in this list; `tests/rooms.rs` checks that.

#![warn(missing_docs)]

// Words: plain values and the languages they are written in.
pub mod layout;
pub mod model;
pub mod problem;
pub mod secrets;
pub mod text;

// Decisions: pure functions from values to values.
pub mod choose;
pub mod diff;
pub mod plan;
pub mod relaunch;

// Seams: the only rooms that touch the world.
pub mod procs;
pub mod store;
pub mod tmux;

// Verbs: seams and decisions put together.
pub mod capture;
pub mod history;
pub mod restore;
