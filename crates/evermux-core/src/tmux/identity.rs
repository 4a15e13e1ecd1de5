//! Who a server is: asked in one client, and answered also where there is no session yet.

use std::time::Duration;

use bstr::ByteSlice;

use super::{RunError, Server};
use crate::model::TmuxVersion;

/// What a server says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its version, which need not be that of any tmux on the disk.
    pub version: TmuxVersion,
    /// Its process.
    pub pid: u32,
    /// When it began: `#{start_time}`, seconds since the epoch.
    pub started: i64,
    /// Whether it has no session: it still reads its config, is about to end, or lives on without (`exit-empty off`).
    pub empty: bool,
}

/// `display-message` fails where there is no session (up to 3.2), this does not.
const SCRIPT: &[u8] =
    b"list-commands -F 'evermux #{version} #{pid} #{start_time}' wait-for\nlist-sessions -F session\n";

impl Server {
    /// Asks the server who it is; none if it is of a version that is not understood.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn identify(&self, limit: Duration) -> Result<Option<Identity>, RunError> {
        Ok(parse(&self.run(SCRIPT, limit)?.stdout))
    }
}

fn parse(reply: &[u8]) -> Option<Identity> {
    let text = reply.to_str().ok()?;
    let mut words = text.lines().find_map(|line| line.strip_prefix("evermux "))?.split(' ');
    Some(Identity {
        version: words.next()?.parse().ok()?,
        pid: words.next()?.parse().ok()?,
        started: words.next()?.parse().ok()?,
        empty: !text.lines().any(|line| line == "session"),
    })
}

#[cfg(test)]
mod tests {
    use evermux_testkit::{Server as Private, tmux_binaries};

    use super::*;
    use crate::tmux::Binaries;

    #[test]
    fn a_server_says_who_it_is_with_and_without_sessions() {
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            let uid = rustix::process::getuid().as_raw();
            let server = Server::connect(&private.socket(), uid, &Binaries::default()).unwrap();
            let limit = Duration::from_secs(20);
            let identity = server.identify(limit).unwrap().unwrap();
            let told = private.run(&["display-message", "-p", "#{version} #{pid} #{start_time}"]);
            let Identity { version, pid, started, empty } = identity;
            assert_eq!(told.trim(), format!("{version} {pid} {started}"));
            assert!(!empty);
            private.run(&["set-option", "-s", "exit-empty", "off"]);
            private.run(&["kill-session", "-t", "=main"]);
            assert_eq!(server.identify(limit).unwrap(), Some(Identity { empty: true, ..identity }));
        }
        assert_eq!(parse(b"evermux next 1\n"), None);
    }
}
