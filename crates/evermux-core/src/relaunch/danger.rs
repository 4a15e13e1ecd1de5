//! What is never run and never typed at a prompt: commands that destroy, publish or switch off.
//!
//! A second time, unasked, after a reboot, they would do what was meant once. They are only shown. In doubt a command counts
//! as dangerous: it is shown all the same. To add one: its name, and the words that make it dangerous; none: it always is.

use bstr::{BStr, BString, ByteSlice};

use super::shells::{Shell, file_name};
use super::{editors, table};

/// Programs, and the words among their arguments that make them dangerous; none: all of it.
#[rustfmt::skip]
const DANGEROUS: &[(&[&str], &[&str])] = &[
    // Files and disks.
    (&["rm", "rmdir", "unlink", "shred", "srm", "wipe", "dd", "truncate", "mv", "trash", "rename"], &[]),
    (&["mkfs", "mke2fs", "mkswap", "newfs", "wipefs", "blkdiscard", "fdisk", "sfdisk", "cfdisk", "gdisk", "sgdisk", "parted", "cryptsetup",
        "hdparm", "nvme", "mdadm", "lvremove", "vgremove", "pvremove", "lvreduce", "tune2fs", "e2fsck", "fsck", "diskutil", "badblocks"], &[]),
    (&["zfs", "zpool", "btrfs"], &["destroy", "delete", "rollback", "labelclear", "remove", "format"]),
    (&["find", "fd", "fdfind"], &["-delete"]),
    (&["rsync"], &["--delete", "--delete-after", "--delete-before", "--delete-during", "--delete-excluded", "--delete-delay", "--del", "--remove-source-files"]),
    (&["rclone"], &["sync", "delete", "deletefile", "purge", "move", "moveto", "rmdir", "rmdirs", "cleanup"]),
    (&["restic", "borg", "duplicity"], &["forget", "prune", "delete", "remove-older-than"]),
    // The machine and its users.
    (&["shutdown", "reboot", "halt", "poweroff", "init", "telinit", "kexec", "kill", "pkill", "killall", "killall5", "skill", "xkill"], &[]),
    (&["systemctl", "launchctl", "service", "rc-service", "sv"], &["reboot", "poweroff", "halt", "kexec", "suspend", "hibernate", "hybrid-sleep", "rescue",
        "emergency", "isolate", "stop", "disable", "mask", "kill", "restart", "bootout", "remove", "unload"]),
    (&["loginctl"], &["terminate-session", "terminate-user", "kill-session", "kill-user"]),
    (&["userdel", "groupdel", "deluser", "delgroup", "iptables", "ip6tables", "nft", "pfctl", "ufw", "crontab", "visudo", "passwd", "chpasswd"], &[]),
    (&["apt", "apt-get", "aptitude", "dnf", "yum", "zypper", "apk", "pacman", "brew", "snap", "flatpak", "pip", "pip3", "gem", "nix-collect-garbage"],
        &["remove", "purge", "autoremove", "uninstall", "upgrade", "dist-upgrade", "full-upgrade", "del", "erase", "-R", "-Rs", "-Rns", "-Syu", "push", "yank", "cleanup"]),
    // What others see.
    (&["git"], &["push", "clean", "reset", "filter-branch", "filter-repo", "send-email", "svn", "restore", "rebase"]),
    (&["hg", "jj", "svn", "fossil"], &["push", "purge", "strip", "commit", "git push"]),
    (&["gh", "glab"], &["delete", "merge", "release", "close"]),
    (&["npm", "yarn", "pnpm", "cargo", "poetry", "uv", "hatch", "flit", "dotnet", "mvn"], &["publish", "unpublish", "yank", "deprecate", "deploy"]),
    (&["twine", "sendmail", "mail", "msmtp"], &[]),
    // Machines elsewhere.
    (&["terraform", "tofu", "terragrunt", "opentofu"], &["apply", "destroy", "import", "taint", "state", "apply-all", "destroy-all", "run-all"]),
    (&["pulumi", "cdk", "sam", "serverless", "sls", "copilot-cli", "eb", "fly", "flyctl", "heroku", "vercel", "netlify", "wrangler", "cap", "kamal"],
        &["up", "update", "destroy", "deploy", "delete", "rm", "remove", "publish", "apps:destroy", "pg:reset"]),
    (&["ansible", "ansible-playbook", "salt", "puppet", "chef-client"], &[]),
    (&["kubectl", "oc", "k3s", "microk8s", "kubectl.exe"], &["delete", "apply", "drain", "cordon", "scale", "patch", "replace", "edit", "rollout", "create",
        "run", "set", "taint", "annotate", "label", "autoscale"]),
    (&["helm"], &["install", "upgrade", "uninstall", "delete", "rollback"]),
    (&["docker", "podman", "nerdctl", "docker-compose", "podman-compose"], &["rm", "rmi", "kill", "stop", "prune", "down", "push", "reset"]),
    (&["aws", "gcloud", "az", "doctl", "linode-cli", "hcloud", "openstack", "gsutil", "s3cmd", "mc"],
        &["delete", "rm", "rb", "remove", "destroy", "terminate", "terminate-instances", "stop-instances", "deploy", "purge", "sync", "del", "mv"]),
    (&["virsh", "vagrant", "qm", "pct", "lxc", "incus", "VBoxManage"], &["destroy", "undefine", "delete", "shutdown", "stop", "unregistervm", "rollback", "reset"]),
    (&["consul", "vault", "etcdctl"], &["delete", "destroy", "del", "kv delete", "leave"]),
    // Databases.
    (&["dropdb", "dropuser", "pg_restore", "pg_resetwal"], &[]),
    (&["pg_ctl", "pg_ctlcluster", "mysqladmin", "mariadb-admin", "rabbitmqctl"], &["stop", "restart", "drop", "shutdown", "flush-hosts", "reset", "purge_queue", "delete_queue"]),
    (&["redis-cli", "valkey-cli"], &["flushall", "flushdb", "shutdown", "del", "unlink"]),
];

