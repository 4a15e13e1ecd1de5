//! evermux keeps tmux work alive: this library saves everything a tmux server holds and brings it back exactly.
//!
//! It has no terminal, reads no environment and has no clock or randomness of its own: time, random identities
//! and folders are parameters. A room (module) uses only rooms above it in this list; `tests/rooms.rs` checks that.

#![warn(missing_docs)]

// Words: plain values and the languages they are written in.
pub mod layout;
pub mod model;
pub mod text;
pub mod secrets;
pub mod problem;

// Decisions: pure functions from values to values.
pub mod diff;
pub mod choose;
pub mod handlers;
pub mod relaunch;
pub mod shell;
pub mod plan;
pub mod retention;
pub mod watch;

// Seams: the only rooms that touch the world.
pub mod tmux;
pub mod procs;
pub mod gate;
pub mod store;
pub mod foreign;
pub mod editors;

// Verbs: seams and decisions put together.
pub mod session;
pub mod assistants;
pub mod capture;
pub mod save;
pub mod restore;
pub mod history;
