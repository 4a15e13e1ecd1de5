//! The thread that waits for a server to ring.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use evermux_core::model::TmuxVersion;
use evermux_core::tmux::{Nonce, Ring, Server};

use super::watcher::Message;

/// Listens once: sends the look it begins with, and then how the wait ended. `number` tells the messages of this wait
/// from those of others.
pub fn listen(server: Arc<Server>, version: TmuxVersion, nonce: Nonce, number: u64, sender: Sender<Message>) {
    thread::spawn(move || {
        let begun = Instant::now();
        let ended = server.listen(nonce, version, &mut |look| {
            // Nobody is there any more: what is said does not matter.
            let _ = sender.send(Message::Looked(number, look, begun.elapsed()));
        });
        let ring = match ended {
            Ok(ring) => ring,
            Err(error) => {
                tracing::debug!(%error, "listening ended");
                // A server that answers nobody is not asked in a hurry.
                if begun.elapsed() < Duration::from_millis(100) {
                    thread::sleep(Duration::from_millis(100));
                }
                Ring::Lost
            }
        };
        let _ = sender.send(Message::Ended(number, ring));
    });
}
