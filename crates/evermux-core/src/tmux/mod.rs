//! Room `tmux`.
