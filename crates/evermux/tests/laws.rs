//! The laws on running servers: random rich ones, on every tmux there is, judged by plain tmux commands.
//!
//! `EVERMUX_TEST_CASES` says how many servers each law is tried on (a small number by default, since each takes
//! seconds), `EVERMUX_TEST_SEED` which ones, `EVERMUX_TEST_SHRINK` how long a smaller one that fails is looked for. A
//! failure shows the commands that make the server.

use std::collections::{BTreeMap, BTreeSet};
use std::{env, fs};

use evermux_testkit::{Config as Configuration, Cooked, Env, Recipe, Server, Tmux};
use evermux_testkit::{config, describe, differences, recipe, tmux_binaries};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::Value;

/// How many steps a recipe has: enough to combine, few enough to read.
const STEPS: std::ops::Range<usize> = 10..45;

/// Tries a law on random servers of every tmux.
fn for_random_servers(cases: u32, law: impl Fn(&Saved) -> Result<(), TestCaseError>) {
    for_random(cases, Just(()), |saved, ()| law(saved));
}

/// The same with something more that is random.
fn for_random<More: Strategy + Clone>(
    cases: u32,
    more: More,
    law: impl Fn(&Saved, More::Value) -> Result<(), TestCaseError>,
) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let config = Config {
        cases: number("EVERMUX_TEST_CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(cases),
        // The same servers in every run, so that a failure belongs to the change at hand.
        rng_seed: RngSeed::Fixed(number("EVERMUX_TEST_SEED").unwrap_or(1)),
        max_shrink_iters: number("EVERMUX_TEST_SHRINK").and_then(|most| most.try_into().ok()).unwrap_or(30),
        failure_persistence: None,
        ..Config::default()
    };
    for tmux in tmux_binaries() {
        let mut runner = TestRunner::new(config.clone());
        let strategy = (recipe(STEPS), more.clone());
        let tried = runner.run(&strategy, |(recipe, more)| law(&Saved::cook(&recipe, &tmux), more));
        if let Err(error) = tried {
            panic!("tmux {}: {error}", tmux.version);
        }
    }
}

/// A random server that has been saved.
struct Saved {
    cooked: Cooked,
    env: Env,
    /// What it was like then.
    description: String,
}

impl Saved {
    fn cook(recipe: &Recipe, tmux: &Tmux) -> Saved {
        let cooked = recipe.cook(tmux);
        let env = Env::new(env!("CARGO_BIN_EXE_evermux"), &cooked.server);
        let description = describe(&cooked.server);
        let saved = Saved { cooked, env, description };
        saved.run(&["save"]);
        saved
    }

    fn server(&self) -> &Server {
        &self.cooked.server
    }

    /// Runs evermux, which must do it (0) or do it and list problems or debts (3).
    fn run(&self, command: &[&str]) -> String {
        let output = self.env.run(command);
        assert!(
            matches!(output.status, Some(0 | 3)),
            "evermux {command:?}:\n{output}\nafter\n{}",
            self.cooked
        );
        output.to_string()
    }

    /// The end of the machine, and what comes back.
    fn restore_after_the_end(&self) -> String {
        self.server().kill_all();
        let report = self.run(&["restore"]);
        self.server().settle();
        report
    }

