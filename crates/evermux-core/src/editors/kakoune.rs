//! What a Kakoune tells of itself. Its own client (`kak -p`) brings it commands of ours and ends at once; what they write into
//! a private folder is read. Nothing stays behind: no option, no register, no message (tried with Kakoune 2022.10).

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bstr::{BString, ByteSlice};

use super::secret::is_secret;
use super::wire::WireError;
use super::{Answer, Held, HeldText, Question, read};
use crate::model::{BlockId, LeftOut};
use crate::procs::{Listening, connected, listening};
use crate::text::quote::{kakoune_string, shell_word};

/// How long all that is asked may take. It answers in 12 ms, most of which its client needs to start.
const LIMIT: Duration = Duration::from_millis(300);

/// Text above this (bytes) is not kept.
const LARGEST: u64 = 5 << 20;

/// Most buffers that are opened again.
const MOST: usize = 1000;

/// Collects the name of the state that was restored, and all buffers, in register `e`.
const LIST: &str = "\
try %{ set-register e %opt{evermux_restored} } catch %{ set-register e '' }
evaluate-commands -buffer * %{ evaluate-commands -draft %{
    execute-keys ge
    set-register e %reg{e} buffer %val{bufname} %val{buffile} %val{modified} %val{timestamp} %val{cursor_byte_offset}
} }
";

/// The same of a client, if there is one of this name.
const CLIENT: &str = "\
try %{ evaluate-commands -client clientNUMBER %{
    set-register e %reg{e} client %val{client_pid} %val{buffile} %val{cursor_line} %val{cursor_column}
} }
";

/// A buffer with a file.
#[derive(Debug, PartialEq, Eq)]
struct Buffer {
    name: BString,
    file: BString,
    modified: bool,
    bytes: u64,
}

/// Where a client stands.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    file: BString,
    line: BString,
    column: BString,
}

/// Asks. What it writes goes to `folder`, a private one.
pub fn ask(question: &Question, folder: &Path, _uid: u32) -> Result<Answer, WireError> {
    let Some(server) = find(question) else { return Ok(Answer::Unknown) };
    let until = Instant::now() + LIMIT;
    let file = folder.join("told");
    let mut list = LIST.to_owned();
    list.extend((0..10).map(|client: u32| CLIENT.replace("NUMBER", &client.to_string())));
    let list = [list.as_bytes(), b"echo -quoting kakoune -to-file ", &word(&file), b" -- %reg{e}\n"].concat();
    tell(&server, &list, folder, until)?;
    let told = read(&file).ok_or(WireError::Nonsense)?;
    let items = unquoted(&told).ok_or(WireError::Nonsense)?;
    if question.restored.as_ref().is_some_and(|name| items.first().is_none_or(|own| own != name.as_str())) {
        return Ok(Answer::Late("it is still coming back".to_owned()));
    }
    let fingerprint = BlockId::of(&told).to_string();
    if question.known.as_ref() == Some(&fingerprint) {
        return Ok(Answer::Same);
    }
    let (buffers, place) = parse(&items, question.pid);
    held(buffers, &place, fingerprint, server, folder, until).map(|held| Answer::Held(Box::new(held)))
}

/// Its own socket, or that of the one whose client it is.
fn find(question: &Question) -> Option<Listening> {
    listening(&[question.pid]).into_iter().next().or_else(|| {
        let path = connected(question.pid).into_iter().next()?;
        Some(Listening { pid: question.pid, path })
    })
}

