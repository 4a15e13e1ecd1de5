//! Sockets of tmux servers: where they are, who is behind them, and whether that can be trusted.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};
use thiserror::Error;

/// Where the user says the server is, and what else decides it.
#[derive(Clone, Debug, Default)]
pub struct SocketChoice<'a> {
    /// `-S PATH`.
    pub path: Option<&'a Path>,
    /// `-L NAME`.
    pub name: Option<&'a OsStr>,
    /// The value of `$TMUX`, set inside tmux: `SOCKET,PID,SESSION`.
    pub tmux: Option<&'a OsStr>,
    /// The value of `$TMUX_TMPDIR`.
    pub tmpdir: Option<&'a OsStr>,
    /// The user.
    pub uid: u32,
}

impl SocketChoice<'_> {
    /// The path of the socket, as tmux finds it (`make_label` in `tmux.c`): `-S`, else `-L`, else the first field of
    /// `$TMUX`, else `default`. A name is looked up in `${TMUX_TMPDIR:-/tmp}/tmux-UID` with links of the folder resolved;
    /// if `$TMUX_TMPDIR` is empty or no such folder, in `/tmp`.
    pub fn resolve(&self) -> PathBuf {
        if let Some(path) = self.path {
            return std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        }
        if self.name.is_none()
            && let Some(tmux) = self.tmux
            && let Some(socket) = tmux.as_bytes().split(|&byte| byte == b',').next()
            && socket.starts_with(b"/")
        {
            return PathBuf::from(OsStr::from_bytes(socket));
        }
        let mut folder = OsString::from(format!("tmux-{}/", self.uid));
        folder.push(self.name.unwrap_or(OsStr::new("default")));
        let base = self.tmpdir.filter(|dir| !dir.is_empty()).and_then(|dir| std::fs::canonicalize(dir).ok());
        let base = base.or_else(|| std::fs::canonicalize("/tmp").ok()).unwrap_or_else(|| "/tmp".into());
        base.join(folder)
    }
}

/// The process behind a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its id: the server's, or that of whoever listens for it (systemd's socket activation). None where the system
    /// does not tell.
    pub pid: Option<u32>,
    /// Its user.
    pub uid: u32,
}

/// Why a server is not talked to.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// No socket.
    #[error("no tmux server at {}", .0.display())]
    Missing(PathBuf),
    /// A socket that a dead server left behind.
    #[error("no tmux server at {}: its socket is dead", .0.display())]
    Dead(PathBuf),
    /// Something else than a socket.
    #[error("{} is not a socket", .0.display())]
    NotSocket(PathBuf),
    /// The socket, its folder or the server belongs to somebody else.
    #[error("{what} {} belongs to user {owner}, not to you", path.display())]
    Foreign {
        /// The socket or its folder.
        path: PathBuf,
        /// Which of them.
        what: &'static str,
        /// Whose it is.
        owner: u32,
    },
    /// Others may replace the socket.
    #[error("the folder {} can be written by others", .0.display())]
    Unsafe(PathBuf),
    /// The server takes no connection: it hangs.
    #[error("the tmux server at {} takes no connection", .0.display())]
    Hangs(PathBuf),
    /// No tmux to talk to it with.
    #[error("cannot find tmux")]
    NoBinary,
    /// Anything else.
    #[error("cannot reach the tmux server at {}", path.display())]
    Other {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Checks that a socket is ours and answers, and says who is behind it. Starts nothing, and sends nothing.
///
/// Ours means: socket and server belong to `uid`; the socket's folder belongs to `uid` or root, and others cannot
/// write to it, unless it is sticky like `/tmp`.
///
/// # Errors
/// [`ConnectError`], by what is there.
pub fn peer(socket: &Path, uid: u32) -> Result<Peer, ConnectError> {
    let other = |source| ConnectError::Other { path: socket.to_owned(), source };
    let real = match std::fs::canonicalize(socket) {
        Ok(real) => real,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(ConnectError::Missing(socket.to_owned()));
        }
        Err(error) => return Err(other(error)),
    };
    check_owner(&real, uid)?;
    let peer = connect(&real).map_err(|errno| match errno {
        Errno::CONNREFUSED => ConnectError::Dead(socket.to_owned()),
        Errno::NOENT => ConnectError::Missing(socket.to_owned()),
        Errno::AGAIN | Errno::INPROGRESS | Errno::TIMEDOUT => ConnectError::Hangs(socket.to_owned()),
        errno => other(errno.into()),
    })?;
    if peer.uid != uid {
        return Err(ConnectError::Foreign { path: real, what: "the server at", owner: peer.uid });
    }
    Ok(peer)
}

