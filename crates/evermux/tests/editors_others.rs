//! Other editors than Neovim, as Debian has them: what they have open comes back, and what was changed where they tell it.

mod common;

use std::fs;

use common::editing::{Ground, PANE, foreground};
use serde_json::Value;

/// The ground for this editor; none if it is not installed.
#[allow(clippy::print_stderr, reason = "a test that does not test says so")]
fn ground(program: &str) -> Option<Ground> {
    let path = std::env::var_os("PATH")?;
    if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        eprintln!("{program} is not installed: not tested");
        return None;
    }
    let ground = Ground::of(program);
    ground.write("a.txt", b"first\nsecond\nthird\n");
    ground.write("b.txt", b"other\n");
    Some(ground)
}

fn shows(ground: &Ground, text: &str) {
    let last = std::cell::RefCell::new(String::new());
    let said = std::panic::AssertUnwindSafe(|| {
        ground.server.wait_until(&format!("{}: {text:?}", ground.what), |server| {
            if server.tmux(&["has-session", "-t", "=work"]).ok() {
                *last.borrow_mut() = server.screen(PANE);
            }
            last.borrow().contains(text)
        });
    });
    // What stood there instead says why.
    assert!(std::panic::catch_unwind(said).is_ok(), "{}: no {text:?} in\n{}", ground.what, last.borrow());
}

/// Types keys; what the screen shows then.
fn keys(ground: &Ground, keys: &[&str], shown: &str) {
    ground.server.run(&[&["send-keys", "-t", PANE], keys].concat());
    shows(ground, shown);
}

fn words(ground: &Ground) -> String {
    let words = fs::read(format!("/proc/{}/cmdline", foreground(&ground.server))).expect("it runs");
    String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " ")
}

/// Editors that cannot be asked have their command line.
#[test]
fn the_command_line_comes_back() {
    let lines = [
        ("nano", "nano -l a.txt"),
        ("hx", "hx a.txt"),
        ("emacs", "emacs -nw -Q a.txt"),
        ("vim", "vim -n a.txt"),
    ];
    for (program, line) in lines {
        let Some(ground) = ground(program) else { continue };
        ground.shell();
        ground.server.type_line(PANE, line);
        shows(&ground, "second");
        for _ in 0..2 {
            ground.env.ok(&["save"]);
            ground.restart();
            if program == "nano" {
                // If it finds the lock of the dead one it asks.
                shows(&ground, "a.txt");
                if ground.settled().contains("open anyway?") {
                    ground.server.run(&["send-keys", "-t", PANE, "y"]);
                }
            }
            shows(&ground, "second");
            assert_eq!(words(&ground), line);
        }
    }
}

/// What Vim edits, also what its command line does not name, with the text of its swap files; no question is asked.
#[test]
fn vim_gets_back_what_its_swap_files_tell() {
    let Some(ground) = ground("vim") else { return };
    let name = "it's % # $x.txt";
    ground.write(name, b"strange\n");
    ground.write(".vimrc", b"set laststatus=2 hidden nomore\nset statusline=%t%m\n");
    ground.start("vim a.txt");
    ground.script("call setline(1, 'changed')\npreserve");
    ground.script(&format!(
        "execute 'edit' fnameescape(\"{name}\")\ncall append(0, 'more')\npreserve\nedit b.txt"
    ));
    ground.env.ok(&["save"]);
    ground.script("buffer a.txt\ncall setline(2, 'after the save')\npreserve\nbuffer b.txt");
    let facts = "let g:told = map(filter(getbufinfo(), 'v:val.loaded && v:val.name !~# \"script.vim\"'), \
         'string([fnamemodify(v:val.name, \":t\"), v:val.changed, getbufline(v:val.bufnr, 1, 3)])')";
    let expected = "['a.txt', 1, ['changed', 'after the save', 'third']]\n\
         ['it''s % # $x.txt', 1, ['more', 'strange']]\n['b.txt', 0, ['other']]\n";
    assert_eq!(ground.script(facts), expected);
    for reboot in 0..3 {
        ground.restart();
        shows(&ground, "other");
        ground.settled();
        assert!(!ground.server.screen(PANE).contains("E325"), "{reboot}");
        assert_eq!(ground.script(facts), expected, "{reboot}");
        ground.env.ok(&["save"]);
        let shown: Value = serde_json::from_str(&ground.env.ok(&["show", "--json"])).expect("JSON");
        let argv = shown["content"]["windows"][0]["panes"][0]["program"]["argv"].clone();
        assert_eq!(argv, serde_json::json!(["vim", "a.txt"]), "{reboot}");
    }
    let undone = ground.script("buffer a.txt\nundo\nlet g:told = [string([getline(1, '$'), &modified])]");
    assert_eq!(undone, "[['first', 'second', 'third'], 0]\n");
    assert_eq!(fs::read(ground.path(name)).expect("it is there"), b"strange\n");
    // Only swap files of what is edited now are left.
    let swaps = fs::read_dir(ground.path("")).expect("home").flatten();
    let swaps = swaps.filter(|it| it.file_name().to_string_lossy().contains(".sw")).count();
    assert_eq!(swaps, 3);
}