/// What is kept of these buffers; fetches the text that is in no file.
fn held(
    buffers: Vec<Buffer>,
    place: &Place,
    fingerprint: String,
    server: Listening,
    folder: &Path,
    until: Instant,
) -> Result<Held, WireError> {
    let mut session: Vec<u8> = Vec::new();
    let mut add = |item: &[u8]| session.extend([item, b"\0"].concat());
    [&place.file, &place.line, &place.column].into_iter().for_each(|item| add(item));
    let (mut script, mut wanted, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for buffer in buffers.into_iter().take(MOST) {
        add(&buffer.file);
        let reason = match buffer.bytes {
            _ if is_secret(&buffer.file) => Some("files like this hold secrets"),
            bytes if bytes > LARGEST => Some("it is too large"),
            _ => None,
        };
        match reason {
            _ if !buffer.modified => add(b""),
            Some(reason) => {
                add(b"");
                left_out.push(LeftOut { name: buffer.file, reason: reason.to_owned() });
            }
            None => {
                let number = wanted.len() + 1;
                add(number.to_string().as_bytes());
                let file = word(&folder.join(format!("text{number}")));
                let write = [b"execute-keys '%'\necho -to-file ", file.as_slice(), b" -- %val{selection}"];
                let draft = [b"evaluate-commands -draft ", block(&write).as_slice()].concat();
                let (name, draft) = (block(&[&buffer.name]), block(&[&draft]));
                let write = block(&[b"evaluate-commands -buffer ", &name, b" ", &draft]);
                script.extend([b"try ", write.as_slice(), b"\n"].concat());
                wanted.push(buffer.file);
            }
        }
    }
    if !wanted.is_empty() {
        tell(&server, &script, folder, until)?;
    }
    let mut unsaved = Vec::new();
    for (number, name) in (1..).zip(wanted) {
        let text = read(&folder.join(format!("text{number}"))).ok_or(WireError::Nonsense)?;
        unsaved.push(HeldText { name, text, undo: None });
    }
    let server = Some(server);
    Ok(Held { told: None, fingerprint, server, session, state: Vec::new(), unsaved, left_out })
}

/// Buffers with a file, and where the client `pid` stands; if none is it, the first.
fn parse(items: &[BString], pid: u32) -> (Vec<Buffer>, Place) {
    let (mut buffers, mut places) = (Vec::new(), Vec::new());
    let mut rest = items.get(1..).unwrap_or_default();
    while let [kind, one, two, three, four, others @ ..] = rest {
        if kind == "client" {
            let place = Place { file: two.clone(), line: three.clone(), column: four.clone() };
            places.push((*one == pid.to_string(), place));
            rest = others;
        } else {
            let bytes =
                others.first().and_then(|bytes| bytes.to_str().ok()?.parse().ok()).unwrap_or(u64::MAX);
            if !two.is_empty() {
                buffers.push(Buffer {
                    name: one.clone(),
                    file: two.clone(),
                    modified: three == "true",
                    bytes,
                });
            }
            rest = others.get(1..).unwrap_or_default();
        }
    }
    let own = places.iter().position(|(own, _)| *own).unwrap_or(0);
    let place = if places.is_empty() { Place::default() } else { places.swap_remove(own).1 };
    (buffers, place)
}

/// Has the server at this socket run commands, and waits until it has.
fn tell(server: &Listening, commands: &[u8], folder: &Path, until: Instant) -> Result<(), WireError> {
    let (name, place) =
        (server.path.file_name().ok_or(WireError::Nonsense)?, place_of_sessions(&server.path));
    let done = folder.join("done");
    let commands = block(&[commands]);
    let script = [
        b"evaluate-commands -no-hooks -save-regs e ",
        commands.as_slice(),
        b"\necho -to-file ",
        &word(&done),
        b" -- done\n",
    ]
    .concat();
    // Its very own program: another version may not talk to it.
    let mut client = Command::new(format!("/proc/{}/exe", server.pid));
    client.arg0("kak").arg("-p").arg(name).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    client.env_remove("XDG_RUNTIME_DIR").env_remove("TMPDIR").envs(place);
    let mut client = client.spawn()?;
    let written = client.stdin.take().map_or(Ok(()), |mut input| input.write_all(&script));
    while written.is_ok() && !done.exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(2));
    }
    // It has ended long since, or is not to go on.
    let _ = client.kill();
    let _ = client.wait();
    written?;
    match std::fs::remove_file(done) {
        Ok(()) => Ok(()),
        Err(_) => Err(WireError::Io(io::ErrorKind::TimedOut.into())),
    }
}

/// The variable that leads a client to this socket: `$XDG_RUNTIME_DIR/kakoune/NAME`, else `$TMPDIR/kakoune-USER/NAME`.
fn place_of_sessions(socket: &Path) -> Option<(&'static str, PathBuf)> {
    let folder = socket.parent()?;
    let variable = if folder.file_name()? == "kakoune" { "XDG_RUNTIME_DIR" } else { "TMPDIR" };
    Some((variable, folder.parent()?.to_owned()))
}

fn word(path: &Path) -> BString {
    kakoune_string(path.as_os_str().as_encoded_bytes())
}

/// One word for Kakoune: a text, or commands that are run later.
fn block(parts: &[&[u8]]) -> BString {
    kakoune_string(&parts.concat())
}

