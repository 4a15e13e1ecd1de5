//! Quoting: any bytes as one word for tmux, a shell or a terminal, and tmux's own quoting undone.

mod editors;
mod print;
mod replies;
mod shell;
#[cfg(test)]
mod tests;
mod tmux;

pub use editors::{elisp_string, kakoune_string};
pub use print::{printable, tmux_message};
pub use replies::{BadEnvironment, environment, option_line, undo_output, undo_tmux_word};
pub use shell::{Language, MAX_TYPED, Untypeable, fish_word, shell_line, shell_word};
pub use tmux::{format_literal, tmux_word};

/// A NUL byte, which no argument of a program or of tmux can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a NUL byte cannot be part of an argument")]
pub struct NulByte;
