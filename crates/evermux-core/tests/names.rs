//! Names on real servers: what tmux reports for a name made by hand, it reports again through our recipe, in every
//! pair of versions.

use bstr::{BStr, BString, ByteSlice};
use evermux_core::model::TmuxVersion;
use evermux_core::text::names::{Recipe, WindowNaming, group_name, pane_title, session_name, window_name};
use evermux_core::text::quote::{printable, tmux_word, undo_output};
use evermux_testkit::{Server, tmux_binaries};

/// In front of every answer.
const MARK: &str = "<<answer>>";

/// Names that something in tmux, a shell or a terminal could take for more than a name.
fn nasty() -> Vec<BString> {
    let texts = [
        "plain",
        "",
        " ",
        "trailing  ",
        "  leading",
        "-dash",
        "--",
        "=eq",
        "@1",
        "%1",
        "$1",
        "!last",
        "{mouse}",
        "+",
        "~",
        "~root",
        "a\tb",
        "a\nb",
        "a\rb",
        "\u{7}\u{8}\u{b}\u{c}",
        "esc\u{1b}[31m",
        "\u{1}\u{1f}",
        "del\u{7f}",
        r"a\b",
        r"a\\b",
        r"a\\\b",
        r"\t",
        r"\\t",
        r"\011",
        r"\303\251",
        r"\$x",
        r"end\",
        "$dollar",
        "$_",
        "${HOME}",
        "$ 5",
        "#{pid}",
        "#(id)",
        "##x",
        "###x",
        "#[fg=red]",
        "##[fg=red]",
        "###[x]",
        "#[#S]",
        "#S #H",
        "#,",
        "#}",
        "#",
        "a#",
        "##",
        "%H:%M",
        "100%",
        "%if",
        "a;b",
        "end;",
        ";",
        "'single'",
        "\"double\"",
        "it's \"both\"",
        "`id`",
        "a:b.c",
        "*?[glob]",
        "(é)",
        "😀",
        "👩‍👩‍👧",
        "e\u{301}",
        "אבג",
        "\u{202e}rtl",
        "zw\u{200b}sp",
        "\u{2028}",
        "c1\u{9b}31m",
        "日本語",
        "{",
        "}",
        "{ a",
    ];
    let mut names: Vec<BString> = texts.map(Into::into).into();
    names.extend([&b"\xff\xfe"[..], b"bad \xc3", b"\xe2\x82A", b"\x80", b"\xed\xa0\x80"].map(Into::into));
    names.extend(["x".repeat(4096), "#".repeat(999), r"\".repeat(999), "é".repeat(2000)].map(BString::from));
    names
}

/// The kinds of names, and the commands that make them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Session,
    RenamedWindow,
    CreatedWindow,
    Title,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Session, Self::RenamedWindow, Self::CreatedWindow, Self::Title];

    /// Commands that set the name to `word` and then tell it; a session, window and pane are at hand.
    fn commands(self, word: &[u8], version: TmuxVersion) -> Vec<u8> {
        let tell = |target: &str, name: &str| {
            format!("\ndisplay-message -p -t {target} '{MARK}{}'\n", exactly(name, version))
        };
        let (before, after) = match self {
            Self::Session => (
                "rename-session -t $SESSION reset\nrename-session -t $SESSION -- ".to_owned(),
                tell("$SESSION:", "session_name"),
            ),
            Self::RenamedWindow => {
                ("rename-window -t @0 reset\nrename-window -t @0 -- ".to_owned(), tell("@0", "window_name"))
            }
            Self::CreatedWindow => (
                format!("new-window -dk -t $SESSION:9 -P -F '{MARK}{}' -n ", exactly("window_name", version)),
                " 'sleep 1000'\n".to_owned(),
            ),
            Self::Title => {
                ("select-pane -t %0 -T reset\nselect-pane -t %0 -T ".to_owned(), tell("%0", "pane_title"))
            }
        };
        [before.as_bytes(), word, after.as_bytes()].concat().replace("$SESSION", "\"\\$0\"")
    }
}

/// Whether this tmux prints control characters and bad bytes as `\ooo`, but backslashes as they are.
fn prints_octal(version: TmuxVersion) -> bool {
    version.at_least(3, 4) && !version.at_least(3, 6)
}

/// A format for single quotes that tells a name so that [`bytes`] can read it, as the listing does.
fn exactly(name: &str, version: TmuxVersion) -> String {
    if prints_octal(version) { format!("#{{s|\\\\|\\\\134|:{name}}}") } else { format!("#{{{name}}}") }
}

/// What was told by [`exactly`].
fn bytes(told: &[u8], version: TmuxVersion) -> BString {
    let told = undo_output(told, version);
    let mut pieces = told.split(|byte| prints_octal(version) && *byte == b'\\');
    let mut name = BString::from(pieces.next().unwrap_or_default());
    for piece in pieces {
        let letter = [('a', 7), ('b', 8), ('v', 11), ('f', 12), ('r', 13)];
        if let Some((_, byte)) = letter.iter().find(|(letter, _)| piece.starts_with(&[*letter as u8])) {
            name.push(*byte);
            name.extend_from_slice(&piece[1..]);
            continue;
        }
        let octal = piece.get(..3).and_then(|digits| u8::from_str_radix(digits.to_str().ok()?, 8).ok());
        name.push(octal.expect("a letter or three digits behind every backslash"));
        name.extend_from_slice(&piece[3..]);
    }
    name
}

