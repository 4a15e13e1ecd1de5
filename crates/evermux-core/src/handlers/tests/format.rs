//! The format is strict, and says where something is wrong.

use crate::handlers::parse;

fn wrong(text: &str) -> String {
    parse(text).map(|_| "nothing is wrong".to_owned()).unwrap_or_else(|error| error.0.to_string())
}

#[track_caller]
fn is_wrong(text: &str, line: u32, what: &str) {
    let message = wrong(text);
    assert!(message.contains(&format!("line {line}")), "{text}\n{message}");
    assert!(message.contains(what), "{text}\n{message}");
}

const HEAD: &str = "[handler.x]\nnames = ['x']\n";

#[test]
fn a_minimal_handler() {
    let handlers = parse(HEAD).unwrap();
    assert_eq!(handlers[0].name, "x");
    assert_eq!(handlers[0].policy, crate::handlers::Policy::Skip, "nothing runs that nobody allowed");
}

#[test]
fn a_journal_says_which_process() {
    let source = |keys: &str| {
        format!(
            "{HEAD}id = 'a+'\nresume = ['x', '{{id}}']\n[[handler.x.source]]\nfrom = 'journal'\npath = '~/x'\n{keys}"
        )
    };
    assert_eq!(wrong(&source("process = 'pid'\nid = 'session'\nstarted = 'at'\n")), "nothing is wrong");
    is_wrong(&source("id = 'session'\n"), 5, "needs a 'process'");
    is_wrong(&source("process = 'pid'\n"), 5, "needs an 'id'");
    is_wrong(&source("process = 'pid'\nid = 'a'\nafter = ['b']\n"), 5, "has no 'after'");
}

#[test]
fn what_is_unknown_is_an_error() {
    is_wrong(&format!("{HEAD}nmaes = []\n"), 3, "unknown field `nmaes`");
    is_wrong(&format!("{HEAD}[handler.x.arguments]\nvals = []\n"), 4, "unknown field `vals`");
    is_wrong(&format!("{HEAD}[handler.x.unless]\nx = []\n"), 4, "unknown field `x`");
    is_wrong("[handlers.x]\nnames = ['x']\n", 1, "unknown field `handlers`");
    is_wrong(&format!("{HEAD}[[handler.x.source]]\nfrom = 'magic'\n"), 4, "unknown variant `magic`");
}

#[test]
fn words_are_checked() {
    is_wrong("[handler.x]\nnames = ['/bin/x']\n", 2, "is not the name of a program");
    is_wrong("[handler.x]\nnames = []\n", 1, "it has no names");
    is_wrong("[handler.'X y']\nnames = ['x']\n", 1, "is not a name");
    is_wrong(&format!("{HEAD}policy = 'always'\n"), 3, "unknown variant `always`");
    is_wrong(&format!("{HEAD}ready = '0s'\n"), 3, "is not a time from 1s to 600s");
    is_wrong(&format!("{HEAD}environment = ['A=b']\n"), 3, "is not the name of a variable");
    is_wrong(&format!("{HEAD}id = '('\n"), 3, "is not a pattern");
    is_wrong(&format!("{HEAD}arguments.drop = ['model']\n"), 3, "is not a flag");
    is_wrong(
        &format!("{HEAD}arguments.drop = ['-m']\narguments.values = ['-m']\n"),
        1,
        "the flag -m stands in two lists",
    );
}

#[test]
fn commands_and_paths_have_only_places_that_are_filled() {
    is_wrong(&format!("{HEAD}command = ['{{arguments}}']\n"), 1, "begins with no plain name");
    is_wrong(&format!("{HEAD}command = ['x', '{{id}}']\n"), 1, "command has no place {id} there");
    is_wrong(
        &format!("{HEAD}command = ['x', '-{{arguments}}']\n"),
        1,
        "command has no place {arguments} there",
    );
    is_wrong(
        &format!("{HEAD}id = 'x'\nresume = ['x', '{{arguments}}']\n"),
        1,
        "does not name the conversation",
    );
    is_wrong(&format!("{HEAD}resume = ['x', '{{id}}']\n"), 1, "resume needs id");
    is_wrong(&format!("{HEAD}needs = ['{{hme}}/x']\n"), 1, "there is no folder {hme}");
    is_wrong(&format!("{HEAD}needs = ['{{home/x']\n"), 3, "has no } for its {");
    is_wrong(
        &format!("{HEAD}folders.a = {{ default = '{{b}}' }}\nfolders.b = {{ default = '/x' }}\n"),
        1,
        "no folder of an earlier name",
    );
}

#[test]
fn sources_have_what_they_need_and_nothing_else() {
    let source =
        |text: &str| format!("{HEAD}id = 'x'\nresume = ['x', '{{id}}']\n[[handler.x.source]]\n{text}");
    is_wrong(&source("from = 'option'\npath = '/x'\n"), 5, "has no 'path'");
    is_wrong(&source("from = 'lock'\npath = '/x/{pid}'\n"), 5, "names no {pid} or no {id}");
    is_wrong(&source("from = 'registry'\npath = '/x'\nid = 'id'\n"), 5, "names no {pid}");
    is_wrong(&source("from = 'screen'\npattern = 'x'\n"), 5, "has no group (?<id>");
    is_wrong(&source("from = 'arguments'\n"), 5, "needs 'after'");
    is_wrong(&source("from = 'database'\npath = '/x'\nquery = 'DELETE FROM x'\n"), 8, "is not a query");
    is_wrong(&source("from = 'option'\nconfidence = 'sure'\n"), 7, "is none of exact, strong and guess");
    is_wrong(&format!("{HEAD}[[handler.x.source]]\nfrom = 'option'\n"), 1, "no resume goes on with one");
}

#[test]
fn lists_end_somewhere() {
    let many: Vec<String> = (0..65).map(|number| format!("'n{number}'")).collect();
    is_wrong(&format!("[handler.x]\nnames = [{}]\n", many.join(", ")), 1, "64 are the most");
}

#[test]
fn a_later_handler_takes_the_place_of_the_one_of_its_name() {
    let mut handlers = crate::handlers::Handlers::shipped();
    let count = handlers.all().len();
    handlers.add(parse("[handler.claude]\nnames = ['cl']\npolicy = 'prefill'\n").unwrap());
    assert_eq!(handlers.all().len(), count);
    let tool = |handlers: &crate::handlers::Handlers, line: &str| {
        let argv = super::words(line);
        handlers.recognise(&argv, &[]).map(|known| known.handler.name.clone())
    };
    assert_eq!(tool(&handlers, "cl").as_deref(), Some("claude"));
    assert_eq!(tool(&handlers, "claude"), None);
    // A program that two name belongs to the later one.
    handlers.add(parse("[handler.mine]\nnames = ['codex']\n").unwrap());
    assert_eq!(tool(&handlers, "codex").as_deref(), Some("mine"));
}
