//! evermux keeps tmux work alive.

fn main() {}
