//! Which handler the process with these words belongs to.

use bstr::{BString, ByteSlice};

use super::{Handler, Handlers};

/// A program that a handler knows, and how it was called.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The handler.
    pub handler: &'a Handler,
    /// The words after the program's own name.
    pub arguments: &'a [BString],
}

impl Handlers {
    /// The handler of a process by its words: the name of its file, or of the script that an interpreter runs. `names` are
    /// other names of the process: what the kernel calls it, the file it executes.
    pub fn recognise<'a>(&'a self, argv: &'a [BString], names: &[&[u8]]) -> Option<Invocation<'a>> {
        self.invocation(argv, names).filter(|invocation| !invocation.is_excluded())
    }

    /// The same, also for uses that the handler is not for.
    pub fn invocation<'a>(&'a self, argv: &'a [BString], names: &[&[u8]]) -> Option<Invocation<'a>> {
        let own = file_name(argv.first()?);
        if let Some(handler) = self.of_program(own) {
            return Some(Invocation { handler, arguments: &argv[1..] });
        }
        match script(own, &argv[1..]) {
            Script::At(position) => {
                let handler = self.of_program(without_extension(file_name(&argv[1 + position])))?;
                Some(Invocation { handler, arguments: &argv[position + 2..] })
            }
            Script::None => None,
            Script::NoInterpreter => {
                let handler = names.iter().find_map(|name| self.of_program(file_name(name)))?;
                Some(Invocation { handler, arguments: &argv[1..] })
            }
        }
    }
}

impl Invocation<'_> {
    /// Whether it does something else than what its handler is for.
    fn is_excluded(&self) -> bool {
        let unless = &self.handler.unless;
        let flag = |word: &BString| {
            let name = word.split_str("=").next().unwrap_or(word);
            unless.flags.iter().any(|flag| flag.0.as_bytes() == name)
        };
        let before_end = self.arguments.iter().take_while(|word| *word != "--");
        if before_end.clone().any(flag) {
            return true;
        }
        let first = self.handler.arguments.operands(self.arguments).into_iter().next();
        first.is_some_and(|first| unless.subcommands.iter().any(|word| word.0.as_bytes() == first.as_slice()))
    }
}

enum Script {
    /// The position of the script among the arguments.
    At(usize),
    /// An interpreter without a script.
    None,
    NoInterpreter,
}

/// Where an interpreter's script stands.
fn script(interpreter: &[u8], arguments: &[BString]) -> Script {
    // Flags that take the next word, and words before the script that are none.
    let (valued, skipped): (&[&str], &[&str]) = match interpreter {
        b"node" | b"nodejs" => {
            (&["-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"], &[])
        }
        b"bun" | b"deno" => (&["--preload", "-r", "--config", "--cwd"], &["run", "x"]),
        b"sh" | b"bash" | b"dash" | b"zsh" | b"ksh" => (&["-o", "-O", "--rcfile", "--init-file"], &[]),
        b"env" => (&["-u", "--unset", "-C", "--chdir", "-S"], &[]),
        name if name.starts_with(b"python") || name.starts_with(b"pypy") => (&["-W", "-X"], &[]),
        _ => return Script::NoInterpreter,
    };
    let is = |words: &[&str], word: &BString| words.iter().any(|known| known.as_bytes() == word.as_slice());
    let mut position = 0;
    while let Some(word) = arguments.get(position) {
        position += match word.as_slice() {
            b"-c" | b"-e" | b"--eval" | b"-p" | b"--print" => return Script::None,
            // A module of Python is a program by its own name.
            b"-m" if interpreter.starts_with(b"py") => 1,
            _ if is(valued, word) => 2,
            [b'-', ..] => 1,
            _ if interpreter == b"env" && word.contains(&b'=') => 1,
            _ if is(skipped, word) => 1,
            _ => return Script::At(position),
        };
    }
    Script::None
}

/// The file's name of a path, without the dash of a login shell and the `.exe` of programs that are built for several
/// systems.
fn file_name(path: &[u8]) -> &[u8] {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let name = name.strip_prefix(b"-").unwrap_or(name);
    name.strip_suffix(b".exe").unwrap_or(name)
}

fn without_extension(name: &[u8]) -> &[u8] {
    let extensions = [&b".js"[..], b".mjs", b".cjs", b".ts", b".py"];
    extensions.iter().find_map(|extension| name.strip_suffix(*extension)).unwrap_or(name)
}
