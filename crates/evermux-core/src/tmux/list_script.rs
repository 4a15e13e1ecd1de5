//! The script of the listing client.
//!
//! A reply is cut by the [`Nonce`] into pieces, each a tag and its text. A capital letter begins a record, a small
//! letter adds a field of free text (or a group of fields that not every version has), `.` ends it; after the `.` come
//! the lines of a `show-…` command, if any. So names and paths with tabs and newlines are read exactly.
//!
//! From 3.6 on tmux gives up a format that takes longer than 100 ms, by the wall clock: every later expression in it is
//! empty, the text between is still printed. So a record ends with `.` and an expression that is never empty, and the
//! loop over all objects, too: what lacks it is not to be believed.
//!
//! The script finds out itself on which version it runs (`%if`), so that no client has to ask before: a field that a
//! version lacks is left out, since looking for an unknown one costs more than a known one (1.2 µs per pane).
//!
//! tmux 3.4 to 3.5a print control characters and invalid UTF-8 in formats as `\ooo` but backslashes as they are.
//! There every backslash of a name or path is replaced by `\134` ([`ESCAPED`]), which makes that form exact.

use std::fmt::Write;

use super::own_options::Unknown;
use super::{Nonce, in_blocks};
use crate::model::PaneIdentity;

/// What to ask for.
#[derive(Clone, Copy, Debug)]
pub struct ListRequest {
    /// The mark of its records.
    pub nonce: Nonce,
    /// Also ask for `#{pane_current_path}` and `#{pane_current_command}` (10 µs a pane): only where the process table
    /// cannot tell better.
    pub current: bool,
}

/// Before 3.2: no `run-shell -C`, so options need a second client.
const OLD: &str = "#{||:#{m:3.[01],#{version}},#{m:3.[01][a-z]*,#{version}}}";
/// 3.4 to 3.5a print control characters as `\ooo`.
const ESCAPED: &str = "#{||:#{m:3.[45],#{version}},#{m:3.[45][a-z]*,#{version}}}";
/// The loop over options of 3.8: elsewhere it expands to nothing. Every server has global options.
const OPTION_LOOP: &str = "#{!=:#{O/sg:1},}";
/// Before 3.3: no `#{pane_start_path}`.
const BEFORE_3_3: &str = "#{||:#{m:3.[012],#{version}},#{m:3.[012][a-z]*,#{version}}}";

/// The script that lists everything.
pub(super) fn list_script(request: &ListRequest) -> Vec<u8> {
    let n = request.nonce;
    let mut s = String::with_capacity(8 * 1024);
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = s.write_fmt(text);
        s.push('\n');
    };
    line(format_args!(
        "display-message -p '{n}V#{{version}}\t#{{pid}}\t#{{start_time}}{n}k#{{socket_path}}{n}c#{{config_files}}{n}.#{{pid}}'"
    ));
    line(format_args!("%if {ESCAPED}"));
    line(format_args!("display-message -p '{n}X{n}.1'"));
    for command in objects(n, request.current, true) {
        line(format_args!("{command}"));
    }
    line(format_args!("%else"));
    for command in objects(n, request.current, false) {
        line(format_args!("{command}"));
    }
    line(format_args!("%endif"));
    line(format_args!(
        "list-clients -F '{n}C#{{client_pid}}\t#{{client_control_mode}}\t#{{client_activity}}\t#{{client_created}}\t\
         #{{client_width}}\t#{{client_height}}{n}n#{{client_name}}{n}y#{{client_tty}}{n}e#{{client_termname}}\
         {n}s#{{client_session}}{n}l#{{client_last_session}}{n}.#{{pid}}'"
    ));
    line(format_args!("list-buffers -F '{n}B{n}n#{{buffer_name}}{n}.#{{pid}}'"));
    for (which, command) in [
        ("Gs", "show-options -s"),
        ("Gg", "show-options -g"),
        ("Gw", "show-options -gw"),
        ("Ge", "show-environment -g -s"),
    ] {
        line(format_args!("display-message -p '{n}{which}{n}.1'"));
        line(format_args!("{command}"));
    }
    line(format_args!("display-message -p '{n}Z{n}.1'"));
    line(format_args!("%if {OLD}"));
    // A branch without a line is a syntax error.
    line(format_args!(""));
    line(format_args!("%elif {OPTION_LOOP}"));
    line(format_args!("{}", options_of_those_that_have(n)));
    line(format_args!("%else"));
    line(format_args!("{}", options_of_all(n)));
    line(format_args!("%endif"));
    s.into_bytes()
}

