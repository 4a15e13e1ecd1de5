//! What others have put into the store acts on nothing: neither on tmux, nor on a shell, nor on a terminal.

mod story;

use std::time::Duration;

use evermux_core::choose::Coverage;
use evermux_core::model::arbitrary::{Sample, reference, sample};
use evermux_core::model::{Kind, ServerName, Snapshot};
use evermux_core::store::{Access, Emergency, Place, PreparedBlock, Save, Store};
use evermux_testkit::{Env, Server, Tmux};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use story::{Story, on_every_tmux};

/// What a terminal would act upon. `ACT` is a program that leaves a trace; where a sequence is answered, the answer would
/// stand behind the prompt as if typed.
const SEQUENCES: &[&[u8]] = &[
    b"\x1b]52;c;YWN0ZWQ=\x07",
    b"\x1b]52;c;?\x07",
    b"\x1b]2;acted\x07",
    b"\x1bkacted\x1b\\",
    b"\x1b]0;acted\x1b\\",
    b"\x1bPtmux;\x1b\x1b]52;c;YWN0ZWQ=\x07\x1b\\",
    b"\x1bP+q544e\x1b\\",
    b"\x1bP$qm\x1b\\",
    b"\x1b[c",
    b"\x1b[>c",
    b"\x1b[=c",
    b"\x1b[5n",
    b"\x1b[6n",
    b"\x1b[?6n",
    b"\x1b[21t",
    b"\x1b[18t",
    b"\x1b[>q",
    b"\x1b[?1$p",
    b"\x05",
    b"\x1b]4;1;?\x07",
    b"\x1b]10;?\x07",
    b"\x1b]11;?\x07",
    b"\x1b]11;#123456\x07",
    b"\x1b]8;;javascript:acted\x07here\x1b]8;;\x07",
    b"\x1b]133;D;0\x07",
    b"\x1b]7;file:///acted\x07",
    b"\x1b[201~ACT\n",
    b"\x1b[200~",
    b"\x1b[?1049h",
    b"\x1b[?1000h\x1b[?1006h",
    b"\x1b[?2004h",
    b"\x1b[?25l",
    b"\x1b[?7l",
    b"\x1b[?5h",
    b"\x1b[4h\x1b[20h",
    b"\x1b[5;5r",
    b"\x1b(0",
    b"\x1b#8",
    b"\x1bc",
    b"\x1b[!p",
    b"\x1b[2J\x1b[3J\x1b[H",
    b"\x1b[999B\x1b[999C",
    b"\x1b_acted\x1b\\",
    b"\x1b^acted\x1b\\",
    b"\x1bXacted\x1b\\",
    b"\x9b5n",
    b"\x9d52;c;YWN0ZWQ=\x9c",
    b"\x90tmux;acted\x9c",
    b"\x0e\x0f\x07\x08\x0b\x0c\x7f",
    b"\rACT\r\n",
    b"$(ACT)`ACT`;ACT|ACT&ACT\n",
    b"#(ACT)#{l:acted}#[fg=red]",
];

/// A server that has gone, whose store somebody can write into.
struct Victim {
    story: Story,
    name: ServerName,
}

impl Victim {
    fn new(tmux: &Tmux) -> Self {
        let story = Story::of(Server::builder(tmux).start());
        story.server.wait_for_prompts();
        story.run(&["save"]);
        story.end();
        let name = store(&story.env).servers().expect("it can be done").remove(0);
        Self { story, name }
    }

    fn env(&self) -> &Env {
        &self.story.env
    }

    /// Puts a snapshot there, as a newer state of this server.
    fn plant(&self, sample: Sample) {
        let (taken_at, mut server, sessions, windows) = sample.snapshot.into_parts();
        server.name = self.name.clone();
        let snapshot = Snapshot::new(taken_at, server, sessions, windows).expect("it can be done");
        let blocks: Vec<PreparedBlock> =
            sample.blocks.iter().map(|block| PreparedBlock::new(block).expect("it can be done")).collect();
        let save = Save {
            snapshot: &snapshot,
            kind: Kind::Manual,
            coverage: Coverage::Whole,
            name: Some("planted".to_owned()),
            note: Some("\x1b]0;acted\x07".to_owned()),
            blocks: &blocks,
            emergency: Emergency::Now,
        };
        let store = store(self.env());
        let saved = store
            .saving(&self.name, Duration::from_secs(20))
            .expect("it can be done")
            .save(&save)
            .expect("it can be done");
        assert!(saved.value.new && saved.problems.is_empty(), "{:?}", saved.problems);
    }

    /// Everything that can be asked of it, and that the answers are harmless.
    #[track_caller]
    fn look_and_restore(&self) -> String {
        let mut told = String::new();
        for command in [
            &["list", "--why"][..],
            &["show", "planted"],
            &["show", "planted", "--text"],
            &["diff", "1", "planted"],
            &["verify"],
            &["restore", "planted", "--dry-run"],
            &["restore", "planted"],
            &["log"],
            &["log", "--restore", "1"],
            &["status"],
            &["diff", "planted"],
            &["save"],
            &["undo", "--dry-run"],
        ] {
            let output = self.env().run(command);
            let status = output.status.unwrap_or(101);
            assert!(matches!(status, 0..=4), "{command:?}: {output}");
            told.push_str(&output.to_string());
            let printed = [output.text(), output.errors()].concat();
            let acts = |c: char| c.is_control() && c != '\n' && c != '\t';
            // Text is shown with its colours.
            if command != ["show", "planted", "--text"] {
                assert!(!printed.contains(acts), "{command:?}: {printed:?}");
            }
        }
        told
    }

