//! What is tried: a pane each.

use super::homes::{CLAUDE, CODEX, OPENCODE};

/// A pane.
pub struct Case {
    /// The name of its window.
    pub name: &'static str,
    /// The folder below home it runs in.
    pub directory: &'static str,
    /// What is typed at the prompt.
    pub line: &'static str,
    /// What the program shows when it can be typed into.
    pub shows_first: &'static str,
    /// What is typed into it.
    pub then: &'static [&'static str],
    /// Which conversation evermux must know then.
    pub id: Id,
    /// What must run after a restore; `{id}` is the conversation. None: a shell, because it is owed.
    pub runs: Option<&'static str>,
    /// What it shows then; of what is owed, a part of the reason.
    pub shows_then: &'static str,
}

/// A conversation.
#[derive(Clone, Copy)]
pub enum Id {
    /// This one.
    Is(&'static str),
    /// Another than this one; empty: any.
    New(&'static str),
    /// None.
    None,
}

/// The panes, in the order of their windows.
pub const CASES: &[Case] = &[
    Case {
        name: "claude-1",
        directory: "src",
        line: "claude --resume 11111111-1111-4111-8111-111111111111 --permission-mode plan",
        shows_first: "noted: alpha",
        then: &[],
        id: Id::Is(CLAUDE[0].0),
        runs: Some("claude --permission-mode plan --resume {id}"),
        shows_then: "noted: alpha",
    },
    Case {
        name: "claude-2",
        directory: "src",
        line: "claude --resume 22222222-2222-4222-8222-222222222222",
        shows_first: "noted: beta",
        then: &[],
        id: Id::Is(CLAUDE[1].0),
        // Its transcript says that it was asked for every permission, which the program would not do by itself.
        runs: Some("claude --permission-mode default --resume {id}"),
        shows_then: "noted: beta",
    },
    Case {
        name: "claude-clear",
        directory: "src",
        line: "claude --resume 33333333-3333-4333-8333-333333333333",
        shows_first: "noted: gamma",
        then: &["/clear"],
        id: Id::New(CLAUDE[2].0),
        runs: Some("claude --resume {id}"),
        shows_then: "Claude Code",
    },
    Case {
        name: "claude-new",
        directory: "src",
        line: "claude --effort low",
        shows_first: "Claude Code",
        then: &[],
        id: Id::New(""),
        runs: Some("claude --effort low --session-id {id}"),
        shows_then: "Claude Code",
    },
    Case {
        name: "codex-1",
        directory: "src",
        line: "codex resume --no-daemon 019ac000-0000-7000-8000-000000000001",
        shows_first: "noted: delta",
        then: &[],
        id: Id::Is(CODEX[0].0),
        runs: Some("codex --no-daemon resume {id}"),
        shows_then: "noted: delta",
    },
    Case {
        name: "codex-2",
        directory: "src",
        line: "codex resume --no-daemon 019ac000-0000-7000-8000-000000000002",
        shows_first: "noted: epsilon",
        then: &[],
        id: Id::Is(CODEX[1].0),
        runs: Some("codex --no-daemon resume {id}"),
        shows_then: "noted: epsilon",
    },
    Case {
        name: "codex-switch",
        directory: "src",
        line: "codex --no-daemon",
        shows_first: "OpenAI Codex",
        then: &["/resume 019ac000-0000-7000-8000-000000000003"],
        id: Id::Is(CODEX[2].0),
        runs: Some("codex --no-daemon resume {id}"),
        shows_then: "noted: zeta",
    },
    Case {
        name: "codex-new",
        directory: "src",
        line: "codex resume --no-daemon 019ac000-0000-7000-8000-000000000004",
        shows_first: "noted: eta",
        then: &["/new"],
        id: Id::New(CODEX[3].0),
        runs: None,
        shows_then: "nothing was said yet",
    },
    Case {
        name: "codex-daemon",
        directory: "other",
        line: "codex resume 019ac000-0000-7000-8000-000000000005",
        shows_first: "noted: theta",
        then: &[],
        id: Id::Is(CODEX[4].0),
        runs: Some("codex resume {id}"),
        shows_then: "noted: theta",
    },
    Case {
        name: "opencode-1",
        directory: "src",
        line: "opencode --session ses_aaaaaaaaaaaaaaaaaaaaaaaaa1",
        shows_first: "the word is iota",
        then: &[],
        id: Id::Is(OPENCODE[0].0),
        runs: Some("opencode --session {id}"),
        shows_then: "the word is iota",
    },
    Case {
        name: "opencode-2",
        directory: "src",
        line: "opencode -s ses_aaaaaaaaaaaaaaaaaaaaaaaaa2",
        shows_first: "the word is kappa",
        then: &[],
        id: Id::Is(OPENCODE[1].0),
        runs: Some("opencode --session {id}"),
        shows_then: "the word is kappa",
    },
    Case {
        name: "opencode-new",
        directory: "src",
        line: "opencode -s ses_aaaaaaaaaaaaaaaaaaaaaaaaa3",
        shows_first: "the word is lambda",
        then: &["/new"],
        id: Id::None,
        runs: None,
        shows_then: "it has none open",
    },
    Case {
        name: "gemini-new",
        directory: "src",
        line: "gemini",
        shows_first: "Type your message",
        then: &[],
        id: Id::New(""),
        runs: None,
        shows_then: "nothing was said yet",
    },
];

/// What none of this tells.
pub const NOT_TRIED: &[&str] = &[
    "a turn that a model answers: nothing is sent anywhere",
    "Codex begun without words in its daemon: until something is said nothing tells its conversation, and then only the time",
    "OpenCode's and Codex's ways of working that are chosen inside (agents, approvals)",
    "a login of any kind",
    "a conversation of Gemini in which something was said: one that was made up goes on once, and is then removed by Gemini itself",
    "Copilot, Qwen, Amp and Aider",
];
