//! Room `diff`.
