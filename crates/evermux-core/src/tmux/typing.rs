//! Typing into a pane: bytes that its program reads as if somebody had pasted them.
//!
//! Always by a paste buffer, never by `send-keys`: that takes names of keys, sends the keys to every pane of a window with
//! `synchronize-panes`, and to the mode of a pane that is in one. `paste-buffer -p` puts the brackets of a pasted text
//! around it where the program asked for them, so that nothing in it is a key; the key that ends the line is a buffer of
//! its own, without brackets. The bytes come from standard input, and no tmux command holds any of them.

use std::ops::ControlFlow;
use std::time::Duration;

use bstr::ByteSlice;

use super::client;
use super::{Nonce, RunError, Server};
use crate::model::{PaneId, TmuxVersion};

/// Where the cursor of a pane stands; after any output it stands somewhere else, or further from the top of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Its column.
    pub column: u32,
    /// Its row on the screen.
    pub row: u32,
    /// The rows of history above the screen.
    pub history: u32,
}

/// What is typed.
#[derive(Clone, Copy, Debug)]
pub struct Typing<'a> {
    /// Into which pane.
    pub pane: PaneId,
    /// Only if its cursor stands there in that moment.
    pub spot: Spot,
    /// One line: nothing in it that a line editor takes for a key.
    pub line: &'a [u8],
    /// Whether Enter follows.
    pub enter: bool,
}

/// What is pasted, whatever the pane shows.
#[derive(Clone, Copy, Debug)]
pub struct Pasting<'a> {
    /// Into which pane.
    pub pane: PaneId,
    /// What; may be empty.
    pub bytes: &'a [u8],
    /// With the brackets of a pasted text around it, where the program asked for them.
    pub bracketed: bool,
    /// Whether Enter follows.
    pub enter: bool,
    /// Whether this tmux has to be told to leave the bytes as they are ([`Server::sanitizes_pastes`]).
    pub sanitizes: bool,
}

impl Server {
    /// Types into a pane, in one turn of tmux's loop with the look at its cursor; whether it did. Input that is switched off
    /// (`select-pane -d`) is on for that turn.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn type_line(
        &self,
        typing: &Typing<'_>,
        version: TmuxVersion,
        nonce: Nonce,
        limit: Duration,
    ) -> Result<bool, RunError> {
        let Typing { pane, spot, line, enter } = *typing;
        // Up to 3.1 nothing is pasted into a pane in a mode.
        let mode = if version.at_least(3, 2) { "" } else { "#{?pane_in_mode, in a mode,}" };
        let Spot { column, row, history } = spot;
        let stands =
            format!("#{{==:#{{cursor_x}} #{{cursor_y}} #{{history_size}}{mode},{column} {row} {history}}}");
        let pasting = Pasting { pane, bytes: line, bracketed: true, enter, sanitizes: false };
        self.paste_if(&stands, &pasting, nonce, limit)
    }

    /// Pastes into a pane whose program lives; whether it did. A mode that the pane is in (copy mode) ends up to 3.1, where
    /// nothing could be pasted otherwise.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn paste(&self, pasting: &Pasting<'_>, nonce: Nonce, limit: Duration) -> Result<bool, RunError> {
        self.paste_if("#{?pane_dead,,1}", pasting, nonce, limit)
    }

    /// Whether `paste-buffer` of this tmux changes what it pastes unless it is told not to (3.8 writes control characters as
    /// `^X`).
    ///
    /// # Errors
    /// [`RunError`].
    pub fn sanitizes_pastes(&self, limit: Duration) -> Result<bool, RunError> {
        let usage = self.run(b"list-commands -F '#{command_list_usage}' paste-buffer\n", limit)?.stdout;
        let flags = usage.split_str("]").next().unwrap_or_default();
        Ok(flags.contains(&b'S'))
    }

    fn paste_if(
        &self,
        condition: &str,
        pasting: &Pasting<'_>,
        nonce: Nonce,
        limit: Duration,
    ) -> Result<bool, RunError> {
        let Pasting { pane, bytes, bracketed, enter, sanitizes } = *pasting;
        let (text, key) = (format!("evermux-{nonce}-line"), format!("evermux-{nonce}-enter"));
        let flags = if sanitizes { "-r -S -d" } else { "-r -d" };
        let mut paste = Vec::new();
        let mut command = client::command(self.client(), self.socket(), &[]);
        if !bytes.is_empty() {
            // tmux makes no empty buffer.
            let brackets = if bracketed { "-p " } else { "" };
            paste.push(format!("paste-buffer {brackets}{flags} -b {text} -t {pane}"));
            command.args(["load-buffer", "-b", &text, "-", ";"]);
        }
        if enter {
            paste.push(format!("paste-buffer {flags} -b {key} -t {pane}"));
        }
        let done = format!("display-message -p {nonce}");
        if paste.is_empty() {
            paste.push(done.clone());
        }
        let paste = paste.join(" ; ");
        let through = format!("select-pane -e -t {pane} ; {paste} ; select-pane -d -t {pane}");
        command.args(["set-buffer", "-b", &key, "\r", ";"]);
        let target = pane.to_string();
        command.args(["if-shell", "-F", "-t", &target, condition]);
        command.arg(format!("if-shell -F -t {pane} '#{{pane_input_off}}' '{through}' '{paste}' ; {done}"));
        let mut said = Vec::new();
        client::talk(&mut command, self.socket(), bytes, limit, &mut |bytes| {
            said.extend_from_slice(bytes);
            ControlFlow::Continue(())
        })?;
        let typed = said.contains_str(nonce.to_string());
        if !typed || !enter {
            // Buffers that were not pasted; it is no error that one of them is not there.
            self.run(format!("delete-buffer -b {text}\ndelete-buffer -b {key}\n").as_bytes(), limit)?;
        }
        Ok(typed)
    }
}

