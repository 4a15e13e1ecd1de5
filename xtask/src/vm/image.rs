//! The image of the virtual machine: a small Debian with systemd, tmux, an ssh server and two users.
//!
//! Made as root, since `debootstrap` changes its root; without mounting anything, since `mke2fs` fills a file system
//! from a folder. It lies below the target folder and is made once for each suite.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::machine::{self, run, say, target};

/// The users who work there; `root` is the third.
pub const USERS: [&str; 2] = ["ada", "bob"];

/// What is installed beyond the essential. Without polkit logind lets nobody but root delay a shutdown.
const PACKAGES: &str = "systemd-sysv,dbus,dbus-user-session,libpam-systemd,polkitd,tmux,openssh-server,\
                        linux-image-cloud-amd64,initramfs-tools,iproute2,procps,udev,login,passwd";

/// What only makes a machine that is emulated slower.
const UNWANTED: [&str; 5] = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "systemd-networkd-wait-online.service",
];

/// The network that QEMU's user mode makes.
const NETWORK: &str = "[Match]\nType=ether\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n";

/// What a machine boots from.
pub struct Image {
    /// The file system, never written after it was made.
    pub disk: PathBuf,
    /// The kernel.
    pub kernel: PathBuf,
    /// Its first file system.
    pub initrd: PathBuf,
    /// The private key that every user of the machine trusts.
    pub key: PathBuf,
}

impl Image {
    /// The image of a suite of Debian, made if it is not there.
    ///
    /// # Errors
    /// Without root, or if one of the programs fails.
    pub fn of(suite: &str, mirror: &str) -> Result<Image> {
        let folder = target().join("vm").join(suite);
        let image = Image {
            disk: folder.join("disk"),
            kernel: folder.join("vmlinuz"),
            initrd: folder.join("initrd"),
            key: folder.join("key"),
        };
        if image.disk.exists() {
            return Ok(image);
        }
        if !machine::is_root()? {
            bail!("making the image needs root: debootstrap changes its root");
        }
        machine::install(&[("debootstrap", "debootstrap"), ("mke2fs", "e2fsprogs")])?;
        let root = folder.join("root");
        fs::create_dir_all(&folder)?;
        say(&format!("debootstrap {suite} from {mirror}"));
        remove(&root)?;
        let mut debootstrap = Command::new("debootstrap");
        debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), suite]);
        run(debootstrap.arg(&root).arg(mirror).stdout(Stdio::null()))?;
        image.furnish(&root)?;
        take(&root.join("boot"), "vmlinuz-", &image.kernel)?;
        take(&root.join("boot"), "initrd.img-", &image.initrd)?;
        let new = folder.join("disk.new");
        let mut mke2fs = Command::new("mke2fs");
        run(mke2fs.args(["-q", "-F", "-t", "ext4", "-d"]).arg(&root).arg(&new).arg("2G"))?;
        remove(&root)?;
        fs::rename(&new, &image.disk)?;
        Ok(image)
    }

    /// Users, keys, network, and a journal that outlives a boot.
    fn furnish(&self, root: &Path) -> Result<()> {
        if !self.key.exists() {
            let mut keygen = Command::new("ssh-keygen");
            run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&self.key))?;
        }
        let key = fs::read(self.key.with_extension("pub"))?;
        let write = |path: &str, text: &str| fs::write(root.join(path), text);
        write("etc/hostname", "vm\n")?;
        write("etc/hosts", "127.0.0.1 localhost vm\n")?;
        write("etc/fstab", "/dev/vda / ext4 defaults 0 1\n")?;
        write("etc/systemd/network/vm.network", NETWORK)?;
        write("etc/ssh/sshd_config.d/vm.conf", "UseDNS no\nMaxStartups 100\n")?;
        fs::create_dir_all(root.join("var/log/journal"))?;
        // Root looks in often, and shall not start a systemd of its own each time.
        fs::create_dir_all(root.join("var/lib/systemd/linger"))?;
        write("var/lib/systemd/linger/root", "")?;
        inside(root, &["systemctl", "--quiet", "enable", "systemd-networkd", "ssh", "serial-getty@ttyS0"])?;
        inside(root, &[&["systemctl", "--quiet", "mask"], &UNWANTED[..]].concat())?;
        inside(root, &["sh", "-c", "echo root:root | chpasswd"])?;
        for user in USERS {
            inside(root, &["useradd", "--create-home", "--shell", "/bin/bash", user])?;
            inside(root, &["sh", "-c", &format!("echo {user}:{user} | chpasswd")])?;
        }
        for (user, home) in [("root", "root"), (USERS[0], "home/ada"), (USERS[1], "home/bob")] {
            let folder = root.join(home).join(".ssh");
            fs::create_dir_all(&folder)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
            fs::write(folder.join("authorized_keys"), &key)?;
            inside(root, &["chown", "-R", &format!("{user}:{user}"), &format!("/{home}/.ssh")])?;
        }
        let archives = root.join("var/cache/apt/archives");
        for archive in fs::read_dir(archives)?.flatten().map(|entry| entry.path()) {
            if archive.extension().is_some_and(|extension| extension == "deb") {
                fs::remove_file(archive)?;
            }
        }
        Ok(())
    }
}

/// Runs a command with the image as its root. What it warns of, `/proc` missing above all, is of no use.
fn inside(root: &Path, words: &[&str]) -> Result<()> {
    let output = Command::new("chroot").arg(root).args(words).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        bail!("in the image: {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Removes a root, without what a `debootstrap` that was killed has left mounted in it.
fn remove(root: &Path) -> Result<()> {
    for mounted in ["proc", "sys"] {
        let _none = Command::new("umount").arg(root.join(mounted)).stderr(Stdio::null()).status();
    }
    run(Command::new("rm").args(["-rf", "--one-file-system"]).arg(root))
}

/// Copies the one file of a folder whose name begins so.
fn take(folder: &Path, begins: &str, to: &Path) -> Result<()> {
    let mut files = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let named =
        |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begins));
    let file = files.find(named).with_context(|| format!("no {begins}* in {}", folder.display()))?;
    fs::copy(file, to)?;
    Ok(())
}
