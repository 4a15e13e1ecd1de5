//! What a shell is told to do at its first prompt after a restore: a few lines of its own language.

use bstr::{BString, ByteSlice};

use super::Integrated;
use crate::model::ShellState;
use crate::text::quote::{NulByte, fish_word, shell_word};

/// What a shell takes back at its first prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FirstPrompt {
    /// Its directories and variables. Whoever asks has looked whether what would be run for a variable may be.
    pub state: ShellState,
    /// A file in the form of this shell's history ([`super::as_file`]).
    pub history: Option<BString>,
}

/// What a shell is told. Nushell is told nothing.
///
/// # Errors
/// [`NulByte`].
pub fn code(shell: Integrated, first: &FirstPrompt) -> Result<BString, NulByte> {
    match shell {
        Integrated::Bash | Integrated::Zsh => posix(shell, first),
        Integrated::Fish => fish(&first.state),
        Integrated::Nu => Ok(BString::default()),
    }
}

fn posix(shell: Integrated, first: &FirstPrompt) -> Result<BString, NulByte> {
    let mut code = Code::default();
    let ShellState { previous, directories, variables } = &first.state;
    match previous {
        // `cd -` of zsh knows where it was itself, whatever the variable says. With `-q` no hook hears of it.
        Some(previous) if shell == Integrated::Zsh => {
            let there = shell_word(previous)?;
            code.line(&[b"builtin cd -q ", &there, b" 2>/dev/null && builtin cd -q \"$OLDPWD\""]);
        }
        Some(previous) => code.line(&[b"OLDPWD=", &shell_word(previous)?]),
        None => {}
    }
    if shell == Integrated::Zsh {
        let words: Result<Vec<_>, _> = directories.iter().map(|path| shell_word(path)).collect();
        code.line(&[b"dirstack=(", &words?.join(&b' '), b")"]);
    } else {
        // With `-n` it goes nowhere: nothing is asked of the file system.
        for path in directories.iter().rev() {
            code.line(&[b"builtin pushd -n ", &shell_word(path)?, b" >/dev/null"]);
        }
    }
    for entry in variables {
        let Some(value) = &entry.value else { continue };
        let (name, word) = (entry.name.as_slice(), shell_word(value)?);
        let activate: Vec<u8> = match name {
            b"VIRTUAL_ENV" => {
                [&b". "[..], &shell_word(&[value.as_slice(), b"/bin/activate"].concat())?].concat()
            }
            b"CONDA_PREFIX" => {
                [&b"! type conda >/dev/null 2>&1 || conda activate "[..], &word, b" >/dev/null"].concat()
            }
            b"NVM_BIN" => match node_version(value) {
                Some(version) => {
                    let words = b"! type nvm >/dev/null 2>&1 || nvm use --silent ";
                    [&words[..], version.as_bytes(), b" >/dev/null"].concat()
                }
                None => continue,
            },
            // Atuin makes a session of its own for each shell: where there is one, it is the pane's again.
            b"ATUIN_SESSION" => {
                code.line(&[b"[ -z \"${ATUIN_SESSION-}\" ] || export ATUIN_SESSION=", &word]);
                continue;
            }
            _ => {
                code.line(&[b"export ", name, b"=", &word]);
                continue;
            }
        };
        code.line(&[b"[ \"${", name, b"-}\" = ", &word, b" ] || ", &activate]);
    }
    if let Some(file) = &first.history {
        let read: &[u8] = match shell {
            // The variable makes it read the times, by which it knows commands of several lines.
            Integrated::Bash => b"HISTTIMEFORMAT= builtin history -r ",
            _ => b"builtin fc -R ",
        };
        // Atuin has a history of its own behind the same keys.
        code.line(&[b"[ -n \"${ATUIN_SESSION-}\" ] || ", read, &shell_word(file)?]);
    }
    Ok(code.0)
}