/// Programs that are given statements, and words in these that make them dangerous.
const DATABASES: &[&str] = &[
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "sqlite",
    "mongosh",
    "mongo",
    "clickhouse-client",
    "duckdb",
    "sqlcmd",
    "usql",
    "cqlsh",
];
const STATEMENTS: &[&str] =
    &["drop", "delete", "truncate", "alter", "update", "dropdatabase", "deletemany", "remove", "shutdown"];

/// Programs that run what stands behind them. Where among their arguments that begins is not asked: it may begin at any.
#[rustfmt::skip]
const WRAPPERS: &[&str] = &[
    "env", "nice", "ionice", "chrt", "taskset", "nohup", "setsid", "xargs", "parallel", "timeout", "time", "stdbuf", "unbuffer", "script", "watch", "entr",
    "find", "fd", "fdfind", "busybox", "toybox", "command", "exec", "builtin", "eval", "flock", "strace", "ltrace", "gdb", "perf", "rlwrap", "unshare",
    "nsenter", "chroot", "firejail", "bwrap", "proot", "fakeroot", "systemd-run", "systemd-inhibit", "caffeinate", "dbus-run-session", "ssh", "mosh", "autossh",
    "et", "docker", "podman", "nerdctl", "kubectl", "oc", "docker-compose", "distrobox", "toolbox", "lxc", "incus", "vagrant", "nix", "nix-shell", "guix",
    "direnv", "mise", "asdf", "npx", "bunx", "uvx", "pipx", "poetry", "uv", "make", "just", "hyperfine", "watchexec", "cargo", "tmux", "screen", "trickle",
    "proxychains", "proxychains4", "torsocks", "torify", "nocache", "cgexec", "numactl", "prlimit", "setarch", "linux64", "while", "until", "if", "then", "do",
    "else", "!", "then", "coproc", "expect", "sshpass", "sg", "newgrp", "at", "batch", "aws-vault", "op", "doppler", "dotenv", "foreman", "gum", "noglob",
];

/// Programs that run what stands behind them as somebody else.
const AS_OTHERS: &[&str] =
    &["sudo", "doas", "su", "run0", "pkexec", "runuser", "sudoedit", "gosu", "su-exec", "setpriv", "calife"];

/// Flags of these that take the word behind them.
const VALUED: &[&str] = &[
    "-u", "-g", "-h", "-p", "-C", "-D", "-R", "-T", "-U", "-r", "-t", "--user", "--group", "--host",
    "--chdir", "--prompt",
];

/// What of a command is dangerous, in words; none: nothing that is known.
pub fn danger(argv: &[BString]) -> Option<BString> {
    // Each word may be the head of a command in a command, so that the work grows with the square of their number.
    const MOST: usize = 200;
    if argv.len() > MOST {
        return is_wrapper(argv.first()?).then(|| "more than can be looked through".into());
    }
    let (program, arguments) = argv.split_first()?;
    // `$(rm …)`, `\rm` and the like have no other name here: lines are split at everything that is none.
    let name = file_name(program);
    let name = name.strip_suffix(b".exe").unwrap_or(name);
    if let Some(what) = by_name(name, arguments) {
        return Some(what);
    }
    if is_one_of(AS_OTHERS, name) {
        return as_others(name, arguments);
    }
    if Shell::of(name).is_some() || name == b"eval" {
        return arguments.iter().find_map(in_line);
    }
    if !is_wrapper(name) {
        return None;
    }
    let inside = (0..arguments.len()).find_map(|at| danger(&arguments[at..]));
    // A whole line in one word: `watch 'rm x'`, `ssh host 'rm x'`.
    inside.or_else(|| arguments.iter().filter(|word| word.contains(&b' ')).find_map(in_line))
}

