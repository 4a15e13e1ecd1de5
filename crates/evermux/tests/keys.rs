//! Our keys on real servers: bound where they are free, answering in the status line.

use evermux_testkit::{Env, Server, Tmux, tmux_binaries};

fn server(tmux: &Tmux, config: &str) -> (Server, Env) {
    let server = Server::builder(tmux).config(config).start();
    server.wait_for_prompts();
    let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &server);
    (server, env)
}

fn keys(server: &Server) -> Vec<String> {
    server.lines(&["list-keys", "-T", "prefix"])
}

#[test]
fn a_key_saves_and_says_so_to_who_pressed_it() {
    for tmux in tmux_binaries() {
        let (server, env) = server(&tmux, "set -g display-time 60000\n");
        env.ok(&["key", "bind"]);
        let client = server.attach("main", 80, 24);
        client.type_text("\x02\x13");
        server.wait_until("the answer", |_| client.screen().contains("evermux: Saved 1: 1 session"));
        assert!(client.screen().contains(" ms"), "{}", client.screen());
        // Keys run in the environment of the server, which does not know where this test has its state.
        let state = server.sandbox().path("home/.local/state/evermux");
        let listed = env.with("EVERMUX_DIR", state.to_str().unwrap()).ok(&["--json", "list"]);
        assert_eq!(listed.matches("\"id\": ").count(), 1, "{listed}");
        server.run(&[
            "display-message",
            "-c",
            &server.lines(&["list-clients", "-F", "#{client_name}"])[0],
            "x",
        ]);
        client.type_text("\x02\x12");
        server.wait_until("the second answer", |_| client.screen().contains("evermux: Nothing to restore"));
        // Nothing covers the pane.
        assert_eq!(server.display("main:", "#{pane_in_mode}"), "0", "tmux {}", tmux.version);
    }
}

#[test]
fn no_key_of_the_user_is_replaced() {
    for tmux in tmux_binaries() {
        let (server, env) = server(&tmux, "bind C-s display-message mine\nbind \\; last-pane\n");
        let before = keys(&server);
        env.write_config("[keys]\nrestore = ';'\n");
        env.ok(&["key", "bind"]);
        assert_eq!(keys(&server), before, "tmux {}", tmux.version);
    }
}

#[test]
fn settings_choose_keys_and_nothing_is_left_of_them() {
    for tmux in tmux_binaries() {
        let (server, env) = server(&tmux, "");
        let before = keys(&server);
        env.ok(&["key", "bind"]);
        env.ok(&["key", "bind"]);
        assert_eq!(keys(&server).len(), before.len() + 2, "tmux {}", tmux.version);
        env.write_config("[keys]\nsave = 'M-s'\nrestore = ''\n");
        env.ok(&["key", "bind"]);
        let bound = keys(&server);
        assert_eq!(bound.len(), before.len() + 1, "tmux {}", tmux.version);
        assert!(bound.iter().any(|line| line.contains(" M-s ")), "tmux {}: {bound:#?}", tmux.version);
        env.ok(&["key", "unbind"]);
        assert_eq!(keys(&server), before, "tmux {}", tmux.version);
    }
}
