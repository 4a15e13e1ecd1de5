//! What a command that takes over the terminal knows of it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::variable;

/// The terminal this process was started in, and the environment that goes with it.
#[derive(Clone, Debug, Default)]
pub struct Terminal {
    /// The device of standard input, if that is a terminal.
    pub device: Option<PathBuf>,
    /// Its size in columns and rows, if it tells one.
    pub size: Option<(u16, u16)>,
    /// `$TERM`.
    pub kind: Option<OsString>,
    /// `$TMUX`, taken apart.
    pub tmux: Option<Tmux>,
    /// Whether some variable says which characters the terminal shows (`LC_ALL`, `LC_CTYPE`, `LANG`).
    pub has_locale: bool,
    /// The user's shell: `$SHELL`, else `/bin/sh`.
    pub shell: PathBuf,
    /// The folders in which descriptions of terminals may lie, in the order in which ncurses looks.
    pub descriptions: Vec<PathBuf>,
    /// The working directory; `/` if it is gone.
    pub directory: PathBuf,
}

/// What tmux says of itself to the programs in its panes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmux {
    /// The server's socket.
    pub socket: PathBuf,
    /// The server's process.
    pub pid: Option<u32>,
    /// `$TMUX_PANE`.
    pub pane: Option<OsString>,
}

impl Terminal {
    /// Reads the environment and asks the terminal.
    pub fn read() -> Self {
        let stdin = std::io::stdin();
        let device = rustix::termios::ttyname(&stdin, Vec::new()).ok();
        let size = rustix::termios::tcgetwinsize(&stdin).ok();
        let home = env::home_dir();
        Self {
            device: device.map(|name| PathBuf::from(OsString::from_vec(name.into_bytes()))),
            size: size
                .map(|size| (size.ws_col, size.ws_row))
                .filter(|&(width, height)| width > 1 && height > 1),
            kind: variable("TERM"),
            tmux: variable("TMUX").as_deref().and_then(|text| Tmux::parse(text, variable("TMUX_PANE"))),
            has_locale: ["LC_ALL", "LC_CTYPE", "LANG"].iter().any(|name| variable(name).is_some()),
            shell: variable("SHELL").map_or_else(|| PathBuf::from("/bin/sh"), PathBuf::from),
            descriptions: descriptions(
                variable("TERMINFO").as_deref(),
                home.as_deref(),
                variable("TERMINFO_DIRS").as_deref(),
            ),
            directory: env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }
}

impl Tmux {
    /// `SOCKET,PID,SESSION`; the socket's path may hold commas itself.
    fn parse(text: &OsStr, pane: Option<OsString>) -> Option<Self> {
        let mut fields = text.as_bytes().rsplitn(3, |&byte| byte == b',').skip(1);
        let pid = fields.next().and_then(|pid| std::str::from_utf8(pid).ok()?.parse().ok());
        let socket = PathBuf::from(OsStr::from_bytes(fields.next()?));
        socket.is_absolute().then_some(Self { socket, pid, pane })
    }
}

/// Where ncurses looks (`terminfo(5)`), with the folders of the usual systems in place of its compiled-in ones.
fn descriptions(own: Option<&OsStr>, home: Option<&Path>, more: Option<&OsStr>) -> Vec<PathBuf> {
    const USUAL: [&str; 7] = [
        "/etc/terminfo",
        "/lib/terminfo",
        "/usr/share/terminfo",
        "/usr/lib/terminfo",
        "/usr/local/share/terminfo",
        "/opt/homebrew/opt/ncurses/share/terminfo",
        "/run/current-system/sw/share/terminfo",
    ];
    let more = more.into_iter().flat_map(env::split_paths).filter(|folder| !folder.as_os_str().is_empty());
    own.map(PathBuf::from)
        .into_iter()
        .chain(home.map(|home| home.join(".terminfo")))
        .chain(more)
        .chain(USUAL.iter().map(PathBuf::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_of_tmux_is_taken_apart() {
        let parse = |text: &str| Tmux::parse(OsStr::new(text), None);
        let tmux = |socket: &str, pid| Some(Tmux { socket: socket.into(), pid, pane: None });
        assert_eq!(parse("/tmp/tmux-0/default,4711,3"), tmux("/tmp/tmux-0/default", Some(4711)));
        assert_eq!(parse("/a,b/c,1,0"), tmux("/a,b/c", Some(1)));
        assert_eq!(parse("/a,x,0"), tmux("/a", None));
        for text in ["", "/a", "a,1,0", ",1,0"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn descriptions_of_terminals_are_looked_for_as_ncurses_does() {
        let found = descriptions(Some(OsStr::new("/x")), Some(Path::new("/h")), Some(OsStr::new("/a::/b")));
        let first: Vec<_> = found.iter().take(5).map(|path| path.to_str().unwrap()).collect();
        assert_eq!(first, ["/x", "/h/.terminfo", "/a", "/b", "/etc/terminfo"]);
    }
}