/// The words of a list in single quotes, as `-quoting kakoune` prints them; none if it is not one.
fn unquoted(list: &[u8]) -> Option<Vec<BString>> {
    let mut words = Vec::new();
    let mut rest = list.trim_ascii();
    while !rest.is_empty() {
        rest = rest.strip_prefix(b"'")?;
        let mut word = BString::default();
        loop {
            let end = rest.find_byte(b'\'')?;
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            if !rest.starts_with(b"'") {
                break;
            }
            word.push(b'\'');
            rest = &rest[1..];
        }
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    Some(words)
}

/// The commands that bring a state back: from what was kept of its buffers, and `unsaved` texts, in a folder.
pub fn restore(session: &[u8], unsaved: usize, folder: &Path) -> Vec<u8> {
    let mut items = session.split(|byte| *byte == 0);
    let mut next = || items.next().unwrap_or_default();
    let (current, line, column) = (next(), next(), next());
    let mut script = b"# Brings back what evermux has kept of this Kakoune. Files are only read.\n".to_vec();
    let mut try_to = |parts: &[&[u8]]| script.extend([b"try ", block(parts).as_slice(), b"\n"].concat());
    let edit = |file: &[u8]| [b"edit -- ", kakoune_string(file).as_slice()].concat();
    loop {
        let (file, number) = (next(), next());
        if file.is_empty() {
            break;
        }
        let number: usize = number.to_str().ok().and_then(|number| number.parse().ok()).unwrap_or(0);
        if (1..=unsaved).contains(&number) {
            let text = word(&folder.join(format!("text{number}")));
            let put = block(&[b"set-register e %file", &text, b"\nexecute-keys '%\"eR'"]);
            try_to(&[&edit(file), b"\nevaluate-commands -save-regs e ", &put]);
        } else {
            try_to(&[&edit(file)]);
        }
    }
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    if !current.is_empty() && is_number(line) && is_number(column) {
        try_to(&[&edit(current), b" ", line, b" ", column]);
    }
    try_to(&[b"delete-buffer *scratch*"]);
    let name = folder.file_name().unwrap_or_default().as_encoded_bytes();
    try_to(&[b"declare-option -hidden str evermux_restored ", &kakoune_string(name)]);
    // It is all here now, and in the store.
    if let Ok(folder) = shell_word(folder.as_os_str().as_encoded_bytes()) {
        try_to(&[b"nop %sh", &block(&[b"rm -rf -- ", &folder])]);
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_kakoune_quotes_them() {
        let words =
            |list: &[u8]| unquoted(list).map(|words| BString::from(bstr::join("|", words)).to_string());
        assert_eq!(words(b"'' 'a' 'it''s %x{' '\n'").as_deref(), Some("|a|it's %x{|\n"));
        assert_eq!(words(b"'''' 'b'").as_deref(), Some("'|b"));
        assert_eq!((words(b"'open"), words(b"a")), (None, None));
    }

    #[test]
    fn buffers_and_the_own_client_are_found() {
        let list = b"'' 'buffer' 'a' '/h/a' 'true' '3' '12' 'buffer' '*debug*' '' 'false' '0' '9' \
            'client' '5' '/h/b' '1' '1' 'client' '7' '/h/a' '2' '4'";
        let (buffers, place) = parse(&unquoted(list).expect("a list"), 7);
        let a = Buffer { name: "a".into(), file: "/h/a".into(), modified: true, bytes: 12 };
        assert_eq!(buffers, [a]);
        assert_eq!(place, Place { file: "/h/a".into(), line: "2".into(), column: "4".into() });
    }

    #[test]
    fn names_are_data_in_what_brings_buffers_back() {
        let session = b"/h/it's} %sh{evil}\x003\x007\0/h/it's} %sh{evil}\x001\0/h/b\0\0";
        let script = restore(session, 1, Path::new("/s/editors/0123456789abcdef"));
        insta::assert_snapshot!(script.to_str_lossy(), @r#"
        # Brings back what evermux has kept of this Kakoune. Files are only read.
        try 'edit -- ''/h/it''''s} %sh{evil}''
        evaluate-commands -save-regs e ''set-register e %file''''/s/editors/0123456789abcdef/text1''''
        execute-keys ''''%"eR'''''''
        try 'edit -- ''/h/b'''
        try 'edit -- ''/h/it''''s} %sh{evil}'' 3 7'
        try 'delete-buffer *scratch*'
        try 'declare-option -hidden str evermux_restored ''0123456789abcdef'''
        try 'nop %sh''rm -rf -- /s/editors/0123456789abcdef'''
        "#);
    }
}
