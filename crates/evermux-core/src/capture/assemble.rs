//! A listing and the process table, put together into the parts of a snapshot. Pure but for what a process tells when
//! it is asked.

use std::collections::HashMap;
use std::path::Path;

use bstr::{BString, ByteSlice};
use jiff::Timestamp;

use super::conversations::{AssistantFound, InPane};
use super::editors::{EditorFound, EditorInstance, as_it_was, start_as_it_was};
use super::excluded::without;
use super::identity::Identities;
use super::options::Options;
use super::policy::{POLICY_OPTION, Pattern, Policy, is_unfinished};
use super::programs::Running;
use super::{debts, shells, start};
use crate::layout::{Layout, Reported};
use crate::model::{
    Client, Death, EnvironmentEntry, Generation, Link, LivePane, OptionEntry, Pane, PaneFacts, PaneIdentity,
    Server, ServerName, Session, SessionFacts, SessionId, Snapshot, Window, WindowFacts, WindowId,
};
use crate::problem::{Problem, Subject};
use crate::procs::{ProcessTable, TerminalState};
use crate::secrets;
use crate::tmux::{ListedPane, ListedSession, ListedWindow, Listing};

/// What a snapshot is made of.
pub(super) struct Sources<'a> {
    pub listing: &'a Listing,
    pub processes: &'a ProcessTable,
    /// The state of the terminal at a path.
    pub terminal: &'a dyn Fn(&Path) -> Option<TerminalState>,
    pub previous: Option<Previous<'a>>,
    pub options: &'a Options,
    pub now: Timestamp,
}

/// The last snapshot of this timeline.
pub(super) struct Previous<'a> {
    generation: &'a Generation,
    panes: HashMap<PaneIdentity, &'a Pane>,
}

impl<'a> Previous<'a> {
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let panes = snapshot.panes().map(|pane| (pane.identity, pane)).collect();
        Self { generation: &snapshot.server().generation, panes }
    }
}

impl<'a> Sources<'a> {
    /// Whether the previous snapshot is of this life of the server.
    pub fn is_of_this_life(&self) -> bool {
        self.previous.as_ref().is_some_and(|previous| *previous.generation == self.generation())
    }

    /// The pane with this identity in the previous snapshot.
    pub fn before(&self, identity: PaneIdentity) -> Option<&'a Pane> {
        self.previous.as_ref()?.panes.get(&identity).copied()
    }

    fn generation(&self) -> Generation {
        let listed = &self.listing.server;
        Generation { boot: self.options.boot.clone(), pid: listed.pid, started: listed.started }
    }
}

/// A snapshot and its live ids before the text of the panes is known.
pub(super) struct Draft {
    pub server: Server,
    pub sessions: Vec<Session>,
    pub session_ids: Vec<SessionId>,
    pub windows: Vec<Window>,
    pub window_ids: Vec<WindowId>,
    pub panes: Vec<Vec<LivePane>>,
    /// Panes whose text is wanted.
    pub texts: Vec<TextWanted>,
    /// Panes in which assistants run.
    pub assistants: Vec<AssistantFound>,
    /// Panes in which editors run that can be asked.
    pub editors: Vec<EditorFound>,
    pub problems: Vec<Problem>,
}

/// A pane whose text is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TextWanted {
    /// Its place in the draft.
    pub window: usize,
    pub pane: usize,
    /// Its place in the listing.
    pub listed: (usize, usize),
    /// Only the history: the screen shows a password prompt.
    pub history_only: bool,
}

/// Puts the parts together. Sessions, windows and panes that are to be ignored are left out; a draft without sessions
/// is possible.
pub(super) fn assemble(sources: &Sources<'_>, random: &mut dyn FnMut() -> [u8; 16]) -> Draft {
    let mut assembly = Assembly {
        sources,
        identities: Identities::read(sources.listing, random),
        global: Policy::of(&sources.listing.server.session_options)
            .and(Policy::of(&sources.listing.server.window_options)),
        draft: Draft {
            server: server(sources),
            sessions: Vec::new(),
            session_ids: Vec::new(),
            windows: Vec::new(),
            window_ids: Vec::new(),
            panes: Vec::new(),
            texts: Vec::new(),
            assistants: Vec::new(),
            editors: Vec::new(),
            problems: Vec::new(),
        },
    };
    assembly.sessions();
    assembly.clients();
    assembly.draft
}

