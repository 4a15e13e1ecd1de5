//! What recipes are made of.

use std::ffi::OsString;

use proptest::collection::SizeRange;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config as RunnerConfig, RngAlgorithm, TestRng, TestRunner};

use super::words::{folder, output, word};

/// How to make a rich server. Steps that cannot be done (no room for a split, a refused name) are left out when it
/// is cooked, so each recipe works on each version.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The user's configuration.
    pub config: Config,
    /// What is done, in order, to a server with one session.
    pub steps: Vec<Step>,
}

/// Settings of a configuration that change what a restore meets.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `base-index`.
    pub base_index: u32,
    /// `pane-base-index`.
    pub pane_base_index: u32,
    /// `history-limit`.
    pub history_limit: u32,
    /// `renumber-windows`.
    pub renumber: bool,
    /// `automatic-rename`.
    pub automatic_rename: bool,
    /// `default-size`.
    pub default_size: (u32, u32),
    /// `default-command`; empty for the login shell.
    pub default_command: String,
}

impl Config {
    /// As a configuration file.
    pub fn text(&self) -> String {
        let on = |yes: bool| if yes { "on" } else { "off" };
        format!(
            "set -g base-index {}\nsetw -g pane-base-index {}\nset -g history-limit {}\nset -g renumber-windows {}\n\
             setw -g automatic-rename {}\nset -g default-size {}x{}\nset -g default-command '{}'\n",
            self.base_index,
            self.pane_base_index,
            self.history_limit,
            on(self.renumber),
            on(self.automatic_rename),
            self.default_size.0,
            self.default_size.1,
            self.default_command,
        )
    }
}

/// One of the objects there are when the step is done: the number modulo their count.
#[derive(Clone, Copy, Debug)]
pub struct Pick(pub u16);

/// A side of a pane.
#[derive(Clone, Copy, Debug)]
pub enum Edge {
    /// `-h -b`
    Left,
    /// `-h`
    Right,
    /// `-v -b`
    Up,
    /// `-v`
    Down,
}

/// What an option is set on.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// A session.
    Session,
    /// A window.
    Window,
    /// A pane.
    Pane,
}

