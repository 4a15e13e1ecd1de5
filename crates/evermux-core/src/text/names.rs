//! Names: how to make a tmux of some version report a wanted name again.
