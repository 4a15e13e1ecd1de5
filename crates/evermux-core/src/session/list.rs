//! The sessions of a server: who looks at them, from where, and what decides their size.

use std::time::Duration;

use bstr::{BString, ByteSlice};

use super::SessionError;
use super::find::{fields, parsed};
use crate::model::{SessionId, Size, WindowId};
use crate::procs::{self, ProcessTable};
use crate::tmux::{Nonce, Server};

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAs {
    /// Its id.
    pub id: SessionId,
    /// Its name.
    pub name: BString,
    /// How many windows it has.
    pub windows: u32,
    /// Its active window.
    pub window: WindowId,
    /// That one's size.
    pub size: Size,
    /// What decides that one's size.
    pub rule: Rule,
    /// The clients attached to it, control clients among them.
    pub viewers: Vec<Viewer>,
}

/// What decides the size of a window, as far as clients do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `window-size` as the window has it, set or inherited: `largest`, `smallest`, `manual`, `latest`.
    pub window_size: String,
    /// `aggressive-resize`: only clients whose session shows this very window count, not all of its sessions.
    pub aggressive_resize: bool,
    /// The terminals of the clients that decide; none where the size is manual or nobody that counts is attached.
    pub decided_by: Vec<BString>,
}

/// Who looks at a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// Its terminal; empty for a control client without one.
    pub terminal: BString,
    /// Its process.
    pub pid: u32,
    /// Its size.
    pub size: Size,
    /// Whether it is a control client.
    pub control: bool,
    /// Whether its size counts for nothing (`ignore-size`, and `read-only` with it).
    pub ignores_size: bool,
    /// When a key was pressed in it the last time, seconds since the epoch.
    pub activity: i64,
    /// The other end, if it came over a network: `ssh 192.0.2.7`, `mosh 192.0.2.7` (where it was when it began).
    pub from: Option<String>,
    session: SessionId,
}

/// A window in a session.
struct Shown {
    session: SessionId,
    window: WindowId,
    active: bool,
    size: Size,
    window_size: String,
    aggressive_resize: bool,
}

/// All sessions: one client, and the process table if somebody is attached.
///
/// # Errors
/// [`SessionError`].
pub fn list(server: &Server, nonce: Nonce, limit: Duration) -> Result<Vec<ListedAs>, SessionError> {
    let script = format!(
        "list-sessions -F '{nonce}S#{{session_id}}\t#{{session_windows}}\t#{{session_name}}'\n\
         list-windows -a -F '{nonce}W#{{session_id}}\t#{{window_id}}\t#{{window_active}}\t#{{window_width}}\t\
         #{{window_height}}\t#{{window-size}}\t#{{aggressive-resize}}'\n\
         list-clients -F '{nonce}C#{{client_session}}\t#{{session_id}}\t#{{client_pid}}\t#{{client_width}}\t\
         #{{client_height}}\t#{{client_control_mode}}\t#{{client_readonly}}#{{m:*ignore-size*,#{{client_flags}}}}\t\
         #{{client_activity}}\t#{{client_tty}}'\n"
    );
    let reply = server.run(script.as_bytes(), limit)?.stdout;
    Ok(read(&reply, nonce))
}

fn read(reply: &[u8], nonce: Nonce) -> Vec<ListedAs> {
    let records = |tag: u8| {
        let pieces = nonce.split(reply).skip(1);
        pieces.filter_map(move |piece| {
            piece.split_first().filter(|(first, _)| **first == tag).map(|(_, rest)| rest)
        })
    };
    let shown: Vec<Shown> = records(b'W').filter_map(window).collect();
    let mut viewers: Vec<Viewer> = records(b'C').filter_map(viewer).collect();
    if !viewers.is_empty() {
        let table = ProcessTable::read().ok();
        for viewer in &mut viewers {
            viewer.from = from(viewer.pid, table.as_ref());
        }
    }
    let session = |record: &[u8]| {
        let [id, windows, name] = fields::<3>(record)?;
        let id = parsed(id)?;
        let active = shown.iter().find(|window| window.session == id && window.active)?;
        Some(ListedAs {
            id,
            name: name.into(),
            windows: parsed(windows)?,
            window: active.window,
            size: active.size,
            rule: rule(active, &shown, &viewers),
            viewers: viewers.iter().filter(|viewer| viewer.session == id).cloned().collect(),
        })
    };
    records(b'S').filter_map(session).collect()
}

fn window(record: &[u8]) -> Option<Shown> {
    let [session, window, active, width, height, window_size, aggressive] = fields::<7>(record)?;
    Some(Shown {
        session: parsed(session)?,
        window: parsed(window)?,
        active: active == b"1",
        size: Size { width: parsed(width)?, height: parsed(height)? },
        window_size: window_size.to_str_lossy().into_owned(),
        aggressive_resize: matches!(aggressive, b"1" | b"on"),
    })
}