    /// What the panes of the newest snapshot are owed, by identity; those that are owed nothing are left out.
    fn debts(&self) -> BTreeMap<String, Value> {
        let output = self.env.run(&["show", "latest", "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        let of = |value: &Value, field: &str| value[field].as_array().cloned().expect("an array");
        let panes = of(&shown["content"], "windows").into_iter().flat_map(|window| of(&window, "panes"));
        let owed = panes.filter(|pane| !of(pane, "debts").is_empty());
        owed.map(|pane| (pane["identity"].to_string(), pane["debts"].clone())).collect()
    }

    /// That the server is as it was when it was saved.
    fn expect_as_before(&self, report: &str) -> Result<(), TestCaseError> {
        // A pane may hold more lines than before, not fewer.
        let (before, less) = without_history_limits(&self.description);
        let (after, more) = without_history_limits(&describe(self.server()));
        prop_assert!(less.iter().zip(&more).all(|(less, more)| less <= more), "{less:?} became {more:?}");
        let found = differences(&before, &after);
        prop_assert!(
            found.is_empty(),
            "differs after the restore:\n{found}\n{report}\nmade by\n{}",
            self.cooked
        );
        Ok(())
    }
}

/// Everything that lives, by its ids: what a restore must not touch.
fn living(server: &Server) -> Vec<String> {
    let format =
        "#{session_id} #{session_name} #{window_id} #{pane_id} #{pane_pid} #{pane_dead} #{pane_title}";
    server.lines(&["list-panes", "-a", "-F", format])
}

/// The identities of all panes, sorted; a pane of a linked window once.
fn identities(server: &Server) -> Vec<String> {
    let lines = server.lines(&["list-panes", "-a", "-F", "#{pane_id} #{@evermux-pane}"]);
    let panes: BTreeSet<String> = lines.into_iter().collect();
    let mut identities: Vec<String> = panes
        .iter()
        .filter_map(|line| line.split_once(' '))
        .map(|(_, identity)| identity.to_owned())
        .collect();
    identities.retain(|identity| !identity.is_empty());
    identities.sort();
    identities
}

#[test]
fn law_1_what_comes_back_equals_what_was_there() {
    for_random_servers(5, |saved| {
        let report = saved.restore_after_the_end();
        saved.expect_as_before(&report)
    });
}

#[test]
fn law_1_holds_while_shells_wait_to_be_shown() {
    for_random_servers(2, |saved| {
        for _ in 0..2 {
            saved.server().kill_all();
            saved.run(&["restore", "--lazy"]);
            saved.run(&["save"]);
        }
        let report = saved.restore_after_the_end();
        saved.expect_as_before(&report)
    });
}

#[test]
fn law_1_holds_under_another_configuration() {
    for_random(2, config().boxed(), |saved, config| {
        let server = saved.server();
        // What windows do that follow it is the configuration's business.
        let automatic_rename = server.run(&["show-options", "-gwv", "automatic-rename"]) == "on";
        // So is what runs in a pane that was made without a command.
        let default_command = server.run(&["show-options", "-gv", "default-command"]);
        let config = Configuration { automatic_rename, default_command, ..config };
        server.kill_all();
        fs::write(server.config_file(), config.text())?;
        let report = saved.run(&["restore"]);
        server.settle();
        // A pane may hold more lines than before, not fewer.
        let (before, less) = without_history_limits(&saved.description);
        let (after, more) = without_history_limits(&describe(server));
        let found = differences(&before, &after);
        prop_assert!(
            found.is_empty(),
            "under\n{}\n{found}\n{report}\nmade by\n{}",
            config.text(),
            saved.cooked
        );
        prop_assert!(less.iter().zip(&more).all(|(less, more)| less <= more), "{less:?} became {more:?}");
        Ok(())
    });
}

/// A description without the history limits, and these.
fn without_history_limits(description: &str) -> (String, Vec<u32>) {
    let limit = |line: &str| line.trim_start().strip_prefix("history_limit ")?.parse().ok();
    // From 3.7 on the option has to stay on sessions whose panes hold more than the configuration allows.
    let option = |line: &str| line.trim_start().starts_with("option history-limit ");
    let kept: Vec<&str> = description.lines().filter(|line| limit(line).is_none() && !option(line)).collect();
    (kept.join("\n"), description.lines().filter_map(limit).collect())
}

#[test]
fn law_4_five_rounds_lose_nothing() {
    for_random_servers(2, |saved| {
        // A program that is neither run again nor typed: it is owed, and its pane is a shell from the first restore on.
        saved.server().run(&["new-session", "-d", "-s", "owing", "sleep 1000"]);
        saved.server().run(&["set-option", "-t", "=owing:", "@evermux-policy", "skip"]);
        saved.run(&["save"]);
        let report = saved.restore_after_the_end();
        let (description, owed) = (describe(saved.server()), saved.debts());
        prop_assert!(!owed.is_empty(), "nothing is owed\n{}\nmade by\n{}", report, saved.cooked);
        for round in 1..5 {
            saved.run(&["save"]);
            prop_assert_eq!(&saved.debts(), &owed, "saved, round {}\nmade by\n{}", round, saved.cooked);
            let report = saved.restore_after_the_end();
            let found = differences(&description, &describe(saved.server()));
            prop_assert!(found.is_empty(), "round {round}:\n{found}\n{report}\nmade by\n{}", saved.cooked);
            prop_assert_eq!(&saved.debts(), &owed, "round {}\n{}\nmade by\n{}", round, report, saved.cooked);
        }
        Ok(())
    });
}

#[test]
fn law_5_restoring_twice_changes_nothing_the_second_time() {
    for_random_servers(2, |saved| {
        // Nothing is missing: nothing is done.
        let before = living(saved.server());
        let report = saved.run(&["restore"]);
        prop_assert_eq!(&living(saved.server()), &before, "{}\nmade by\n{}", report, saved.cooked);
        saved.expect_as_before(&report)?;

        saved.restore_after_the_end();
        let before = living(saved.server());
        let report = saved.run(&["restore"]);
        prop_assert_eq!(&living(saved.server()), &before, "{}\nmade by\n{}", report, saved.cooked);
        saved.expect_as_before(&report)
    });
}

#[test]
fn law_5_nothing_living_is_harmed() {
    for_random_servers(3, |saved| {
        let server = saved.server();
        let saved_panes = identities(server);
        // Half of what was saved goes, something new comes.
        // Not those with several links: tmux can hang in an endless loop when one of them is killed (3.1c to 3.8).
        let windows = server.lines(&["list-windows", "-a", "-F", "#{window_id}"]);
        let links = |window: &String| windows.iter().filter(|other| *other == window).count();
        for window in windows.iter().filter(|window| links(window) == 1).skip(1).step_by(2) {
            server.tmux(&["kill-window", "-t", window]);
        }
        server.run(&["new-session", "-d", "-s", "new", "-x", "70", "-y", "20"]);
        server.run(&["split-window", "-t", "=new:", "sleep 1000"]);
        server.settle();
        let before = living(server);
        let report = saved.run(&["restore"]);
        let after = living(server);
        for line in &before {
            prop_assert!(after.contains(line), "harmed: {line}\n{report}\nmade by\n{}", saved.cooked);
        }
        // Each pane that was saved is there again, once; new ones have identities of their own.
        let mut found = identities(server);
        found.retain(|identity| saved_panes.contains(identity));
        prop_assert_eq!(found, saved_panes, "{}\nmade by\n{}", report, saved.cooked);
        Ok(())
    });
}
