//! The house as text: the order of the rooms and what only some of them may do (ARCHITECTURE.md).
//!
//! The rules are read in the code itself, comments and literals removed, so they hold for every platform and
//! whether or not it compiles here. Code for tests (`#[cfg(test)]`) is free of them.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms that touch the world. Only there may be `unsafe`.
const SEAMS: &[&str] = &["editors", "foreign", "gate", "procs", "store", "tmux"];

/// The seams that start programs: `tmux`, `ps` as the last resort of `procs`, the shell that the gate becomes, and `kak -p`, the
/// only way to ask a Kakoune.
const SPAWNING: &[&str] = &["editors", "gate", "procs", "tmux"];

/// A source file of a crate.
struct Source {
    /// Relative to the crate's `src`.
    path: PathBuf,
    /// As it is.
    text: String,
    /// Without comments, without the inside of literals, without code for tests.
    code: String,
}

impl Source {
    /// The module at the root of the crate that it is in.
    fn room(&self) -> String {
        let first = self.path.iter().next().unwrap_or_default().to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    }

    /// Whether a word stands in its code, not as a part of a longer one.
    fn says(&self, wanted: &str) -> bool {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(wanted).any(|(at, _)| {
            let before = self.code[..at].chars().next_back();
            let after = self.code[at + wanted.len()..].chars().next();
            let goes_on = wanted.ends_with(is_word) && after.is_some_and(is_word);
            !(before.is_some_and(is_word) || goes_on)
        })
    }
}

/// All source files of a crate that are not only for tests.
fn sources(krate: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(krate).join("src");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are there").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    let read = |file: &PathBuf| {
        let text = fs::read_to_string(file).expect("the sources are text");
        let (code, only_tests) = without_tests(&without_comments(&text));
        let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
            Some("mod" | "lib" | "main") => file.parent().expect("it is below the root").to_path_buf(),
            _ => file.with_extension(""),
        };
        let only_tests: Vec<PathBuf> = only_tests.iter().map(|module| folder.join(module)).collect();
        let path = file.strip_prefix(&root).expect("it is below the root").to_path_buf();
        (Source { path, text, code }, only_tests)
    };
    let (sources, only_tests): (Vec<Source>, Vec<Vec<PathBuf>>) = files.iter().map(read).unzip();
    let only_tests: Vec<PathBuf> = only_tests.into_iter().flatten().collect();
    let is_test = |source: &Source| {
        let file = root.join(&source.path);
        let name = source.path.file_name().unwrap_or_default().to_string_lossy();
        let by_name = name == "tests.rs" || name.ends_with("_tests.rs");
        by_name
            || only_tests.iter().any(|module| file.starts_with(module) || file == module.with_extension("rs"))
    };
    sources.into_iter().filter(|source| !is_test(source)).collect()
}

/// Rust text with comments removed and the inside of string literals blanked out.
fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
        } else if let Some(end) = raw_string(rest) {
            code.push_str("\"\"");
            rest = &rest[end..];
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            code.push_str("\"\"");
            rest = end.map_or("", |end| &rest[end + 2..]);
        } else if let Some(character) =
            ["'\"'", "b'\"'", "'\\\"'"].iter().find(|quote| rest.starts_with(**quote))
        {
            rest = &rest[character.len()..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    code
}

/// Where the raw string literal at the start of `text` ends, if there is one.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let content = hashes.trim_start_matches('#');
    let close = format!("\"{}", "#".repeat(hashes.len() - content.len()));
    let content = content.strip_prefix('"')?;
    let end = content.find(&close)?;
    Some(text.len() - content.len() + end + close.len())
}

/// Code without inline modules for tests, and the names of the modules that are only for tests.
fn without_tests(code: &str) -> (String, Vec<String>) {
    // `#[cfg(all(test, …))]` is the same for us: a condition ends with the bracket behind it.
    let mut parts = code.split("#[cfg(test)]").flat_map(|part| part.split("#[cfg(all(test,"));
    let mut kept = parts.next().unwrap_or_default().to_owned();
    let mut modules = Vec::new();
    for part in parts {
        let end = part.find(['{', ';']).unwrap_or(part.len());
        let declared = part[..end].trim_end().rsplit_once("mod ").map(|(_, name)| name.to_owned());
        if part[end..].starts_with(';') {
            modules.extend(declared);
            kept.push_str(&part[end..]);
        } else {
            kept.push_str(&part[end + closing_brace(&part[end..])..]);
        }
    }
    (kept, modules)
}

