//! What every case begins with: a private tmux server, and a state folder that is put back before each.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use evermux_core::model::{BlockId, Snapshot};
use evermux_core::store::{Access, Emergency, Place, PreparedBlock, Save, Store, Wanted};
use evermux_testkit::{Env, Server, Tmux, describe};
use jiff::SignedDuration;
use serde_json::Value;

/// A server, its evermux, and what was saved before the case.
pub struct Ground {
    pub server: Server,
    pub env: Env,
    /// A copy of the state folder; where it is none, there was none.
    base: PathBuf,
    /// What was acknowledged.
    pub kept: BTreeMap<i64, Snapshot>,
    /// How the server was when that was saved, in tmux's own words.
    pub before: String,
}

impl Ground {
    /// A server with two sessions and some text, saved once.
    pub fn new(program: &str, tmux: &Tmux) -> Result<Self> {
        let first = ["new-session", "-d", "-s", "work", "-n", "edit", "-x", "80", "-y", "24"];
        let server = Server::builder(tmux).name("f").first(&first).start();
        let script = "split-window -h -t =work:edit\n\
                      new-window -d -t =work:3 -n logs\n\
                      new-session -d -s other -n one -x 80 -y 24\n";
        if !server.script(script).ok() {
            bail!("tmux does not make windows");
        }
        server.wait_for_prompts();
        for pane in ["=work:edit.0", "=other:one"] {
            server.type_line(pane, "seq 40");
            server.wait_until("the text is there", |server| server.screen(pane).ends_with("40\n$"));
        }
        server.settle();
        let env = Env::new(program, &server);
        env.ok(&["save"]);
        let base = server.sandbox().path("base");
        let before = describe(&server);
        let mut ground = Self { server, env, base, kept: BTreeMap::new(), before };
        ground.keep()?;
        Ok(ground)
    }

    /// Every case begins with the state folder as it is now.
    pub fn keep(&mut self) -> Result<()> {
        copy(&self.env.state(), &self.base)?;
        // Only then: who looks brings back what a crash has left, and that is for the case to do.
        self.kept = self.snapshots()?;
        Ok(())
    }

    /// Every case begins without a state folder.
    pub fn keep_nothing(&mut self) -> Result<()> {
        self.kept.clear();
        remove(&self.base)?;
        remove(&self.env.state())
    }

    /// Begins the store anew with snapshots of so long ago, a second apart.
    pub fn age(&mut self, count: usize, ago: SignedDuration) -> Result<()> {
        let machine = self.folder().context("it has saved")?;
        let machine = machine.file_name().and_then(|name| name.to_str()).context("a plain name")?.to_owned();
        let (_, sample) = self.kept.last_key_value().context("it has saved")?;
        let place = Place::new(self.env.state(), machine, self.env.state().metadata()?.uid());
        let blocks: Vec<PreparedBlock> = {
            let store = Store::open(&place, Access::Read)?;
            let read = blocks(sample).into_iter().map(|id| PreparedBlock::new(&store.block(&id)?));
            read.collect::<Result<_, _>>()?
        };
        remove(&self.env.state())?;
        let store = Store::open(&place, Access::Write)?;
        let saving = store.saving(&sample.server().name, Duration::from_secs(5))?;
        for number in 0..count {
            let (taken_at, server, sessions, mut windows) = sample.clone().into_parts();
            windows[0].name = format!("old-{number}").into();
            let at = taken_at - ago + SignedDuration::from_secs(i64::try_from(number)?);
            let snapshot = Snapshot::new(at, server, sessions, windows)?;
            let save = Save { emergency: Emergency::Never, ..Save::automatic(&snapshot, &blocks) };
            saving.save(&save)?;
        }
        Ok(())
    }

    /// Puts the state folder back.
    pub fn reset(&self) -> Result<()> {
        remove(&self.env.state())?;
        if self.base.exists() {
            copy(&self.base, &self.env.state())?;
        }
        Ok(())
    }

    /// The machine's folder; none if there is none.
    pub fn folder(&self) -> Option<PathBuf> {
        let machines = fs::read_dir(self.env.state()).ok()?.flatten();
        machines.map(|entry| entry.path()).find(|path| path.is_dir())
    }

    /// Everything in the store, each with all its text; what is not whole is an error.
    pub fn snapshots(&self) -> Result<BTreeMap<i64, Snapshot>> {
        let Some(folder) = self.folder() else { return Ok(BTreeMap::new()) };
        let machine = folder.file_name().and_then(|name| name.to_str()).context("a plain name")?;
        let state = self.env.state();
        let store = Store::open(&Place::new(&state, machine, state.metadata()?.uid()), Access::Read)?;
        let mut all = BTreeMap::new();
        for listed in store.list(&Wanted::default())? {
            let id = listed.entry.id;
            let report = store.snapshot(id)?;
            if let Some(problem) = report.problems.first() {
                bail!("snapshot {id} is not whole: {problem}");
            }
            for block in blocks(&report.value) {
                store.block(&block)?;
            }
            all.insert(id.0, report.value);
        }
        Ok(all)
    }

    /// Runs evermux for its JSON.
    pub fn json(&self, words: &[&str]) -> Value {
        let output = self.env.run(&[&["--json"], words].concat());
        serde_json::from_str(&output.text()).unwrap_or_default()
    }
}

fn blocks(snapshot: &Snapshot) -> Vec<BlockId> {
    let texts = snapshot.panes().filter_map(|pane| pane.text.as_ref());
    texts.flat_map(|text| text.history.iter().chain([&text.screen])).map(|block| block.id).collect()
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Copies a folder with its modes; sockets and links are left out.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    remove(to)?;
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(from.metadata()?.mode()))?;
    for entry in fs::read_dir(from)? {
        let (path, kind) =
            (entry.as_ref().map(fs::DirEntry::path), entry.as_ref().map(fs::DirEntry::file_type));
        let (Ok(path), Ok(kind)) = (path, kind) else { continue };
        let kind = kind?;
        let to = to.join(path.file_name().unwrap_or_default());
        if kind.is_dir() {
            copy(&path, &to)?;
        } else if kind.is_file() {
            fs::copy(&path, &to)?;
        }
    }
    Ok(())
}
