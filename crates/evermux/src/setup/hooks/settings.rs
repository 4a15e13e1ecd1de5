//! Our hooks in the settings of an assistant: JSON with a list of groups of commands for each event. Pure: text to text.
//!
//! Everything else in the file stays as it is, to the byte where it is written in lines, as the programs themselves write it.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstNode, CstObject, CstObjectProp, CstRootNode};
use jsonc_parser::json;
use serde::de::IgnoredAny;
use thiserror::Error;

/// The key of all hooks.
const HOOKS: &str = "hooks";

/// Why settings are not changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadSettings {
    /// The program would not read them either, or not as we do.
    #[error("it is not valid JSON: {0}")]
    NotJson(String),
    /// Something else stands where hooks belong.
    #[error("'{0}' in it is not what the program understands there")]
    Shape(&'static str),
    /// Which of them counts differs from program to program.
    #[error("'{0}' stands in it twice")]
    Twice(&'static str),
}

/// What is put into settings.
#[derive(Clone, Copy, Debug)]
pub struct Hooks<'a> {
    /// The events.
    pub events: &'a [&'static str],
    /// What is run at each of them.
    pub command: &'a str,
    /// Whether a command is one of ours, as any version has written it.
    pub ours: fn(&str) -> bool,
    /// Whether the program allows comments and commas at ends.
    pub comments: bool,
}

impl Hooks<'_> {
    /// The settings with our hooks, each once; none: they are there as they should be.
    ///
    /// # Errors
    /// [`BadSettings`].
    pub fn add(&self, settings: &str) -> Result<Option<String>, BadSettings> {
        let root = self.parse(settings)?;
        let there = self.events.iter().map(|event| self.commands(&root, event));
        let there: Vec<Vec<String>> = there.collect::<Result<_, BadSettings>>()?;
        if there.iter().all(|commands| commands.as_slice() == [self.command]) {
            return Ok(None);
        }
        self.remove_from(&root)?;
        let object = root.object_value_or_create().ok_or(BadSettings::Shape("{}"))?;
        let hooks = object.object_value_or_create(HOOKS).ok_or(BadSettings::Shape(HOOKS))?;
        for event in self.events {
            let groups = hooks.array_value_or_create(event).ok_or(BadSettings::Shape(event))?;
            groups.ensure_multiline();
            let command = self.command;
            groups.append(json!({ "hooks": [{ "type": "command", "command": command }] }));
        }
        Ok(Some(root.to_string()))
    }

    /// The settings without our hooks; none: none are in them. What is empty without them goes, too.
    ///
    /// # Errors
    /// [`BadSettings`].
    pub fn remove(&self, settings: &str) -> Result<Option<String>, BadSettings> {
        let root = self.parse(settings)?;
        Ok(self.remove_from(&root)?.then(|| root.to_string()))
    }

    fn parse(&self, settings: &str) -> Result<CstRootNode, BadSettings> {
        let options = ParseOptions {
            allow_comments: self.comments,
            allow_trailing_commas: self.comments,
            allow_loose_object_property_names: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        // Behind an opening brace the parser takes comments in any case.
        if !self.comments {
            serde_json::from_str::<IgnoredAny>(settings)
                .map_err(|error| BadSettings::NotJson(error.to_string()))?;
        }
        let root = CstRootNode::parse(settings, &options)
            .map_err(|error| BadSettings::NotJson(error.to_string()))?;
        match root.value() {
            None => Err(BadSettings::NotJson("it is empty".to_owned())),
            Some(_) if root.to_string() != settings => {
                Err(BadSettings::NotJson("it begins with a byte order mark".to_owned()))
            }
            Some(_) => Ok(root),
        }
    }

    /// Our commands at an event.
    fn commands(&self, root: &CstRootNode, event: &'static str) -> Result<Vec<String>, BadSettings> {
        let Some((_, _, groups)) = groups(root, event)? else { return Ok(Vec::new()) };
        let commands = groups
            .elements()
            .into_iter()
            .filter_map(|group| entries(&group))
            .flat_map(|entries| entries.elements());
        Ok(commands.filter_map(|entry| self.own(&entry)).collect())
    }

    /// The command of an entry, if it is one of ours.
    fn own(&self, entry: &CstNode) -> Option<String> {
        let command = entry.as_object()?.get("command")?.value()?.as_string_lit()?.decoded_value().ok()?;
        (self.ours)(&command).then_some(command)
    }

    /// Whether something was removed.
    fn remove_from(&self, root: &CstRootNode) -> Result<bool, BadSettings> {
        let mut removed = false;
        for event in self.events {
            let Some((hooks, list, groups)) = groups(root, event)? else { continue };
            let own = groups.elements().iter().filter(|group| self.remove_from_group(group)).count() > 0;
            if own && groups.elements().is_empty() {
                list.remove();
            }
            if own && hooks.object_value().is_some_and(|hooks| hooks.properties().is_empty()) {
                hooks.remove();
            }
            removed |= own;
        }
        Ok(removed)
    }

    fn remove_from_group(&self, group: &CstNode) -> bool {
        let Some(entries) = entries(group) else { return false };
        let own: Vec<CstNode> =
            entries.elements().into_iter().filter(|entry| self.own(entry).is_some()).collect();
        let some = !own.is_empty();
        own.into_iter().for_each(CstNode::remove);
        if some && entries.elements().is_empty() {
            group.clone().remove();
        }
        some
    }
}