/// Sets one name after the other and collects what the server reports.
fn reported(server: &Server, kind: Kind, words: &[Vec<u8>]) -> Vec<Option<BString>> {
    // A name that is refused leaves a number where its answer would be.
    let version = version(server);
    let script: Vec<u8> = words
        .iter()
        .flat_map(|word| [&kind.commands(word, version)[..], b"display-message -p '<<end>>'\n"].concat())
        .collect();
    let output = server.script(script);
    let answers: Vec<Option<BString>> = output
        .stdout
        .split_str("<<end>>\n")
        .take(words.len())
        .map(|answer| {
            let name = answer.strip_prefix(MARK.as_bytes())?.strip_suffix(b"\n")?;
            Some(bytes(name, version))
        })
        .collect();
    assert_eq!(answers.len(), words.len(), "tmux {version}: {output}");
    answers
}

fn word(argument: &[u8]) -> Vec<u8> {
    tmux_word(argument).expect("no NUL")
}

fn version(server: &Server) -> TmuxVersion {
    server.binary().version.to_string().parse().expect("a version that we know")
}

/// The recipe for a name that was seen as one of this kind, and the kind that makes it.
fn recipe(kind: Kind, wanted: &BStr, version: TmuxVersion) -> (Kind, Recipe) {
    match kind {
        Kind::Session => (Kind::Session, session_name(wanted, version)),
        Kind::Title => (Kind::Title, pane_title(wanted, version)),
        Kind::RenamedWindow | Kind::CreatedWindow => {
            let window = window_name(wanted, version);
            let kind = match window.command {
                WindowNaming::Rename => Kind::RenamedWindow,
                WindowNaming::Create => Kind::CreatedWindow,
            };
            (kind, window.recipe)
        }
    }
}

#[test]
fn names_are_reported_again() {
    let servers: Vec<Server> = tmux_binaries().iter().map(Server::start).collect();
    let words: Vec<Vec<u8>> = nasty().iter().map(|name| word(name)).collect();
    for from in &servers {
        for kind in Kind::ALL {
            let mut wanted: Vec<BString> = reported(from, kind, &words).into_iter().flatten().collect();
            wanted.sort();
            wanted.dedup();
            assert!(wanted.len() > 40, "{}: only {} names", version(from), wanted.len());
            for to in &servers {
                check(from, to, kind, &wanted);
            }
        }
    }
}

fn check(from: &Server, to: &Server, kind: Kind, wanted: &[BString]) {
    let version = version(to);
    let same_version = from.binary().version == to.binary().version;
    for command in Kind::ALL {
        let recipes: Vec<(&BString, Recipe)> = wanted
            .iter()
            .map(|name| (name, recipe(kind, name.as_ref(), version)))
            .filter(|(_, (made_by, _))| *made_by == command)
            .map(|(name, (_, recipe))| (name, recipe))
            .collect();
        if recipes.is_empty() {
            continue;
        }
        let words: Vec<Vec<u8>> = recipes.iter().map(|(_, r)| word(&r.argument)).collect();
        for ((name, recipe), got) in recipes.iter().zip(reported(to, command, &words)) {
            let story = || {
                let got = got.as_ref().map_or("nothing".into(), |got| printable(got));
                format!(
                    "{kind:?} of {} on {version} by {command:?}: {recipe:?} got {got}",
                    from.binary().version
                )
            };
            assert_eq!(got.as_ref(), Some(&recipe.reported), "{}", story());
            assert_eq!(recipe.inexact.is_none(), recipe.reported == **name, "{}", story());
            assert!(recipe.inexact.is_none() || !same_version, "{}", story());
        }
    }
}

#[test]
fn a_session_can_be_made_with_its_name() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let version = version(&server);
        for name in nasty() {
            let recipe = session_name(name.as_ref(), version);
            let word = word(&recipe.argument);
            let format = format!(" -P -F '{MARK}{}'\n", exactly("session_name", version));
            let output = server.script([b"new-session -d -s ", &word[..], format.as_bytes()].concat());
            let told = output.stdout.strip_prefix(MARK.as_bytes()).and_then(|told| told.strip_suffix(b"\n"));
            let told = told.map(|told| bytes(told, version));
            // Two names can have the same nearest one.
            let taken = output.errors().contains("duplicate session");
            assert!(told.as_ref() == Some(&recipe.reported) || taken, "{tmux:?}: {recipe:?} got {output}");
        }
    }
}

#[test]
fn a_group_can_be_made_with_its_name() {
    for tmux in tmux_binaries() {
        let server = Server::start(&tmux);
        let version = version(&server);
        for name in nasty().into_iter().filter(|name| !b"=@%$!{+~-*".contains(name.first().unwrap_or(&b'=')))
        {
            let recipe = group_name(name.as_ref(), version);
            let word = word(&recipe.argument);
            let format = format!(" -P -F '{MARK}{}'\n", exactly("session_group", version));
            // No other session that the name could mean.
            let output = server.script([b"new-session -d -t ", &word[..], format.as_bytes()].concat());
            let told = output.stdout.strip_prefix(MARK.as_bytes()).and_then(|told| told.strip_suffix(b"\n"));
            let told = told.map(|told| bytes(told, version));
            assert_eq!(told.as_ref(), Some(&recipe.reported), "{tmux:?}: {recipe:?} got {output}");
            server.run(&["kill-session", "-a", "-t", "main"]);
        }
    }
}
