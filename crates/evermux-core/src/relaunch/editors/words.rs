//! The words that an editor is started with to get back what it held, and the words it had before.

use std::path::Path;

use bstr::{BString, ByteSlice};

use super::{Tool, is_emacs_client};
use crate::text::quote::{elisp_string, kakoune_string};

/// Keeps auto-session from bringing back its own: 0 is not enough for it.
const WITHOUT_AUTO_SESSION: &str = "let g:auto_session_enabled=v:false";

/// The words that bring back what an editor of these words held: from the file `restore`. `is_free`: whether nothing is at the
/// path of a socket.
pub fn with_state(
    tool: Tool,
    argv: &[BString],
    restore: &Path,
    is_free: &dyn Fn(&BString) -> bool,
) -> Vec<BString> {
    let arguments = &argv[1.min(argv.len())..];
    let mut words = vec![argv.first().cloned().unwrap_or_else(|| tool.as_str().into())];
    let path = restore.as_os_str().as_encoded_bytes();
    match tool {
        Tool::Nvim => {
            words.extend(nvim_flags(arguments, is_free));
            words.extend(["--cmd".into(), WITHOUT_AUTO_SESSION.into(), "-S".into(), path.into()]);
        }
        Tool::Vim => {
            words.extend(nvim_flags(arguments, &|_| false));
            words.extend(["-S".into(), path.into()]);
        }
        Tool::Emacs if is_emacs_client(argv) => {
            words.extend(plain_flags(arguments, EMACSCLIENT_FLAGS, EMACSCLIENT_VALUES));
            let load = [b"(load ", elisp_string(path).as_slice(), b" nil t t)"].concat();
            words.extend(["-a".into(), "".into(), "-e".into(), load.into()]);
        }
        Tool::Emacs => {
            words.extend(plain_flags(arguments, EMACS_FLAGS, &[]));
            words.extend(["-l".into(), path.into()]);
        }
        Tool::Kakoune => {
            words.extend(plain_flags(arguments, &["-n", "-ro"], &[]));
            let source = [b"source ", kakoune_string(path).as_slice()].concat();
            words.extend(["-e".into(), source.into()]);
        }
    }
    words
}

const EMACS_FLAGS: &[&str] = &[
    "-nw",
    "--no-window-system",
    "-q",
    "-Q",
    "--quick",
    "--no-init-file",
    "--no-splash",
    "-nsl",
    "--no-site-lisp",
];
const EMACSCLIENT_FLAGS: &[&str] = &["-t", "-nw", "--tty", "-q", "--quiet"];
const EMACSCLIENT_VALUES: &[&str] = &["-s", "--socket-name"];

/// The words that show what an editor holds that has outlived its pane; none if it cannot be shown again.
pub fn attached_again(tool: Tool, argv: &[BString], socket: &Path) -> Option<Vec<BString>> {
    let program = argv.first().cloned().unwrap_or_else(|| tool.as_str().into());
    let words = || {
        vec![program, "--server".into(), socket.as_os_str().as_encoded_bytes().into(), "--remote-ui".into()]
    };
    // A client of Emacs is started with its state anyway, which sees whether that is there.
    (tool == Tool::Nvim).then(words)
}

/// The socket of the Neovim that these words show.
pub fn attached(argv: &[BString]) -> Option<&BString> {
    let server = argv.windows(2).find(|pair| pair[0] == "--server")?;
    argv.iter().any(|word| word == "--remote-ui").then(|| &server[1])
}

/// Flags of Neovim that say how it works; what it opens is in its state.
fn nvim_flags(arguments: &[BString], is_free: &dyn Fn(&BString) -> bool) -> Vec<BString> {
    let mut kept: Vec<BString> = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_slice() {
            b"--" => break,
            b"-u" | b"-i" => kept.extend([Some(word.clone()), words.next().cloned()].into_iter().flatten()),
            b"--listen" => {
                if let Some(path) = words.next().filter(|path| is_free(path)) {
                    kept.extend([word.clone(), path.clone()]);
                }
            }
            b"--cmd" | b"-c" | b"-S" | b"-t" | b"-q" | b"-s" | b"-w" | b"-W" | b"-r" | b"--server" => {
                words.next();
            }
            b"--clean" | b"--noplugin" => kept.push(word.clone()),
            [b'-', letters @ ..]
                if !letters.is_empty() && letters.iter().all(|it| b"nRmMbAHZ".contains(it)) =>
            {
                kept.push(word.clone());
            }
            _ => {}
        }
    }
    kept
}

/// Those of the arguments that are among these flags, or have a value of their own.
fn plain_flags(arguments: &[BString], flags: &[&str], values: &[&str]) -> Vec<BString> {
    let mut kept = Vec::new();
    let mut words = arguments.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let is = |known: &&str| word == *known;
        let with_value = |known: &&str| {
            known.starts_with("--")
                && word.strip_prefix(known.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
        };
        if flags.iter().any(is) || values.iter().any(with_value) {
            kept.push(word.clone());
        } else if values.iter().any(is) {
            kept.extend([Some(word.clone()), words.next().cloned()].into_iter().flatten());
        }
    }
    kept
}