/// A session that Vim was told to bring back comes back from its file.
#[test]
fn vim_with_a_session_keeps_to_it() {
    let Some(ground) = ground("vim") else { return };
    ground.write(".vimrc", b"set laststatus=2\n");
    ground.start("vim a.txt");
    ground.script("split b.txt\nmksession Session.vim");
    ground.server.type_line(PANE, ":qall");
    ground.server.wait_for_prompt(PANE);
    ground.server.type_line(PANE, "vim -S Session.vim");
    shows(&ground, "other");
    ground.env.ok(&["save"]);
    ground.server.kill_all();
    // The swap files of the dead one: Vim asks, as it always does.
    for file in fs::read_dir(ground.path("")).expect("home").flatten() {
        if file.file_name().to_string_lossy().contains(".sw") {
            fs::remove_file(file.path()).expect("it was open");
        }
    }
    ground.env.run(&["restore"]);
    shows(&ground, "other");
    assert_eq!(words(&ground), "vim -S Session.vim");
}

#[test]
fn kakoune_is_asked_and_brings_everything_back() {
    let Some(ground) = ground("kak") else { return };
    // Not with `%sh{…}` in it: Kakoune 2022.10 itself runs that when it restores what it has saved at a hang-up.
    let name = "it's } %val{pid} $x.txt";
    ground.write(name, b"strange\n");
    ground.shell();
    ground.server.type_line(PANE, "kak a.txt");
    shows(&ground, "second");
    keys(&ground, &["i", "new ", "Escape"], "new first");
    ground.write(
        "open.kak",
        b"edit 'it''s } %val{pid} $x.txt'\nexecute-keys 'ioh ''dear'' <esc>'\nedit b.txt\nedit a.txt 2 3\n",
    );
    keys(&ground, &[":source open.kak", "Enter"], "a.txt 2:3 [+]");
    let screen = ground.settled();
    let kept = ground.told();
    assert_eq!(ground.settled(), screen, "something was noticed");
    assert_eq!(kept["unsaved"].as_array().map(Vec::len), Some(2), "{kept:#}");
    for reboot in 0..3 {
        ground.restart();
        shows(&ground, "new first");
        shows(&ground, "a.txt 2:3 [+]");
        assert_eq!(ground.told()["unsaved"], kept["unsaved"], "{reboot}");
    }
    keys(&ground, &[":buffer b.txt", "Enter"], "other");
    assert_eq!(fs::read(ground.path("a.txt")).expect("it is there"), b"first\nsecond\nthird\n");
}

/// Emacs as a daemon: two clients in two panes, both of the same daemon.
#[test]
fn clients_of_emacs_get_back_what_the_daemon_held() {
    let Some(ground) = ground("emacs") else { return };
    ground.write(".emacs.d/init.el", b"(setq inhibit-startup-screen t create-lockfiles t)\n");
    ground.shell();
    ground.server.type_line(PANE, "emacsclient -a '' -t a.txt");
    shows(&ground, "second");
    keys(&ground, &["new "], "new first");
    keys(&ground, &["C-x", "2", "C-x", "C-f"], "Find file:");
    ground.server.type_line(PANE, "b.txt");
    shows(&ground, "other");
    keys(&ground, &["more "], "more other");
    let screen = ground.settled();
    let kept = ground.told();
    assert_eq!(ground.settled(), screen, "something was noticed");
    assert_eq!(kept["unsaved"].as_array().map(Vec::len), Some(2), "{kept:#}");
    for reboot in 0..3 {
        ground.restart();
        shows(&ground, "new first");
        shows(&ground, "more other");
        assert_eq!(ground.told()["unsaved"], kept["unsaved"], "{reboot}");
    }
    keys(&ground, &["C-x", "u"], "\nother");
    assert_eq!(fs::read(ground.path("b.txt")).expect("it is there"), b"other\n");
    // A daemon that lives on has everything, also what was typed after the save.
    keys(&ground, &["C-x", "o"], "new first");
    keys(&ground, &["later "], "new later first");
    ground.server.kill();
    ground.server.wait_until("it is gone", |server| !server.lives());
    ground.env.run(&["restore"]);
    shows(&ground, "new later first");
}
