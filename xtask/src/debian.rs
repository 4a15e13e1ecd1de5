//! Programs of several Debian suites side by side, for the live tests.
//!
//! Each suite's own packages are fetched with private apt folders and unpacked; nothing is installed and no root is
//! needed. The binary gets an rpath to its libraries, so that it stays an ordinary program: `/proc/PID/exe` is the program
//! itself and no `LD_LIBRARY_PATH` leaks into panes. If this machine's libc is too old for it, it also gets its
//! suite's libc and loader.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::machine::{find, read, run as run_command, say, target};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// One suite of Debian and the folder it is unpacked in.
pub struct Suite<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where its lists and packages go.
    pub folder: PathBuf,
    /// Where it is fetched from.
    pub mirror: &'a str,
}

impl Suite<'_> {
    /// Fetches a package with all it depends on, and makes `program` of it run on this machine: `runs` says whether it does.
    /// Its path.
    ///
    /// # Errors
    /// If it cannot be fetched, or does not run.
    pub fn install(&self, package: &str, program: &str, runs: impl Fn(&Path) -> bool) -> Result<PathBuf> {
        say(&format!("fetching {package} of Debian {} and its libraries", self.name));
        let patchelf = Patchelf::find(self)?;
        self.unpack(package)?;
        let root = self.folder.join(package);
        let program = root.join(program);
        let interpreter = patchelf.read(&["--print-interpreter"], &program)?;
        // Apart from its root first: were its libc beside the other libraries, this machine's loader would take it.
        let libraries = folders_of_libraries(&root.join("libraries"));
        patchelf.set_rpath(&program, &libraries)?;
        if !runs(&program) {
            let libc = root.join("libc");
            let both = [libraries, folders_of_libraries(&libc)].concat();
            patchelf.set_rpath(&program, &both)?;
            let loader = inside(&libc, Path::new(interpreter.trim()))?;
            let loader = loader.to_str().context("the path of the target folder is no UTF-8")?;
            patchelf.run(&["--set-interpreter", loader], &program)?;
        }
        if !runs(&program) {
            bail!("{} does not run", program.display());
        }
        // Lists and packages are three quarters of it all.
        for folder in ["lists".to_owned(), "cache".to_owned(), format!("{package}-packages")] {
            fs::remove_dir_all(self.folder.join(folder))?;
        }
        Ok(program)
    }

    /// Fetches a package with all it depends on and unpacks it into a folder of its name: programs in the root,
    /// `libraries/` and `libc/`.
    fn unpack(&self, package: &str) -> Result<()> {
        let root = self.folder.join(package);
        let _replaced = fs::remove_dir_all(&root);
        let archives = self.fetch(&[package])?;
        for entry in fs::read_dir(&archives)? {
            let file = entry?.path();
            let name = file.file_name().unwrap_or_default().as_bytes().to_vec();
            if !name.ends_with(b".deb") {
                continue;
            }
            let part = match name.split(|byte| *byte == b'_').next().unwrap_or_default() {
                name if name == package.as_bytes() => root.clone(),
                b"libc6" => root.join("libc"),
                _ => root.join("libraries"),
            };
            fs::create_dir_all(&part)?;
            run_command(Command::new("dpkg").arg("-x").arg(&file).arg(&part))?;
        }
        Ok(())
    }

    /// Fetches packages with all they depend on, from the machine's mirror; the folder
    /// they are in, named after the first.
    pub fn fetch(&self, packages: &[&str]) -> Result<PathBuf> {
        let archives = self.folder.join(format!("{}-packages", packages.first().unwrap_or(&"no")));
        let install = [&["install", "--download-only", "--no-install-recommends"], packages].concat();
        fs::create_dir_all(archives.join("partial"))?;
        fs::create_dir_all(self.folder.join("lists/partial"))?;
        self.apt(self.mirror, &archives, &["update"])?;
        self.apt(self.mirror, &archives, &install)?;
        Ok(archives)
    }

    /// Runs apt-get as if this suite were all there is and nothing were installed.
    fn apt(&self, mirror: &str, archives: &Path, command: &[&str]) -> Result<()> {
        if !Path::new(KEYRING).exists() {
            bail!("{KEYRING} is missing: install the package debian-archive-keyring");
        }
        let architecture = read(Command::new("dpkg").arg("--print-architecture"))?;
        let sources = self.folder.join("sources.list");
        let line =
            format!("deb [signed-by={KEYRING} arch={}] {mirror} {} main\n", architecture.trim(), self.name);
        fs::write(&sources, line)?;
        let folder = |name: &str| self.folder.join(name).display().to_string();
        let options = [
            format!("Dir::Etc::sourcelist={}", sources.display()),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            "Dir::Etc::preferences=/dev/null".to_owned(),
            "Dir::Etc::preferencesparts=/dev/null".to_owned(),
            format!("Dir::State={}", folder("state")),
            format!("Dir::State::lists={}", folder("lists")),
            "Dir::State::status=/dev/null".to_owned(),
            format!("Dir::Cache={}", folder("cache")),
            format!("Dir::Cache::archives={}", archives.display()),
            // A mirror frozen at a date is good enough for tests.
            "Acquire::Check-Valid-Until=false".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            // The target folder is often below a home that apt's own user cannot enter.
            "APT::Sandbox::User=root".to_owned(),
            "APT::Keep-Downloaded-Packages=true".to_owned(),
            "Debug::NoLocking=true".to_owned(),
        ];
        for folder in ["state", "cache"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        let mut apt = Command::new("apt-get");
        apt.arg("-qq")
            .arg("-y")
            .args(options.iter().flat_map(|option| ["-o", option.as_str()]))
            .args(command);
        run_command(apt.stdin(Stdio::null()).stdout(Stdio::null()))
    }
}

