//! For tests: private tmux servers of several versions and hermetic environments.
