//! Room `choose`.
