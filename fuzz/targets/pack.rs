//! A pack of old snapshots, as it lies in the database.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| evermux_core::store::fuzz_pack(data));
