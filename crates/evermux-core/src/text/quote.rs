//! Quoting: any bytes as one word for tmux, a shell or a terminal, and back.