/// The name of the state that these words bring back, if a restore of ours has made them.
pub fn restored(argv: &[BString]) -> Option<String> {
    argv.windows(2).filter(|pair| pair[0] == "-S" || pair[0] == "-l" || pair[0] == "-e").find_map(|pair| {
        let ends = ["/restore.lua", "/restore.vim", "/restore.el\" nil t t)", "/restore.el", "/restore.kak'"];
        let folder = ends.iter().find_map(|end| pair[1].strip_suffix(end.as_bytes()))?;
        let mut parts = folder.rsplit_str("/");
        let (name, folder) = (parts.next()?, parts.next()?);
        let is_name = name.len() == 16 && name.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        (is_name && folder == b"editors").then(|| name.to_str_lossy().into_owned())
    })
}

/// The same words without those that a restore of ours has added.
pub fn without_restore(argv: &[BString]) -> Vec<BString> {
    let is_ours = |pair: &[BString]| match pair {
        [flag, value] => {
            (flag == "--cmd" && value == WITHOUT_AUTO_SESSION)
                || (flag == "-a" && value.is_empty())
                || restored(pair).is_some()
        }
        _ => false,
    };
    let mut kept = Vec::new();
    let mut rest = argv;
    while let Some(word) = rest.first() {
        if rest.get(..2).is_some_and(is_ours) {
            rest = &rest[2..];
        } else {
            kept.push(word.clone());
            rest = &rest[1..];
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<BString> {
        line.split(' ').map(BString::from).collect()
    }

    #[test]
    fn flags_of_neovim_are_kept_what_it_opened_is_not() {
        let of = |line: &str| {
            let again = with_state(
                Tool::Nvim,
                &words(line),
                Path::new("/s/editors/0123456789abcdef/restore.lua"),
                &|path| path == "/free",
            );
            assert_eq!(restored(&again).as_deref(), Some("0123456789abcdef"), "{line}");
            let shown = without_restore(&again);
            assert_eq!(restored(&shown), None);
            bstr::join(" ", shown).into_iter().map(char::from).collect::<String>()
        };
        assert_eq!(of("nvim"), "nvim");
        assert_eq!(of("/usr/bin/nvim -nR a.txt +12 -u rc -c x --cmd y -S s b"), "/usr/bin/nvim -nR -u rc");
        assert_eq!(of("nvim --clean -i NONE --listen /free -- -R"), "nvim --clean -i NONE --listen /free");
        assert_eq!(of("nvim --listen /taken -d a b - --embed"), "nvim");
        assert_eq!(restored(&words("nvim -S /s/editors/x/restore.lua")), None);
        assert_eq!(restored(&words("nvim -S Session.vim")), None);
    }

    #[test]
    fn what_shows_another_neovim_is_known() {
        let argv =
            attached_again(Tool::Nvim, &words("nvim x"), Path::new("/run/nvim.1.0")).expect("it shows");
        assert_eq!(argv, words("nvim --server /run/nvim.1.0 --remote-ui"));
        assert_eq!(attached(&argv).map(|path| path.to_string()).as_deref(), Some("/run/nvim.1.0"));
        assert_eq!(attached(&words("nvim --server x --remote-expr y")), None);
    }

    #[test]
    fn emacs_and_kakoune_keep_what_says_how_they_work() {
        let of = |tool, line: &str| {
            let restore = Path::new("/it's/editors/0123456789abcdef").join(Tool::restore_file(tool));
            let again = with_state(tool, &words(line), &restore, &|_| true);
            assert_eq!(restored(&again).as_deref(), Some("0123456789abcdef"), "{again:?}");
            assert_eq!(restored(&without_restore(&again)), None);
            (
                again[again.len() - 1].to_string(),
                bstr::join(" ", without_restore(&again)).to_str_lossy().into_owned(),
            )
        };
        let file = "/it's/editors/0123456789abcdef/restore.el";
        assert_eq!(of(Tool::Emacs, "emacs -nw -Q +12 a b --eval x"), (file.into(), "emacs -nw -Q".into()));
        let (load, client) = of(Tool::Emacs, "emacsclient -t -s work --socket-name=x -e (evil) a");
        assert_eq!(load, format!("(load \"{file}\" nil t t)"));
        assert_eq!(client, "emacsclient -t -s work --socket-name=x");
        let vim = of(Tool::Vim, "vim -u rc -R +12 a -c evil b");
        assert_eq!(vim, ("/it's/editors/0123456789abcdef/restore.vim".into(), "vim -u rc -R".into()));
        let (source, kak) = of(Tool::Kakoune, "kak -n a -e evil -s name +3 b");
        assert_eq!(source, "source '/it''s/editors/0123456789abcdef/restore.kak'");
        assert_eq!(kak, "kak -n");
    }
}
