//! What others are told of a server: the file that `status` reads, and what its users see in tmux.

use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};
use evermux_core::store::{Status, write_status};
use evermux_core::text::quote;
use evermux_core::watch::Trouble;

use crate::context::Context;

/// A status is written again when what it says is older than this.
const FRESH: Duration = Duration::from_secs(2);

/// What was told last, and what is still to be told.
pub struct Notices {
    context: Context,
    /// What was last written for others to read, and when.
    written: Option<(Status, Instant)>,
    /// What the user is to be told as soon as a terminal shows the server.
    news: Option<String>,
}

impl Notices {
    /// Nothing was told yet.
    pub fn new(context: Context) -> Self {
        Self { context, written: None, news: None }
    }

    /// The script that shows the users of the server what goes wrong: an option for status lines. A message comes with
    /// [`Self::message`].
    pub fn show(&mut self, trouble: &Trouble) -> String {
        self.news = Some(format!("evermux cannot save: {}", trouble.what));
        match quote::tmux_word(quote::tmux_message(trouble.what.as_bytes()).as_bytes()) {
            Ok(option) => format!("set-option -g @evermux-trouble {}\n", option.to_str_lossy()),
            Err(_) => String::new(),
        }
    }

    /// The script that takes back what was shown.
    pub fn clear(&mut self) -> &'static str {
        // Who has not heard of it need not hear that it is over.
        self.news = self.news.is_none().then(|| "evermux saves again".to_owned());
        Self::HIDE
    }

    /// Removes the option of [`Self::show`].
    pub const HIDE: &'static str = "set-option -gu @evermux-trouble\n";

    /// The server is gone, and with it those who were to be told.
    pub fn gone(&mut self) {
        self.news = None;
    }

    /// The script that shows what is new, once, in these terminals; as long as there is none, it waits.
    pub fn message(&mut self, terminals: &[BString]) -> Option<String> {
        let text = quote::tmux_word(quote::tmux_message(self.news.as_ref()?.as_bytes()).as_bytes()).ok()?;
        let line = |terminal: &BString| {
            let terminal = quote::tmux_word(terminal).ok()?;
            Some(format!("display-message -c {} {}\n", terminal.to_str_lossy(), text.to_str_lossy()))
        };
        let script: String = terminals.iter().filter_map(line).collect();
        if script.is_empty() {
            return None;
        }
        self.news = None;
        Some(script)
    }

    /// Writes how things stand, if that is news.
    pub fn write(&mut self, status: Status) {
        let is_news = |(old, written): &(Status, Instant)| {
            let told = |of: &Status| {
                (of.state, of.trouble.clone(), of.snapshot, of.missed.clone(), of.restore_disabled)
            };
            told(old) != told(&status) || written.elapsed() >= FRESH
        };
        if self.written.as_ref().is_none_or(is_news) {
            self.write_anyway(status);
        }
    }

    /// Writes how things stand.
    pub fn write_anyway(&mut self, status: Status) {
        let written = write_status(&self.context.place(), &self.context.server(), &status);
        if let Err(error) = written {
            tracing::debug!(error = error.in_full(), "the status could not be written");
        }
        self.written = Some((status, Instant::now()));
    }
}