#[cfg(test)]
mod tests {
    use evermux_testkit::{Server as Private, tmux_binaries, wait_until};

    use super::*;
    use crate::tmux::Binaries;

    const LIMIT: Duration = Duration::from_secs(20);

    fn spot(private: &Private, pane: &str) -> Spot {
        let told = private.display(pane, "#{cursor_x} #{cursor_y} #{history_size}");
        let numbers: Vec<u32> = told.split(' ').map(|number| number.parse().unwrap()).collect();
        Spot { column: numbers[0], row: numbers[1], history: numbers[2] }
    }

    /// Every byte that a line may hold arrives as it is: in the pane that is meant, in no other, whatever is set there.
    #[test]
    fn every_byte_arrives_in_one_pane_only() {
        // tmux 3.8 writes what is not UTF-8 as `M-x`, and control characters as `^X`: such lines are never typed.
        let printable: String = (' '..='~').chain('\u{a0}'..'\u{800}').chain("€😀".chars()).collect();
        let line = format!("#{{pid}} $HOME ; #(id) %H {printable} end").into_bytes();
        for tmux in tmux_binaries() {
            let private = Private::start(&tmux);
            let reads = |name: &str| {
                let file = private.sandbox().path(name);
                let command = format!("printf ready; stty raw -echo; exec cat >{}", file.display());
                let pane =
                    private.run(&["split-window", "-d", "-P", "-F", "#{pane_id}", "-t", "main:0", &command]);
                private.wait_until("it reads", |server| server.screen(&pane).contains("ready"));
                let raw = |_: &Private| {
                    let tty = private.display(&pane, "#{pane_tty}");
                    crate::procs::TerminalState::read(tty.as_ref()).is_ok_and(|state| !state.canonical)
                };
                private.wait_until("its terminal is raw", raw);
                (pane, file)
            };
            let ((one, one_file), (other, other_file)) = (reads("one"), reads("other"));
            private.run(&["set-option", "-w", "-t", "main:0", "synchronize-panes", "on"]);
            private.run(&["select-pane", "-d", "-t", &one]);
            let uid = rustix::process::getuid().as_raw();
            let server = Server::connect(&private.socket(), uid, &Binaries::default()).unwrap();
            let version: TmuxVersion = tmux.version.to_string().parse().unwrap();
            if version.at_least(3, 2) {
                private.run(&["copy-mode", "-t", &one]);
            }
            let buffers = private.run(&["list-buffers"]);
            let mut typing =
                Typing { pane: one.parse().unwrap(), spot: spot(&private, &one), line: &line, enter: true };
            let nonce = Nonce::from_random([7; 16]);
            assert!(server.type_line(&typing, version, nonce, LIMIT).unwrap(), "tmux {version}");
            let expected = [&line[..], b"\r"].concat();
            let read = || std::fs::read(&one_file).unwrap();
            wait_until("all of it arrives", LIMIT, || read().len() >= expected.len());
            assert_eq!(read().as_bstr(), expected.as_bstr(), "tmux {version}");
            assert_eq!(std::fs::read(&other_file).unwrap().as_bstr(), "", "tmux {version}");
            assert_eq!(private.display(&one, "#{pane_input_off}"), "1");

            // Somewhere else, or gone: nothing is typed. Without Enter none comes.
            typing.spot.column += 1;
            assert!(!server.type_line(&typing, version, nonce, LIMIT).unwrap());
            typing.pane = "%999".parse().unwrap();
            assert!(!server.type_line(&typing, version, nonce, LIMIT).unwrap());
            let typing = Typing {
                pane: other.parse().unwrap(),
                spot: spot(&private, &other),
                line: b"x",
                enter: false,
            };
            assert!(server.type_line(&typing, version, nonce, LIMIT).unwrap());
            wait_until("it arrives", LIMIT, || std::fs::read(&other_file).unwrap() == b"x");
            assert_eq!(read().len(), expected.len());
            assert_eq!(private.run(&["list-buffers"]), buffers, "tmux {version}");
        }
    }
}
