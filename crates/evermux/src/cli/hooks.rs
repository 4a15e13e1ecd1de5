//! The hooks of assistants, as steps of `install` and `uninstall`.

use std::path::PathBuf;

use super::install::{folders, remarks};
use super::steps::{Action, Step};
use crate::context::Context;
use crate::error::CliError;
use crate::setup::file::Looked;
use crate::setup::hooks::{self, Assistant, BadSettings, Kind, Places, Removed, Settings};

/// What gives these assistants their hooks.
///
/// # Errors
/// If the path of evermux cannot stand in their files.
pub fn add(context: &Context, assistants: &[Assistant]) -> Result<Vec<Step>, CliError> {
    let program = crate::setup::program(context.binaries.path.as_deref())?;
    let word = hooks::program_word(&program).zip(hooks::plugin(&program));
    let (word, plugin) =
        word.ok_or_else(|| CliError::failed(format!("the path {} is no text", program.display())))?;
    let places = places(context);
    let mut steps = Vec::new();
    for assistant in Assistant::ALL.into_iter().filter(|it| assistants.contains(it)) {
        let Some(file) = assistant.files(&places).into_iter().next() else { continue };
        let looked = Looked::at(&file, context.uid);
        steps.push(match assistant.kind() {
            Kind::Settings(settings) => added(&looked, assistant, settings, &word),
            Kind::Plugin => placed(looked, assistant, &plugin),
        });
    }
    Ok(steps)
}

/// What takes our hooks out of whatever files of assistants they are in.
pub fn remove(context: &Context) -> Vec<Step> {
    let places = places(context);
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut steps = Vec::new();
    for assistant in Assistant::ALL {
        for file in assistant.files(&places) {
            let looked = Looked::at(&file, context.uid);
            if seen.contains(&looked.target) {
                continue;
            }
            seen.push(looked.target.clone());
            steps.extend(removed(looked, assistant));
        }
    }
    steps
}

fn places(context: &Context) -> Places {
    let folders = folders(context);
    let config = folders.config.unwrap_or_else(|| folders.home.join(".config"));
    let claude = context.variable("CLAUDE_CONFIG_DIR").map(PathBuf::from);
    Places { home: folders.home, config, claude: claude.filter(|folder| folder.is_absolute()) }
}

/// The hooks in settings. Pure.
fn added(looked: &Looked, assistant: Assistant, settings: Settings, program: &str) -> Step {
    let name = looked.path.display().to_string();
    let cannot = |why: String, hint: &str| Step::new(&name, Action::Cannot { why, hint: hint.to_owned() });
    let new = match text(looked.content.as_deref()).and_then(|content| settings.add(content, program)) {
        Ok(Some(new)) => new,
        Ok(None) => return Step::new(format!("{name}: our hooks are there"), Action::Nothing),
        Err(error) => {
            return cannot(error.to_string(), "Nothing was changed in it. Mend it, then run this again.");
        }
    };
    if let Some(fixed) = &looked.fixed {
        return cannot(fixed.to_string(), &by_hand(settings, program));
    }
    let does = if looked.content.is_none() { "a new file with hooks" } else { "hooks" };
    let what = format!(
        "{name}: {does} that tell which conversation of {} is in a pane{}",
        assistant.name(),
        remarks(looked)
    );
    Step::new(
        what,
        Action::Write { path: looked.target.clone(), old: looked.content.clone(), new: new.into() },
    )
}

/// The text to add by hand.
fn by_hand(settings: Settings, program: &str) -> String {
    let alone = settings.add(Some("{}\n"), program).ok().flatten().unwrap_or_default();
    format!("Add to it:\n{}", alone.trim_end())
}

fn text(content: Option<&[u8]>) -> Result<Option<&str>, BadSettings> {
    let text = content.map(std::str::from_utf8).transpose();
    text.map_err(|error| BadSettings::NotJson(error.to_string()))
}

/// The plugin as a file.
fn placed(looked: Looked, assistant: Assistant, plugin: &str) -> Step {
    let name = looked.path.display().to_string();
    let cannot = |why: String, hint: String| Step::new(&name, Action::Cannot { why, hint });
    match (&looked.content, &looked.fixed) {
        (Some(content), _) if content == plugin.as_bytes() => {
            Step::new(format!("{name}: our plugin is there"), Action::Nothing)
        }
        (_, Some(fixed)) => cannot(fixed.to_string(), format!("Its content should be:\n{plugin}")),
        (Some(content), None) if !hooks::is_our_plugin(content) => cannot(
            "it is there and not written by evermux".to_owned(),
            "Remove it if you do not need it, then run this again.".to_owned(),
        ),
        (_, None) => {
            let what = format!(
                "{name}: a plugin that tells which conversation of {} is in a pane{}",
                assistant.name(),
                remarks(&looked)
            );
            Step::new(what, Action::Write { path: looked.target, old: looked.content, new: plugin.into() })
        }
    }
}

/// What is to be done with a file of an assistant; none: nothing of ours is in it.
fn removed(looked: Looked, assistant: Assistant) -> Option<Step> {
    let old = looked.content.clone()?;
    let name = looked.path.display().to_string();
    let (what, rest) = match assistant.kind() {
        Kind::Plugin if hooks::is_our_plugin(&old) => (name.clone(), Removed::Nothing),
        Kind::Plugin => return None,
        // What cannot be read the program does not read either.
        Kind::Settings(settings) => match settings.remove(std::str::from_utf8(&old).ok()?).ok()?? {
            Removed::Nothing => (format!("{name}: nothing else is in it"), Removed::Nothing),
            rest => (format!("{name}: without our hooks"), rest),
        },
    };
    if let Some(fixed) = &looked.fixed {
        let hint = "Remove by hand what runs 'evermux assistant-hook'.".to_owned();
        return Some(Step::new(name, Action::Cannot { why: fixed.to_string(), hint }));
    }
    let what = format!("{what}{}", remarks(&looked));
    let path = looked.target;
    Some(match rest {
        Removed::Nothing => Step::new(what, Action::Remove { path, old }),
        Removed::Rest(rest) => Step::new(what, Action::Write { path, old: Some(old), new: rest.into() }),
    })
}