fn fish(state: &ShellState) -> Result<BString, NulByte> {
    let mut code = Code::default();
    let ShellState { previous, directories, variables } = state;
    if let Some(previous) = previous {
        code.line(&[b"set -g dirprev ", &fish_word(previous)?]);
    }
    if !directories.is_empty() {
        let words: Result<Vec<_>, _> = directories.iter().map(|path| fish_word(path)).collect();
        code.line(&[b"set -g dirstack ", &words?.join(&b' ')]);
    }
    for entry in variables {
        let Some(value) = &entry.value else { continue };
        let (name, word) = (entry.name.as_slice(), fish_word(value)?);
        match name {
            b"VIRTUAL_ENV" => {
                let script = fish_word(&[value.as_slice(), b"/bin/activate.fish"].concat())?;
                code.line(&[b"test \"$VIRTUAL_ENV\" = ", &word, b"; or source ", &script]);
            }
            b"CONDA_PREFIX" => {
                let test = b"test \"$CONDA_PREFIX\" = ";
                code.line(&[test, &word, b"; or not type -q conda; or conda activate ", &word]);
            }
            // nvm is no program of fish's.
            b"NVM_BIN" => {}
            b"ATUIN_SESSION" => {
                code.line(&[b"test -z \"$ATUIN_SESSION\"; or set -gx ATUIN_SESSION ", &word]);
            }
            _ => code.line(&[b"set -gx ", name, b" ", &word]),
        }
    }
    Ok(code.0)
}

/// The version in `…/versions/node/v18.1.0/bin`.
fn node_version(path: &BString) -> Option<&str> {
    let folder = path.strip_suffix(b"/bin")?.rsplit_str("/").next()?.to_str().ok()?;
    let numbers = folder.strip_prefix('v')?;
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    (!numbers.is_empty() && numbers.chars().all(plain)).then_some(folder)
}

#[derive(Default)]
struct Code(BString);

impl Code {
    fn line(&mut self, parts: &[&[u8]]) {
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
        self.0.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EnvironmentEntry;

    fn told(shell: Integrated) -> String {
        let variable =
            |name: &str, value: &str| EnvironmentEntry { name: name.into(), value: Some(value.into()) };
        let variables = vec![
            variable("VIRTUAL_ENV", "/it's/v"),
            variable("CONDA_PREFIX", "/c/envs/x"),
            variable("NVM_BIN", "/n/versions/node/v18.1.0/bin"),
            variable("AWS_PROFILE", "$(id)"),
            variable("ATUIN_SESSION", "0193"),
        ];
        let state = ShellState {
            previous: Some("/a b".into()),
            directories: vec!["/x".into(), "/y\n;id".into()],
            variables,
        };
        code(shell, &FirstPrompt { state, history: Some("/h/7.3".into()) }).unwrap().to_string()
    }

    #[test]
    fn everything_saved_is_a_word() {
        insta::assert_snapshot!(told(Integrated::Bash), @r#"
        OLDPWD='/a b'
        builtin pushd -n '/y
        ;id' >/dev/null
        builtin pushd -n /x >/dev/null
        [ "${VIRTUAL_ENV-}" = "/it's/v" ] || . "/it's/v/bin/activate"
        [ "${CONDA_PREFIX-}" = /c/envs/x ] || ! type conda >/dev/null 2>&1 || conda activate /c/envs/x >/dev/null
        [ "${NVM_BIN-}" = /n/versions/node/v18.1.0/bin ] || ! type nvm >/dev/null 2>&1 || nvm use --silent v18.1.0 >/dev/null
        export AWS_PROFILE='$(id)'
        [ -z "${ATUIN_SESSION-}" ] || export ATUIN_SESSION=0193
        [ -n "${ATUIN_SESSION-}" ] || HISTTIMEFORMAT= builtin history -r /h/7.3
        "#);
        insta::assert_snapshot!(told(Integrated::Zsh).lines().filter(|line| {
            line.contains("cd") || line.contains("dirstack") || line.contains("fc -R")
        }).collect::<Vec<_>>().join("\n"), @r#"
        builtin cd -q '/a b' 2>/dev/null && builtin cd -q "$OLDPWD"
        dirstack=(/x '/y
        [ -n "${ATUIN_SESSION-}" ] || builtin fc -R /h/7.3
        "#);
        insta::assert_snapshot!(told(Integrated::Fish), @r#"
        set -g dirprev '/a b'
        set -g dirstack '/x' '/y
        ;id'
        test "$VIRTUAL_ENV" = '/it\'s/v'; or source '/it\'s/v/bin/activate.fish'
        test "$CONDA_PREFIX" = '/c/envs/x'; or not type -q conda; or conda activate '/c/envs/x'
        set -gx AWS_PROFILE '$(id)'
        test -z "$ATUIN_SESSION"; or set -gx ATUIN_SESSION '0193'
        "#);
    }

    #[test]
    fn versions_of_node_are_plain() {
        let version = |path: &str| node_version(&path.into()).map(str::to_owned);
        assert_eq!(version("/n/v20.11.1/bin").as_deref(), Some("v20.11.1"));
        for other in ["/n/v20;id/bin", "/n/node/bin", "/n/v/bin", "/n/v20.11.1", "bin"] {
            assert_eq!(version(other), None, "{other}");
        }
    }
}
