//! The texts of what a service manager is given. Pure.

use std::path::{Path, PathBuf};

use crate::context::{RESTORE, RESTORE_AND_WAIT};

/// The keeper's unit.
pub const KEEPER: &str = "evermux.service";
/// The unit of the tmux server.
pub const TMUX: &str = "tmux.service";
/// A folder of additions to the unit of every pane (tmux 3.4 and later, built with systemd): systemd looks for such
/// folders by every part of a unit's name that ends with a dash.
pub const PANES: &str = "tmux-spawn-.scope.d/evermux.conf";
/// The agent of launchd.
pub const AGENT: &str = "evermux.keeper.plist";

/// The first line of everything that we write: by it we know our own.
pub const MARK: &str = "# Written by `evermux install`; `evermux uninstall` removes it.";
/// The same in XML.
const XML_MARK: &str = "<!-- Written by `evermux install`; `evermux uninstall` removes it. -->";

/// Whether a file is one that we wrote.
pub fn is_ours(text: &[u8]) -> bool {
    let begins = |mark: &str| text.starts_with(mark.as_bytes());
    begins(MARK) || text.windows(XML_MARK.len()).take(256).any(|window| window == XML_MARK.as_bytes())
}

/// What the units are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Where evermux is.
    pub program: PathBuf,
    /// Variables that say where evermux keeps its data and settings, where they are set.
    pub variables: Vec<(String, String)>,
}

/// Where and how the tmux server runs as a service.
#[derive(Clone, Debug)]
pub struct TmuxParts {
    /// Where tmux is.
    pub tmux: PathBuf,
    /// The user's login shell.
    pub shell: PathBuf,
    /// The target that starts it.
    pub target: String,
}

/// The keeper as a service of the user's systemd.
///
/// It stops before the tmux server and before the panes, each of which tmux 3.4 and later puts into a scope of its own:
/// so it still sees all of them when it saves for the last time. What ordering of *starts* follows from that costs
/// nothing: none of them waits for the keeper.
///
/// Hardening that needs a namespace is left out: in a user's manager it also makes a namespace of users, from which the
/// processes in the panes cannot be looked at, and tmux's socket lies in `/tmp`.
pub fn keeper(parts: &Parts) -> String {
    let program = program_word(&parts.program.display().to_string());
    let variables: String = parts.variables.iter().map(|(name, value)| variable(name, value)).collect();
    format!(
        "{MARK}
[Unit]
Description=evermux, which saves tmux continuously
Documentation=https://github.com/evermux/evermux
# Started after them means stopped before them.
After={TMUX}
# Another keeper may be ending: try for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} keeper run
{variables}WatchdogSec=2min
TimeoutStartSec=30
TimeoutStopSec=45
Restart=on-failure
RestartSec=10
# Nothing that it has started may end with it.
KillMode=process
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"
    )
}

/// Which evermux a unit of the keeper runs; none if its path had to be quoted in a way of systemd's.
pub fn program_of(unit: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(unit).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=")?.strip_suffix(" keeper run"))?;
    let plain = line.trim_matches('"');
    (!plain.contains(['"', '\\', '%'])).then(|| PathBuf::from(plain))
}

/// An addition to the scope of every pane: the keeper stops before it.
pub fn panes() -> String {
    format!("{MARK}\n[Unit]\nBefore={KEEPER}\n")
}