fn check_owner(real: &Path, uid: u32) -> Result<(), ConnectError> {
    let stat = |path: &Path| {
        std::fs::symlink_metadata(path)
            .map_err(|source| ConnectError::Other { path: path.to_owned(), source })
    };
    let socket = stat(real)?;
    if !socket.file_type().is_socket() {
        return Err(ConnectError::NotSocket(real.to_owned()));
    }
    if socket.uid() != uid {
        return Err(ConnectError::Foreign { path: real.to_owned(), what: "the socket", owner: socket.uid() });
    }
    let folder = real.parent().unwrap_or(Path::new("/"));
    let meta = stat(folder)?;
    if meta.uid() != uid && meta.uid() != 0 {
        return Err(ConnectError::Foreign { path: folder.to_owned(), what: "the folder", owner: meta.uid() });
    }
    const STICKY: u32 = 0o1000;
    if meta.mode() & 0o022 != 0 && meta.mode() & STICKY == 0 {
        return Err(ConnectError::Unsafe(folder.to_owned()));
    }
    Ok(())
}

/// Connects and hangs up again. Not blocking: a stopped server accepts until its queue is full, then never.
fn connect(socket: &Path) -> Result<Peer, Errno> {
    let fd = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    rustix::net::connect(&fd, &SocketAddrUnix::new(socket)?)?;
    peer_of(&fd, socket)
}

#[cfg(target_os = "linux")]
fn peer_of(fd: &rustix::fd::OwnedFd, _socket: &Path) -> Result<Peer, Errno> {
    let ucred = rustix::net::sockopt::socket_peercred(fd)?;
    Ok(Peer { pid: u32::try_from(ucred.pid.as_raw_nonzero().get()).ok(), uid: ucred.uid.as_raw() })
}

/// Elsewhere no safe call tells the peer. The owner of the socket stands for it, who alone can have bound it.
#[cfg(not(target_os = "linux"))]
fn peer_of(_fd: &rustix::fd::OwnedFd, socket: &Path) -> Result<Peer, Errno> {
    Ok(Peer { pid: None, uid: rustix::fs::stat(socket)?.st_uid })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(choice: SocketChoice<'_>) -> String {
        choice.resolve().into_os_string().into_string().unwrap()
    }

    #[test]
    fn sockets_are_found_as_tmux_finds_them() {
        let tmux = Some(OsStr::new("/run/t/sock,12,0"));
        let base = SocketChoice { uid: 7, ..SocketChoice::default() };
        let real_tmp = std::fs::canonicalize("/tmp").unwrap();
        let in_tmp = |name: &str| real_tmp.join(name).into_os_string().into_string().unwrap();
        assert_eq!(resolve(base.clone()), in_tmp("tmux-7/default"));
        assert_eq!(resolve(SocketChoice { tmux, ..base.clone() }), "/run/t/sock");
        let name = Some(OsStr::new("work"));
        assert_eq!(resolve(SocketChoice { tmux, name, ..base.clone() }), in_tmp("tmux-7/work"));
        let path = Some(Path::new("/x/y"));
        assert_eq!(resolve(SocketChoice { tmux, name, path, ..base.clone() }), "/x/y");
        let missing = Some(OsStr::new("/no/such/folder"));
        assert_eq!(resolve(SocketChoice { name, tmpdir: missing, ..base.clone() }), in_tmp("tmux-7/work"));
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/", &link).unwrap();
        let tmpdir = Some(link.as_os_str());
        assert_eq!(resolve(SocketChoice { name, tmpdir, ..base.clone() }), "/tmux-7/work");
        let tmux = Some(OsStr::new(",12,0"));
        assert_eq!(resolve(SocketChoice { tmux, ..base }), in_tmp("tmux-7/default"));
    }

    #[test]
    fn a_server_with_a_full_queue_hangs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let uid = rustix::process::getuid().as_raw();
        // Nobody accepts, so each look stays in the queue.
        let error = (0..1000).find_map(|_| peer(&path, uid).err()).unwrap();
        assert!(matches!(error, ConnectError::Hangs(_)), "{error:?}");
    }
}
