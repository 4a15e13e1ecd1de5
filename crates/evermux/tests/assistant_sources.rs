//! What tells which conversation an assistant holds, where it is not a registry: the files of the others, what the user adds.

mod common;
mod stubs;

use std::fs;

use common::assert_output;
use evermux_testkit::Server;
use rusqlite::Connection;
use serde_json::Value;
use stubs::told::{again, assistants, env, exact, known, ran};
use stubs::{begin, child, end, id, plain, server, stop, wrapped};

#[test]
fn a_pane_option_speaks_for_its_own_program_only() {
    let server = server();
    plain(server.sandbox(), "amp");
    let env = env(&server);
    let thread = format!("T-{}", id(1));
    let set = |value: &str| server.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-resume", value]);
    set(&format!("amp {thread}"));
    begin(&server, "main:0.0", "amp");
    assert_eq!(known(&env), [format!("{thread} exact")]);
    env.ok(&["save"]);
    let shown: Value = serde_json::from_str(&env.ok(&["show", "--json"])).unwrap();
    assert_eq!(
        shown["content"]["windows"][0]["panes"][0]["options"],
        serde_json::json!([]),
        "it is no option that comes back"
    );
    for value in
        [format!("claude {thread}"), "amp".to_owned(), "amp -x".to_owned(), format!("amp {thread}; touch x")]
    {
        set(&value);
        // A program that began anew is not known from the save.
        stop(&server, "main:0.0");
        begin(&server, "main:0.0", "amp");
        assert_eq!(known(&env), ["- nothing tells which one"], "{value}");
    }
}

fn opencode_database(server: &Server) -> Connection {
    let database =
        Connection::open(server.folder(".local/share/opencode").join("opencode.db")).expect("SQLite works");
    database.pragma_update(None, "journal_mode", "wal").expect("SQLite works");
    database
        .execute_batch(
            "CREATE TABLE session (id TEXT, parent_id TEXT, directory TEXT, title TEXT, time_created INTEGER,
             time_updated INTEGER, time_archived INTEGER)",
        )
        .expect("SQLite works");
    database
}

fn add(database: &Connection, id: &str, parent: Option<&str>, directory: &str, title: &str, created: i64) {
    let row = (id, parent, directory, title, created, created + 5);
    database.execute("INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)", row).expect("SQLite works");
}

#[test]
fn titles_and_rows_tell_where_the_program_itself_does_not() {
    let server = server();
    plain(server.sandbox(), "opencode");
    let env = env(&server);
    let folder = server.folder(".local/share/opencode");
    let database = opencode_database(&server);
    let home = server.sandbox().home().canonicalize().unwrap();
    let add = |id: &str, parent: Option<&str>, directory: &str, title: &str, created: i64| {
        add(&database, id, parent, directory, title, created);
    };
    let here = home.to_str().unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    add("ses_old", None, here, "Old", now - 100_000);
    begin(&server, "main:0.0", "opencode");
    assert_eq!(known(&env), ["- nothing tells which one"], "an old one is none of its");
    add("ses_new", None, here, "New", now + 3000);
    add("ses_sub", Some("ses_new"), here, "Sub", now + 4000);
    add("ses_far", None, "/elsewhere", "Far", now + 5000);
    assert_eq!(known(&env), ["ses_new guess"]);
    server.run(&["select-pane", "-t", "main:0.0", "-T", "OC | Old"]);
    assert_eq!(known(&env), ["ses_old strong"]);
    assert_eq!(again(&env), "opencode --session ses_old");
    // What the plugin has heard may be older than the title; of two with one title it tells which.
    server.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-resume", "opencode ses_new"]);
    assert_eq!(known(&env), ["ses_old strong"]);
    add("ses_same", None, here, "Old", now - 90_000);
    server.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-resume", "opencode ses_old"]);
    assert_eq!(known(&env), ["ses_old strong"]);
    server.run(&["set-option", "-pu", "-t", "main:0.0", "@evermux-resume"]);
    assert_eq!(known(&env), ["ses_same strong"]);
    database.execute("DELETE FROM session WHERE id = 'ses_same'", []).unwrap();
    drop(database);
    // Without its writer it is whole by itself, and nothing is left beside it.
    assert_eq!(known(&env), ["ses_old strong"]);
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["opencode.db"]);
}

