//! `cargo xtask vm`: evermux on a real systemd, in a virtual machine whose plug is pulled.
//!
//! A small Debian boots in QEMU, emulated, so that it needs nothing of the machine it runs on. Users log in over ssh and
//! at the console, as they do everywhere. Each story is something that happens to people; its row says what came of it.

mod guest;
mod image;
mod stories;
mod table;
mod work;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::debian;
use crate::machine::{self, cargo, say, target};
use guest::Guest;
use image::Image;
use stories::STORIES;
use table::{Table, Told};

/// Plays what happens to a machine (power cuts, reboots, logins) on a real systemd, in a virtual machine
///
/// Needs root once, for the image, and takes about half an hour.
#[derive(clap::Args)]
pub struct Arguments {
    /// Debian's suite
    #[arg(long, default_value = "trixie")]
    suite: String,
    /// Where Debian's packages are fetched from; default: the first mirror in apt's sources
    #[arg(long)]
    mirror: Option<String>,
    /// The evermux to put there; default: the one of this workspace, built with optimisations
    #[arg(long)]
    evermux: Option<PathBuf>,
    /// How often the plug is pulled
    #[arg(long, default_value_t = 5)]
    cuts: usize,
    /// Only these stories (those that they need are told, too): install, power, reboot, users, logout, service, uninstall
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

/// Does it.
pub fn run(arguments: &Arguments) -> Result<()> {
    let program = match &arguments.evermux {
        Some(path) => path.clone(),
        None => {
            machine::run(cargo().args(["build", "--quiet", "--release", "--package", "evermux"]))?;
            target().join("release/evermux")
        }
    };
    machine::install(&[
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("ssh", "openssh-client"),
        ("timeout", "coreutils"),
    ])?;
    let mirror = match &arguments.mirror {
        Some(mirror) => mirror.clone(),
        None => debian::mirror()?,
    };
    let mut guest = Guest::new(Image::of(&arguments.suite, &mirror)?)?;
    guest.boot()?;
    guest.put_program(&program)?;
    let on = guest.ok("root", "systemctl --version | head -n 1; tmux -V; uname -r")?;
    let on = on.trim().replace('\n', ", ");
    say(&on);
    let mut table = Table::default();
    let wanted = |name: &str| {
        name == "install" || arguments.only.is_empty() || arguments.only.iter().any(|only| only == name)
    };
    for (name, story) in STORIES.iter().filter(|(name, _)| wanted(name)) {
        let begun = Instant::now();
        if let Err(error) = story(&mut guest, &mut table, arguments.cuts) {
            table.row(Told::new(name, false, format!("{error:#}")));
        }
        say(&format!("{name}: {} s", begun.elapsed().as_secs()));
    }
    say(&format!("on {on}\n\n{}", table.text()));
    if table.bad() > 0 {
        bail!("{} rows are bad", table.bad());
    }
    Ok(())
}
