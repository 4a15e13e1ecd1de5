//! Which rc file of a shell gets the line of its integration, and that line. Pure.

use std::path::{Path, PathBuf};

use evermux_core::shell::Integrated;
use evermux_core::text::quote::{fish_word, shell_word};

/// What decides where rc files are.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The home folder.
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME`, or what stands for it.
    pub config: PathBuf,
    /// `$ZDOTDIR`, or what stands for it.
    pub zsh: PathBuf,
}

/// The rc file of interactive shells; none for Nushell, which cannot read what a command prints.
pub fn path(shell: Integrated, folders: &Folders) -> Option<PathBuf> {
    match shell {
        Integrated::Bash => Some(folders.home.join(".bashrc")),
        Integrated::Zsh => Some(folders.zsh.join(".zshrc")),
        Integrated::Fish => Some(folders.config.join("fish/config.fish")),
        Integrated::Nu => None,
    }
}

/// All rc files that may have such a line.
pub fn all(folders: &Folders) -> impl Iterator<Item = PathBuf> + '_ {
    [Integrated::Bash, Integrated::Zsh, Integrated::Fish].into_iter().filter_map(|shell| path(shell, folders))
}

/// The line; it does nothing where evermux is not there any more. None if the path of evermux is no text.
pub fn line(shell: Integrated, program: &Path) -> Option<String> {
    let bytes = program.to_str()?.as_bytes();
    let posix = || String::from_utf8(shell_word(bytes).ok()?).ok();
    Some(match shell {
        Integrated::Bash | Integrated::Zsh => {
            let name = if shell == Integrated::Bash { "bash" } else { "zsh" };
            let program = posix()?;
            format!("[ ! -x {program} ] || eval \"$({program} shell-init {name})\"\n")
        }
        Integrated::Fish => {
            let program = String::from_utf8(fish_word(bytes).ok()?).ok()?;
            format!("test -x {program}; and {program} shell-init fish | source\n")
        }
        Integrated::Nu => "evermux shell-init nu | save -f ~/.config/nushell/evermux.nu; then in config.nu: \
                           source ~/.config/nushell/evermux.nu\n"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_files() {
        let folders = Folders { home: "/h".into(), config: "/h/.config".into(), zsh: "/h/z".into() };
        let files: Vec<String> = all(&folders).map(|path| path.display().to_string()).collect();
        assert_eq!(files, ["/h/.bashrc", "/h/z/.zshrc", "/h/.config/fish/config.fish"]);
        assert!(path(Integrated::Nu, &folders).is_none());
        let of = |shell| line(shell, Path::new("/a b/evermux")).unwrap();
        assert_eq!(
            of(Integrated::Zsh),
            "[ ! -x '/a b/evermux' ] || eval \"$('/a b/evermux' shell-init zsh)\"\n"
        );
        assert_eq!(
            of(Integrated::Fish),
            "test -x '/a b/evermux'; and '/a b/evermux' shell-init fish | source\n"
        );
    }
}