/// One thing that a user does.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of the tmux commands they stand for")]
pub enum Step {
    NewSession { name: String, folder: OsString, size: (u32, u32) },
    JoinGroup { session: Pick, name: String },
    NewWindow { session: Pick, name: Option<String>, folder: OsString, index: Option<u32> },
    LinkWindow { window: Pick, session: Pick, index: u32 },
    Split { pane: Pick, edge: Edge, full: bool, folder: OsString },
    Float { pane: Pick, at: (u32, u32), size: (u32, u32) },
    SwapPanes { one: Pick, other: Pick },
    SwapWindows { one: Pick, other: Pick },
    MovePane { pane: Pick, to: Pick, edge: Edge },
    BreakPane { pane: Pick },
    ResizePane { pane: Pick, edge: Edge, by: u32 },
    ResizeWindow { window: Pick, size: (u32, u32) },
    Rotate { window: Pick },
    MoveWindow { window: Pick, index: u32 },
    Arrange { window: Pick, layout: &'static str },
    Zoom { pane: Pick },
    SelectPane { pane: Pick },
    SelectWindow { window: Pick },
    Mark { pane: Pick },
    InputOff { pane: Pick },
    RenameSession { session: Pick, name: String },
    RenameWindow { window: Pick, name: String },
    Title { pane: Pick, title: String },
    Option { scope: Scope, object: Pick, name: &'static str, value: String },
    UserOption { scope: Scope, object: Pick, value: String },
    Environment { session: Pick, name: &'static str, value: Option<String> },
    Print { pane: Pick, text: String },
    ClearScreen { pane: Pick },
    ClearHistory { pane: Pick },
    End { pane: Pick, status: u8 },
    KillPane { pane: Pick },
    KillWindow { window: Pick },
}

const LAYOUTS: &[&str] = &["even-horizontal", "even-vertical", "main-horizontal", "main-vertical", "tiled"];

/// Options with values that all versions accept.
const OPTIONS: &[(Scope, &str, &[&str])] = &[
    (Scope::Session, "status", &["off", "on", "2"]),
    (Scope::Session, "mouse", &["on", "off"]),
    (Scope::Session, "prefix", &["C-a", "M-;", "None"]),
    (Scope::Session, "history-limit", &["77", "3000"]),
    (Scope::Session, "base-index", &["0", "5"]),
    (
        Scope::Session,
        "status-left",
        &["#S \"quoted\" 'x'", "", "#[fg=red]#{pane_id}#[default]", "$HOME ~ \\ ;"],
    ),
    (Scope::Session, "status-format[1]", &["#{l:second line}", ""]),
    (Scope::Session, "update-environment[3]", &["MINE"]),
    (Scope::Session, "word-separators", &[" -_@'\"", "\t"]),
    (Scope::Window, "automatic-rename", &["off", "on"]),
    (Scope::Window, "allow-rename", &["on"]),
    (Scope::Window, "monitor-activity", &["on"]),
    (Scope::Window, "main-pane-height", &["7"]),
    (Scope::Window, "mode-keys", &["vi"]),
    (Scope::Window, "pane-border-format", &["#{pane_index} #T", "\"'"]),
    (Scope::Window, "window-size", &["manual", "largest"]),
    (Scope::Window, "window-style", &["bg=colour17,fg=default"]),
    (Scope::Window, "synchronize-panes", &["on"]),
    (Scope::Pane, "window-style", &["fg=red"]),
    (Scope::Pane, "remain-on-exit", &["on"]),
    (Scope::Pane, "alternate-screen", &["off"]),
];

fn pick() -> impl Strategy<Value = Pick> {
    any::<u16>().prop_map(Pick)
}

fn edge() -> impl Strategy<Value = Edge> {
    prop::sample::select(&[Edge::Left, Edge::Right, Edge::Up, Edge::Down][..])
}

fn scope() -> impl Strategy<Value = Scope> {
    prop::sample::select(&[Scope::Session, Scope::Window, Scope::Pane][..])
}

fn size() -> impl Strategy<Value = (u32, u32)> {
    (20_u32..250, 5_u32..80)
}

fn option() -> impl Strategy<Value = Step> {
    let values = prop::sample::select(OPTIONS)
        .prop_flat_map(|(scope, name, values)| (Just(scope), Just(name), prop::sample::select(values)));
    (values, pick()).prop_map(|((scope, name, value), object)| Step::Option {
        scope,
        object,
        name,
        value: value.to_owned(),
    })
}

/// Structure: what makes, moves and ends sessions, windows and panes.
fn structure() -> impl Strategy<Value = Step> {
    let index = 0_u32..30;
    prop_oneof![
        3 => (word(), folder(), size()).prop_map(|(name, folder, size)| Step::NewSession { name, folder, size }),
        1 => (pick(), word()).prop_map(|(session, name)| Step::JoinGroup { session, name }),
        4 => (pick(), prop::option::of(word()), folder(), prop::option::of(index.clone()))
            .prop_map(|(session, name, folder, index)| Step::NewWindow { session, name, folder, index }),
        1 => (pick(), pick(), index.clone())
            .prop_map(|(window, session, index)| Step::LinkWindow { window, session, index }),
        8 => (pick(), edge(), any::<bool>(), folder())
            .prop_map(|(pane, edge, full, folder)| Step::Split { pane, edge, full, folder }),
        1 => (pick(), (0_u32..60, 0_u32..20), (3_u32..40, 3_u32..12))
            .prop_map(|(pane, at, size)| Step::Float { pane, at, size }),
        1 => (pick(), pick()).prop_map(|(one, other)| Step::SwapPanes { one, other }),
        1 => (pick(), pick()).prop_map(|(one, other)| Step::SwapWindows { one, other }),
        1 => (pick(), pick(), edge()).prop_map(|(pane, to, edge)| Step::MovePane { pane, to, edge }),
        1 => pick().prop_map(|pane| Step::BreakPane { pane }),
        2 => (pick(), edge(), 1_u32..15).prop_map(|(pane, edge, by)| Step::ResizePane { pane, edge, by }),
        1 => (pick(), size()).prop_map(|(window, size)| Step::ResizeWindow { window, size }),
        1 => pick().prop_map(|window| Step::Rotate { window }),
        1 => (pick(), index).prop_map(|(window, index)| Step::MoveWindow { window, index }),
        1 => (pick(), prop::sample::select(LAYOUTS)).prop_map(|(window, layout)| Step::Arrange { window, layout }),
        1 => pick().prop_map(|pane| Step::KillPane { pane }),
        1 => pick().prop_map(|window| Step::KillWindow { window }),
    ]
}

/// What is set on them, and what is in them.
fn content() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => pick().prop_map(|pane| Step::Zoom { pane }),
        2 => pick().prop_map(|pane| Step::SelectPane { pane }),
        2 => pick().prop_map(|window| Step::SelectWindow { window }),
        1 => pick().prop_map(|pane| Step::Mark { pane }),
        1 => pick().prop_map(|pane| Step::InputOff { pane }),
        2 => (pick(), word()).prop_map(|(session, name)| Step::RenameSession { session, name }),
        3 => (pick(), word()).prop_map(|(window, name)| Step::RenameWindow { window, name }),
        2 => (pick(), word()).prop_map(|(pane, title)| Step::Title { pane, title }),
        4 => option(),
        2 => (scope(), pick(), word()).prop_map(|(scope, object, value)| Step::UserOption { scope, object, value }),
        2 => (pick(), prop::sample::select(&["ONE", "TWO", "mine"][..]), prop::option::of(word()))
            .prop_map(|(session, name, value)| Step::Environment { session, name, value }),
        5 => (pick(), output()).prop_map(|(pane, text)| Step::Print { pane, text }),
        1 => pick().prop_map(|pane| Step::ClearScreen { pane }),
        1 => pick().prop_map(|pane| Step::ClearHistory { pane }),
        1 => (pick(), 0_u8..4).prop_map(|(pane, status)| Step::End { pane, status }),
    ]
}

/// Configurations.
pub fn config() -> impl Strategy<Value = Config> {
    let indexes = (0_u32..3, 0_u32..3);
    let history = prop::sample::select(&[50_u32, 500, 2000][..]);
    let command = prop::sample::select(&["", "", "exec bash --norc"][..]);
    (indexes, history, any::<bool>(), any::<bool>(), size(), command).prop_map(
        |(
            (base_index, pane_base_index),
            history_limit,
            renumber,
            automatic_rename,
            default_size,
            default_command,
        )| {
            Config {
                base_index,
                pane_base_index,
                history_limit,
                renumber,
                automatic_rename,
                default_size,
                default_command: default_command.to_owned(),
            }
        },
    )
}

/// Recipes of so many steps, half of them structure.
pub fn recipe(steps: impl Into<SizeRange>) -> impl Strategy<Value = Recipe> {
    let step = prop_oneof![structure(), content()];
    (config(), prop::collection::vec(step, steps)).prop_map(|(config, steps)| Recipe { config, steps })
}

impl Recipe {
    /// The recipe of that seed: the same for ever, until this file changes.
    pub fn from_seed(seed: u64, steps: usize) -> Recipe {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(RunnerConfig::default(), rng);
        recipe(steps).new_tree(&mut runner).expect("nothing is filtered").current()
    }
}