/// Behind the brace that closes the one at the start of `code`.
fn closing_brace(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The rooms in the order of lib.rs, words first.
fn rooms() -> Vec<String> {
    let lib = sources("evermux-core")
        .into_iter()
        .find(|source| source.path.ends_with("lib.rs"))
        .expect("it is there");
    let names = lib.code.lines().filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

/// The modules at the crate's root that a file names: behind `crate::`, also in braces.
fn used_rooms(source: &Source) -> Vec<String> {
    let mut used = Vec::new();
    for (at, path) in source.code.match_indices("crate::") {
        let rest = &source.code[at + path.len()..];
        if rest.starts_with('{') {
            used.extend(heads_of_group(&rest[1..closing_brace(rest) - 1]));
        } else {
            used.push(head(rest));
        }
    }
    // From the module at the root, `super` is the root.
    let at_root = source.path.iter().count() == 1
        || (source.path.iter().count() == 2 && source.path.ends_with("mod.rs"));
    if at_root && !source.path.ends_with("lib.rs") {
        used.extend(
            source.code.match_indices("super::").map(|(at, path)| head(&source.code[at + path.len()..])),
        );
    }
    used
}

/// The first word of each path in a use group: `a::{b, c}, d` to `a`, `d`.
fn heads_of_group(group: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let parts = group.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(|part| head(part.trim_start())).filter(|head| !head.is_empty()).collect()
}

fn head(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let rooms = rooms();
    let place = |name: &str| rooms.iter().position(|room| room == name);
    let mut wrong = Vec::new();
    for source in sources("evermux-core") {
        let Some(own) = place(&source.room()) else { continue };
        for used in used_rooms(&source) {
            match place(&used) {
                Some(place) if place <= own => {}
                Some(_) => wrong.push(format!("{}: uses {used}, which is below it", source.path.display())),
                None => {
                    wrong.push(format!("{}: uses crate::{used}, which is no room", source.path.display()));
                }
            }
        }
    }
    assert!(rooms.len() > 10, "lib.rs is read wrongly: {rooms:?}");
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_file_is_in_a_room_and_says_what_it_is_for() {
    let rooms = rooms();
    let mut wrong = Vec::new();
    for krate in ["evermux-core", "evermux", "evermux-testkit"] {
        for source in sources(krate) {
            let shown = format!("{krate}/src/{}", source.path.display());
            if !source.text.starts_with("//!") {
                wrong.push(format!("{shown}: does not begin with //!"));
            }
            let room = source.room();
            if krate == "evermux-core" && room != "lib" && !rooms.contains(&room) {
                wrong.push(format!("{shown}: is in no room of lib.rs"));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn only_seams_touch_the_world() {
    let mut wrong = Vec::new();
    for source in sources("evermux-core") {
        let room = source.room();
        let mut forbid = |allowed: &[&str], words: &[&str], what: &str| {
            if !allowed.contains(&room.as_str()) && words.iter().any(|word| source.says(word)) {
                wrong.push(format!("{}: {what}", source.path.display()));
            }
        };
        forbid(SEAMS, &["unsafe"], "unsafe outside of the seams");
        forbid(SPAWNING, &["Command::new", "process::Command"], "starts a program");
        forbid(&["foreign", "store"], &["rusqlite"], "opens a database");
        forbid(&[], &["print!", "println!", "eprint!", "eprintln!", "stdout()", "stderr()"], "prints");
        forbid(&[], &["Timestamp::now", "SystemTime::now", "Zoned::now"], "has a clock of its own");
        forbid(&[], &["env::var", "env::var_os", "env::vars", "env::vars_os"], "reads the environment");
        forbid(&[], &["Uuid::new_v4", "getrandom"], "has randomness of its own");
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_binary_prints_in_one_place_and_runs_no_tmux() {
    let prints = ["print!", "println!", "eprint!", "eprintln!", "stdout()", "stderr()"];
    let mut wrong = Vec::new();
    for source in sources("evermux") {
        // The log that `-v` shows is no result.
        if !["output", "logging"].contains(&source.room().as_str())
            && prints.iter().any(|word| source.says(word))
        {
            wrong.push(format!("{}: prints", source.path.display()));
        }
        if source.says("unsafe") {
            wrong.push(format!("{}: unsafe", source.path.display()));
        }
        if source.text.contains("Command::new(\"tmux\")") {
            wrong.push(format!("{}: runs tmux", source.path.display()));
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_reader_of_these_rules_reads_rust() {
    let text = r##"
        // crate::comment
        use crate::{model::{Pane, Window}, text::quote};
        let a = "crate::string \" crate::more"; let b = r#"crate::raw " "#; let c = '"'; crate::store::open();
        #[cfg(test)] mod tests { use crate::restore; fn f() { } } crate::kept::x;
        #[cfg(test)]
        pub(crate) mod arbitrary;
    "##;
    let (code, only_tests) = without_tests(&without_comments(text));
    let source = Source { path: "a/b.rs".into(), text: text.to_owned(), code };
    assert_eq!(used_rooms(&source), ["model", "text", "store", "kept"]);
    assert_eq!(only_tests, ["arbitrary"]);
    assert!(source.says("Pane") && !source.says("Pan"));
}