/// The lists of sessions, windows and panes.
fn objects(n: Nonce, current: bool, escaped: bool) -> Vec<String> {
    let raw = |name: &str| match escaped {
        true => format!("#{{s|\\\\|\\\\134|:{name}}}"),
        false => format!("#{{{name}}}"),
    };
    let session = format!(
        "list-sessions -F '{n}S#{{session_id}}\t#{{session_created}}\t#{{session_activity}}\t\
         #{{session_last_attached}}\t#{{session_attached}}\t#{{session_stack}}{n}g{}{n}p{}{n}n{}{n}.#{{pid}}'",
        raw("session_group"),
        raw("session_path"),
        raw("session_name"),
    );
    let window = format!(
        "list-windows -a -F '{n}W#{{session_id}}\t#{{window_index}}\t#{{window_id}}\t#{{window_width}}\t\
         #{{window_height}}\t#{{window_zoomed_flag}}\t#{{window_activity}}\t#{{automatic-rename}}\t\
         #{{?window_raw_flags,#{{window_raw_flags}},#{{window_flags}}}}{n}l#{{window_layout}}{n}n{}{n}.#{{pid}}'",
        raw("window_name"),
    );
    let mut pane = format!(
        "list-panes -a -F '{n}P#{{window_id}}\t#{{pane_id}}\t#{{pane_pid}}\t#{{pane_width}}\t#{{pane_height}}\t\
         #{{pane_active}}\t#{{pane_last}}\t#{{pane_input_off}}\t#{{pane_marked}}\t#{{pane_in_mode}}\t\
         #{{cursor_x}}\t#{{cursor_y}}\t#{{history_size}}\t#{{history_limit}}\t#{{history_bytes}}\
         #{{?pane_dead,{n}d#{{pane_dead_status}}\t#{{pane_dead_signal}},}}\
         #{{?alternate_on,{n}a#{{alternate_saved_x}}\t#{{alternate_saved_y}}\t{},}}\
         {n}y#{{pane_tty}}{n}t#{{pane_title}}{n}c#{{pane_start_command}}{n}i#{{{}}}",
        MODES.map(|mode| format!("#{{{mode}_flag}}")).join("\t"),
        PaneIdentity::OPTION,
    );
    if current {
        let _ = write!(pane, "{n}w{}{n}o{}", raw("pane_current_path"), raw("pane_current_command"));
    }
    if escaped {
        return vec![session, window, format!("{pane}{n}p{}{n}.#{{pid}}'", raw("pane_start_path"))];
    }
    // Each line is complete in itself: %if cannot stand inside one.
    vec![
        session,
        window,
        format!("%if {BEFORE_3_3}"),
        format!("{pane}{n}.#{{pid}}'"),
        format!("%elif {OPTION_LOOP}"),
        format!(
            "{pane}{n}p#{{pane_start_path}}{n}v#{{pane_start_command_list}}{n}f#{{pane_floating_flag}}{n}x\
             #{{history_collected}}\t#{{history_generation}}\t#{{pane_output_generation}}\t\
             #{{pane_last_output_time}}{n}.#{{pid}}'"
        ),
        "%else".to_owned(),
        format!("{pane}{n}p#{{pane_start_path}}{n}f#{{pane_floating_flag}}{n}.#{{pid}}'"),
        "%endif".to_owned(),
    ]
}

