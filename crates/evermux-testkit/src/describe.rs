//! A whole server in text, by plain tmux commands only: for comparing one life of a server with the next.
//!
//! It shares no code with evermux, so that a field which evermux reads wrongly on both sides still shows. Live ids
//! are replaced by positions; times, process ids and evermux's own options are left out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::server::Server;

/// Between the fields of one format. tmux 3.4 to 3.5a escape control characters, so it is printable.
const SEPARATOR: &str = "@@|@@";

/// Describes all sessions (by name), windows (in the order sessions show them, linked ones once) and panes of a
/// server, with options, environments, layouts and the text of every pane in colour. Waits for the names of windows:
/// a server that still follows its programs cannot be compared with anything.
#[track_caller]
pub fn describe(server: &Server) -> String {
    server.wait_for_names();
    let mut description = Description { server, text: String::new(), windows: BTreeMap::new() };
    let mut sessions: Vec<(String, String)> = server
        .lines(&["list-sessions", "-F", "#{session_id}"])
        .into_iter()
        .map(|id| (server.display(&id, "#{session_name}"), id))
        .collect();
    sessions.sort();
    for (_, id) in &sessions {
        description.session(id);
    }
    description.text
}

/// The lines in which two descriptions differ, with the headings they stand under; empty if they are equal.
pub fn differences(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut shown = String::new();
    let mut heading = "";
    for change in diff(&old, &new) {
        match change {
            Change::Same(line) if line.starts_with(['s', 'w']) || line.starts_with("  pane") => {
                heading = line;
            }
            Change::Same(_) => {}
            Change::Old(line) | Change::New(line) => {
                if !heading.is_empty() {
                    let _ = writeln!(shown, "  {heading}");
                    heading = "";
                }
                let sign = if matches!(change, Change::Old(_)) { '-' } else { '+' };
                let _ = writeln!(shown, "{sign} {line}");
            }
        }
    }
    shown
}

struct Description<'a> {
    server: &'a Server,
    text: String,
    /// Number in this description by window id.
    windows: BTreeMap<String, usize>,
}

