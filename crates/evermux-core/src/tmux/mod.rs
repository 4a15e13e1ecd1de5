//! The only room that runs tmux; replies are parsed by pure functions on bytes.
//!
//! A [`Server`] is found by [`SocketChoice::resolve`] and [`Server::connect`]. Everything it is told is a script for
//! `source-file` in one client with a deadline. [`Server::list`] says all that is known of it in a [`Listing`],
//! [`Server::capture`] the text of its panes. [`Start`] starts one.

mod binaries;
mod client;
mod door;
mod frames;
mod hooks;
mod identity;
mod list;
mod list_parse;
mod list_script;
mod listing;
mod look;
mod marks;
mod nonce;
mod options;
mod own_options;
mod reach;
#[cfg(test)]
mod recorded;
mod script;
mod server;
mod socket;
mod start;
mod typing;
mod words;

pub use binaries::Binaries;
pub use client::{Output, RunError};
pub use door::{Door, Shown};
pub use frames::{
    CaptureRequest, CaptureScript, CaptureStyle, Frame, FrameError, FrameHead, FrameReader, Part, Row,
};
pub use hooks::Hooks;
pub use identity::Identity;
pub use list::ListError;
pub use list_parse::ListingError;
pub use list_script::ListRequest;
pub use listing::{
    ExactHistory, History, ListedClient, ListedLink, ListedPane, ListedServer, ListedSession, ListedWindow,
    Listing,
};
pub use look::Ring;
pub use marks::Mark;
pub use nonce::Nonce;
pub use reach::Reach;
pub use script::{for_version, in_blocks};
pub use server::{CaptureError, Server, yield_line};
pub use socket::{ConnectError, Peer, SocketChoice, peer};
pub use start::{Start, StartError};
pub use typing::{Pasting, Spot, Typing};
pub use words::{Command, Script, command};

/// Reads bytes as the replies of a listing's two clients.
#[cfg(feature = "fuzzing")]
pub fn fuzz_listing(reply: &[u8]) {
    let nonce = Nonce::from_random([0xab; 16]);
    let Ok((mut listing, mut own)) = list_parse::parse_listing(&nonce, reply) else { return };
    let _ = list_parse::parse_options_reply(&nonce, reply, listing.server.version, &mut own);
    own.put_into(&mut listing);
}