struct Assembly<'a> {
    sources: &'a Sources<'a>,
    identities: Identities<'a>,
    global: Policy,
    draft: Draft,
}

impl Assembly<'_> {
    fn sessions(&mut self) {
        let listing = self.sources.listing;
        let kept: Vec<&ListedSession> =
            listing.sessions.iter().filter(|session| !self.is_ignored(session)).collect();
        // A window belongs to all its sessions: what one of them restricts is restricted.
        let mut policies: HashMap<WindowId, Policy> = HashMap::new();
        for session in &kept {
            for link in &session.links {
                let policy = policies.entry(link.window).or_default();
                *policy = policy.and(Policy::of(&session.options));
            }
        }
        let mut positions: HashMap<WindowId, usize> = HashMap::new();
        for (listed, window) in listing.windows.iter().enumerate() {
            let Some(policy) = policies.get(&window.id) else { continue };
            if let Some(position) = self.window(listed, window, policy.and(self.global)) {
                positions.insert(window.id, position);
            }
        }
        for session in kept {
            self.session(session, &positions);
        }
    }

    fn is_ignored(&self, session: &ListedSession) -> bool {
        let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(&session.name));
        let options = self.sources.options;
        self.policy(&session.options, session.attached > 0).and(self.global).ignore
            || fits(&options.ignored_sessions)
            || !(options.only_sessions.is_empty() || fits(&options.only_sessions))
    }

    /// What an object's options ask for. What a restore has not finished is nobody's work, unless it is used already.
    fn policy(&self, options: &[OptionEntry], used: bool) -> Policy {
        let policy = Policy::of(options);
        let unfinished = !self.sources.options.unfinished && !used && is_unfinished(options);
        Policy { ignore: policy.ignore || unfinished, ..policy }
    }

    /// Adds a session, unless all its windows are left out.
    fn session(&mut self, session: &ListedSession, positions: &HashMap<WindowId, usize>) {
        let position = |window| positions.get(window).copied();
        let links: Vec<Link> = session
            .links
            .iter()
            .filter_map(|link| Some(Link { index: link.index, window: position(&link.window)? }))
            .collect();
        let linked = |index: &u32| links.iter().any(|link| link.index == *index);
        let current = session.links.iter().find(|link| link.flags.contains(&b'*')).map(|link| link.index);
        let mut visited: Vec<u32> =
            current.into_iter().chain(session.stack.iter().copied()).filter(linked).collect();
        let Some(active) = visited.first().copied().or_else(|| links.first().map(|link| link.index)) else {
            return;
        };
        let mut seen = vec![active];
        visited.retain(|index| {
            !seen.contains(index) && {
                seen.push(*index);
                true
            }
        });
        let subject = Subject::Session(session.name.to_string());
        let first_pane = || self.draft.windows[links[0].window].panes[0].directory.clone();
        let directory = session.path.clone().filter(|path| !path.is_empty()).unwrap_or_else(first_pane);
        let (environment, updated_environment) = self.environment(session);
        let options = self.own_options(&session.options, &subject);
        self.draft.session_ids.push(session.id);
        self.draft.sessions.push(Session {
            name: session.name.clone(),
            directory,
            group: session.group.clone().filter(|name| !name.is_empty()),
            options,
            environment,
            links,
            active,
            last: visited,
            facts: SessionFacts {
                created: session.created,
                attached: session.attached,
                updated_environment,
                untouched: false,
            },
        });
    }

    /// The variables that are kept, and the names of the others: those that tmux takes from each new client, and
    /// secrets.
    fn environment(&self, session: &ListedSession) -> (Vec<EnvironmentEntry>, Vec<BString>) {
        let is_list = |entry: &&OptionEntry| entry.name.starts_with(b"update-environment");
        let own: Vec<_> = session.options.iter().filter(is_list).collect();
        let global = &self.sources.listing.server.session_options;
        let list = if own.is_empty() { global.iter().filter(is_list).collect() } else { own };
        let patterns: Vec<Pattern> = list
            .iter()
            .filter_map(|entry| entry.value.as_ref())
            .flat_map(|value| value.fields().map(Pattern::new))
            .collect();
        let (mut kept, mut names) = (Vec::new(), Vec::new());
        for entry in &session.environment {
            let updated = patterns.iter().any(|pattern| pattern.matches(&entry.name));
            let secret = secrets::is_secret_name(entry.name.as_bstr())
                || entry
                    .value
                    .as_ref()
                    .is_some_and(|v| secrets::mask_value(entry.name.as_bstr(), v.as_bstr()).1);
            if updated || secret {
                names.push(entry.name.clone());
            } else {
                kept.push(entry.clone());
            }
        }
        (kept, names)
    }

    /// The options of an object without our own; one with a secret in its value is left out and said.
    fn own_options(&mut self, options: &[OptionEntry], subject: &Subject) -> Vec<OptionEntry> {
        let (options, masked) = kept_options(options);
        for name in masked {
            let what = format!("the option {name} is not saved: its value looks like a secret");
            self.draft.problems.push(Problem::new(subject.clone(), what));
        }
        options
    }

    /// Adds a window, unless all its panes are left out; its position.
    fn window(&mut self, listed: usize, window: &ListedWindow, inherited: Policy) -> Option<usize> {
        let used =
            self.sources.listing.sessions.iter().any(|session| {
                session.attached > 0 && session.links.iter().any(|link| link.window == window.id)
            });
        let inherited = inherited.and(self.policy(&window.options, used));
        let policies: Vec<Policy> =
            window.panes.iter().map(|pane| inherited.and(self.policy(&pane.options, used))).collect();
        let gone: Vec<bool> = policies.iter().map(|policy| policy.ignore).collect();
        let kept = |position: usize| gone[..position].iter().filter(|gone| !**gone).count();
        if gone.iter().all(|gone| *gone) {
            return None;
        }
        let (index, name) = self.place(window.id);
        let subject = Subject::Window(name, index);
        let position = self.draft.windows.len();
        let (mut panes, mut ids) = (Vec::new(), Vec::new());
        for (number, pane) in window.panes.iter().enumerate().filter(|(number, _)| !gone[*number]) {
            let identity = self.identities.of(pane.id, pane.identity());
            let pane_subject = match &subject {
                Subject::Window(session, index) => Subject::Pane(session.clone(), *index, number),
                other => other.clone(),
            };
            let (made, text, assistants, editor) =
                self.pane(pane, identity.0, policies[number], &pane_subject);
            let found = |InPane { instance, in_front }| {
                let (window, pane) = (position, panes.len());
                AssistantFound { window, pane, listed: (listed, number), instance, in_front }
            };
            self.draft.assistants.extend(assistants.into_iter().map(found));
            if let Some(instance) = editor {
                self.draft.editors.push(EditorFound { window: position, pane: panes.len(), instance });
            }
            if let Some(history_only) = text {
                let wanted = TextWanted {
                    window: position,
                    pane: panes.len(),
                    listed: (listed, number),
                    history_only,
                };
                self.draft.texts.push(wanted);
            }
            panes.push(made);
            ids.push(LivePane { id: pane.id, tty: pane.tty.clone(), marked: identity.1 });
        }
        let reported = self.layout(window, &gone, &subject);
        let is_kept = |pane: &usize| gone.get(*pane).is_some_and(|gone| !gone);
        let active = window.panes.iter().position(|pane| pane.active).or(reported.active);
        let active = active.filter(is_kept).map_or(0, kept);
        let flagged = (0..window.panes.len()).filter(|&pane| window.panes[pane].last).collect();
        let visited = if reported.last.is_empty() { flagged } else { reported.last };
        let mut last: Vec<usize> = Vec::new();
        for pane in visited.into_iter().filter(is_kept).map(kept) {
            if pane != active && !last.contains(&pane) {
                last.push(pane);
            }
        }
        let options = self.own_options(&window.options, &subject);
        self.draft.windows.push(Window {
            name: window.name.clone(),
            layout: reported.layout,
            size: window.size,
            zoomed: window.zoomed && panes.len() > 1,
            active,
            last,
            options,
            panes,
            facts: WindowFacts { automatic_rename: window.automatic_rename, alerts: self.alerts(window.id) },
        });
        self.draft.window_ids.push(window.id);
        self.draft.panes.push(ids);
        Some(position)
    }

    /// Index and session of a window, for messages.
    fn place(&self, window: WindowId) -> (u32, String) {
        let sessions = &self.sources.listing.sessions;
        let place = sessions.iter().find_map(|session| {
            let link = session.links.iter().find(|link| link.window == window)?;
            Some((link.index, session.name.to_string()))
        });
        place.unwrap_or_default()
    }

    fn alerts(&self, window: WindowId) -> BString {
        let links = self.sources.listing.sessions.iter().flat_map(|session| &session.links);
        let flags: Vec<u8> =
            links.filter(|link| link.window == window).flat_map(|link| link.flags.iter().copied()).collect();
        b"#!~".iter().copied().filter(|alert| flags.contains(alert)).collect::<Vec<u8>>().into()
    }

    fn layout(&mut self, window: &ListedWindow, gone: &[bool], subject: &Subject) -> Reported {
        let ids: Vec<u32> = window.panes.iter().map(|pane| pane.id.0).collect();
        let whole = Reported::parse(&window.layout, &ids).map_err(|error| error.to_string());
        let reported = whole.and_then(|whole| {
            if !gone.contains(&true) {
                return Ok(whole);
            }
            let layout = without(&whole.layout, gone).map_err(|error| error.to_string())?;
            Ok(Reported { layout, ..whole })
        });
        reported.unwrap_or_else(|error| {
            let what =
                format!("its layout is not understood, so its panes are kept one above the other: {error}");
            self.draft.problems.push(Problem::new(subject.clone(), what));
            let panes = gone.iter().filter(|gone| !**gone).count();
            let layout = Layout::stacked(window.size.width, window.size.height, panes);
            Reported { layout, active: None, last: Vec::new() }
        })
    }

    /// A pane; if its text is wanted, whether only its history; and the assistants and the editor in it.
    fn pane(
        &mut self,
        pane: &ListedPane,
        identity: PaneIdentity,
        policy: Policy,
        subject: &Subject,
    ) -> (Pane, Option<bool>, Vec<InPane>, Option<EditorInstance>) {
        let sources = self.sources;
        let before = sources.before(identity);
        let mut running = Running::read(pane, sources.processes, sources.terminal, sources.options);
        let in_pane = |in_front| move |instance| InPane { instance, in_front };
        let behind = std::mem::take(&mut running.behind).into_iter().map(in_pane(false));
        let assistants = running.assistant.take().into_iter().map(in_pane(true)).chain(behind).collect();
        as_it_was(&mut running, identity, before);
        let dead = Death { status: pane.dead_status, signal: pane.dead_signal };
        let prompt_rows = sources.options.prompt_rows.get(&identity).copied();
        let left_out = self.text_left_out(policy, &running);
        // What is in an editor is text as well.
        let editor = running.editor.take().filter(|_| left_out.is_none());
        let mut text_wanted = left_out.is_none().then_some(running.at_password);
        let start = start::start_command(pane, &running.own_argv, sources.listing.server.version, &|line| {
            let global = &sources.listing.server.session_options;
            let own = sources.listing.sessions.iter().flat_map(|session| &session.options);
            let mut all = global.iter().chain(own).filter(|option| option.name == "default-command");
            all.any(|option| option.value.as_ref() == Some(line))
        });
        let mut made = Pane {
            identity,
            title: pane.title.clone(),
            directory: directory(pane, &running, before),
            history_limit: pane.history.limit,
            options: self.own_options(&pane.options, subject),
            input_off: pane.input_off,
            marked: pane.marked,
            dead: pane.dead.then_some(dead),
            start: start_as_it_was(start, editor.as_ref(), identity, before),
            program: running.program,
            shell: None,
            text: None,
            debts: Vec::new(),
            facts: PaneFacts {
                pid: pane.pid,
                aside: Vec::new(),
                processes: running.processes,
                alternate_screen: pane.alternate.is_some(),
                cursor: pane.cursor,
                modes: pane.modes.iter().map(|mode| (*mode).to_owned()).collect(),
                at_prompt: running.at_prompt,
                prompt_rows: prompt_rows.or(before.map(|pane| pane.facts.prompt_rows)).unwrap_or(0),
                waiting: running.waiting,
                last_status: None,
                text_left_out: left_out,
            },
        };
        let report = shells::report(pane, sources.listing.server.pid, sources.processes, sources.options);
        shells::add(report.as_ref(), before, &mut made);
        if let (Some(report), Some(own)) = (&report, &sources.options.shells)
            && sources.options.text
            && !policy.no_text
        {
            shells::remember(report, &made, own);
        }
        if let Some(before) =
            before.filter(|_| running.waiting && text_wanted.is_some() && sources.is_of_this_life())
            && before.facts.waiting
            && before.text.is_some()
        {
            // Nothing has happened in it, and what its shell will do to its last lines is known only when it does.
            made.text.clone_from(&before.text);
            (made.facts.cursor, made.facts.prompt_rows) = (before.facts.cursor, before.facts.prompt_rows);
            text_wanted = None;
        }
        if running.at_password {
            made.facts.text_left_out = Some("the screen shows a password prompt".to_owned());
        }
        if let Some(before) = before {
            made.debts = debts::carried(before, &made, sources.now);
            if let Some(why) = sources.options.not_started.get(&identity) {
                debts::not_started(&mut made.debts, why);
            }
        }
        (made, text_wanted, assistants, editor)
    }

    fn text_left_out(&self, policy: Policy, running: &Running) -> Option<String> {
        if policy.no_text {
            return Some(format!("{POLICY_OPTION} says no-text"));
        }
        let excluded = running.matches(&self.sources.options.no_text_programs);
        excluded.then(|| "the configuration leaves out the text beside its program".to_owned())
    }

    fn clients(&mut self) {
        let position = |name: &BString| self.draft.sessions.iter().position(|session| session.name == *name);
        let clients = self.sources.listing.clients.iter().filter(|client| !client.control);
        self.draft.server.clients = clients
            .filter_map(|client| {
                Some(Client {
                    tty: client.tty.clone(),
                    term: client.term.clone(),
                    session: position(&client.session)?,
                    last_session: client.last_session.as_ref().and_then(position),
                })
            })
            .collect();
    }
}

