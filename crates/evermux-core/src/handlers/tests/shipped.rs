//! A table for each shipped handler.

use super::{kept, tool, with};
use crate::handlers::{Handlers, Policy, SHIPPED, SourceKind};

const ID: &str = "0b6b3d0e-6a0c-4d58-9d1c-1f2e3d4c5b6a";

/// The id that the command line names.
fn named(line: &str) -> Option<String> {
    with(line, |known| {
        let ids = known.handler.id.as_ref()?;
        let sources = known.handler.sources.iter();
        let after = sources.into_iter().find_map(|source| match &source.kind {
            SourceKind::Arguments { after } => Some(after),
            _ => None,
        })?;
        let value = known.handler.arguments.value_after(known.arguments, after)?;
        ids.fits(value).then(|| value.to_string())
    })
}

#[track_caller]
fn recognised(lines: &[(&str, Option<&str>)]) {
    for (line, expected) in lines {
        assert_eq!(tool(line).as_deref(), *expected, "{line}");
    }
}

#[track_caller]
fn rewritten(lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        assert_eq!(kept(line), *expected, "{line}");
        // What comes back comes back the same the next time.
        let again = format!("{} {expected}", line.split(' ').next().unwrap());
        if !expected.contains('?') {
            assert_eq!(kept(&again), *expected, "{line}: again");
        }
    }
}

#[test]
fn every_shipped_file_holds_the_handler_of_its_name() {
    let handlers = Handlers::shipped();
    let assistants = || handlers.all().iter().filter(|handler| handler.holds_conversations());
    let names: Vec<&str> = assistants().map(|handler| handler.name.as_str()).collect();
    let files: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).filter(|name| *name != "programs").collect();
    assert_eq!(names, files);
    for handler in assistants() {
        assert_eq!(handler.policy, Policy::Run, "{}", handler.name);
        assert!(handler.needs_client, "{}", handler.name);
    }
}

#[test]
fn claude() {
    recognised(&[
        ("claude", Some("claude")),
        ("/home/u/.local/bin/claude --model opus", Some("claude")),
        ("/opt/lib/claude.exe", Some("claude")),
        ("node /usr/lib/node_modules/.bin/claude -c", Some("claude")),
        ("claude 'explain -p to me'", Some("claude")),
        ("claude -- -p", Some("claude")),
        ("claude -p hello", None),
        ("claude --print", None),
        ("claude mcp list", None),
        ("claude --model opus doctor", None),
        ("claude --bg x", None),
        ("vim /src/claude", None),
        ("grep claude README", None),
        ("claude-helper", None),
        ("/tmp/claude/run.sh", None),
        ("bash -c claude", None),
        ("ssh --profile claude host", None),
    ]);
    rewritten(&[
        ("claude", ""),
        ("claude 'fix the bug'", ""),
        ("claude --model opus 'fix it' --verbose", "--model opus --verbose"),
        (&format!("claude --resume {ID} --model opus"), "--model opus"),
        ("claude --resume --model opus", "--model opus"),
        ("claude -r -c --continue --fork-session", ""),
        (&format!("claude --session-id={ID}"), ""),
        (
            "claude --add-dir a 'b c' --model 'claude-opus-4-6[1m]'",
            "--add-dir a 'b c' --model 'claude-opus-4-6[1m]'",
        ),
        ("claude --append-system-prompt '- be nice' x", "--append-system-prompt '- be nice'"),
        (
            "claude --permission-mode plan --dangerously-skip-permissions",
            "--permission-mode plan --dangerously-skip-permissions",
        ),
        ("claude -n name -w tree --from-pr 12 --teleport s", ""),
        ("claude --allowedTools 'Bash(git:*)' Edit -- prompt", "--allowedTools 'Bash(git:*)' Edit"),
        ("claude --new-switch --verbose", "--new-switch --verbose"),
        ("claude --new-flag value --verbose", "--verbose ? --new-flag"),
        ("claude --new-flag=value", "'--new-flag=value'"),
        ("claude '--first-prompt=do it'", " ? --first-prompt"),
    ]);
    assert_eq!(named(&format!("claude --resume {ID}")).as_deref(), Some(ID));
    assert_eq!(named(&format!("claude -r {ID} x")).as_deref(), Some(ID));
    assert_eq!(named(&format!("claude --session-id={ID}")).as_deref(), Some(ID));
    for line in
        ["claude --resume", "claude --resume --model x", "claude --resume name", &format!("claude {ID}")]
    {
        assert_eq!(named(line), None, "{line}");
    }
}

#[test]
fn opencode() {
    recognised(&[
        ("opencode", Some("opencode")),
        ("/x/bin/opencode.exe -s ses_1", Some("opencode")),
        ("bash /usr/local/bin/opencode -s x", Some("opencode")),
        ("opencode /src/project", Some("opencode")),
        ("opencode run hello", None),
        ("opencode --log-level DEBUG serve", None),
        ("opencode attach http://x", None),
    ]);
    rewritten(&[
        ("opencode -s ses_1 -m a/b /src", "-m a/b"),
        ("opencode --prompt 'do it' --agent build", "--agent build"),
        ("opencode -c --fork --port 1", ""),
        ("opencode -mx/y", "-mx/y"),
    ]);
    assert_eq!(named("opencode -s ses_3abc").as_deref(), Some("ses_3abc"));
    assert_eq!(named("opencode --session=ses_3abc").as_deref(), Some("ses_3abc"));
    assert_eq!(named("opencode -s nonsense"), None);
}

