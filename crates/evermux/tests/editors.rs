//! Real editors in real panes: what they hold is kept and comes back, and nothing of it is noticed by who edits.

mod common;

use std::fs;

use common::editing::{Ground, PANE, foreground, nvims};
use serde_json::Value;

/// Tabs, splits, folds, a quickfix list, and unsaved text in files of strange names, in one without a name, and of bytes that
/// are no UTF-8.
const WORK: &str = r#"
normal! ggOfirst line
let &undolevels = &undolevels
call setline(3, 'changed')
10,15fold
normal! 20G
split
execute 'edit' fnameescape('h|i`id`$(x) %#''".txt')
call setline(1, 'hostile')
split
enew
call setline(1, ['nameless', 'two'])
vsplit
edit bytes.txt
call append(1, 'more')
call setqflist([{'filename': 'a.txt', 'lnum': 3, 'text': 'found | "it"'}], 'r')
let v:this_session = '/nowhere/Session.vim'
2wincmd w
"#;

/// What the editor holds, in words.
const FACTS: &str = r#"
let g:told = []
for b in getbufinfo({'bufloaded': 1})
  if b.name !~# 'script.vim$'
    call add(g:told, string([fnamemodify(b.name, ':t'), b.changed, getbufline(b.bufnr, 1, 6), len(getbufline(b.bufnr, 1, '$'))]))
  endif
endfor
call sort(g:told)
call add(g:told, string(map(getqflist(), '[bufname(v:val.bufnr), v:val.lnum, v:val.text]')))
call add(g:told, string([v:this_session, tabpagenr('$'), winnr('$'), winnr(), v:errmsg, trim(execute('messages'))]))
call add(g:told, string([&shortmess, &hidden, &sessionoptions, &eventignore, getcwd(), exists('g:evermux_notes') && len(g:evermux_notes)]))
"#;

#[test]
fn what_an_editor_holds_comes_back() {
    for nvim in nvims() {
        let ground = Ground::new(&nvim);
        let what = &ground.what;
        let lines: String = (1..=60).map(|line| format!("line {line}\n")).collect();
        ground.write("a.txt", lines.as_bytes());
        ground.write("h|i`id`$(x) %#'\".txt", b"on disk\n");
        ground.write("bytes.txt", b"caf\xe9 \xff\xfe\nx\0y\n");
        ground.start("nvim a.txt");
        ground.script(WORK);
        let facts = ground.script(FACTS);
        let screen = ground.settled();
        ground.env.ok(&["save"]);
        assert_eq!(ground.settled(), screen, "{what}");
        assert_eq!(ground.script(FACTS), facts, "{what}: something was noticed");
        let kept = ground.editor();
        assert_eq!(kept["unsaved"].as_array().map(Vec::len), Some(4), "{what}: {kept:#}");
        assert_eq!((&kept["late"], &kept["left_out"]), (&Value::Null, &Value::Array(Vec::new())), "{what}");
        let argv = fs::read(format!("/proc/{}/cmdline", foreground(&ground.server))).expect("it runs");
        for reboot in 0..3 {
            ground.restart();
            ground.server.wait_until(&format!("{what}: its screen"), |server| {
                server.screen(PANE).contains("nameless")
            });
            assert_eq!(ground.settled(), screen, "{what}: {reboot}");
            assert_eq!(ground.script(FACTS), facts, "{what}: {reboot}");
            assert_eq!(fs::read_to_string(ground.path("a.txt")).expect("it is there"), lines, "{what}");
            assert_eq!(fs::read(ground.path("bytes.txt")).expect("it is there"), b"caf\xe9 \xff\xfe\nx\0y\n");
            // What is kept of it now is the same, under the words it was started with at first.
            let again = ground.told();
            assert_eq!(again["unsaved"], kept["unsaved"], "{what}: {again:#}");
            let shown: Value = serde_json::from_str(&ground.env.ok(&["show", "--json"])).expect("JSON");
            let words = shown["content"]["windows"][0]["panes"][0]["program"]["argv"].clone();
            let words: Vec<&str> =
                words.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            assert_eq!(format!("{}\0", words.join("\0")).as_bytes(), argv, "{what}");
        }
        let undone = ground.script("buffer! a.txt\nundo\nundo\nlet g:told = [string([&modified, getline(1, 3), line('$')])]\nredo\nredo\ncall add(g:told, string([&modified, getline(1, 3)]))");
        assert_eq!(
            undone, "[0, ['line 1', 'line 2', 'line 3'], 60]\n[1, ['first line', 'line 1', 'changed']]\n",
            "{what}"
        );
        let left = fs::read_dir(ground.path(""))
            .expect("home")
            .flatten()
            .filter(|it| it.file_name() == "editors")
            .count();
        assert_eq!(left, 0);
    }
}

/// An editor that waits for a key is not disturbed, and what it held before is kept.
#[test]
fn an_editor_that_waits_is_left_alone() {
    for nvim in nvims() {
        let ground = Ground::new(&nvim);
        let what = &ground.what;
        ground.write("a.txt", b"one\ntwo\n");
        ground.start("nvim a.txt");
        ground.script("call setline(1, 'changed')");
        ground.env.ok(&["save"]);
        assert_eq!(ground.editor()["unsaved"].as_array().map(Vec::len), Some(1), "{what}");
        let modes: [&[&str]; 7] = [
            &["i"],
            &["1", "2"],
            &["v"],
            &["d"],
            &[":call getchar()", "Enter"],
            &[":echo \"a\\nb\\nc\"", "Enter"],
            &[":call confirm('sure', \"&Yes\\n&No\")", "Enter"],
        ];
        for keys in modes {
            let keys = [&["send-keys", "-t", PANE], keys].concat();
            ground.server.run(&keys);
            let screen = ground.settled();
            let cursor = ground.server.display(PANE, "#{cursor_x} #{cursor_y}");
            ground.env.ok(&["save"]);
            assert_eq!(ground.settled(), screen, "{what}: {keys:?}");
            assert_eq!(ground.server.display(PANE, "#{cursor_x} #{cursor_y}"), cursor, "{what}: {keys:?}");
            let kept = ground.editor();
            assert_eq!(kept["unsaved"].as_array().map(Vec::len), Some(1), "{what}: {keys:?}: {kept:#}");
            ground.server.run(&["send-keys", "-t", PANE, "Escape"]);
            ground.server.run(&["send-keys", "-t", PANE, "Escape"]);
            ground.settled();
        }
        let told = ground.script("let g:told = [string([getline(1, '$'), v:errmsg])]");
        assert_eq!(told, "[['changed', 'two'], '']\n", "{what}");
    }
}

/// What is not to be written down never is.
#[test]
fn secrets_are_not_kept() {
    for nvim in nvims() {
        let ground = Ground::new(&nvim);
        let what = &ground.what;
        ground.start("nvim");
        ground.script("edit letter.gpg\ncall setline(1, 'hidden')\nnew\nsetlocal noswapfile\ncall setline(1, 'hidden')\nnew plain.txt\ncall setline(1, 'plain')");
        ground.env.ok(&["save"]);
        let kept = ground.editor();
        assert_eq!(kept["unsaved"].as_array().map(Vec::len), Some(1), "{what}: {kept:#}");
        assert_eq!(kept["left_out"].as_array().map(Vec::len), Some(2), "{what}: {kept:#}");
        // A pane whose text is not wanted keeps none of its editor either.
        ground.server.run(&["set-option", "-p", "-t", PANE, "@evermux-policy", "no-text"]);
        ground.env.ok(&["save"]);
        assert_eq!(ground.editor(), Value::Null, "{what}");
    }
}
