//! The grammar of the options, and what they bring about, as tables.

use super::*;
use crate::handlers::Handlers;
use crate::model::Command;
use crate::relaunch::{Again, by_row, decide_program, decide_recipe};

fn option(name: &str, value: &str) -> OptionEntry {
    OptionEntry { name: name.into(), value: Some(value.into()) }
}

fn processes(value: &str) -> Resurrect {
    Resurrect::of(&[option(PROCESSES, value)]).unwrap_or_default()
}

fn program(line: &str) -> Program {
    let argv = shlex::split(line).unwrap().into_iter().map(BString::from).collect();
    Program::of(Command { argv, masked: false }, "/there".into())
}

/// What comes of a program: by the options, by the shipped handlers, by the table.
fn comes(options: &Resurrect, line: &str) -> String {
    comes_where(options, line, &Allow::TABLE, false)
}

fn comes_where(options: &Resurrect, line: &str, allow: &Allow, session_file: bool) -> String {
    let program = program(line);
    let conditions =
        Conditions { allow: Some(allow.clone()), foreign: false, restriction: Restriction::None };
    let row = by_row(&Handlers::shipped(), &program);
    let is_there = |path: &BString| session_file && *path == "/there/Session.vim";
    let told = options.recipe(&program, row.as_ref(), Some(allow), &is_there);
    let again = match told.or(row) {
        Some(recipe) => decide_recipe(&program, &conditions, recipe),
        None => decide_program(&program, &conditions),
    };
    let shown = |launch: &Launch| match &launch.line {
        Some(line) => format!("line {line}"),
        None => crate::plan::command_line(&launch.argv),
    };
    match again {
        Again::Run(launch, _) => format!("run {}", shown(&launch)),
        Again::Prefill(launch, _) => format!("type {}", shown(&launch)),
        Again::Owe(reason) => format!("owe {reason}"),
    }
}

