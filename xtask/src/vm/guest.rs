//! A machine: switched on, talked to over ssh and at its console, and its plug pulled.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::image::Image;
use crate::machine::run;

/// How long an emulated machine may take to boot, or to shut down.
const BOOT: Duration = Duration::from_secs(300);
/// How long a command in it may take.
const COMMAND: Duration = Duration::from_secs(150);

/// A machine with a disk of its own.
pub struct Guest {
    image: Image,
    disk: PathBuf,
    log: PathBuf,
    port: u16,
    qemu: Option<Child>,
}

/// What a command in the machine has said.
pub struct Said {
    /// Its exit status; 124 if it took too long, 255 if nobody could log in.
    pub status: Option<i32>,
    /// Both outputs.
    pub text: String,
}

impl Guest {
    /// A machine as it comes from the image, switched off.
    ///
    /// # Errors
    /// If its disk cannot be copied.
    pub fn new(image: Image) -> Result<Guest> {
        let folder = image.disk.parent().context("the image is in a folder")?.to_owned();
        let disk = folder.join("run");
        run(Command::new("cp").args(["--sparse=always", "--reflink=auto"]).arg(&image.disk).arg(&disk))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Guest { image, disk, log: folder.join("console.log"), port, qemu: None })
    }

    /// Switches it on, without waiting. What it writes goes through the host's cache: a killed QEMU loses what the
    /// machine has not written to its disk, and nothing else.
    ///
    /// # Errors
    /// If QEMU does not start.
    pub fn switch_on(&mut self) -> Result<()> {
        let console = File::options().create(true).append(true).open(&self.log)?;
        // It ends with us, however we end.
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
        qemu.args(["-M", "pc", "-accel", "tcg", "-smp", "1", "-m", "768", "-nodefaults", "-display", "none"]);
        // Emulating this instruction QEMU 7.2 spoils the flags, at which the kernel falls; it can do without.
        qemu.args(["-cpu", "qemu64,-cx16"]);
        // Off where the machine would boot again: who switches on is us.
        qemu.args(["-no-reboot", "-serial", "stdio", "-device", "virtio-rng-pci"]);
        qemu.arg("-kernel").arg(&self.image.kernel).arg("-initrd").arg(&self.image.initrd);
        qemu.args(["-append", "root=/dev/vda rw console=ttyS0 systemd.show_status=0"]);
        qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio,cache=writeback", self.disk.display()));
        let forward = format!("user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{}-:22", self.port);
        qemu.arg("-nic").arg(forward);
        let errors = console.try_clone()?;
        let child = qemu.stdin(Stdio::piped()).stdout(console).stderr(errors).spawn();
        self.qemu = Some(child.context("setpriv")?);
        Ok(())
    }

    /// Waits until one can log in.
    ///
    /// # Errors
    /// If that takes too long.
    pub fn wait_until_up(&mut self) -> Result<()> {
        let end = Instant::now() + BOOT;
        while Instant::now() < end {
            if self.try_ssh("root", "true", Duration::from_secs(20))?.status == Some(0) {
                return Ok(());
            }
            if let Some(status) = self.qemu.as_mut().and_then(|qemu| qemu.try_wait().ok()?) {
                bail!("the machine went off: {status}, see {}", self.log.display());
            }
            sleep(Duration::from_millis(500));
        }
        bail!("the machine does not come up, see {}", self.log.display())
    }

    /// Switches it on and waits.
    ///
    /// # Errors
    /// The same.
    pub fn boot(&mut self) -> Result<()> {
        self.switch_on()?;
        self.wait_until_up()
    }

    /// Pulls the plug.
    pub fn cut_power(&mut self) {
        if let Some(mut qemu) = self.qemu.take() {
            let _ = qemu.kill();
            let _ = qemu.wait();
        }
    }

    /// Does something as root, has it go off (`systemctl` `poweroff` or `reboot`) right after that, and waits until it has.
    ///
    /// # Errors
    /// If it does not go.
    pub fn shut_down(&mut self, before: &str, verb: &str) -> Result<Duration> {
        let begun = Instant::now();
        self.try_ssh("root", &format!("{before}\nsystemctl --no-block {verb}"), COMMAND)?;
        while begun.elapsed() < BOOT {
            let qemu = self.qemu.as_mut().context("it is on")?;
            if qemu.try_wait()?.is_some() {
                self.qemu = None;
                return Ok(begun.elapsed());
            }
            sleep(Duration::from_millis(200));
        }
        bail!("the machine does not go off, see {}", self.log.display())
    }

    /// Runs a command there, without a terminal and without a login shell; what it said.
    ///
    /// # Errors
    /// If ssh cannot be run.
    pub fn run(&self, user: &str, command: &str) -> Result<Said> {
        self.try_ssh(user, command, COMMAND)
    }

    /// The same, which must go well.
    ///
    /// # Errors
    /// If its status is another than 0.
    pub fn ok(&self, user: &str, command: &str) -> Result<String> {
        let said = self.run(user, command)?;
        if said.status != Some(0) {
            let begins = command.lines().next().unwrap_or_default();
            bail!("{user}: {begins}: {:?}\n{}", said.status, said.text);
        }
        Ok(said.text)
    }

    /// A login with a terminal, which runs a command and stays until it is dropped.
    ///
    /// # Errors
    /// If ssh cannot be run.
    pub fn login(&self, user: &str, command: &str) -> Result<Login> {
        let mut ssh = self.ssh(user, &["-tt"]);
        let child = ssh.env("TERM", "xterm-256color").arg(command).stdin(Stdio::piped());
        Ok(Login(child.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// Types a line at the console.
    ///
    /// # Errors
    /// If the machine is off.
    pub fn type_at_console(&mut self, line: &str) -> Result<()> {
        use std::io::Write as _;

        let qemu = self.qemu.as_mut().context("it is on")?;
        let stdin = qemu.stdin.as_mut().context("its console is ours")?;
        Ok(stdin.write_all(format!("{line}\r").as_bytes())?)
    }

    /// Waits until a text stands at the end of what the console shows.
    ///
    /// # Errors
    /// If it does not come.
    pub fn wait_for_console(&self, text: &str) -> Result<()> {
        let end = Instant::now() + BOOT;
        while Instant::now() < end {
            let shown = fs::read(&self.log)?;
            let tail = String::from_utf8_lossy(&shown[shown.len().saturating_sub(200)..]).into_owned();
            if tail.trim_end().ends_with(text) {
                return Ok(());
            }
            sleep(Duration::from_millis(300));
        }
        bail!("no {text:?} at the console")
    }

    /// Puts evermux into `/usr/local/bin`.
    ///
    /// # Errors
    /// If that fails.
    pub fn put_program(&self, program: &Path) -> Result<()> {
        let mut ssh = self.ssh("root", &[]);
        let to = "/usr/local/bin/evermux";
        ssh.arg(format!("cat > {to}.new && chmod 755 {to}.new && mv {to}.new {to} && sync"));
        run(ssh.stdin(File::open(program)?))
    }

    fn try_ssh(&self, user: &str, command: &str, limit: Duration) -> Result<Said> {
        let ssh = self.ssh(user, &[]);
        let mut limited = Command::new("timeout");
        limited.arg(limit.as_secs().to_string()).arg(ssh.get_program()).args(ssh.get_args());
        let output = limited.arg(command).stdin(Stdio::null()).output().context("ssh")?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Said { status: output.status.code(), text: String::from_utf8_lossy(&text).into_owned() })
    }

    fn ssh(&self, user: &str, options: &[&str]) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-q",
            "-F",
            "none",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
        ]);
        ssh.args(["-o", "ConnectTimeout=60", "-o", "BatchMode=yes", "-i"]).arg(&self.image.key);
        ssh.args(["-p", &self.port.to_string()]).args(options).arg(format!("{user}@127.0.0.1"));
        ssh
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.cut_power();
        let _ = fs::remove_file(&self.disk);
    }
}

/// A login that stays.
pub struct Login(Child);

impl Drop for Login {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
