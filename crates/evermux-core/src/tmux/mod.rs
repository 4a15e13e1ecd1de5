//! The only room that runs tmux; replies are parsed by pure functions on bytes.

mod listing;

pub use listing::{
    ExactHistory, History, ListedClient, ListedLink, ListedPane, ListedServer, ListedSession, ListedWindow,
    Listing,
};
