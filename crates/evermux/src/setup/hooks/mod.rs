//! What `evermux install --assistant` adds to the settings of an assistant: a hook that tells the pane which conversation its
//! assistant holds (`evermux assistant-hook`). Evermux needs none of them: they tell it at once, and exactly.

mod settings;

use std::path::{Path, PathBuf};

use evermux_core::text::quote::shell_word;

use self::settings::Hooks;
pub use self::settings::{BadSettings, are_empty};

/// What follows the path of evermux in a hook's command, before and after the assistant's name. Nothing of ours reaches the
/// assistant, which takes output for words to the model; where evermux is gone, what it is told is read all the same.
const VERB: &str = " assistant-hook ";
const QUIET: &str = " >/dev/null 2>&1 || cat >/dev/null";
/// A comment behind that: there were no settings before.
const NEW_FILE: &str = " # evermux made this file";

/// The first line of a plugin of ours.
const PLUGIN_MARK: &str = "// Written by `evermux install`; `evermux uninstall` removes it.";

/// An assistant that can be given hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Assistant {
    /// Claude Code.
    Claude,
    /// The Gemini CLI.
    Gemini,
    /// OpenCode.
    Opencode,
}

/// How an assistant is given hooks.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// In its settings.
    Settings(Settings),
    /// As a file of its own.
    Plugin,
}

/// Settings that are JSON with hooks by event.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    name: &'static str,
    ours: fn(&str) -> bool,
    comments: bool,
}

/// Where files of assistants are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The user's home folder.
    pub home: PathBuf,
    /// `${XDG_CONFIG_HOME:-~/.config}`.
    pub config: PathBuf,
    /// `$CLAUDE_CONFIG_DIR`.
    pub claude: Option<PathBuf>,
}

impl Assistant {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Claude, Self::Gemini, Self::Opencode];

    /// Its handler's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
        }
    }

    /// The files that may hold our hooks; the first is the one that the assistant reads when it is started from here.
    pub fn files(self, places: &Places) -> Vec<PathBuf> {
        let home = |path: &str| places.home.join(path);
        match self {
            Self::Claude => {
                let named = places.claude.iter().map(|folder| folder.join("settings.json"));
                named.chain([home(".claude/settings.json")]).collect()
            }
            Self::Gemini => vec![home(".gemini/settings.json")],
            Self::Opencode => vec![places.config.join("opencode/plugins/evermux.js")],
        }
    }

    /// How it is given hooks.
    pub fn kind(self) -> Kind {
        match self {
            Self::Claude => Kind::Settings(Settings { name: "claude", ours: is_claudes, comments: false }),
            // It takes comments out before it reads them.
            Self::Gemini => Kind::Settings(Settings { name: "gemini", ours: is_geminis, comments: true }),
            Self::Opencode => Kind::Plugin,
        }
    }
}

impl Settings {
    /// Both know these events: a conversation begins or is gone on with, also by `/clear`; it is left.
    const EVENTS: &[&str] = &["SessionStart", "SessionEnd"];

    /// Settings with our hooks; none: they are as they should be. `content`: none if there is no file.
    ///
    /// # Errors
    /// [`BadSettings`].
    pub fn add(&self, content: Option<&str>, program: &str) -> Result<Option<String>, BadSettings> {
        let made_by_us = content.is_none_or(|content| content.contains(NEW_FILE));
        let end = if made_by_us { NEW_FILE } else { "" };
        let command = format!("{program}{VERB}{}{QUIET}{end}", self.name);
        self.hooks(&command).add(content.unwrap_or("{}\n"))
    }

    /// Settings without our hooks; none: none are in them.
    ///
    /// # Errors
    /// [`BadSettings`].
    pub fn remove(&self, content: &str) -> Result<Option<Removed>, BadSettings> {
        let without = self.hooks("").remove(content)?;
        let made_by_us = content.contains(NEW_FILE);
        Ok(without
            .map(|rest| if made_by_us && are_empty(&rest) { Removed::Nothing } else { Removed::Rest(rest) }))
    }

    fn hooks<'a>(&self, command: &'a str) -> Hooks<'a> {
        Hooks { events: Self::EVENTS, command, ours: self.ours, comments: self.comments }
    }
}

/// What is left of settings without our hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// This.
    Rest(String),
    /// Nothing, and there was no file before.
    Nothing,
}

fn is_claudes(command: &str) -> bool {
    is_own(command, "claude")
}

fn is_geminis(command: &str) -> bool {
    is_own(command, "gemini")
}

fn is_own(command: &str, name: &str) -> bool {
    command.strip_suffix(NEW_FILE).unwrap_or(command).ends_with(&format!("{VERB}{name}{QUIET}"))
}

/// The path of evermux as a word of a shell's script; none if it cannot be one.
pub fn program_word(program: &Path) -> Option<String> {
    let word = shell_word(program.as_os_str().as_encoded_bytes()).ok()?;
    String::from_utf8(word).ok()
}

/// The plugin of OpenCode; none if the path of evermux is no text.
pub fn plugin(program: &Path) -> Option<String> {
    let program = serde_json::to_string(program.to_str()?).ok()?;
    Some(format!("{PLUGIN_MARK}\n{}", include_str!("opencode.js").replace("\"EVERMUX\"", &program)))
}

/// Whether a plugin is one that we wrote.
pub fn is_our_plugin(text: &[u8]) -> bool {
    text.starts_with(PLUGIN_MARK.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(assistant: Assistant) -> Settings {
        match assistant.kind() {
            Kind::Settings(settings) => settings,
            Kind::Plugin => panic!("it has none"),
        }
    }

    #[test]
    fn a_file_that_was_not_there_is_not_there_again() {
        let claude = settings(Assistant::Claude);
        let made = claude.add(None, "/x/evermux").unwrap().unwrap();
        assert_eq!(claude.remove(&made), Ok(Some(Removed::Nothing)));
        assert_eq!(claude.add(Some(&made), "/x/evermux"), Ok(None));
        // Written anew by the program, with something of its own.
        let mut value: serde_json::Value = serde_json::from_str(&made).unwrap();
        let again = serde_json::to_string(&value).unwrap();
        assert_eq!(claude.remove(&again), Ok(Some(Removed::Nothing)));
        value["model"] = "opus".into();
        let rest = claude.remove(&serde_json::to_string_pretty(&value).unwrap()).unwrap().unwrap();
        assert_eq!(rest, Removed::Rest("{\n  \"model\": \"opus\"\n}".to_owned()));
        // By another path it is the same file.
        let moved = claude.add(Some(&made), "/y/evermux").unwrap().unwrap();
        assert_eq!(claude.remove(&moved), Ok(Some(Removed::Nothing)));
    }

    #[test]
    fn only_ours_are_ours() {
        let claude = settings(Assistant::Claude);
        let made = settings(Assistant::Gemini).add(None, "/x/evermux").unwrap().unwrap();
        assert_eq!(claude.remove(&made), Ok(None), "another assistant's");
        let by_hand =
            r#"{"hooks":{"SessionStart":[{"hooks":[{"command":"evermux assistant-hook claude"}]}]}}"#;
        assert_eq!(claude.remove(by_hand), Ok(None));
    }
}
