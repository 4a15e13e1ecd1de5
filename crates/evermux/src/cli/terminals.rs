//! What makes a terminal emulator open its windows in a session of its own: a few lines for its config file.

use std::path::{Path, PathBuf};

use evermux_core::text::quote::shell_word;

/// An emulator, and where its settings are.
#[derive(Clone, Copy, Debug)]
pub struct Emulator {
    /// Its name, and that of its session.
    pub name: &'static str,
    /// Its config file, from the user's folder of settings (`$XDG_CONFIG_HOME`, else `~/.config`).
    pub file: &'static str,
    /// What a comment begins with in that file.
    pub comment: &'static str,
    /// Writes the setting.
    setting: fn(name: &str, program: &str) -> Option<String>,
}

/// The emulators that are known.
///
/// * kitty: `shell` in `kitty.conf`, split like a line for a shell.
/// * Alacritty: the table `terminal.shell` in `alacritty.toml` (0.15 and newer; before that it was `shell`).
/// * `WezTerm`: `default_prog`, a list, in `wezterm.lua`, on the table that the file returns.
/// * Ghostty: `command` in `config` (1.2 and newer read `config.ghostty`, too); run by `/bin/sh -c`.
/// * foot: `shell` in the section `main` of `foot.ini`, split like a line for a shell.
pub const EMULATORS: [Emulator; 5] = [
    Emulator {
        name: "kitty",
        file: "kitty/kitty.conf",
        comment: "#",
        setting: |name, program| Some(format!("shell {} attach {name}\n", sh(program)?)),
    },
    Emulator {
        name: "alacritty",
        file: "alacritty/alacritty.toml",
        comment: "#",
        setting: |name, program| {
            let program = double_quoted(program)?;
            Some(format!("[terminal.shell]\nprogram = {program}\nargs = [\"attach\", \"{name}\"]\n"))
        },
    },
    Emulator {
        name: "wezterm",
        file: "wezterm/wezterm.lua",
        comment: "--",
        setting: |name, program| {
            Some(format!("config.default_prog = {{ {}, \"attach\", \"{name}\" }}\n", double_quoted(program)?))
        },
    },
    Emulator {
        name: "ghostty",
        file: "ghostty/config",
        comment: "#",
        setting: |name, program| Some(format!("command = {} attach {name}\n", sh(program)?)),
    },
    Emulator {
        name: "foot",
        file: "foot/foot.ini",
        comment: "#",
        setting: |name, program| Some(format!("[main]\nshell={} attach {name}\n", sh(program)?)),
    },
];

/// Lines for the config file of an emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The file, from the user's folder of settings.
    pub file: PathBuf,
    /// The lines, with a comment above that says what they are.
    pub text: String,
}

/// What makes the emulator of this name open its windows with `evermux attach NAME`. `program` is evermux, absolute.
/// None for an emulator that is not known, or a path that cannot stand in such a file (a line break, invalid UTF-8).
pub fn snippet(name: &str, program: &Path) -> Option<Snippet> {
    let emulator = EMULATORS.iter().find(|emulator| emulator.name == name)?;
    let program = program.to_str().filter(|path| !path.chars().any(char::is_control))?;
    let setting = (emulator.setting)(emulator.name, program)?;
    let text = format!("{} evermux: windows open in the tmux session {name}\n{setting}", emulator.comment);
    Some(Snippet { file: PathBuf::from(emulator.file), text })
}

/// A word of a line that is split as a shell does.
fn sh(word: &str) -> Option<String> {
    String::from_utf8(shell_word(word.as_bytes()).ok()?).ok()
}

/// A string of TOML or Lua.
fn double_quoted(text: &str) -> Option<String> {
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn text(name: &str, program: &str) -> String {
        snippet(name, Path::new(program)).unwrap().text
    }

    #[test]
    fn every_emulator_is_told_in_its_own_words() {
        let all: Vec<String> =
            EMULATORS.iter().map(|emulator| text(emulator.name, "/usr/bin/evermux")).collect();
        assert_snapshot!(all.join("\n"), @r#"
        # evermux: windows open in the tmux session kitty
        shell /usr/bin/evermux attach kitty

        # evermux: windows open in the tmux session alacritty
        [terminal.shell]
        program = "/usr/bin/evermux"
        args = ["attach", "alacritty"]

        -- evermux: windows open in the tmux session wezterm
        config.default_prog = { "/usr/bin/evermux", "attach", "wezterm" }

        # evermux: windows open in the tmux session ghostty
        command = /usr/bin/evermux attach ghostty

        # evermux: windows open in the tmux session foot
        [main]
        shell=/usr/bin/evermux attach foot
        "#);
    }

    #[test]
    fn a_path_stays_one_word() {
        let path = r#"/opt/my "tools"/o'ne \x/evermux"#;
        let shells = ["kitty", "ghostty", "foot"];
        for name in shells {
            let text = text(name, path);
            let line = text.lines().last().unwrap();
            let words = shlex_words(
                line.trim_start_matches("shell ")
                    .trim_start_matches("shell=")
                    .trim_start_matches("command = "),
            );
            assert_eq!(words, [path, "attach", name], "{line}");
        }
        let parsed: toml::Table = toml::from_str(&text("alacritty", path)).unwrap();
        assert_eq!(parsed["terminal"]["shell"]["program"].as_str(), Some(path));
        assert!(
            text("wezterm", path)
                .contains(r#"{ "/opt/my \"tools\"/o'ne \\x/evermux", "attach", "wezterm" }"#)
        );
    }

    fn shlex_words(line: &str) -> Vec<String> {
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", &format!("printf '%s\\n' {line}")])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        assert_eq!(snippet("xterm", Path::new("/usr/bin/evermux")), None);
        assert_eq!(snippet("kitty", Path::new("/usr/bin\n/evermux")), None);
    }
}
