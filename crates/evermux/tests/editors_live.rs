//! Neovim in unusual places: as the command of its pane, with a server that is no child of it, busy, with large text, and with
//! swap files that are newer than what was kept.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::editing::{Ground, PANE, nvims};
use serde_json::Value;

/// The pane as it is saved now.
fn saved_pane(ground: &Ground) -> Value {
    ground.env.ok(&["save"]);
    let shown: Value = serde_json::from_str(&ground.env.ok(&["show", "--json"])).expect("JSON");
    shown["content"]["windows"][0]["panes"][0].clone()
}

/// Restores what was saved; without a word about anything that is not as it was.
fn restored(ground: &Ground) {
    let output = ground.env.run(&["restore", "--json"]);
    assert_eq!(output.status, Some(0), "{}: {output}", ground.what);
    let restored: Value = serde_json::from_str(&output.text()).expect("JSON");
    assert_eq!((&restored["exact"], &restored["owed"]), (&Value::Bool(true), &Value::Array(vec![])));
}

/// Waits until the screen shows this.
fn shows(ground: &Ground, text: &str) {
    ground.server.wait_until(&format!("{}: {text}", ground.what), |server| {
        server.lives()
            && server.tmux(&["has-session", "-t", "=work"]).ok()
            && server.screen(PANE).contains(text)
    });
}

#[test]
fn an_editor_that_is_the_command_of_its_pane_comes_back() {
    for nvim in nvims() {
        for command in [&["nvim a.txt"][..], &["nvim", "a.txt"]] {
            let ground = Ground::new(&nvim);
            let what = &ground.what;
            ground.write("a.txt", b"one\ntwo\n");
            let start = ["new-session", "-d", "-s", "work", "-x", "100", "-y", "30"];
            ground.server.run(&[&start, command].concat());
            ground.draws();
            ground.script("call setline(1, 'changed')\nsplit\nnew\ncall setline(1, 'nameless')");
            let screen = ground.settled();
            let before = saved_pane(&ground);
            let kept = &before["program"]["editor"]["unsaved"];
            assert_eq!(kept.as_array().map(Vec::len), Some(2), "{what}: {before:#}");
            for reboot in 0..3 {
                ground.server.kill_all();
                restored(&ground);
                shows(&ground, "nameless");
                assert_eq!(ground.settled(), screen, "{what}: {reboot}");
                let after = saved_pane(&ground);
                assert_eq!(after["start"], before["start"], "{what}: {reboot}");
                assert_eq!(after["program"]["argv"], before["program"]["argv"], "{what}: {reboot}");
                assert_eq!(after["program"]["editor"]["unsaved"], *kept, "{what}: {reboot}");
            }
            assert_eq!(fs::read(ground.path("a.txt")).expect("it is there"), b"one\ntwo\n");
            // What may not run is owed with all that it held, and comes back when it may.
            ground.server.kill_all();
            assert_eq!(ground.env.run(&["restore", "--run", "none"]).status, Some(3), "{what}");
            ground.server.wait_for_prompts();
            saved_pane(&ground);
            ground.server.kill_all();
            restored(&ground);
            shows(&ground, "nameless");
            assert_eq!(ground.settled(), screen, "{what}");
            assert_eq!(saved_pane(&ground)["program"]["editor"]["unsaved"], *kept, "{what}");
        }
    }
}

/// Neovim's server need not be a child of what is in the pane, and outlives it then: it is shown again as it is.
#[test]
fn a_server_that_has_outlived_its_pane_is_shown_again() {
    for nvim in nvims().into_iter().filter(|nvim| nvim.version.at_least(0, 12)) {
        for way in ["restart", "detach"] {
            let ground = Ground::new(&nvim);
            let what = format!("{} {way}", ground.what);
            ground.write("a.txt", b"one\ntwo\n");
            if way == "restart" {
                ground.start("nvim a.txt");
                ground.server.type_line(PANE, ":restart");
                ground.server.wait_until("it has begun anew", |server| {
                    server.screen(PANE).contains("a.txt") || server.screen(PANE).contains("[No Name]")
                });
                ground.settled();
                ground.script("edit a.txt");
            } else {
                ground.start("nvim --listen $PWD/s a.txt");
                ground.server.type_line(PANE, ":detach");
                ground.server.wait_for_prompt(PANE);
                ground.server.type_line(PANE, "nvim --server $PWD/s --remote-ui");
                ground.draws();
            }
            ground.script("call setline(1, 'changed')");
            let kept = saved_pane(&ground)["program"]["editor"].clone();
            assert_eq!(kept["unsaved"].as_array().map(Vec::len), Some(1), "{what}: {kept:#}");
            // Typed after the save: only that server has it.
            ground.script("call setline(2, 'later')");
            ground.server.kill();
            restored(&ground);
            shows(&ground, "later");
            let told = ground.script("let g:told = [string([getline(1, '$'), len(nvim_list_uis())])]");
            assert_eq!(told, "[['changed', 'later'], 1]\n", "{what}");
            let again = saved_pane(&ground)["program"].clone();
            assert_eq!(again["editor"]["unsaved"].as_array().map(Vec::len), Some(1), "{what}: {again:#}");
            assert_eq!(again["editor"]["late"], Value::Null, "{what}");
            // It too ends: then what was kept of it comes back.
            ground.server.kill_all();
            restored(&ground);
            shows(&ground, "later");
            let told = ground.script("let g:told = [string(getline(1, '$'))]");
            assert_eq!(told, "['changed', 'later']\n", "{what}");
        }
    }
}

