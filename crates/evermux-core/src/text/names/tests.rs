//! Tests of names without a tmux; `tests/names.rs` has those with one.

use proptest::prelude::*;

use super::*;

const VERSIONS: [&str; 9] = ["3.0a", "3.1c", "3.2a", "3.3a", "3.4", "3.5a", "3.6b", "3.7c", "3.8"];

fn rules(version: &str) -> [Rule; 4] {
    let version = version.parse().unwrap();
    [Rule::of_sessions, Rule::of_renamed_windows, Rule::of_created_windows, Rule::of_titles]
        .map(|rule| rule(version))
}

/// Bytes in which escapes, control characters and broken characters are frequent.
fn names() -> impl Strategy<Value = BString> {
    let piece = prop_oneof![
        "[ -~]{1,3}".prop_map(Vec::from),
        r"[\\$#{\[tn01237]{1,4}".prop_map(Vec::from),
        "[\u{80}-\u{9f}é😀\u{2028}]".prop_map(Vec::from),
        prop::collection::vec(1..=255_u8, 1..3),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into())
}

proptest! {
    #[test]
    fn unvis_undoes_vis(name in names(), version in prop::sample::select(&VERSIONS)) {
        for rule in rules(version).into_iter().filter(|rule| rule.vis && !rule.printable) {
            let escaped = rule.vis(name.as_ref());
            prop_assert_eq!(&rule.unvis(escaped.as_ref()), &name, "{}", escaped);
        }
    }

    #[test]
    fn what_a_version_reports_it_reports_again(name in names(), version in prop::sample::select(&VERSIONS)) {
        for rule in rules(version) {
            let first = rule.recipe(name.as_ref());
            let again = rule.recipe(first.reported.as_ref());
            prop_assert_eq!(&again.reported, &first.reported);
            prop_assert_eq!(again.inexact, None);
            prop_assert_eq!(first.inexact.is_none(), first.reported == name);
        }
    }

    #[test]
    fn windows_have_any_name_up_to_3_6(name in names()) {
        for version in ["3.0a", "3.1c", "3.2a", "3.3a", "3.4", "3.5a", "3.6b"] {
            prop_assert_eq!(window_name(name.as_ref(), version.parse().unwrap()).recipe.inexact, None);
        }
    }
}

#[test]
fn says_what_it_does() {
    let shown = |recipe: &Recipe| {
        let Recipe { argument, reported, inexact } = recipe;
        let why = inexact.map_or(String::new(), |inexact| format!(" since {inexact}"));
        format!("{argument:?} -> {reported:?}{why}")
    };
    let mut lines = Vec::new();
    for name in ["a\tb", r"a\tb", "a:b.c", r"\$x", "#{pid}##[x]"] {
        for version in ["3.1c", "3.3a", "3.8"].map(|version| version.parse().unwrap()) {
            let name = BStr::new(name);
            let window = window_name(name, version);
            lines.push(format!("{version} {name:?}"));
            lines.push(format!("    session {}", shown(&session_name(name, version))));
            lines.push(format!("    window  {} by {:?}", shown(&window.recipe), window.command));
            lines.push(format!("    title   {}", shown(&pane_title(name, version))));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @r###"
    3.1c "a\tb"
        session "a\tb" -> "a\tb"
        window  "a\tb" -> "a\tb" by Create
        title   "a_b" -> "a_b" since this tmux has no control characters here
    3.3a "a\tb"
        session "a\tb" -> "a\\tb" since this tmux has no control characters here
        window  "a\tb" -> "a\tb" by Create
        title   "a_b" -> "a_b" since this tmux has no control characters here
    3.8 "a\tb"
        session "a_b" -> "a_b" since this tmux has no control characters here
        window  "a_b" -> "a_b" since this tmux has no control characters here by Rename
        title   "a_b" -> "a_b" since this tmux has no control characters here
    3.1c "a\\tb"
        session "a\\tb" -> "a\\tb"
        window  "a\tb" -> "a\\tb" by Rename
        title   "a\\tb" -> "a\\tb"
    3.3a "a\\tb"
        session "a\tb" -> "a\\tb"
        window  "a\tb" -> "a\\tb" by Rename
        title   "a\\tb" -> "a\\tb"
    3.8 "a\\tb"
        session "a\\tb" -> "a\\\\tb" since this tmux writes backslashes and '$' in another way
        window  "a\\tb" -> "a\\\\tb" since this tmux writes backslashes and '$' in another way by Rename
        title   "a\\tb" -> "a\\\\tb" since this tmux writes backslashes and '$' in another way
    3.1c "a:b.c"
        session "a_b_c" -> "a_b_c" since this tmux has no ':' or '.' in names of sessions
        window  "a:b.c" -> "a:b.c" by Rename
        title   "a:b.c" -> "a:b.c"
    3.3a "a:b.c"
        session "a_b_c" -> "a_b_c" since this tmux has no ':' or '.' in names of sessions
        window  "a:b.c" -> "a:b.c" by Rename
        title   "a:b.c" -> "a:b.c"
    3.8 "a:b.c"
        session "a:b.c" -> "a:b.c"
        window  "a:b.c" -> "a:b.c" by Rename
        title   "a:b.c" -> "a:b.c"
    3.1c "\\$x"
        session "\\$x" -> "\\$x"
        window  "$x" -> "\\$x" by Rename
        title   "\\$x" -> "\\$x"
    3.3a "\\$x"
        session "$x" -> "\\$x"
        window  "$x" -> "\\$x" by Rename
        title   "\\$x" -> "\\$x"
    3.8 "\\$x"
        session "$x" -> "$x" since this tmux writes backslashes and '$' in another way
        window  "$x" -> "$x" since this tmux writes backslashes and '$' in another way by Rename
        title   "$x" -> "$x" since this tmux writes backslashes and '$' in another way
    3.1c "#{pid}##[x]"
        session "##{pid}#####{l:[}x]" -> "#{pid}##[x]"
        window  "##{pid}#####{l:[}x]" -> "#{pid}##[x]" by Rename
        title   "##{pid}#####{l:[}x]" -> "#{pid}##[x]"
    3.3a "#{pid}##[x]"
        session "##{pid}#####{l:[}x]" -> "#{pid}##[x]"
        window  "##{pid}#####{l:[}x]" -> "#{pid}##[x]" by Rename
        title   "##{pid}#####{l:[}x]" -> "#{pid}##[x]"
    3.8 "#{pid}##[x]"
        session "##{pid}#####{l:[}x]" -> "#{pid}##[x]"
        window  "##{pid}#####{l:[}x]" -> "#{pid}##[x]" by Rename
        title   "##{pid}#####{l:[}x]" -> "#{pid}##[x]"
    "###);
}
