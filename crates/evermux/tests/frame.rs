//! The frame of the command line: arguments, settings, errors, exit codes.

mod common;

use common::assert_output;
use evermux_testkit::Env;

fn env() -> Env {
    Env::alone(env!("CARGO_BIN_EXE_evermux"))
}

#[test]
fn help_needs_neither_home_nor_config() {
    let env = env();
    env.write_config("this is [ no toml");
    let output = env.with("HOME", "").run(&["--help"]);
    assert!(output.ok() && output.stderr.is_empty(), "{output}");
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    assert_output!(env().run(&["lsit"]), @"
    --- stderr ---
    error: unrecognized subcommand 'lsit'

      tip: a similar subcommand exists: 'list'

    Usage: evermux [OPTIONS] <COMMAND>

    For more information, try '--help'.
    [exit 2]
    ");
    assert_output!(env().run(&["lsit", "--json"]), @r#"
    --- stderr ---
    {
      "error": {
        "kind": "usage",
        "exit": 2,
        "message": "unrecognized subcommand 'lsit'",
        "causes": [],
        "hints": [
          "See evermux --help."
        ]
      }
    }
    [exit 2]
    "#);
}

#[test]
fn one_server_at_a_time() {
    assert_output!(env().run(&["-L", "a", "-S", "b", "list"]), @"
    --- stderr ---
    error: -L and -S name two servers
    hint: Give one of them.
    [exit 2]
    ");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let env = env();
    let output = env
        .sandbox()
        .command("sh")
        .arg("-c")
        .arg("\"$0\" completions bash | head -c 1; echo; \"$0\" --help | head -c 1")
        .arg(env!("CARGO_BIN_EXE_evermux"))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_config_file_that_is_wrong_stops_everything() {
    let env = env();
    env.write_config("[save]\ndeadline = 'soon'\n");
    assert_output!(env.run(&["list"]), @"
    --- stderr ---
    error: the config file $SANDBOX/config.toml is wrong
    cause: 'soon' is not a time such as 90s, 2h 30m or 30d
           in `save.deadline`
    hint: EVERMUX_CONFIG=/dev/null evermux … runs with the defaults.
    [exit 1]
    ");
    env.write_config("[save\n");
    assert_output!(env.run(&["list"]), @"
    --- stderr ---
    error: the config file $SANDBOX/config.toml is wrong
    cause: TOML parse error at line 1, column 6
             |
           1 | [save
             |      ^
           unclosed table, expected `]`
    hint: EVERMUX_CONFIG=/dev/null evermux … runs with the defaults.
    [exit 1]
    ");
}

#[test]
fn an_unknown_setting_is_only_told() {
    let env = env();
    env.write_config("[save]\ndedline = '1s'\n");
    assert_output!(env.run(&["list"]), @"
    No snapshot of the server at $SANDBOX/tmux-UID/default yet.
    --- stderr ---
    warning: $SANDBOX/config.toml: unknown setting 'save.dedline'
    [exit 0]
    ");
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(env().ok(&["completions", shell]).contains("evermux"), "{shell}");
    }
}

#[test]
fn before_the_first_save_there_is_nothing() {
    assert_output!(env().run(&["list"]), @"
    No snapshot of the server at $SANDBOX/tmux-UID/default yet.
    [exit 0]
    ");
    assert_output!(env().run(&["list", "--json"]), @"
    []
    [exit 0]
    ");
    assert_output!(env().run(&["show"]), @"
    --- stderr ---
    error: $SANDBOX/state/MACHINE: no store is there
    hint: Nothing has been saved yet: evermux save
    [exit 4]
    ");
    assert_output!(env().run(&["--json", "verify"]), @r#"
    --- stderr ---
    {
      "error": {
        "kind": "nothing_there",
        "exit": 4,
        "message": "$SANDBOX/state/MACHINE: no store is there",
        "causes": [],
        "hints": [
          "Nothing has been saved yet: evermux save"
        ]
      }
    }
    [exit 4]
    "#);
    assert_output!(env().run(&["forget", "1"]), @"
    --- stderr ---
    error: $SANDBOX/state/MACHINE: no store is there
    hint: Nothing has been saved yet: evermux save
    [exit 4]
    ");
}

#[test]
fn where_things_are_is_told_by_the_environment() {
    let env = env();
    let program = env!("CARGO_BIN_EXE_evermux");
    let state = |variables: &[(&str, &str)]| {
        let mut command = env.sandbox().command(program);
        command.env_remove("HOME").envs(variables.iter().copied()).arg("verify");
        String::from_utf8_lossy(&command.output().expect("it runs").stderr).into_owned()
    };
    assert!(state(&[("HOME", "/h")]).contains("error: /h/.local/state/evermux/"));
    assert!(state(&[("HOME", "/h"), ("XDG_STATE_HOME", "/x")]).contains("error: /x/evermux/"));
    assert!(state(&[("HOME", "/h"), ("EVERMUX_DIR", "/y")]).contains("error: /y/"));
    // Without HOME (cron, services) the user database tells.
    let home = state(&[]);
    assert!(home.starts_with("error: /") && home.contains("/.local/state/evermux/"), "{home}");
    assert_eq!(state(&[("HOME", "")]), home);
}