#[test]
fn codex() {
    recognised(&[
        ("codex", Some("codex")),
        ("node /p/bin/codex -m gpt", Some("codex")),
        ("node /p/lib/node_modules/@openai/codex/bin/codex.js", Some("codex")),
        ("/p/vendor/x86_64-unknown-linux-musl/bin/codex resume --last", Some("codex")),
        ("codex app-server --listen unix:// --managed-daemon", None),
        ("codex app-server daemon pid-update-loop", None),
        ("codex -c model=x exec 'do it'", None),
        ("codex e x", None),
        ("/tmp/tools/codex-helper", None),
        ("foo --profile codex", None),
    ]);
    rewritten(&[
        ("codex 'fix it'", ""),
        ("codex -c 'model=\"x\"' -m gpt --search 'fix it'", "-c 'model=\"x\"' -m gpt --search"),
        (&format!("codex resume {ID} --sandbox read-only 'go on'"), "--sandbox read-only"),
        (&format!("codex --no-daemon resume -a never {ID}"), "--no-daemon -a never"),
        ("codex resume --last", ""),
        ("codex -i a.png -C /src --add-dir /d", "--add-dir /d"),
        ("codex fork x", ""),
        ("codex --dangerously-bypass-approvals-and-sandbox", "--dangerously-bypass-approvals-and-sandbox"),
    ]);
    assert_eq!(named(&format!("codex resume {ID}")).as_deref(), Some(ID));
    assert_eq!(named(&format!("codex -m x resume --all {ID} 'go on'")).as_deref(), Some(ID));
    for line in [
        "codex resume --last",
        "codex 'resume the work'",
        &format!("codex fix resume {ID}"),
        "codex resume name",
    ] {
        assert_eq!(named(line), None, "{line}");
    }
}

#[test]
fn gemini() {
    recognised(&[
        ("node /p/gemini", Some("gemini")),
        ("/usr/bin/node --max-old-space-size=12052 /p/gemini -m x", Some("gemini")),
        ("gemini -i hello", Some("gemini")),
        ("gemini -p hello", None),
        ("gemini mcp list", None),
    ]);
    rewritten(&[
        ("gemini -i 'hello you' -m pro --yolo", "-m pro --yolo"),
        ("gemini --resume latest --approval-mode auto_edit", "--approval-mode auto_edit"),
        ("gemini --skip-trust 'hello'", ""),
    ]);
    assert_eq!(named(&format!("gemini --resume {ID}")).as_deref(), Some(ID));
    assert_eq!(named("gemini --resume latest"), None);
}

#[test]
fn copilot() {
    recognised(&[
        ("node /p/copilot", Some("copilot")),
        ("/p/copilot-linux-x64/copilot --yolo", Some("copilot")),
        ("copilot -p x", None),
        ("copilot login", None),
    ]);
    rewritten(&[
        (&format!("copilot --resume={ID} --model m --allow-tool a b"), "--model m --allow-tool a b"),
        ("copilot -i 'do it' -n name --agent x", "--agent x"),
    ]);
    assert_eq!(named(&format!("copilot --resume={ID}")).as_deref(), Some(ID));
}

#[test]
fn qwen_and_amp() {
    recognised(&[
        ("/usr/bin/node /p/qwen", Some("qwen")),
        ("qwen -p x", None),
        ("amp", Some("amp")),
        ("/x/amp.exe threads continue T-1", Some("amp")),
        ("amp -x 'do it'", None),
    ]);
    rewritten(&[
        ("qwen -m q -i 'hello' -c", "-m q"),
        ("amp --dangerously-allow-all threads continue T-1", "--dangerously-allow-all"),
        ("amp t c T-1", ""),
    ]);
    let thread = "T-0b6b3d0e-6a0c-4d58-9d1c-1f2e3d4c5b6a";
    assert_eq!(named(&format!("amp threads continue {thread}")).as_deref(), Some(thread));
    assert_eq!(named(&format!("amp t c {thread}")).as_deref(), Some(thread));
    assert_eq!(named("amp threads continue --last"), None);
}

#[test]
fn aider() {
    recognised(&[
        ("/usr/bin/python3 /home/u/.local/bin/aider --model x a.py", Some("aider")),
        ("python3.11 -m aider", Some("aider")),
        ("python3 -O -X dev /usr/bin/aider", Some("aider")),
        ("aider --message 'do it'", None),
        ("python3 -c aider", None),
        ("python3 aider_test.py", None),
    ]);
    rewritten(&[
        ("aider --model x a.py 'b c.py'", "--model x a.py 'b c.py'"),
        ("aider --restore-chat-history --architect", "--architect"),
        ("aider --load file --read r.md x", "--read r.md x"),
    ]);
}

#[test]
fn names_of_the_process_count_where_its_words_tell_nothing() {
    let handlers = Handlers::shipped();
    let argv = [bstr::BString::from("2.1.329"), "--model".into(), "x".into()];
    let by = |names: &[&[u8]]| handlers.recognise(&argv, names).map(|known| known.handler.name.clone());
    assert_eq!(by(&[b"claude"]).as_deref(), Some("claude"));
    assert_eq!(by(&[b"MainThread", b"/p/bin/claude.exe"]).as_deref(), Some("claude"));
    assert_eq!(by(&[b"MainThread", b"/usr/bin/x"]), None);
    // An interpreter is what it runs, whatever it is called.
    let script = [bstr::BString::from("node"), "server.js".into()];
    assert!(handlers.recognise(&script, &[b"claude"]).is_none());
}