fn server(sources: &Sources<'_>) -> Server {
    let listed = &sources.listing.server;
    let options = sources.options;
    let facts = |options: &[OptionEntry]| kept_options(options).0;
    Server {
        name: ServerName { machine: options.machine.clone(), socket: listed.socket.clone() },
        generation: sources.generation(),
        version: listed.version,
        uid: options.uid,
        server_options: facts(&listed.server_options),
        session_options: facts(&listed.session_options),
        window_options: facts(&listed.window_options),
        environment_names: listed.environment.iter().map(|entry| entry.name.clone()).collect(),
        clients: Vec::new(),
        buffers: Vec::new(),
    }
}

/// Options without evermux's own (but for the policy) and without those whose value holds a secret; and the names of
/// the latter.
fn kept_options(options: &[OptionEntry]) -> (Vec<OptionEntry>, Vec<BString>) {
    let (mut kept, mut masked) = (Vec::new(), Vec::new());
    for entry in options {
        let own = entry.name.starts_with(b"@evermux-") && entry.name != POLICY_OPTION;
        if own {
            continue;
        }
        match &entry.value {
            Some(value) if secrets::mask_text(value.as_bstr()).1 => masked.push(entry.name.clone()),
            _ => kept.push(entry.clone()),
        }
    }
    (kept, masked)
}

/// The directory of a pane: of its process, exactly. Of a pane whose process has ended, what was known before.
fn directory(pane: &ListedPane, running: &Running, before: Option<&Pane>) -> BString {
    let known = |path: &BString| (!path.is_empty()).then(|| path.clone());
    running
        .directory
        .clone()
        .or_else(|| before.filter(|_| pane.dead).map(|pane| pane.directory.clone()))
        .or_else(|| pane.current_path.as_ref().and_then(known))
        .or_else(|| pane.start_path.as_ref().and_then(known))
        .or_else(|| before.map(|pane| pane.directory.clone()))
        .unwrap_or_else(|| "/".into())
}
