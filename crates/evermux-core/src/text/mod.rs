//! The words tmux, shells and terminals speak: names, quoting and coloured text.
//!
//! Everything here turns bytes into bytes and treats both sides as foreign: nothing that was saved is ever
//! interpreted by tmux, a shell or a terminal as anything but itself.

pub mod ansi;
pub mod names;
pub mod quote;
