//! Neovim's remote procedure calls: msgpack-rpc over its socket, with a limit for everything.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rmpv::Value;
use thiserror::Error;

/// How long each call may take. Whoever answers at all answers in a millisecond.
const LIMIT: Duration = Duration::from_millis(300);

/// Most bytes of one reply.
const LARGEST_REPLY: u64 = 16 << 20;

/// How deep a reply may be.
const DEEPEST: usize = 64;

/// Most messages that may come before a reply: notifications.
const MOST_MESSAGES: usize = 100;

/// Why an editor was not asked.
#[derive(Debug, Error)]
pub enum WireError {
    /// Not reached, gone, or silent for too long.
    #[error("it does not answer")]
    Io(#[from] io::Error),
    /// Somebody else listens there.
    #[error("its socket belongs to another process")]
    Stranger,
    /// What it says is no reply.
    #[error("its answer is not understood")]
    Nonsense,
    /// It refuses.
    #[error("it reports an error: {0}")]
    Refused(String),
}

impl WireError {
    /// Whether it may be at work at something else, so that asking again soon is of no use.
    pub fn is_late(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

/// The process at the other end of a socket, and its user.
///
/// # Errors
/// Where the system does not tell: sockets of editors are found on Linux only.
#[cfg(target_os = "linux")]
pub fn peer(stream: &UnixStream) -> io::Result<(u32, u32)> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok((peer.pid.as_raw_nonzero().get().cast_unsigned(), peer.uid.as_raw()))
}

/// Where the system does not tell.
#[cfg(not(target_os = "linux"))]
pub fn peer(_stream: &UnixStream) -> io::Result<(u32, u32)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A connection to one editor. Dropped, what it has not answered yet it forgets (measured with 0.7, 0.10 and 0.12).
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    calls: u32,
}

impl Connection {
    /// Connects to the socket of this user's process `pid`.
    ///
    /// # Errors
    /// [`WireError::Io`], [`WireError::Stranger`].
    pub fn open(path: &Path, pid: u32, uid: u32) -> Result<Self, WireError> {
        let stream = UnixStream::connect(path)?;
        if peer(&stream)? != (pid, uid) {
            return Err(WireError::Stranger);
        }
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Self { stream, calls: 0 })
    }

    /// Calls a function of the editor's.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn call(&mut self, function: &str, arguments: Vec<Value>) -> Result<Value, WireError> {
        self.calls += 1;
        let id = u64::from(self.calls);
        let request = Value::Array(vec![0.into(), id.into(), function.into(), Value::Array(arguments)]);
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, &request).map_err(|_| WireError::Nonsense)?;
        self.stream.write_all(&bytes)?;
        let mut reader = io::BufReader::new((&self.stream).take(LARGEST_REPLY));
        for _ in 0..MOST_MESSAGES {
            let message = rmpv::decode::read_value_with_max_depth(&mut reader, DEEPEST);
            let message = message.map_err(|error| io::Error::new(error.kind(), "no message"))?;
            let Value::Array(parts) = message else { return Err(WireError::Nonsense) };
            match parts.as_slice() {
                [kind, own, error, result] if *kind == Value::from(1) && *own == Value::from(id) => {
                    return match error {
                        Value::Nil => Ok(result.clone()),
                        error => Err(WireError::Refused(shown(error))),
                    };
                }
                _ => {}
            }
        }
        Err(WireError::Nonsense)
    }
}

fn shown(error: &Value) -> String {
    let text = match error {
        Value::Array(parts) => parts.get(1).cloned().unwrap_or(Value::Nil),
        other => other.clone(),
    };
    let text = String::from_utf8_lossy(bytes(&text)).into_owned();
    text.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

/// A string's bytes: they need not be UTF-8.
pub fn bytes(value: &Value) -> &[u8] {
    match value {
        Value::String(text) => text.as_bytes(),
        Value::Binary(bytes) => bytes,
        _ => b"",
    }
}

/// A field of a table; `Nil` if there is none.
pub fn field<'v>(table: &'v Value, name: &str) -> &'v Value {
    static NIL: Value = Value::Nil;
    let Value::Map(entries) = table else { return &NIL };
    entries.iter().find(|(key, _)| bytes(key) == name.as_bytes()).map_or(&NIL, |(_, value)| value)
}

/// The entries of a list.
pub fn list(value: &Value) -> &[Value] {
    match value {
        Value::Array(entries) => entries,
        _ => &[],
    }
}