/// The tmux server as a service of the user's systemd, with the environment of a login shell.
///
/// A shell whose own name begins with a dash is a login shell, whichever it is. `start-server` reads the config file, of
/// which the last line restores, however long that takes; only if there is no session then, one is made, as tmux without sessions ends.
///
/// `graphical-session.target`, or another one that is named, comes first, so that its environment is there;
/// `default.target` does not: what starts after it finds the sessions there.
pub fn tmux(parts: &TmuxParts) -> String {
    let TmuxParts { tmux, shell, target } = parts;
    let name = shell.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let script = format!(
        "exec env {RESTORE}={RESTORE_AND_WAIT} '{}' start-server ';' if-shell -F '#{{?#{{S:1}},,1}}' 'new-session -d'",
        tmux.display()
    );
    let after = if target == "default.target" { String::new() } else { format!("After={target}\n") };
    format!(
        "{MARK}
[Unit]
Description=The tmux server, restored by evermux
Documentation=https://github.com/evermux/evermux
{after}
[Service]
Type=forking
ExecStart={} {} -c {}
TimeoutStartSec=60
TimeoutStopSec=30
# tmux ends at SIGTERM, and what runs in panes is told of both.
KillMode=control-group
SendSIGHUP=yes
# One program that takes too much memory must not take all the others with it.
OOMPolicy=continue

[Install]
WantedBy={target}
",
        program_word(&format!("@{}", shell.display())),
        word(&format!("-{name}")),
        word(&script),
    )
}

/// The program of a command line in a unit (systemd.service(5), "Command lines"): `%` is a specifier.
fn program_word(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte);
    if text.bytes().all(bare) { text.to_owned() } else { format!("\"{}\"", quoted(text)) }
}

/// An argument: `$` is a variable, too.
fn word(text: &str) -> String {
    format!("\"{}\"", quoted(text).replace('$', "$$"))
}

/// A line that sets a variable.
fn variable(name: &str, value: &str) -> String {
    format!("Environment=\"{name}={}\"\n", quoted(value))
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('\n', "\\n")
}

/// The keeper as an agent of launchd.
pub fn agent(parts: &Parts) -> String {
    let variables = parts
        .variables
        .iter()
        .map(|(name, value)| format!("    <key>{}</key>\n    <string>{}</string>\n", xml(name), xml(value)));
    let variables: String = variables.collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
{XML_MARK}
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
  <key>Label</key>
  <string>evermux.keeper</string>
  <key>ProgramArguments</key>
  <array>
    <string>{}</string>
    <string>keeper</string>
    <string>run</string>
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key>
    <string>/opt/homebrew/bin:/usr/local/bin:/opt/local/bin:/usr/bin:/bin:/usr/sbin:/sbin</string>
{variables}  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>AbandonProcessGroup</key>
  <true/>
  <key>ProcessType</key>
  <string>Background</string>
</dict>
</plist>
",
        xml(&parts.program.display().to_string()),
    )
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whether a path can stand in a script that a shell of any kind reads.
pub fn is_plain(path: &Path) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+ ".contains(byte);
    path.as_os_str().as_encoded_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_are_known() {
        let parts = Parts { program: "/x".into(), variables: Vec::new() };
        for text in [keeper(&parts), panes(), agent(&parts)] {
            assert!(is_ours(text.as_bytes()));
        }
        assert!(!is_ours(b"[Unit]\n"));
        assert_eq!(program_of(keeper(&parts).as_bytes()), Some("/x".into()));
    }

    #[test]
    fn what_means_something_to_systemd_is_quoted() {
        let variables = vec![("EVERMUX_DIR".to_owned(), "/a%b\"c\\".to_owned())];
        let text = keeper(&Parts { program: "/o ne/100%".into(), variables });
        assert!(text.contains("\nExecStart=\"/o ne/100%%\" keeper run\n"), "{text}");
        assert!(text.contains("\nEnvironment=\"EVERMUX_DIR=/a%%b\\\"c\\\\\"\n"), "{text}");
    }

    #[test]
    fn a_server_comes_after_its_target_but_not_after_the_default_one() {
        let text = |target: &str| {
            tmux(&TmuxParts {
                tmux: "/usr/bin/tmux".into(),
                shell: "/bin/zsh".into(),
                target: target.to_owned(),
            })
        };
        assert!(text("graphical-session.target").contains("\nAfter=graphical-session.target\n"));
        assert!(!text("default.target").contains("After="));
        assert!(text("default.target").contains(
            "ExecStart=@/bin/zsh \"-zsh\" -c \"exec env EVERMUX_RESTORE=wait '/usr/bin/tmux' start-server"
        ));
    }
}
