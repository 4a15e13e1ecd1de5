//! Sessions for scripts: made once, found exactly, talked to and ended without races.
//!
//! tmux's own `-t` takes beginnings of names, patterns, ids (`$1`) and names of terminals for a session. Here a name is a
//! name: sessions are looked up in a list and addressed by their ids from then on.

mod capture;
mod end;
mod ensure;
mod error;
mod find;
mod list;
mod look;
mod mark;
mod name;
mod ready;
mod restart;
mod rows;
mod run;
mod send;
mod talk;
mod trees;
mod wait;

pub use capture::{Captured, How, Wanted, capture};
pub use end::{Ended, Ending, kill, kill_id};
pub use ensure::{Difference, Ensured, Make, differences, ensure, owned_by};
pub use error::SessionError;
pub use find::{Found, Pane, Target, find_pane, find_session, panes};
pub use list::{ListedAs, Rule, Viewer, list};
pub use look::Watched;
pub use mark::{BadMark, Mark};
pub use name::{BadName, SessionName};
pub use ready::{wait_for_prompt, wait_until_it_reads};
pub use restart::{Restarted, restart};
pub use run::{Line, Ran, Work, run};
pub use send::{Text, is_key, send_keys, send_text};
pub use talk::Talk;
pub use trees::Trees;
pub use wait::{TextPattern, wait_for_exit, wait_for_text, wait_until_idle};