#[test]
fn what_each_element_means() {
    #[rustfmt::skip]
    let rows: &[(&str, &str, &str)] = &[
        // MATCH: the whole command line, or its beginning.
        ("make", "make test", "run make test"), ("make", "make", "run make"), ("make", "makefile x", "type makefile x"), ("make", "cmake x", "type cmake x"),
        ("make", "ls make", "type ls make"), ("make serve", "'make' 'serve' x", "run make serve x"), ("'make serve'", "make serve x", "run make serve x"),
        ("'make serve'", "make test", "type make test"),
        // An extended regular expression; signs in a name mean themselves, too.
        ("'(foo|bar)'", "bar x", "run bar x"), ("foo.bar", "fooXbar", "run fooXbar"), ("foo.bar", "foo.bar", "run foo.bar"), ("c++", "c++ x", "run c++ x"),
        ("'foo[0-9]+'", "foo12 x", "run foo12 x"), ("'foo[0-9]+'", "foo x", "type foo x"), ("'foo$'", "foo", "run foo"),
        // `~`: anywhere.
        ("'~rails server'", "ruby /opt/bin/rails server -p 3", "run ruby /opt/bin/rails server -p 3"), ("'~ rails server'", "ruby rails server", "run ruby rails server"),
        ("~runit", "./runit.sh", "run ./runit.sh"), ("~x", "y", "type y"),
        // What theirs does not see: paths, and what an interpreter runs.
        ("foo", "/usr/bin/foo -x", "run /usr/bin/foo -x"), ("foo", "/tmp/foo -x", "type /tmp/foo -x"), ("foo", "/usr/bin/python3 -O /usr/bin/foo a", "run /usr/bin/python3 -O /usr/bin/foo a"),
        // RESTORE.
        ("'foo->bar'", "foo x y", "run bar"), ("'foo -> bar -v'", "foo x", "run bar -v"), ("'foo->bar *'", "foo x 'y z'", "run bar x 'y z'"),
        ("'foo->bar * -v'", "foo 'x, &y'", "run bar 'x, &y' -v"), ("'foo->bar *'", "foo", "run bar"), ("'~foo->bar *'", "/opt/x/foo.sh a b", "run bar a b"),
        ("'a->b->c'", "a", "run c"), ("'foo bar->x *'", "foo bar baz", "run x baz"), ("foo->bar", "foo", "run bar"),
        // A line of shell: typed as it is, or in sh where arguments are put in.
        ("'foo->cd /x && bar'", "foo", "run line cd /x && bar"), ("'foo->bar | cat *'", "foo 'a b'", "run sh -c \"bar | cat 'a b'\""),
        // The first that fits, once.
        ("'foo->b' '~o->c'", "foo", "run b"), ("foo 'foo->c'", "foo", "run c"),
        // Quoting as a shell's.
        ("\"make serve\" ssh", "make serve", "run make serve"), ("make\\ serve", "make serve", "run make serve"), ("a'b'\"c\"", "abc", "run abc"), ("a\nb\tc", "c", "run c"),
        ("'a\\b' x", "x", "run x"), ("\"a\\\"b\" x", "x", "run x"),
        // Nothing is executed or expanded; what stands beside it holds.
        ("'$(touch x)' foo", "foo", "run foo"), ("$(touch /tmp/x) foo", "foo", "run foo"), ("foo; touch x", "foo", "type foo"), ("foo `id` bar", "bar", "run bar"),
        ("foo 'bar", "foo", "run foo"), ("foo # bar\nbaz", "bar", "type bar"), ("foo # bar\nbaz", "baz", "run baz"),
        // All.
        (":all:", "anything x", "run anything x"), (":all:", "ssh host make", "run ssh host make"), (" :all: ", "x", "run x"), (":all: x", "y", "type y"),
        // What is dangerous never.
        (":all:", "rm -rf x", "owe rm is never started again"), ("rm", "rm x", "owe rm is never started again"), ("'foo->rm -rf *'", "foo x", "owe rm is never started again"),
        ("'foo->cd /x; git push'", "foo", "owe git push is never started again"), ("~sudo", "sudo vim x", "owe sudo vim is never started again"),
        // What evermux starts by itself it starts in its own way.
        ("ranger", "/usr/bin/python3 /usr/bin/ranger x", "run ranger x"), ("ssh", "ssh -p 22 host", "run ssh -p 22 host"), ("ssh", "ssh host make", "run ssh host make"),
        ("vim", "vim -c q x", "run vim -c q x"), ("x", "top -d 5", "run top -d 5"),
        // None of them.
        ("false", "top", "owe @resurrect-processes is false"), ("false", "vim x", "owe @resurrect-processes is false"), ("false x", "top", "run top"),
    ];
    let wrong: Vec<_> = rows
        .iter()
        .map(|(value, line, expected)| (*value, *line, comes(&processes(value), line), *expected))
        .filter(|(_, _, comes, expected)| comes != expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn default_programs_that_were_taken_out_are_typed() {
    let options = Resurrect::of(&[option(DEFAULTS, "vim less foo")]).unwrap();
    assert_eq!(comes(&options, "vim x"), "run vim x");
    assert_eq!(comes(&options, "top"), "type top");
    assert_eq!(comes(&options, "btop"), "run btop", "that is none of theirs");
    assert_eq!(comes(&options, "foo x"), "run foo x");
    let both = Resurrect::of(&[option(DEFAULTS, "vim"), option(PROCESSES, "top")]).unwrap();
    assert_eq!(comes(&both, "top"), "run top");
    let empty = [option(DEFAULTS, " "), option(PROCESSES, "")];
    assert!(Resurrect::of(&empty).is_none(), "as if they were not set");
    assert!(Resurrect::of(&[option("@resurrect-dir", "/x"), option("status", "on")]).is_none());
}

#[test]
fn the_settings_win() {
    let off = processes("false");
    let named = Allow { names: vec!["top".into()], ..Allow::TABLE };
    assert_eq!(comes_where(&off, "top", &named, false), "run top");
    let list = processes("'foo->bar' make");
    let named = Allow { names: vec!["foo".into()], ..Allow::TABLE };
    assert_eq!(comes_where(&list, "foo x", &named, false), "run foo x");
    assert_eq!(comes_where(&list, "make x", &Allow::NOTHING, false), "owe no program is allowed to run");
}

#[test]
fn a_session_file_is_typed_not_run() {
    let options = Resurrect::of(&[
        option("@resurrect-strategy-vim", "session"),
        option("@resurrect-strategy-nvim", "session"),
    ])
    .unwrap();
    let with = |line: &str| comes_where(&options, line, &Allow::TABLE, true);
    assert_eq!(with("vim x"), "type vim -S Session.vim");
    assert_eq!(with("nvim"), "type nvim -S Session.vim");
    assert_eq!(with("/usr/bin/vim"), "type /usr/bin/vim -S Session.vim");
    assert_eq!(with("vim -S other.vim"), "run vim -S other.vim", "it named one itself");
    assert_eq!(with("view x"), "run view x");
    assert_eq!(with("/tmp/vim x"), "type /tmp/vim x");
    assert_eq!(comes(&options, "vim x"), "run vim x", "there is none");
    assert!(options.not_understood().is_empty());
}

#[test]
fn what_was_read_and_what_was_not_understood() {
    let options = Resurrect::of(&[
        option(PROCESSES, "ssh '~x->' \"$(id)\" '(' a;b 'c"),
        option("@resurrect-strategy-vim", "obsession"),
        option("@resurrect-strategy-irb", "default_strategy"),
        option("@resurrect-strategy-mosh-client", "default_strategy"),
    ])
    .unwrap();
    insta::assert_snapshot!(options.not_understood().join("\n"), @r#"
    @resurrect-processes: ~x->: nothing on one side of it
    @resurrect-processes: "$(id)": variables and commands in it are not expanded
    @resurrect-processes: (: not a pattern
    @resurrect-processes: a;b: commands in it are not run
    @resurrect-processes: 'c: its quote does not end
    @resurrect-strategy-vim obsession: the scripts of strategies are not run
    "#);
    assert_eq!(options.read().len(), 4);
}

#[test]
fn conversations_and_saved_states_are_not_theirs() {
    let mut program = program("claude x");
    let options = processes(":all:");
    assert!(options.recipe(&program, None, None, &|_| false).is_some());
    program.conversation = Some(crate::model::Conversation {
        tool: "claude".to_owned(),
        id: None,
        directory: "/".into(),
        environment: Vec::new(),
        found: crate::model::Found::default(),
    });
    assert!(options.recipe(&program, None, None, &|_| false).is_none());
}

proptest::proptest! {
    #[test]
    fn any_list_and_any_words_are_read_without_panic(list in ".{0,60}", words in proptest::collection::vec(".{0,10}", 0..4)) {
        let options = Resurrect::of(&[option(PROCESSES, &list), option(DEFAULTS, &list)]).unwrap_or_default();
        let mut program = program("x");
        program.command.argv = words.iter().map(|word| word.as_str().into()).collect();
        let _ = options.recipe(&program, None, None, &|_| true);
    }
}