impl Description<'_> {
    /// Writes one line; line breaks inside of it are shown escaped.
    fn line(&mut self, indent: usize, key: &str, value: &str) {
        let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        let _ = writeln!(self.text, "{:indent$}{key} {value}", "");
    }

    fn fields(&self, target: &str, names: &[&str]) -> Vec<String> {
        let format: Vec<String> = names.iter().map(|name| format!("#{{{name}}}")).collect();
        let values = self.server.display(target, &format.join(SEPARATOR));
        let values: Vec<String> = values.split(SEPARATOR).map(str::to_owned).collect();
        assert_eq!(values.len(), names.len(), "a value contains {SEPARATOR}: {values:?}");
        values
    }

    /// What `show-options` or `show-environment` prints, without evermux's own and without `skipped` names.
    fn settings(&mut self, indent: usize, key: &str, command: &[&str], skipped: &[String]) {
        for line in self.server.lines(command) {
            let name = line.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default();
            if !line.starts_with("@evermux-") && !skipped.iter().any(|skipped| skipped == name) {
                self.line(indent, key, &line);
            }
        }
    }

    fn session(&mut self, id: &str) {
        let names = ["session_name", "session_group", "session_path", "session_stack"];
        let values = self.fields(id, &names);
        self.line(0, "session", &values[0]);
        for (name, value) in names.iter().zip(&values).skip(1) {
            self.line(2, name, value);
        }
        let mut updated = self.server.lines(&["show-options", "-gv", "update-environment"]);
        updated.extend(self.server.lines(&["show-options", "-t", id, "-v", "update-environment"]));
        self.settings(2, "option", &["show-options", "-t", id], &[]);
        self.settings(2, "environment", &["show-environment", "-t", id], &updated);

        let mut new = Vec::new();
        for link in self.server.lines(&[
            "list-windows",
            "-t",
            id,
            "-F",
            "#{window_index} #{window_id} #{window_active}",
        ]) {
            let words: Vec<&str> = link.split(' ').collect();
            let count = self.windows.len();
            let number = *self.windows.entry(words[1].to_owned()).or_insert_with(|| {
                new.push(words[1].to_owned());
                count
            });
            let active = if words[2] == "1" { " active" } else { "" };
            self.line(2, "link", &format!("{} to window {number}{active}", words[0]));
        }
        for window in new {
            self.window(&window);
        }
    }

    fn window(&mut self, id: &str) {
        let names = ["window_name", "window_width", "window_height", "window_zoomed_flag", "window_layout"];
        let mut values = self.fields(id, &names);
        let panes = self.server.lines(&["list-panes", "-t", id, "-F", "#{pane_id}"]);
        values[4] = layout(&values[4], &panes);
        self.line(0, &format!("window {}", self.windows[id]), &values[0]);
        for (name, value) in names.iter().zip(&values).skip(1) {
            self.line(2, name, value);
        }
        self.settings(2, "option", &["show-options", "-w", "-t", id], &[]);
        for (position, pane) in panes.iter().enumerate() {
            self.pane(position, pane);
        }
    }

    fn pane(&mut self, position: usize, id: &str) {
        let names = [
            "pane_title",
            "pane_current_path",
            "pane_start_command",
            "pane_width",
            "pane_height",
            "pane_active",
            "pane_last",
            "pane_input_off",
            "pane_marked",
            "pane_dead",
            "pane_dead_status",
            "alternate_on",
            "history_limit",
            "history_size",
            "cursor_x",
            "cursor_y",
        ];
        let values = self.fields(id, &names);
        self.line(2, &format!("pane {position}"), &values[0]);
        // tmux writes the message of a dead pane into the last row the screen has at that moment. In a window that was
        // resized later it stands in the middle, where nobody can put it again: only what is written counts there.
        let dead = names.iter().zip(&values).any(|(name, value)| *name == "pane_dead" && value == "1");
        let mut text = self.text(id);
        // 3.8 counts what stands behind a tab or a wide character twice when it wraps lines anew: the same text takes
        // more rows then than when it is printed. In one column wide characters can only come by that way.
        let plain = |line: &String| line.chars().all(|character| character != '\t' && character.is_ascii());
        let wrapped = self.server.binary().at_least(3, 8) && !text.iter().all(plain);
        if values[3] == "1" {
            text.iter_mut().for_each(|line| line.retain(|character| character.is_ascii_graphic()));
        }
        let place = |name: &str| ["history_size", "cursor_x", "cursor_y"].contains(&name);
        let shown = |name: &str| !((dead || wrapped) && place(name));
        for (name, value) in names.iter().zip(&values).skip(1).filter(|(name, _)| shown(name)) {
            self.line(4, name, value);
        }
        self.settings(4, "option", &["show-options", "-p", "-t", id], &[]);
        // A narrow pane cuts the message.
        let message = |line: &str| "Pane is dead".strip_prefix(line).is_some_and(|rest| !rest.is_empty());
        for line in text.iter().filter(|line| !(dead && message(line))) {
            self.line(4, "|", line);
        }
    }

    /// The joined lines of a pane in colour.
    fn text(&self, id: &str) -> Vec<String> {
        // Before 3.3, -J pads lines with cells that were never written, in the colours of what stood there before: so
        // neither colours nor blanks at the end can be compared.
        let old = !self.server.binary().at_least(3, 3);
        let colours: &[&str] = if old { &[] } else { &["-e"] };
        let text = self.server.run(&[&["capture-pane", "-p", "-J", "-S", "-", "-t", id], colours].concat());
        let text = text.trim_end_matches('\n');
        let lines = text.split('\n').map(|line| match line.find("Pane is dead") {
            // tmux writes the time of death behind these words.
            Some(start) => &line[..start + "Pane is dead".len()],
            None if old => line.trim_end_matches(' '),
            None => line,
        });
        lines.map(str::to_owned).collect()
    }
}

