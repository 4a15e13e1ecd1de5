//! For tests: private tmux servers of several versions, hermetic environments, an independent description of a
//! whole server, and random rich servers.
//!
//! Nothing here uses evermux's own code: what judges it must not share its mistakes. Everything panics with the
//! whole story when something outside fails, since a test has no better answer.
//!
//! ```no_run
//! use evermux_testkit::{Server, tmux_binaries};
//!
//! for tmux in tmux_binaries() {
//!     let server = Server::start(&tmux);
//!     server.run(&["rename-session", "-t", "main", "work"]);
//!     assert_eq!(server.display("main", "#{session_name}"), "work");
//! } // every process of every server is gone here
//! ```

mod binaries;
mod client;
mod describe;
mod editors;
mod environment;
mod obstacle;
mod output;
mod process;
mod random;
mod sandbox;
mod server;
mod wait;
mod warden;

pub use binaries::{Tmux, Version, tmux_binaries};
pub use client::Client;
pub use describe::{describe, differences};
pub use editors::{Nvim, nvim_binaries};
pub use environment::Env;
pub use obstacle::Obstacle;
pub use output::Output;
pub use process::Process;
pub use random::{Config, Cooked, Edge, Pick, Recipe, Scope, Step, config, recipe};
pub use sandbox::Sandbox;
pub use server::{Server, ServerBuilder};
pub use wait::{LIMIT, wait_until};
