//! The stored forms of a snapshot's parts: JSON with a version, apart from the types the program works with.
//!
//! Every body begins with `"v"`: the oldest format whose readers understand it. Readers ignore keys they do not know,
//! so a new key needs no new version unless ignoring it would be wrong; a key is never used again for something else.
//! Keys are written in a fixed order and only where they say something, so that equal content is equal bytes and
//! bodies can be named by their hash.
//!
//! What counts for equality is in [`ServerBody`], [`SessionBody`], [`WindowBody`] and [`TextBody`]; what changes
//! while the state stays the same is in [`SessionFactsBody`] and [`ClientsBody`].

mod bytes;
mod editor;
mod facts;
mod layout;
mod pane;
mod root;
mod session;
mod window;

pub use bytes::{Bytes, Hash};
pub use facts::{ClientsBody, SessionFactsBody, WindowFactsBody};
pub use pane::{ShellBody, TextBody};
pub use root::{EntriesBody, RootBody, RootSessionBody};
pub use session::{ServerBody, SessionBody};
pub use window::WindowBody;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The format of bodies written here. 1: evermux 0.1.
pub const FORMAT: u32 = 1;

/// The bytes of a body.
pub fn write<B: Serialize>(body: &B) -> Vec<u8> {
    #[derive(Serialize)]
    struct Versioned<'a, B> {
        v: u32,
        #[serde(flatten)]
        body: &'a B,
    }
    serde_json::to_vec(&Versioned { v: FORMAT, body }).expect("bodies have string keys and no failing parts")
}

/// A body from its bytes.
///
/// # Errors
/// What is wrong, as a fragment: a newer format, or not this kind of body.
pub fn read<B: DeserializeOwned>(bytes: &[u8]) -> Result<B, String> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    // What this evermux writes begins so; only other beginnings are worth a look of their own.
    if !bytes.starts_with(format!("{{\"v\":{FORMAT},").as_bytes()) {
        let Version { v } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if v > FORMAT {
            return Err(format!("is of format {v}, this evermux knows {FORMAT}"));
        }
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// For `skip_serializing_if`.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