fn by_name(name: &[u8], arguments: &[BString]) -> Option<BString> {
    let told = |word: Option<&BString>| {
        let word = word.map(|word| [b" ", word.as_slice()].concat()).unwrap_or_default();
        Some([name, &word].concat().into())
    };
    if name.starts_with(b"mkfs.") || name.starts_with(b"fsck.") {
        return told(None);
    }
    for (_, words) in DANGEROUS.iter().filter(|(names, _)| is_one_of(names, name)) {
        let lower = |word: &BString| word.to_ascii_lowercase();
        let bad = |word: &&BString| is_one_of(words, word) || is_one_of(words, &lower(word));
        match arguments.iter().find(bad) {
            _ if words.is_empty() => return told(None),
            Some(word) => return told(Some(word)),
            None => {}
        }
    }
    if is_one_of(DATABASES, name) {
        let words =
            arguments.iter().flat_map(|argument| argument.split(|byte| !byte.is_ascii_alphanumeric()));
        let statement =
            words.map(BString::from).find(|word| is_one_of(STATEMENTS, &word.to_ascii_lowercase()));
        return statement.and_then(|word| told(Some(&word)));
    }
    None
}

/// As somebody else nothing comes back but what only shows something, by the program table.
fn as_others(name: &[u8], arguments: &[BString]) -> Option<BString> {
    let mut rest = arguments;
    while let Some((word, after)) = rest.split_first() {
        rest = match word.as_slice() {
            b"--" => {
                rest = after;
                break;
            }
            flag if is_one_of(VALUED, flag) => after.get(1..).unwrap_or_default(),
            [b'-', ..] => after,
            _ => break,
        };
    }
    let viewer = rest.split_first().is_some_and(|(program, arguments)| {
        let name = BStr::new(file_name(program));
        // What an editor opens it may write.
        let rule = table::find(name).filter(|_| editors::find(name).is_none());
        Shell::of(program).is_none() && rule.is_some_and(|rule| rule.check(arguments).is_ok())
    });
    // `su` takes a line, or a user: neither is a command that could be looked at.
    let takes_words = !matches!(name, b"su" | b"runuser");
    (!viewer || !takes_words).then(|| {
        let program = rest.first().map(|word| [b" ", word.as_slice()].concat()).unwrap_or_default();
        [name, &program].concat().into()
    })
}

/// A line of shell: every word may be a command.
fn in_line(line: &BString) -> Option<BString> {
    let words = words_of(line);
    (0..words.len()).find_map(|at| {
        let rest = &words[at..];
        // What is inside of a line is in its words already.
        let is_shell = Shell::of(&rest[0]).is_some();
        if is_shell { None } else { danger(&rest[..rest.len().min(20)]) }
    })
}

/// The words of a line, however it is quoted or nested.
fn words_of(line: &BString) -> Vec<BString> {
    let is_part = |c: char| c.is_alphanumeric() || "_./+-:=@%,~".contains(c);
    let text = line.to_str_lossy();
    text.split(|c| !is_part(c)).filter(|word| !word.is_empty()).take(500).map(BString::from).collect()
}

fn is_wrapper(name: &[u8]) -> bool {
    is_one_of(WRAPPERS, file_name(name))
}