/// One that does not answer holds up nothing, and what it held before is kept.
#[test]
fn an_editor_that_hangs_is_not_waited_for() {
    for nvim in nvims() {
        for busy in [":!sleep 1000", ":lua while true do end"] {
            let ground = Ground::new(&nvim);
            let what = format!("{} {busy}", ground.what);
            ground.write("a.txt", b"one\ntwo\n");
            ground.start("nvim a.txt");
            ground.script("call setline(1, 'changed')");
            let kept = saved_pane(&ground)["program"]["editor"]["unsaved"].clone();
            ground.server.type_line(PANE, busy);
            for save in 0..3 {
                let began = Instant::now();
                let editor = saved_pane(&ground)["program"]["editor"].clone();
                // Its limit is 0.4 s; the rest is two programs that start on a machine that may be busy.
                assert!(began.elapsed() < Duration::from_secs(3), "{what}: {save}: {:?}", began.elapsed());
                assert_eq!(editor["unsaved"], kept, "{what}: {save}");
                assert_eq!(editor["late"], "it does not answer", "{what}: {save}");
            }
            ground.server.kill_all();
            restored(&ground);
            shows(&ground, "changed");
            assert_eq!(
                ground.script("let g:told = [string(getline(1, '$'))]"),
                "['changed', 'two']\n",
                "{what}"
            );
        }
    }
}

/// Text above the limit is in its swap file, and comes back from there.
#[test]
fn large_text_comes_back_from_its_swap_file() {
    for nvim in nvims() {
        let ground = Ground::new(&nvim);
        let what = &ground.what;
        ground.write("large.txt", b"one\n");
        ground.start("nvim large.txt");
        ground.script("call setline(1, repeat([repeat('x', 99)], 60000))\npreserve");
        let editor = saved_pane(&ground)["program"]["editor"].clone();
        assert_eq!(editor["unsaved"], Value::Array(vec![]), "{what}");
        assert_eq!(editor["left_out"][0]["reason"], "it is too large; its swap file has it", "{what}");
        ground.server.kill_all();
        restored(&ground);
        shows(&ground, "xxxx");
        let told = ground.script("let g:told = [string([line('$'), len(getline(60000)), &modified])]");
        assert_eq!(told, "[60000, 99, 1]\n", "{what}");
        assert_eq!(fs::read(ground.path("large.txt")).expect("it is there"), b"one\n", "{what}");
    }
}

/// What was typed since the last save is in the swap file: that text comes back, and can be undone to what was kept.
#[test]
fn a_swap_file_that_is_newer_counts() {
    for nvim in nvims() {
        let ground = Ground::new(&nvim);
        let what = &ground.what;
        ground.write("a.txt", b"one\ntwo\n");
        ground.start("nvim a.txt");
        ground.script("call setline(1, 'kept')");
        saved_pane(&ground);
        ground.script("call setline(2, 'typed later')\npreserve");
        ground.server.kill_all();
        restored(&ground);
        shows(&ground, "typed later");
        let told = ground.script(
            "let g:told = [string([getline(1, '$'), &modified, len(g:evermux_notes)])]\nundo\ncall add(g:told, string(getline(1, '$')))\nredo",
        );
        assert_eq!(told, "[['kept', 'typed later'], 1, 1]\n['kept', 'two']\n", "{what}");
        assert!(ground.path(".local").exists(), "{what}");
        assert_eq!(fs::read(ground.path("a.txt")).expect("it is there"), b"one\ntwo\n", "{what}");
    }
}

/// The first file takes the place of the buffer without a name, and is its own alternate file: the session file fails with that.
#[test]
fn an_editor_that_began_without_a_file_comes_back_without_a_word() {
    for nvim in nvims() {
        let ground = Ground::new(&nvim);
        ground.write("a.txt", b"one\ntwo\n");
        ground.start("nvim");
        ground.server.type_line(PANE, ":edit a.txt");
        shows(&ground, "two");
        ground.script("edit a.txt\ncall setline(1, 'changed')\nsplit");
        saved_pane(&ground);
        ground.server.kill_all();
        restored(&ground);
        shows(&ground, "changed");
        let told = ground.script("let g:told = [string([winnr('$'), getline(1, '$'), g:evermux_notes])]");
        assert_eq!(told, "[2, ['changed', 'two'], []]\n", "{}", ground.what);
    }
}
