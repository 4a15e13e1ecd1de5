//! Room `relaunch`.