/// Whether settings say nothing.
pub fn are_empty(settings: &str) -> bool {
    settings.split_ascii_whitespace().collect::<String>() == "{}"
}

/// The property of all hooks, that of an event, and the groups in it; none if there are none.
fn groups(
    root: &CstRootNode,
    event: &'static str,
) -> Result<Option<(CstObjectProp, CstObjectProp, CstArray)>, BadSettings> {
    let Some(value) = root.value() else { return Ok(None) };
    let object = value.as_object().ok_or(BadSettings::Shape("{}"))?;
    let Some(hooks) = single(&object, HOOKS)? else { return Ok(None) };
    let all = hooks.object_value().ok_or(BadSettings::Shape(HOOKS))?;
    let Some(list) = single(&all, event)? else { return Ok(None) };
    let groups = list.array_value().ok_or(BadSettings::Shape(event))?;
    Ok(Some((hooks, list, groups)))
}

fn single(object: &CstObject, name: &'static str) -> Result<Option<CstObjectProp>, BadSettings> {
    let mut found =
        object.properties().into_iter().filter(|it| it.decoded_name().is_some_and(|own| own == name));
    let first = found.next();
    if found.next().is_some() { Err(BadSettings::Twice(name)) } else { Ok(first) }
}

/// The commands of a group; none of one that is none.
fn entries(group: &CstNode) -> Option<CstArray> {
    group.as_object()?.array_value(HOOKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: &[&str] = &["SessionStart", "SessionEnd"];

    fn hooks(command: &str) -> Hooks<'_> {
        Hooks { events: EVENTS, command, ours: |command| command.ends_with("our hook"), comments: true }
    }

    #[track_caller]
    fn there_and_back(settings: &str) -> String {
        let hooks = hooks("/x/our hook");
        let added = hooks.add(settings).unwrap().unwrap();
        assert_eq!(hooks.add(&added).unwrap(), None, "{added}");
        let value: serde_json::Value = serde_json::from_str(&added).unwrap();
        for event in EVENTS {
            let groups = value["hooks"][event].as_array().unwrap();
            let own = |group: &&serde_json::Value| group["hooks"][0]["command"] == "/x/our hook";
            assert_eq!(groups.iter().filter(own).count(), 1, "{added}");
        }
        hooks.remove(&added).unwrap().unwrap()
    }

    #[test]
    fn what_is_written_in_lines_comes_back_to_the_byte() {
        for settings in [
            "{}",
            "{}\n",
            "{\n  \"a\": 1\n}",
            "{\n\t\"b\": [1,2],\n\t\"a\": {\"x\": 1.50}\n}\n",
            "{\r\n  \"a\": 1\r\n}\r\n",
            "{\n  \"hooks\": {\n    \"Stop\": [\n      {\"hooks\": []}\n    ]\n  },\n  \"z\": \"\\u00e9\"\n}\n",
            "{\n  \"hooks\": {\n    \"SessionStart\": [\n      {\n        \"hooks\": [{ \"type\": \"http\", \"url\": \"x\" }]\n      }\n    ]\n  }\n}\n",
        ] {
            assert_eq!(there_and_back(settings), settings);
        }
    }

    #[test]
    fn what_is_written_otherwise_means_the_same_again() {
        for settings in
            ["{ }", "{\"a\":1}", "{\"a\":1,\"hooks\":{\"SessionStart\":[{\"hooks\":[]}],\"X\":[]}}"]
        {
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&there_and_back(settings)), value(settings));
        }
    }

    #[test]
    fn comments_stay_where_the_program_knows_them() {
        let settings = "{\n  // why\n  \"a\": 1, // this\n  /* end */\n}\n";
        let strict = Hooks { comments: false, ..hooks("/x/our hook") };
        assert!(matches!(strict.add(settings), Err(BadSettings::NotJson(_))));
        assert!(matches!(strict.add("{ // why\n}"), Err(BadSettings::NotJson(_))));
        let hooks = hooks("/x/our hook");
        let added = hooks.add(settings).unwrap().unwrap();
        assert_eq!(hooks.remove(&added).unwrap().unwrap(), settings);
    }

    #[test]
    fn one_of_another_version_is_replaced_and_others_stay() {
        let old = hooks("/old/our hook").add("{\n  \"hooks\": {\n    \"SessionStart\": [\n      { \"hooks\": [{ \"command\": \"mine\" }] }\n    ]\n  }\n}").unwrap().unwrap();
        let new = hooks("/new/our hook").add(&old).unwrap().unwrap();
        assert_eq!(new, old.replace("/old/", "/new/"));
        // Put among others by hand, and more than once.
        let by_hand = "{\n  \"hooks\": {\n    \"SessionEnd\": [{ \"hooks\": [{ \"command\": \"our hook\" }, { \"command\": \"mine\" }, { \"command\": \"our hook\" }] }]\n  }\n}";
        let without = hooks("x").remove(by_hand).unwrap().unwrap();
        let value: serde_json::Value = serde_json::from_str(&without).unwrap();
        assert_eq!(
            value,
            serde_json::json!({ "hooks": { "SessionEnd": [{ "hooks": [{ "command": "mine" }] }] } })
        );
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        let bad = |settings: &str| hooks("our hook").add(settings).unwrap_err();
        for settings in [
            "",
            "x",
            "{",
            "{\"a\":}",
            "{'a': 1}",
            "{a: 1}",
            "{} {}",
            "{\"a\" 1}",
            "\u{feff}{}",
            &"[".repeat(100_000),
        ] {
            assert!(matches!(bad(settings), BadSettings::NotJson(_)), "{settings:.20}");
        }
        assert_eq!(bad("[]"), BadSettings::Shape("{}"));
        assert_eq!(bad("{\"hooks\": []}"), BadSettings::Shape("hooks"));
        assert_eq!(bad("{\"hooks\": null}"), BadSettings::Shape("hooks"));
        assert_eq!(bad("{\"hooks\": {\"SessionEnd\": {}}}"), BadSettings::Shape("SessionEnd"));
        assert_eq!(bad("{\"hooks\": {}, \"h\\u006foks\": {}}"), BadSettings::Twice("hooks"));
        let odd = "{\"hooks\": {\"SessionStart\": [1, {\"hooks\": 2}, {\"hooks\": [3, {\"command\": 4}]}]}}";
        assert_eq!(hooks("our hook").remove(odd), Ok(None));
    }
}
