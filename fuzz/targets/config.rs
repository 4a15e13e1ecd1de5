//! The config file.

#![no_main]
#![allow(dead_code, missing_docs, unused_imports, reason = "a part of the binary")]

#[path = "../../crates/evermux/src/config/mod.rs"]
mod config;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = config::parse(text);
    }
});
