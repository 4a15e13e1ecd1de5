//! At which sockets of the file system processes can be asked (Linux: unix(7), sock_diag(7)).

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use bstr::{BString, ByteSlice};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

use super::open_files;

/// A socket at which a process listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// The process.
    pub pid: u32,
    /// Where.
    pub path: PathBuf,
}

/// Where these processes listen. Never what a folder says: files of processes that are gone stay in it.
pub fn listening(pids: &[u32]) -> Vec<Listening> {
    let table = std::fs::read("/proc/net/unix").unwrap_or_default();
    let places: HashMap<u64, BString> = table.lines().filter_map(parse_listening).collect();
    let own = |pid: u32| {
        let found = inodes(pid).into_iter().filter_map(|inode| places.get(&inode).cloned());
        found.filter_map(move |path| Some(Listening { pid, path: path.to_path().ok()?.to_owned() }))
    };
    pids.iter().flat_map(|pid| own(*pid).collect::<Vec<_>>()).collect()
}

/// The paths of the sockets that a process is connected to: where the other end was bound.
pub fn connected(pid: u32) -> Vec<PathBuf> {
    let own = inodes(pid);
    if own.is_empty() {
        return Vec::new();
    }
    let sockets = dump().unwrap_or_default();
    let paths = own.iter().filter_map(|inode| {
        let peer = sockets.get(inode)?.peer?;
        let name = sockets.get(&peer)?.name.as_ref()?;
        Some(name.to_path().ok()?.to_owned())
    });
    paths.collect()
}

/// The sockets that a process has open.
fn inodes(pid: u32) -> Vec<u64> {
    let files = open_files(pid);
    let number =
        |path: &BString| path.strip_prefix(b"socket:[")?.strip_suffix(b"]")?.to_str().ok()?.parse().ok();
    files.iter().filter_map(number).collect()
}

/// Reads `Num RefCount Protocol Flags Type St Inode Path` of a stream socket that listens.
fn parse_listening(line: &[u8]) -> Option<(u64, BString)> {
    let mut fields =
        line.splitn(2, |byte| *byte == b':').nth(1)?.trim_start().splitn(7, |byte| *byte == b' ');
    let mut next = || fields.by_ref().find(|field| !field.is_empty());
    let (_, _, flags, kind) = (next()?, next()?, next()?, next()?);
    // __SO_ACCEPTCON and SOCK_STREAM.
    if flags != b"00010000" || kind != b"0001" {
        return None;
    }
    // The inode is padded to five columns, so the rest has to be cut by hand.
    let rest = line.splitn_str(2, b" 0001 01 ").nth(1)?.trim_start();
    let (inode, path) = rest.split_once_str(" ")?;
    path.starts_with(b"/").then(|| Some((inode.to_str().ok()?.parse().ok()?, path.into())))?
}

/// What the kernel tells of a socket.
#[derive(Debug, Default)]
struct Socket {
    peer: Option<u64>,
    name: Option<BString>,
}

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const NLMSG_DONE: u16 = 3;
const UDIAG_SHOW_NAME_AND_PEER: u32 = 1 | 4;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_PEER: u16 = 2;

/// All stream sockets of the kind, by inode.
fn dump() -> rustix::io::Result<HashMap<u64, Socket>> {
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG))?;
    let limit = Some(Duration::from_millis(200));
    rustix::net::sockopt::set_socket_timeout(&socket, rustix::net::sockopt::Timeout::Recv, limit)?;
    // nlmsghdr, then unix_diag_req: family, protocol, padding, states, inode, what to show, cookie.
    let mut request = Vec::new();
    request.extend(40_u32.to_ne_bytes());
    request.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request.extend(NLM_F_REQUEST_DUMP.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([1, 0, 0, 0]);
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(0_u32.to_ne_bytes());
    request.extend(UDIAG_SHOW_NAME_AND_PEER.to_ne_bytes());
    request.extend([0xff; 8]);
    sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut sockets = HashMap::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let (length, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        if length == 0 || !read_messages(&buffer[..length.min(buffer.len())], &mut sockets) {
            return Ok(sockets);
        }
    }
}

/// Reads what was received; whether more is to come.
fn read_messages(mut bytes: &[u8], sockets: &mut HashMap<u64, Socket>) -> bool {
    while let Some(length) = number(bytes, 0) {
        let (length, kind) =
            (length as usize, bytes.get(4..6).map(|two| u16::from_ne_bytes([two[0], two[1]])));
        if length < 16 || length > bytes.len() || kind != Some(SOCK_DIAG_BY_FAMILY) {
            return kind != Some(NLMSG_DONE) && kind == Some(SOCK_DIAG_BY_FAMILY);
        }
        read_socket(&bytes[16..length], sockets);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    true
}

/// Reads unix_diag_msg and its attributes.
fn read_socket(message: &[u8], sockets: &mut HashMap<u64, Socket>) {
    let Some(inode) = number(message, 4) else { return };
    let mut socket = Socket::default();
    let mut attributes = message.get(16..).unwrap_or_default();
    while let [low, high, first, second, ..] = attributes {
        let length = usize::from(u16::from_ne_bytes([*low, *high]));
        if length < 4 || length > attributes.len() {
            break;
        }
        let value = &attributes[4..length];
        match u16::from_ne_bytes([*first, *second]) {
            UNIX_DIAG_NAME if value.starts_with(b"/") => {
                socket.name = Some(value.strip_suffix(b"\0").unwrap_or(value).into());
            }
            UNIX_DIAG_PEER => socket.peer = number(value, 0).map(u64::from),
            _ => {}
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    sockets.insert(u64::from(inode), socket);
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn sockets_are_found_from_both_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b");
        let listener = UnixListener::bind(&path).unwrap();
        let own = std::process::id();
        assert!(listening(&[own]).contains(&Listening { pid: own, path: path.clone() }));
        assert!(!connected(own).contains(&path));
        let client = UnixStream::connect(&path).unwrap();
        let (server, _) = listener.accept().unwrap();
        assert!(connected(own).contains(&path));
        drop((client, server, listener));
        assert!(listening(&[own]).iter().all(|it| it.path != path));
    }

    #[test]
    fn what_is_cut_off_is_harmless() {
        for end in 0..40 {
            let bytes = vec![20_u8; end];
            read_messages(&bytes, &mut HashMap::new());
            read_socket(&bytes, &mut HashMap::new());
        }
        assert_eq!(parse_listening(b"Num       RefCount Protocol Flags    Type St Inode Path"), None);
        let line = b"0000000000000000: 00000002 00000000 00010000 0001 01    77 /run/x y";
        assert_eq!(parse_listening(line), Some((77, "/run/x y".into())));
    }
}