/// patchelf: the machine's, or Debian's run through its own loader.
struct Patchelf {
    words: Vec<PathBuf>,
}

impl Patchelf {
    fn find(suite: &Suite) -> Result<Patchelf> {
        if let Some(program) = find("patchelf") {
            return Ok(Patchelf { words: vec![program] });
        }
        let folder = target().join("tmux/.debian/patchelf");
        let suite = Suite { name: "bookworm", folder, mirror: suite.mirror };
        let root = suite.folder.join("patchelf");
        let program = root.join("usr/bin/patchelf");
        if !program.exists() {
            suite.unpack("patchelf")?;
        }
        let libc = root.join("libc");
        let loader = ["lib64", "lib", "usr/lib64", "usr/lib"]
            .iter()
            .flat_map(|folder| fs::read_dir(libc.join(folder)).into_iter().flatten().flatten())
            .map(|entry| PathBuf::from("/").join(entry.path().strip_prefix(&libc).unwrap_or(&entry.path())))
            .find(|path| path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"ld-linux")))
            .context("no loader in libc6")?;
        let libraries = [folders_of_libraries(&root.join("libraries")), folders_of_libraries(&libc)].concat();
        let words = vec![inside(&libc, &loader)?, "--library-path".into(), join(&libraries).into(), program];
        Ok(Patchelf { words })
    }

    fn command(&self, arguments: &[&str], program: &Path) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).args(arguments).arg(program);
        command
    }

    fn run(&self, arguments: &[&str], program: &Path) -> Result<()> {
        run_command(&mut self.command(arguments, program))
    }

    fn read(&self, arguments: &[&str], program: &Path) -> Result<String> {
        read(&mut self.command(arguments, program))
    }

    fn set_rpath(&self, program: &Path, folders: &[PathBuf]) -> Result<()> {
        // The old kind, which also counts for the libraries of libraries.
        self.run(&["--force-rpath", "--set-rpath", &join(folders)], program)
    }
}

fn join(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
}

/// The folders in an unpacked root that hold shared libraries.
fn folders_of_libraries(root: &Path) -> Vec<PathBuf> {
    ["lib", "usr/lib"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && path.to_string_lossy().ends_with("-linux-gnu"))
        .collect()
}

/// A file in an unpacked root, links followed as if the root were `/`.
fn inside(root: &Path, path: &Path) -> Result<PathBuf> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let candidates = [root.join(relative), root.join("usr").join(relative)];
    let file = candidates.iter().find(|file| file.symlink_metadata().is_ok());
    let file = file.with_context(|| format!("no {} in {}", path.display(), root.display()))?;
    match fs::read_link(file) {
        Ok(link) if link.is_absolute() => inside(root, &link),
        Ok(_) => Ok(fs::canonicalize(file)?),
        Err(_) => Ok(file.clone()),
    }
}

/// The first mirror of Debian that the machine's own apt sources name.
///
/// # Errors
/// If they name none.
pub fn mirror() -> Result<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let folder = fs::read_dir("/etc/apt/sources.list.d");
    files.extend(folder.into_iter().flatten().flatten().map(|entry| entry.path()));
    files.sort();
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    let mut mirrors = texts.flat_map(|text| mirrors_in(&text));
    mirrors.next().context("apt's sources name no mirror of Debian")
}

/// The addresses in a sources file of either form that end in `/debian`.
fn mirrors_in(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"))
        .flat_map(str::split_whitespace)
        .map(|word| word.trim_end_matches('/'))
        .filter(|word| word.contains("://") && word.ends_with("/debian"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::mirrors_in;

    #[test]
    fn mirrors_are_found_in_both_forms() {
        let lines = "# deb http://no.example/debian x main\n\
                     deb [arch=amd64] https://other.example/apt stable main\n\
                     deb [trusted=yes] http://one.example/debian/ bookworm main\n";
        assert_eq!(mirrors_in(lines), ["http://one.example/debian"]);
        let stanza = "Types: deb\nURIs: http://two.example/debian\nSuites: bookworm\n\n\
                      Types: deb\nURIs: http://two.example/debian-security\n";
        assert_eq!(mirrors_in(stanza), ["http://two.example/debian"]);
    }
}
