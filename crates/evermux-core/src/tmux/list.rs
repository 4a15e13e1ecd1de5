//! Listing a server: script, client and parser put together.

use std::time::Duration;

use super::client::RunError;
use super::list_parse::{self, ListingError};
use super::list_script::{self, ListRequest};
use super::script::for_version;
use super::{Listing, Server};
use crate::problem::{Problem, Report, Subject};

/// Why there is no listing.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The client gave no answer.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Its answer is no listing.
    #[error(transparent)]
    Listing(#[from] ListingError),
}

/// How often a listing is asked for that contradicts itself: on a machine that has very much to do a server once told of a
/// window and of none of its panes, while several restores and saves worked on it.
const ATTEMPTS: u32 = 3;

impl Server {
    /// Lists everything in one client. A second one follows before tmux 3.2, for the options of single objects, and up to
    /// 3.7 where some but not all panes of a window have an identity and one has other options.
    ///
    /// # Errors
    /// [`ListError`]. Then nothing may be concluded about the server, least of all that something is not there.
    pub fn list(&self, request: &ListRequest, limit: Duration) -> Result<Report<Listing>, ListError> {
        let mut attempt = 1;
        loop {
            match self.list_once(request, limit) {
                Err(ListError::Listing(ListingError::GaveUp | ListingError::Malformed { .. }))
                    if attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                listed => return listed,
            }
        }
    }

    fn list_once(&self, request: &ListRequest, limit: Duration) -> Result<Report<Listing>, ListError> {
        let nonce = request.nonce;
        let output = self.run(&list_script::list_script(request), limit)?;
        let (mut listing, mut own) = list_parse::parse_listing(&nonce, &output.stdout)?;
        let mut unknown = own.unknown(&listing);
        if !unknown.is_empty() {
            let script = list_script::options_script(nonce, &unknown);
            let output = self.run(&for_version(listing.server.version, &script), limit)?;
            list_parse::parse_options_reply(&nonce, &output.stdout, listing.server.version, &mut own)?;
            unknown = own.unknown(&listing);
        }
        let vanished = unknown
            .ids()
            .map(|id| Problem::new(subject(&id), format!("{id} vanished before its options were read")));
        // The names of variables are in these, values never.
        let strange = own.strange.iter().map(|error| Problem::new(Subject::Server, error.to_string()));
        let problems = vanished.chain(strange).collect();
        own.put_into(&mut listing);
        Ok(Report { value: listing, problems })
    }
}

fn subject(id: &str) -> Subject {
    match (id.parse(), id.parse()) {
        (Ok(session), _) => Subject::SessionId(session),
        (_, Ok(window)) => Subject::WindowId(window),
        _ => Subject::Server,
    }
}