/// Terminal modes asked for while a full-screen program runs; tmux's format names without `_flag`.
pub(super) const MODES: [&str; 7] =
    ["keypad_cursor", "keypad", "mouse_standard", "mouse_button", "mouse_all", "mouse_sgr", "bracket_paste"];

/// tmux 3.2+: one command that expands to a `show-…` for each object. Only ids stand between the quotes. Windows that
/// are linked several times come several times. Each window is a block of its own, as [`in_blocks`] explains (`#}` is a
/// brace that does not end the format). The panes of a window share a mark: see [`super::own_options`].
fn options_of_all(n: Nonce) -> String {
    let mark = |tag: char, id: &str| format!("display-message -p '{n}{tag}#{{{id}}}{n}.1' ; ");
    let show = |command: &str, id: &str| format!("{command} -t '#{{{id}}}' ; ");
    format!(
        "run-shell -C \"#{{S:{}{}{}{}#{{W:if-shell -F 1 {{ {}{}{}#{{P:{}}}#}} ; }}}}display-message -p '{n}Y#{{pid}}{n}.1'\"",
        mark('E', "session_id"),
        show("show-environment -s", "session_id"),
        mark('O', "session_id"),
        show("show-options", "session_id"),
        mark('O', "window_id"),
        show("show-options -w", "window_id"),
        mark('Q', "window_id"),
        show("show-options -p", "pane_id"),
    )
}

/// tmux 3.8: the same for those objects only that have options. Nearly every pane has one, our own, which its record
/// tells already; without this, options would cost as much as everything else together.
fn options_of_those_that_have(n: Nonce) -> String {
    let show = |test: &str, tag: char, flag: &str, id: &str, command: &str| {
        let escape = time_escape(id);
        format!(
            "#{{?{test},display-message -p '{n}{tag}{escape}#{{{id}}}{n}.1' ; \
             {command}{flag} -t '#{{{id}}}' ; ,}}"
        )
    };
    let own = PaneIdentity::OPTION;
    let other = format!("#{{O/p:#{{?#{{==:#{{option_name}},{own}}},,1}}}}");
    format!(
        "run-shell -C \"#{{S:{}{}#{{W:{}#{{P:{}}}}}}}display-message -p '{n}Y!#{{pid}}{n}.1'\"",
        show("#{session_id}", 'E', "", "session_id", "show-environment -s"),
        show("#{O/s:1}", 'O', "", "session_id", "show-options"),
        show("#{O/w:1}", 'O', " -w", "window_id", "show-options"),
        show(&other, 'O', " -p", "pane_id", "show-options"),
    )
}

/// `display-message` gives its text to `strftime`, and by then the loop has put in the id: `%3` must be `%%3`.
fn time_escape(id: &str) -> &'static str {
    if id == "pane_id" { "%" } else { "" }
}

/// The options of objects by their ids, for a second client: before 3.2; where the loop did not come to its end (later
/// versions limit how long one format may take); and where it is unclear which pane an option belongs to.
pub(super) fn options_script(n: Nonce, unknown: &Unknown) -> Vec<u8> {
    let mut lines = Vec::new();
    // The id is printed by tmux itself: for an object that is gone the record is empty or missing.
    let mut show = |tag: char, format: &str, id: &dyn std::fmt::Display, command: &str| {
        lines.push(format!("display-message -p -t '{id}' '{n}{tag}#{{{format}}}{n}.1'"));
        lines.push(format!("{command} -t '{id}'"));
    };
    for id in &unknown.sessions {
        show('E', "session_id", id, "show-environment -s");
        show('O', "session_id", id, "show-options");
    }
    for id in &unknown.windows {
        show('O', "window_id", id, "show-options -w");
    }
    for id in &unknown.panes {
        show('O', "pane_id", id, "show-options -p");
    }
    lines.push(format!("display-message -p '{n}Y1{n}.1'"));
    in_blocks(lines)
}