fn is_one_of(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    const NEVER: &[&str] = &[
        "rm -rf x", "/bin/rm x", "dd if=a of=b", "mkfs.ext4 /dev/sda", "mkfs -t ext4 x", "shred x", "git push", "git -C x push --force", "git clean -fdx",
        "git reset --hard", "terraform apply", "terraform -chdir=x destroy", "tofu apply", "kubectl delete pod x", "kubectl -n a delete pod x", "helm uninstall x",
        "shutdown -h now", "reboot", "systemctl reboot", "systemctl --user stop x", "kill 1", "pkill x", "crontab -r", "find . -delete", "rsync -a --delete a b",
        "docker rm -f x", "docker system prune", "docker compose down", "aws s3 rm s3://x", "npm publish", "cargo publish", "dropdb x", "redis-cli FLUSHALL",
        "psql -c 'DROP TABLE x'", "psql -c 'drop table x'", "mysql -e 'delete from x'", "sqlite3 x.db 'DROP TABLE y'", "mongosh --eval 'db.dropDatabase()'",
        "psql postgres://h/d -c 'TRUNCATE x'",
        // Behind wrappers.
        "env rm x", "env A=b rm x", "env -u A -i rm x", "/usr/bin/env rm x", "nice -n 5 rm x", "nohup rm x", "xargs rm", "xargs -n 1 -P 4 rm -f", "timeout 5 rm x",
        "timeout -s KILL 5 git push", "find . -exec rm {} +", "watch rm x", "watch 'rm x'", "watch -n 1 'git push'", "busybox rm x", "time rm x", "ssh host rm x",
        "ssh host 'cd /x && rm -r y'", "docker exec -it x rm -rf y", "kubectl exec x -- rm y", "setsid nohup nice rm x", "env nice timeout 5 xargs rm", "tmux new-session 'rm x'",
        "entr -r terraform apply", "stdbuf -oL dd if=x", "parallel rm", "strace -f rm x", "direnv exec . terraform apply", "make shutdown-x; rm",
        // Inside of shells.
        "sh -c 'rm x'", "bash -lc 'cd x && rm y'", "sh -c 'while :; do git push; sleep 5; done'", "bash -c \"sh -c 'rm x'\"", "sh -c 'x=$(rm y)'", "sh -c 'true;rm x'",
        "sh -c 'true|xargs rm'", "zsh -c '`reboot`'", "fish -c 'sudo vim x'", "env bash -c 'rm x'", "sh -c '\\rm x'", "sh -c '{ rm x; }'", "sh -c '(rm x)'",
        "bash -c 'psql -c \"DROP TABLE x\"'", "sh -c 'eval rm x'", "nohup sh -c 'dd if=x'",
        // As somebody else.
        "sudo rm x", "sudo vim /etc/hosts", "sudo -i", "sudo", "sudo -s", "sudo su -", "sudo bash", "sudo make install", "sudo -u postgres psql", "doas reboot", "su", "su -",
        "su -c top", "su root", "sudo A=b top", "sudo -E env top", "sudo less +!rm x", "sudo nice top", "env sudo vim x", "sudo sudo top", "pkexec gparted", "sudoedit /etc/hosts",
        "nice sudo vim",
    ];

    #[rustfmt::skip]
    const NOTHING: &[&str] = &[
        "vim rm", "less rm", "vim -c 'rm x'", "git log", "git status", "git log --oneline", "terraform plan", "kubectl get pods -w", "kubectl logs -f x", "kubectl exec -it x -- bash",
        "docker exec -it x bash", "docker logs -f x", "ssh host", "ssh -t host tmux attach", "make", "make test", "npm run dev", "cargo watch -x test", "psql", "psql -h host db",
        "mysql -u me -p db", "sqlite3 droplets.db", "redis-cli -h x", "python3 x.py", "env vim x", "nice make", "timeout 5 top", "watch -n 1 df", "xargs echo", "find . -name x",
        "sh -c 'vim x'", "bash", "bash -l", "sh script.sh", "sudo top", "sudo -u me htop -d 5", "sudo journalctl -fu ssh", "sudo less /var/log/x", "doas tail -f x", "sudo -- top",
        "sudo -u postgres tail -f x", "systemctl status", "rsync -a a b", "aws s3 ls", "firmware", "rmx", "ddrescue x", "emacs -nw", "tmux attach", "mc", "nvim", "helm list", "dropbox",
    ];

    fn words(line: &str) -> Vec<BString> {
        shlex::split(line).unwrap().into_iter().map(BString::from).collect()
    }

    #[test]
    fn what_is_never_started_and_never_typed() {
        for line in NEVER {
            assert!(danger(&words(line)).is_some(), "{line}");
        }
    }

    #[test]
    fn what_may_be() {
        for line in NOTHING {
            assert_eq!(danger(&words(line)), None, "{line}");
        }
        assert_eq!(danger(&[]), None);
    }

    #[test]
    fn what_it_is_is_told() {
        let told = |line: &str| danger(&words(line)).unwrap().to_string();
        assert_eq!(told("env A=b nice /bin/rm -rf x"), "rm");
        assert_eq!(told("sh -c 'cd x && git push'"), "git push");
        assert_eq!(told("sudo -u me vim x"), "sudo vim");
        assert_eq!(told("psql -c 'DROP TABLE x'"), "psql DROP");
    }

    proptest::proptest! {
        #[test]
        fn wrappers_hide_nothing(wrappers in proptest::collection::vec(proptest::sample::select(WRAPPERS), 0..6), quoted: bool) {
            let mut argv: Vec<BString> = wrappers.into_iter().map(BString::from).collect();
            if quoted {
                argv.extend(["sh".into(), "-c".into(), "cd /x; rm -rf y".into()]);
            } else {
                argv.extend(["rm".into(), "-rf".into(), "y".into()]);
            }
            proptest::prop_assert!(danger(&argv).is_some());
        }

        #[test]
        fn any_bytes_are_looked_through_without_panic(argv in proptest::collection::vec(proptest::collection::vec(proptest::prelude::any::<u8>(), 0..20), 0..8)) {
            let argv: Vec<BString> = argv.into_iter().map(BString::from).collect();
            let _ = danger(&argv);
        }
    }
}
