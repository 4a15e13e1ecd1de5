//! Listing a server: script, client and parser put together.

use std::time::Duration;

use super::client::RunError;
use super::list_parse::{self, ListingError};
use super::list_script::{self, ListRequest};
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

impl Server {
    /// Lists everything: in one client from tmux 3.2 on, before that in two.
    ///
    /// # Errors
    /// [`ListError`]. Then nothing may be concluded about the server, least of all that something is not there.
    pub fn list(&self, request: &ListRequest, limit: Duration) -> Result<Report<Listing>, ListError> {
        let nonce = request.nonce;
        let output = self.run(&list_script::list_script(request), limit)?;
        let mut parsed = list_parse::parse_listing(&nonce, &output.stdout)?;
        if !parsed.own.complete {
            let script = list_script::options_script(nonce, &parsed.listing);
            let output = self.run(&script, limit)?;
            list_parse::parse_options_reply(&nonce, &output.stdout, &mut parsed);
            if !parsed.own.complete {
                return Err(ListingError::Truncated.into());
            }
        }
        let (listing, unknown, strange) = parsed.finish();
        let mut problems = Vec::new();
        for id in unknown {
            problems.push(Problem::new(subject(&id), format!("{id} vanished before its options were read")));
        }
        problems.extend(strange.iter().map(|error| Problem::new(Subject::Server, error.to_string())));
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