/// A layout with pane positions in place of pane ids and without the checksum, which counts the ids in.
fn layout(text: &str, panes: &[String]) -> String {
    let position =
        |id: &str| panes.iter().position(|pane| pane.trim_start_matches('%') == id).map(|at| at.to_string());
    if text.starts_with('{') {
        // JSON from tmux 3.8 on: `"i":INDEX,"I":"%ID"`, the index counted from pane-base-index.
        let mut parts = text.split(",\"i\":");
        let first = parts.next().unwrap_or_default().to_owned();
        return parts.fold(first, |all, part| {
            let (id, rest) =
                part.split_once("\"I\":\"%").and_then(|(_, part)| part.split_once('"')).unwrap_or_default();
            format!("{all},\"i\":{}{rest}", position(id).unwrap_or("?".to_owned()))
        });
    }
    let body = text.split_once(',').map_or(text, |(_checksum, body)| body);
    // A cell is `WxH,X,Y` and, if it is a pane, `,ID`: a fourth number that no `x` follows.
    let mut result = String::new();
    let mut commas = 0;
    let mut rest = body;
    while let Some(end) = rest.find([',', '{', '[', '}', ']']) {
        let (word, mark) = (&rest[..end], &rest[end..=end]);
        result.push_str(&if commas == 3 {
            position(word).unwrap_or("?".to_owned())
        } else {
            word.to_owned()
        });
        result.push_str(mark);
        // Before a comma that stands between a closing bracket and the next cell there is no word.
        commas = if mark == "," && commas < 3 && !word.is_empty() { commas + 1 } else { 0 };
        rest = &rest[end + 1..];
    }
    result + &if commas == 3 { position(rest).unwrap_or("?".to_owned()) } else { rest.to_owned() }
}

#[derive(Clone, Copy)]
enum Change<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// The longest common subsequence, in its simplest form: descriptions have some hundred lines.
fn diff<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Change<'a>> {
    let mut lengths = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i][j] = if old[i] == new[j] {
                lengths[i + 1][j + 1] + 1
            } else {
                lengths[i + 1][j].max(lengths[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut changes) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            changes.push(Change::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && lengths[i + 1][j] >= lengths[i][j + 1]) {
            changes.push(Change::Old(old[i]));
            i += 1;
        } else {
            changes.push(Change::New(new[j]));
            j += 1;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_lose_their_ids() {
        let panes = ["%7", "%3", "%12"].map(str::to_owned);
        assert_eq!(
            layout("d67e,80x24,0,0{40x24,0,0,7,39x24,41,0[39x12,41,0,3,39x11,41,13,12]}", &panes),
            "80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}"
        );
        assert_eq!(layout("b25d,80x24,0,0,3", &panes), "80x24,0,0,1");
        assert_eq!(
            layout("0000,80x24,0,0[80x12,0,0{40x12,0,0,7,39x12,41,0,3},80x11,0,13,12]", &panes),
            "80x24,0,0[80x12,0,0{40x12,0,0,0,39x12,41,0,1},80x11,0,13,2]"
        );
        assert_eq!(
            layout(
                r#"{"V":2,"L":{"t":"h","c":[{"w":40,"i":0,"I":"%7"},{"a":true,"i":1,"I":"%3","z":0}]}}"#,
                &panes
            ),
            r#"{"V":2,"L":{"t":"h","c":[{"w":40,"i":0},{"a":true,"i":1,"z":0}]}}"#
        );
    }

    #[test]
    fn differences_stand_under_their_headings() {
        let (before, after) =
            ("session a\n  option x\n  option y\n", "session a\n  option x\n  option z\n  link 1\n");
        assert_eq!(differences(before, after), "  session a\n-   option y\n+   option z\n+   link 1\n");
        assert_eq!(differences(before, before), "");
    }
}