#[test]
fn other_tools_by_their_own_files() {
    let server = server();
    let env = env(&server);
    let home = server.sandbox().home().canonicalize().unwrap();
    for name in ["gemini", "qwen"] {
        plain(server.sandbox(), name);
    }
    wrapped(
        server.sandbox(),
        "copilot",
        r#"become() { mkdir -p "$HOME/.copilot/session-state/$1"; echo $$ >"$HOME/.copilot/session-state/$1/inuse.$$.lock"; }
        become "$FIRST""#,
    );
    begin(&server, "main:0.0", &format!("FIRST={} copilot -i 'do it' --model m", id(1)));
    assert_eq!(known(&env), [exact(1)]);
    // Nothing was said: the same id again.
    assert_eq!(again(&env), format!("copilot --model m --session-id={}", id(1)));
    server.sandbox().write(format!("home/.copilot/session-state/{}/session.db", id(1)), "x");
    assert_eq!(again(&env), format!("copilot --model m --resume={}", id(1)));
    server.type_line("main:0.0", &format!("new {}", id(2)));
    server.wait_until("it is noticed", |_| known(&env) == [exact(2)]);

    server.run(&["new-window", "-t", "main:1"]);
    server.run(&["kill-window", "-t", "main:0"]);
    begin(&server, "main:1.0", "gemini -m pro");
    let chats = "home/.gemini/tmp/slug/chats";
    server.sandbox().write("home/.gemini/tmp/slug/.project_root", home.to_str().unwrap());
    server.sandbox().write("home/.gemini/tmp/other/.project_root", "/elsewhere");
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let line =
        |number: u32| format!(r#"{{"sessionId":"{}","startTime":"{later}","kind":"main"}}"#, id(number));
    server.sandbox().write(format!("{chats}/session-2026-11-30T01-02-x.jsonl"), line(3));
    server.sandbox().write("home/.gemini/tmp/other/chats/session-2026-11-30T01-02-y.jsonl", line(4));
    assert_eq!(known(&env), [format!("{} strong", id(3))]);
    // What it tells the model itself is nothing that could be gone on with.
    let context =
        r#"{"$set":{"messages":[{"id":"x","type":"user","content":[{"text":"<session_context>\nit"}]}]}}"#;
    let say = |said: &str| {
        let text = format!("{}\n{context}\n{said}\n", line(3));
        server.sandbox().write(format!("{chats}/session-2026-11-30T01-02-x.jsonl"), text);
    };
    say(r#"{"id":"y","type":"user","content":[{"text":"/help"}]}"#);
    assert_eq!(again(&env), format!("not: nothing was said yet in conversation {}", id(3)));
    say(r#"{"id":"y","type":"user","content":[{"text":"hello"}]}"#);
    assert_eq!(again(&env), format!("gemini -m pro --resume {}", id(3)));

    server.run(&["new-window", "-t", "main:2"]);
    server.run(&["kill-window", "-t", "main:1"]);
    begin(&server, "main:2.0", "qwen");
    let line = format!(r#"{{"sessionId":"{}","cwd":"{}","timestamp":"{later}"}}"#, id(5), home.display());
    server.sandbox().write(format!("home/.qwen/projects/x/chats/{}.jsonl", id(5)), line);
    assert_eq!(known(&env), [format!("{} strong", id(5))]);
}

/// Codex whose daemon writes everything down: nothing that its windows have open tells, and two are in one directory.
#[test]
fn codex_by_its_database_and_by_what_was_said() {
    let server = server();
    plain(server.sandbox(), "codex");
    let env = env(&server);
    let database = Connection::open(server.folder(".codex").join("state_5.sqlite")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE threads (id TEXT, cwd TEXT, created_at_ms INTEGER, updated_at_ms INTEGER, archived INTEGER,
             agent_path TEXT, first_user_message TEXT)",
        )
        .unwrap();
    let home = server.sandbox().home().canonicalize().unwrap();
    let add = |number: u32, after: i64, agent: Option<&str>, said: &str| {
        let at = jiff::Timestamp::now().as_millisecond() + after;
        let row = (id(number), home.to_str().unwrap(), at, at + 5, agent, said);
        database.execute("INSERT INTO threads VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)", row).unwrap();
    };
    server.run(&["split-window", "-t", "main"]);
    server.wait_for_prompts();
    add(9, -100_000, None, "long ago");
    begin(&server, "main:0.0", "codex");
    begin(&server, "main:0.1", "codex");
    assert_eq!(known(&env), ["- nothing tells which one", "- nothing tells which one"]);
    // The younger one begins its conversation first: by the times alone they would be taken for each other's.
    add(2, 1000, None, "what does the   second\none of them do?");
    add(1, 1500, None, "explain the first one to me");
    add(3, 900, Some("helper"), "a part of the work");
    server.type_line("main:0.0", "run echo '> explain the first one to me'");
    server.type_line("main:0.1", "run echo '> what does the second one'; echo '  of them do?'");
    server.wait_until("it is said", |server| server.screen("main:0.1").contains("\n  of them do?"));
    server.wait_until("it is said", |server| server.screen("main:0.0").contains("\n> explain"));
    env.ok(&["save"]);
    assert_eq!(known(&env), [format!("{} strong", id(1)), format!("{} strong", id(2))]);
    assert!(assistants(&env)[0]["evidence"].as_str().unwrap().contains("is on the screen"));
}

#[test]
fn codex_as_earlier_versions_wrote_it_down() {
    let server = server();
    plain(server.sandbox(), "codex");
    let env = env(&server);
    begin(&server, "main:0.0", &format!("codex resume {}", id(9)));
    let child = child(&server, "main:0.0");
    let line = |pid: &str, number: u32, at: jiff::Timestamp| {
        format!("{{\"pid\":{pid},\"session\":\"{}\",\"host\":\"h\",\"started_at\":\"{at}\"}}\n", id(number))
    };
    let now = jiff::Timestamp::now();
    let old = now - jiff::SignedDuration::from_mins(1);
    let write =
        |lines: &[String]| drop(server.sandbox().write("home/.codex/session-tags.jsonl", lines.concat()));
    write(&[line(&child, 1, old)]);
    assert_eq!(known(&env), [format!("{} strong", id(9))], "of an earlier process with this number");
    write(&[line(&child, 1, old), line(&child, 2, now), line("1", 3, now), "{ broken\n".to_owned()]);
    assert_eq!(known(&env), [exact(2)]);
}

/// Amp tells its conversation on the screen only.
#[test]
fn amp_by_its_screen() {
    let server = server();
    plain(server.sandbox(), "amp");
    let env = env(&server);
    begin(&server, "main:0.0", "amp");
    let thread = format!("T-{}", id(1));
    server.type_line("main:0.0", &format!("run echo thread {thread}"));
    server.wait_until("it is shown", |server| {
        server.screen("main:0.0").contains(&format!("\nthread {thread}"))
    });
    env.ok(&["save"]);
    // What is on the screen counts from the next save on, when it is known to be its own.
    assert_eq!(known(&env), [format!("{thread} guess")]);
    assert_eq!(again(&env), format!("amp threads continue {thread}"));
}

/// Aider has no ids: what was said is in its directory.
#[test]
fn aider_goes_on_with_what_is_in_its_directory() {
    let server = server();
    plain(server.sandbox(), "aider");
    let env = env(&server);
    let work = server.folder("work");
    server.wait_for_prompts();
    server.type_line("main:0.0", &format!("cd {}", work.display()));
    begin(&server, "main:0.0", "aider --model m --message-file-not x.py");
    assert_eq!(again(&env), "not: ~/work/.aider.chat.history.md is not there");
    // In a repository it stands at its top.
    fs::create_dir(server.sandbox().path("home/.git")).unwrap();
    assert_eq!(again(&env), "not: ~/.aider.chat.history.md is not there");
    server.sandbox().write("home/.aider.chat.history.md", "# aider chat\n");
    assert_output!(env.run(&["assistants"]), @"
    main:0.0  aider  that of its directory
      by    it has no ids: what was said is kept by directory
      run   aider --restore-chat-history --model m
      in    $SANDBOX/home/work
      without --message-file-not (not known)
    1 assistant, 1 of them with a conversation that is known
    [exit 0]
    ");
    env.ok(&["save"]);
    end(&server);
    let output = env.run(&["restore"]);
    assert_eq!(output.status, Some(0), "{output}");
    assert_eq!(ran(&server).last().unwrap(), "aider|--restore-chat-history --model m");
    assert!(server.display("main:0.0", "#{pane_current_path}").ends_with("/work"));
}

#[test]
fn the_files_of_tmux_assistant_resurrect_are_read() {
    let server = server();
    plain(server.sandbox(), "claude");
    let folder = server.sandbox().path("tracker");
    let env = env(&server);
    begin(
        &server,
        "main:0.0",
        &format!("TMUX_ASSISTANT_RESURRECT_DIR={} claude --resume {}", folder.display(), id(1)),
    );
    assert_eq!(known(&env), [format!("{} strong", id(1))]);
    let child = child(&server, "main:0.0");
    let saved = format!(
        r#"{{"sessions":[{{"pane":"main:0.0","tool":"claude","session_id":"{}","cwd":"/","pid":"{child}"}}]}}"#,
        id(2)
    );
    let own = server.sandbox().write(format!("tracker/claude-{child}.json"), "{ broken");
    assert_eq!(known(&env), [format!("{} strong", id(1))]);
    fs::write(own, format!(r#"{{"tool":"claude","session_id":"{}","ppid":{child}}}"#, id(3))).unwrap();
    assert_eq!(known(&env), [exact(3)]);
    fs::remove_dir_all(&folder).unwrap();
    server.sandbox().write("home/.tmux/resurrect/assistant-sessions.json", saved);
    assert_eq!(known(&env), [format!("{} strong", id(2))], "its last save is younger than the command line");
}

#[test]
fn handlers_of_the_user_and_what_is_wrong_with_them() {
    let server = server();
    let env = env(&server);
    plain(server.sandbox(), "helper");
    assert_output!(env.run(&["config", "check"]), @"
    The settings and the handlers are as they should be.
      settings   $SANDBOX/config.toml
      handlers   $SANDBOX/handlers.d
      assistants aider, amp, claude, codex, copilot, gemini, opencode, qwen
      programs   aerc, autossh, btm, container, et, gitui, ipython, irssi, k9s, kubectl, lazygit, lf, mc, mongosh, mosh, mutt, mysql, neomutt, nnn, psql, ranger, redis, sqlite3, ssh, task, tig, tmux, watch, weechat, yazi
    [exit 0]
    ");
    server.sandbox().write("handlers.d/helper.toml", include_str!("../../../docs/handlers/example.toml"));
    server.sandbox().write("handlers.d/wrong.toml", "[handler.wrong]\nnames = ['wrong']\npolcy = 'run'\n");
    assert_output!(env.run(&["config", "check"]), @"
    wrong: the handlers in $SANDBOX/handlers.d/wrong.toml are wrong
           TOML parse error at line 3, column 1
             |
           3 | polcy = 'run'
             | ^^^^^
           unknown field `polcy`, expected one of `names`, `unless`, `policy`, `arguments`, `only`, `inner`, `attaches`, `command`, `resume`, `fresh`, `folders`, `needs`, `environment`, `id`, `source`, `directory`, `resumable`, `mode`, `needs-client`, `ready`
      settings   $SANDBOX/config.toml
      handlers   $SANDBOX/handlers.d
      assistants aider, amp, claude, codex, copilot, gemini, opencode, qwen, helper
      programs   aerc, autossh, btm, container, et, gitui, ipython, irssi, k9s, kubectl, lazygit, lf, mc, mongosh, mosh, mutt, mysql, neomutt, nnn, psql, ranger, redis, sqlite3, ssh, task, tig, tmux, watch, weechat, yazi
      yours      helper
    [exit 1]
    ");
    assert_eq!(env.run(&["config", "check"]).status, Some(1));
    // One in the place of a shipped one.
    let own =
        server.sandbox().write("handlers.d/amp.toml", "[handler.amp]\nnames = ['amp']\npolicy = 'skip'\n");
    let checked = env.run(&["config", "check"]).text();
    assert!(checked.contains("yours      amp, helper\n"), "{checked}");
    fs::remove_file(own).unwrap();
    begin(&server, "main:0.0", "helper --model x --session abc-1 hello");
    let output = env.run(&["assistants", "--json"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("wrong.toml"), "{output}");
    assert_eq!(again(&env), "helper --model x --session abc-1");
    use std::os::unix::fs::PermissionsExt;
    let path = server.sandbox().path("handlers.d/helper.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(known(&env), [""; 0], "what others can write allows nothing");
}

/// Seen with Codex 0.171: after /new the file of the earlier conversation stays open, and the new one has only a lock.
#[test]
fn a_conversation_that_was_just_begun_has_only_a_lock() {
    let server = server();
    let env = env(&server);
    let work = r#"
        mkdir -p "$HOME/.codex/sessions/2026/11/30" "$HOME/.codex/thread-writer-locks"
        exec 7>"$HOME/.codex/sessions/2026/11/30/rollout-2026-11-30T01-02-03-$FIRST.jsonl"
        echo "{\"type\":\"session_meta\",\"payload\":{\"id\":\"$FIRST\",\"cwd\":\"$PWD\"}}" >&7
        become() { exec 8>"$HOME/.codex/thread-writer-locks/$1.lock"; }"#;
    wrapped(server.sandbox(), "codex", work);
    begin(&server, "main:0.0", &format!("FIRST={} codex", id(1)));
    assert_eq!(known(&env), [exact(1)]);
    server.type_line("main:0.0", &format!("new {}", id(2)));
    server.wait_until("it is noticed", |_| known(&env) == [exact(2)]);
    assert_eq!(again(&env), format!("not: nothing was said yet in conversation {}", id(2)));
}

/// OpenCode shows its own name while no conversation is open: its command line is old then, and so is the last save. But also
/// while the conversation has no title yet.
#[test]
fn a_title_can_say_that_there_is_none() {
    let server = server();
    plain(server.sandbox(), "opencode");
    let env = env(&server);
    let database = opencode_database(&server);
    begin(&server, "main:0.0", "opencode -s ses_1");
    env.ok(&["save"]);
    assert_eq!(known(&env), ["ses_1 strong"]);
    server.run(&["select-pane", "-t", "main:0.0", "-T", "OpenCode"]);
    assert_eq!(known(&env), ["- it has none open"]);
    server.run(&["select-pane", "-t", "main:0.0", "-T", "OC | another"]);
    assert_eq!(known(&env), ["ses_1 strong"]);
    server.run(&["select-pane", "-t", "main:0.0", "-T", "OpenCode"]);
    let home = server.sandbox().home().canonicalize().unwrap();
    let now = jiff::Timestamp::now().as_millisecond() + 1000;
    add(&database, "ses_2", None, home.to_str().unwrap(), "New session - 2026-11-30T10:15:17.149Z", now);
    assert_eq!(known(&env), ["ses_2 guess"]);
    server.run(&["set-option", "-p", "-t", "main:0.0", "@evermux-resume", "opencode ses_2"]);
    assert_eq!(known(&env), ["ses_2 strong"]);
    // It has got its title, and is left.
    database.execute("UPDATE session SET title = 'Two'", []).unwrap();
    assert_eq!(known(&env), ["- it has none open"]);
}