    #[track_caller]
    fn expect_nothing_done(&self, told: &str) {
        let server = &self.story.server;
        assert!(server.lives(), "{told}");
        assert!(!self.env().sandbox().path("acted").exists(), "{told}");
        assert_eq!(server.run(&["list-buffers", "-F", "#{buffer_sample}"]), "", "{told}");
    }
}

fn store(env: &Env) -> Store {
    let entries = std::fs::read_dir(env.state())
        .expect("it can be done")
        .map(|entry| entry.expect("it can be done").path());
    let folder = entries.into_iter().find(|path| path.is_dir()).expect("it can be done");
    let machine = folder.file_name().expect("it can be done").to_str().expect("it can be done");
    let uid = rustix::process::getuid().as_raw();
    Store::open(&Place::new(env.state(), machine, uid), Access::Write).expect("it can be done")
}

/// The n-th random snapshot.
fn random(number: u64) -> Sample {
    let config = Config { rng_seed: RngSeed::Fixed(number), ..Config::default() };
    sample().new_tree(&mut TestRunner::new(config)).expect("it can be done").current()
}

#[test]
fn random_snapshots_act_on_nothing() {
    on_every_tmux(|tmux| {
        for number in 0..4 {
            let victim = Victim::new(tmux);
            let mut sample = random(number);
            // Buffers are restored on purpose.
            let (taken_at, mut server, sessions, windows) = sample.snapshot.into_parts();
            server.buffers.clear();
            sample.snapshot = Snapshot::new(taken_at, server, sessions, windows).expect("it can be done");
            victim.plant(sample);
            let told = victim.look_and_restore();
            victim.expect_nothing_done(&told);
        }
    });
}

#[test]
fn escape_sequences_reach_no_terminal_and_no_shell() {
    on_every_tmux(|tmux| {
        let victim = Victim::new(tmux);
        let server = &victim.story.server;
        let trace = format!("touch {}", victim.env().sandbox().path("acted").display());
        let hostile = |sequence: &[u8]| -> Vec<u8> {
            let text = sequence.iter().map(|&byte| byte as char).collect::<String>();
            text.replace("ACT", &trace).chars().map(|c| c as u8).collect()
        };
        let old = {
            let store = store(victim.env());
            store
                .snapshot(store.latest(&victim.name).expect("it can be done").expect("it can be done"))
                .expect("it can be done")
                .value
        };
        let (taken_at, facts, mut sessions, mut windows) = old.into_parts();
        let later = taken_at + jiff::SignedDuration::from_secs(1);
        let mut lines = Vec::new();
        for sequence in SEQUENCES {
            lines.extend_from_slice(b"so ");
            lines.extend(hostile(sequence).into_iter().filter(|&byte| byte != b'\n'));
            lines.extend_from_slice(b" it was\n");
        }
        let all: Vec<u8> = SEQUENCES.iter().flat_map(|sequence| hostile(sequence)).collect();
        sessions[0].name = [b"s", all.as_slice()].concat().into();
        sessions[0].directory = all.clone().into();
        windows[0].name = all.clone().into();
        let pane = &mut windows[0].panes[0];
        pane.title = all.clone().into();
        pane.directory = all.into();
        let text = pane.text.as_mut().expect("it can be done");
        text.history = vec![reference(&lines)];
        text.screen = reference(b"the end\n");
        let snapshot = Snapshot::new(later, facts, sessions, windows).expect("it can be done");
        victim.plant(Sample { snapshot, blocks: vec![lines, b"the end\n".to_vec()] });

        let told = victim.look_and_restore();
        server.wait_for_prompts();
        let pane = server.lines(&["list-panes", "-a", "-F", "#{pane_id}"]).remove(0);
        // An answer of the terminal would have been read by the shell before this.
        server.type_line(&pane, "echo still-mine");
        server.wait_until("it is printed", |server| server.screen(&pane).contains("\nstill-mine"));
        let screen = server.run(&["capture-pane", "-p", "-S", "-", "-t", &pane]);
        assert_eq!(screen.matches(" it was").count(), SEQUENCES.len(), "{screen}\n{told}");
        assert!(screen.contains("$ echo still-mine\nstill-mine\n"), "{screen}\n{told}");
        assert!(screen.lines().all(|line| !line.contains('\x1b')), "{screen:?}");
        let state = "#{alternate_on}#{mouse_any_flag}#{insert_flag}#{origin_flag} #{wrap_flag}#{cursor_flag} \
                     #{scroll_region_upper}";
        assert_eq!(server.display(&pane, state), "0000 11 0", "{told}");
        victim.expect_nothing_done(&told);
    });
}