fn viewer(record: &[u8]) -> Option<Viewer> {
    let [_, session, pid, width, height, control, ignores, activity, terminal] = fields::<9>(record)?;
    Some(Viewer {
        session: parsed(session)?,
        pid: parsed(pid)?,
        size: Size { width: parsed(width)?, height: parsed(height)? },
        control: control == b"1",
        ignores_size: ignores.contains(&b'1'),
        activity: parsed(activity)?,
        terminal: terminal.into(),
        from: None,
    })
}

/// Who decides the size of a window, as `resize.c` does it (3.0 to 3.8).
fn rule(window: &Shown, all: &[Shown], viewers: &[Viewer]) -> Rule {
    let shows = |viewer: &&Viewer| {
        all.iter().any(|other| {
            other.window == window.window
                && other.session == viewer.session
                && (other.active || !window.aggressive_resize)
        })
    };
    let counts: Vec<&Viewer> =
        viewers.iter().filter(|viewer| !viewer.ignores_size && viewer.size.width > 0).filter(shows).collect();
    let by = |size: fn(&Viewer) -> (u32, u32), most: bool| {
        let best = |key: fn((u32, u32)) -> u32| {
            let values = counts.iter().map(|viewer| key(size(viewer)));
            if most { values.max() } else { values.min() }
        };
        let (width, height) = (best(|size| size.0), best(|size| size.1));
        let decides = |viewer: &&&Viewer| Some(size(viewer).0) == width || Some(size(viewer).1) == height;
        counts.iter().filter(decides).map(|viewer| viewer.terminal.clone()).collect()
    };
    let size = |viewer: &Viewer| (viewer.size.width, viewer.size.height);
    let decided_by = match window.window_size.as_str() {
        "largest" => by(size, true),
        "smallest" => by(size, false),
        "manual" => Vec::new(),
        _ => {
            let latest = counts.iter().max_by_key(|viewer| viewer.activity);
            latest.map(|viewer| viewer.terminal.clone()).into_iter().collect()
        }
    };
    Rule { window_size: window.window_size.clone(), aggressive_resize: window.aggressive_resize, decided_by }
}

/// Where a client came from: what ssh says in its environment, and whether a mosh server is above it.
fn from(pid: u32, table: Option<&ProcessTable>) -> Option<String> {
    let environment = procs::environment(pid);
    let value = |name: &str| environment.iter().find(|(found, _)| found == name).map(|(_, value)| value);
    let address = value("SSH_CONNECTION").or_else(|| value("SSH_CLIENT"))?;
    let address = address.split_str(" ").next()?.to_str().ok()?;
    let valid = !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || ".:%".contains(c));
    let kind = if table.is_some_and(|table| is_below_mosh(pid, table)) { "mosh" } else { "ssh" };
    valid.then(|| format!("{kind} {address}"))
}

fn is_below_mosh(pid: u32, table: &ProcessTable) -> bool {
    let mut next = table.get(pid);
    // No tree is deeper than that; an id that was used again can close a circle.
    for _ in 0..64 {
        let Some(process) = next else { return false };
        if process.name.starts_with(b"mosh-server") {
            return true;
        }
        next = table.get(process.parent);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(terminal: &str, session: u32, width: u32, height: u32, activity: i64) -> Viewer {
        Viewer {
            terminal: terminal.into(),
            pid: 1,
            size: Size { width, height },
            control: false,
            ignores_size: false,
            activity,
            from: None,
            session: SessionId(session),
        }
    }

    fn shown(session: u32, active: bool, window_size: &str, aggressive_resize: bool) -> Shown {
        Shown {
            session: SessionId(session),
            window: WindowId(7),
            active,
            size: Size { width: 1, height: 1 },
            window_size: window_size.to_owned(),
            aggressive_resize,
        }
    }

    #[test]
    fn the_client_that_decides_is_told() {
        let viewers = [viewer("a", 1, 100, 20, 5), viewer("b", 2, 80, 30, 9), viewer("c", 3, 10, 10, 99)];
        let decides = |rule_name: &str, aggressive: bool| {
            let all = [shown(1, true, rule_name, aggressive), shown(2, false, rule_name, aggressive)];
            rule(&all[0], &all, &viewers).decided_by
        };
        assert_eq!(decides("latest", false), ["b"]);
        assert_eq!(decides("latest", true), ["a"], "b shows another window");
        assert_eq!(decides("largest", false), ["a", "b"], "one the width, one the height");
        assert_eq!(decides("smallest", true), ["a"]);
        assert_eq!(decides("manual", false), [""; 0]);
    }
}
