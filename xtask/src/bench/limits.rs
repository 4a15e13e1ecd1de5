//! What tmux itself needs for the work of a save: the least that anybody would have to ask of it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::cost::spent;
use super::load::Load;

/// What tmux needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    /// By the clock.
    pub took: Duration,
    /// Processor time of its server.
    pub tmux: Duration,
}

impl std::ops::Add for Limit {
    type Output = Limit;

    fn add(self, other: Limit) -> Limit {
        Limit { took: self.took + other.took, tmux: self.tmux + other.tmux }
    }
}

/// One client that lists what a snapshot holds, one scan of the process table, one append of 4 kB with fsync.
pub fn list(load: &Load) -> Result<Limit> {
    let limit = source(load, "list.tmux", &listing_script(load))?;
    let page = load.server.sandbox().path("page");
    let begun = Instant::now();
    scan_processes();
    let mut page = File::options().create(true).append(true).open(page)?;
    page.write_all(&[7; 4096])?;
    page.sync_all()?;
    Ok(limit + Limit { took: begun.elapsed(), tmux: Duration::ZERO })
}

/// One client that captures these panes, each from a row on.
pub fn capture(load: &Load, panes: &[String], from: impl Fn(&str) -> String) -> Result<Limit> {
    let line = |id: &String| format!("capture-pane -p -e -J -S {} -t {id}\n", from(id));
    let script: String = panes.iter().map(line).collect();
    source(load, "capture.tmux", &script)
}

/// One client that runs a file.
fn source(load: &Load, name: &str, script: &str) -> Result<Limit> {
    let file = load.server.sandbox().write(name, script);
    let server = load.process();
    let (before, begun) = (server.map(spent).unwrap_or_default(), Instant::now());
    let output = load.server.tmux(&["source-file", file.to_str().unwrap_or_default()]);
    let took = begun.elapsed();
    ensure!(output.ok(), "{output}");
    Ok(Limit { took, tmux: server.map(spent).unwrap_or_default().saturating_sub(before) })
}

fn listing_script(load: &Load) -> String {
    let fields = |names: &str| {
        names.split_whitespace().map(|name| format!("#{{{name}}}")).collect::<Vec<_>>().join("\t")
    };
    let session = fields(
        "session_id session_name session_group session_path session_created session_activity session_last_attached \
         session_attached session_stack",
    );
    let window = fields(
        "session_id window_index window_id window_name window_width window_height window_zoomed_flag window_layout \
         window_activity window_flags automatic-rename",
    );
    let pane = fields(
        "window_id pane_id pane_pid pane_tty pane_title pane_start_command pane_start_path pane_width pane_height \
         pane_active pane_last pane_input_off pane_marked pane_in_mode pane_dead pane_dead_status cursor_x cursor_y \
         alternate_on history_size history_limit history_bytes keypad_cursor_flag keypad_flag mouse_standard_flag \
         mouse_button_flag mouse_all_flag mouse_sgr_flag @id",
    );
    let mut script = format!(
        "list-sessions -F '{session}'\nlist-windows -a -F '{window}'\nlist-panes -a -F '{pane}'\nlist-clients\n\
         show-options -s\nshow-options -g\nshow-options -gw\nshow-environment -g\n",
    );
    let server = &load.server;
    for id in server.lines(&["list-sessions", "-F", "#{session_id}"]) {
        let _ = writeln!(script, "show-options -t '{id}'\nshow-environment -t '{id}'");
    }
    for id in server.lines(&["list-windows", "-a", "-F", "#{window_id}"]) {
        let _ = writeln!(script, "show-options -w -t {id}");
    }
    for id in load.ids() {
        let _ = writeln!(script, "show-options -p -t {id}");
    }
    script
}

/// Reads state, arguments and directory of every process.
fn scan_processes() {
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let folder = entry.path();
        if entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            let _gone = fs::read(folder.join("stat"));
            let _gone = fs::read(folder.join("cmdline"));
            let _gone = fs::read_link(folder.join("cwd"));
        }
    }
}
