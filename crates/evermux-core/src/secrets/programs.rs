//! Secrets among the words of a command: flags of any program, and those of certain programs.

use bstr::ByteSlice;

use super::names;
use super::shapes::{self, Context};
use super::{Marks, line};

/// One argument, and which of its bytes are secret.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) value: Vec<u8>,
    pub(super) marks: Marks,
}

impl Word {
    pub(super) fn new(value: &[u8]) -> Self {
        Self { value: value.to_vec(), marks: Marks::new(value) }
    }

    pub(super) fn masked(&self) -> bstr::BString {
        self.marks.apply(&self.value)
    }

    fn hide_from(&mut self, start: usize) {
        self.marks.hide(start..self.value.len());
    }

    /// Hides what follows the first `separator` at or after `start`.
    fn hide_after(&mut self, start: usize, separator: u8) {
        if let Some(at) = self.value.get(start..).and_then(|rest| rest.find_byte(separator)) {
            self.hide_from(start + at + 1);
        }
    }

    fn is_flag(&self) -> bool {
        self.value.len() > 1 && self.value[0] == b'-'
    }

    /// Hides it all, if it can be a value: `-x` and `--…` are flags, but a password may begin with a dash.
    fn hide_value(&mut self) {
        if !(self.is_flag() && (self.value.len() == 2 || self.value[1] == b'-')) {
            self.hide_from(0);
        }
    }
}

/// Where a program takes a secret.
enum Rule {
    /// After this flag, as the next word or, for a single letter, glued to it: `-a X`, `-aX`, `-va X`.
    Next(&'static str),
    /// After this flag, which is never glued and never among others: `-k X`.
    Exactly(&'static str),
    /// Glued to this beginning of a word only; a word of its own after it is something else: `7z -pX`.
    Glued(&'static str),
    /// The same for a letter, also behind other letters: `mysql -vpX`.
    GluedLetter(u8),
    /// In the value of this flag, after the separator: `-u user:X`.
    After(&'static str, u8),
    /// The word after this word: `nmcli … password X`.
    Word(&'static str),
    /// The word at this place after the program's name, flags not counted, and those after it.
    Operands(usize),
    /// The next rules hold only if this letter is among the flags: `htpasswd -b`.
    IfLetter(u8),
    /// The next rules hold only if this word is there: `docker login`.
    If(&'static str),
}

use Rule::{After, Exactly, Glued, GluedLetter, If, IfLetter, Next, Operands};

/// Programs whose flags are not covered by the names of [`names::of_key`].
#[rustfmt::skip]
const PROGRAMS: &[(&[&str], &[Rule])] = &[
    (&["mysql", "mysqldump", "mysqlimport", "mysqlshow", "mysqlcheck", "mysqlslap", "mysqlbinlog", "mysqlpump",
       "mariadb", "mariadb-dump", "mariadb-import", "mariadb-show", "mariadb-check", "mariadb-binlog"], &[GluedLetter(b'p')]),
    (&["mysqladmin", "mariadb-admin"], &[GluedLetter(b'p'), Rule::Word("password")]),
    (&["mycli", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "mongostat", "mongotop",
       "cqlsh", "sshpass", "ncftp", "ncftpget", "ncftpput", "rdesktop", "useradd", "usermod"], &[Next("-p")]),
    (&["curl"], &[After("-u", b':'), After("--user", b':'), After("-U", b':'), After("--proxy-user", b':'),
       After("-b", b'='), After("--cookie", b'='), After("-E", b':'), After("--cert", b':'), Next("--oauth2-bearer")]),
    (&["http", "https", "xh", "xhs"], &[Next("-a"), Next("--auth")]),
    (&["redis-cli", "valkey-cli", "keydb-cli"], &[Next("-a")]),
    (&["openssl"], &[Exactly("-k"), Exactly("-K"), After("-passin", b':'), After("-passout", b':'), After("-pass", b':'),
       After("-password", b':')]),
    (&["7z", "7za", "7zr", "7zz", "7zzs"], &[Glued("-p")]),
    (&["rar", "unrar"], &[Glued("-p"), Glued("-hp")]),
    (&["zip", "unzip", "zipcloak", "mosquitto_pub", "mosquitto_sub", "ipmitool", "sqlcmd", "bcp", "osql"], &[Next("-P")]),
    (&["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldapcompare", "ldapmodrdn"], &[Next("-w")]),
    (&["ldappasswd"], &[Next("-w"), Next("-s"), Next("-a")]),
    (&["smbclient", "smbget", "rpcclient", "smbcacls", "net"], &[After("-U", b'%'), After("--user", b'%')]),
    (&["docker", "podman", "nerdctl", "buildah", "helm", "oras", "az", "oc"], &[If("login"), Next("-p")]),
    (&["skopeo"], &[After("--creds", b':'), After("--src-creds", b':'), After("--dest-creds", b':'), If("login"), Next("-p")]),
    (&["htpasswd"], &[IfLetter(b'b'), Operands(2)]),
    (&["wpa_passphrase"], &[Operands(2)]),
    (&["xfreerdp", "xfreerdp3", "wlfreerdp", "wlfreerdp3", "sdl-freerdp", "sdl-freerdp3"], &[Glued("/p:")]),
    (&["ssh-keygen"], &[Next("-N"), Next("-P")]),
    (&["nmcli"], &[Rule::Word("password"), Rule::Word("wifi-sec.psk"), Rule::Word("802-11-wireless-security.psk")]),
    (&["lftp"], &[After("-u", b',')]),
    (&["snmpget", "snmpwalk", "snmpset", "snmpbulkwalk", "snmpbulkget", "snmptable"], &[Next("-A"), Next("-X"), Next("-c")]),
    (&["vault", "bao"], &[Rule::Word("login"), Rule::Word("unseal")]),
    (&["gh"], &[If("secret"), Next("-b"), Next("--body")]),
    (&["rclone"], &[Rule::Word("obscure")]),
    (&["ngrok"], &[Rule::Word("authtoken"), Rule::Word("add-authtoken")]),
    (&["sqlplus"], &[After("", b'/')]),
];

/// After one of these a name and its value come as two words: `set -x TOKEN X`, `aws configure set NAME X`.
const SETTERS: &[&str] = &["set", "setenv", "setx", "set-environment", "config"];

/// How deep lines inside words are looked at: `ssh host 'sh -c "mysql -pX"'`.
const DEEPEST: usize = 4;

/// Hides the secrets in a command.
pub(super) fn mark(words: &mut [Word], depth: usize) {
    for word in words.iter_mut() {
        shapes::mark(&word.value, &mut word.marks, Context::Word);
        if depth < DEEPEST && word.value.iter().any(u8::is_ascii_whitespace) {
            line::mark(&word.value, &mut word.marks, depth + 1);
        }
    }
    mark_named_flags(words);
    mark_settings(words);
    mark_known_programs(words);
}

/// `--password X`, `-storepass X`, for any program; `--password=X` is an assignment.
fn mark_named_flags(words: &mut [Word]) {
    let openssl = words.first().is_some_and(|word| file_name(&word.value) == b"openssl");
    for at in 1..words.len() {
        let flag = &words[at - 1];
        let secret = !flag.value.contains(&b'=') && names::of_flag(&flag.value).hides(&words[at].value);
        if secret && !openssl {
            words[at].hide_value();
        }
    }
}

/// `set NAME VALUE` in its forms.
fn mark_settings(words: &mut [Word]) {
    let Some(setter) =
        words.iter().position(|word| SETTERS.iter().any(|&setter| word.value == setter.as_bytes()))
    else {
        return;
    };
    for at in setter + 2..words.len() {
        let name = &words[at - 1].value;
        let name = &name[name.rfind_byteset(":/").map_or(0, |before| before + 1)..];
        let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte));
        if is_name && !name.starts_with(b"-") && names::of_key(name).hides(&words[at].value) {
            words[at..].iter_mut().for_each(|word| word.hide_from(0));
            return;
        }
    }
}

/// The flags of certain programs, wherever in the words those are named: `sudo -u x env Y=1 mysql -pX`. Each program
/// counts from where it is named first.
fn mark_known_programs(words: &mut [Word]) {
    let mut seen = [false; PROGRAMS.len()];
    for from in 0..words.len() {
        let name = file_name(&words[from].value);
        let Some(known) =
            PROGRAMS.iter().position(|(names, _)| names.iter().any(|known| known.as_bytes() == name))
        else {
            continue;
        };
        if !std::mem::replace(&mut seen[known], true) {
            let end = end_of_program(name, words, from);
            mark_program(&mut words[from..end], PROGRAMS[known].1);
        }
    }
}

/// `sshpass` runs another program, whose `-p` is not its own: its words end at the first that is no flag of its own.
fn end_of_program(name: &[u8], words: &[Word], from: usize) -> usize {
    if name != b"sshpass" {
        return words.len();
    }
    let mut at = from + 1;
    while words.get(at).is_some_and(Word::is_flag) {
        let takes_next = matches!(words[at].value.as_slice(), b"-p" | b"-f" | b"-d" | b"-P");
        at += 1 + usize::from(takes_next);
    }
    at.min(words.len())
}

/// Hides by the rules of one program, whose name is the first of `words`.
fn mark_program(words: &mut [Word], rules: &[Rule]) {
    for rule in rules {
        match *rule {
            If(needed) if !words.iter().any(|word| word.value == needed.as_bytes()) => return,
            If(_) => {}
            IfLetter(letter) => {
                let mut flags = words[1..].iter().filter(|word| word.is_flag() && word.value[1] != b'-');
                if !flags.any(|flag| flag.value.contains(&letter)) {
                    return;
                }
            }
            Operands(first) => {
                let operands = words[1..].iter_mut().filter(|word| !word.is_flag());
                operands.skip(first - 1).for_each(|word| word.hide_from(0));
            }
            ref rule => (1..words.len()).for_each(|at| mark_at(words, at, rule)),
        }
    }
}

/// Applies a rule about one word and the one after it.
fn mark_at(words: &mut [Word], at: usize, rule: &Rule) {
    let value = words[at].value.as_slice();
    let (place, separator) = match *rule {
        Rule::Word(name) | Exactly(name) => ((value == name.as_bytes()).then_some(Place::Next), None),
        Glued(start) => (value.starts_with(start.as_bytes()).then_some(Place::From(start.len())), None),
        GluedLetter(letter) => (place_behind_letters(value, letter), None),
        Next(flag) => (place_of_value(value, flag), None),
        After(flag, separator) => (place_of_value(value, flag), Some(separator)),
        Operands(_) | If(_) | IfLetter(_) => (None, None),
    };
    match (place, separator) {
        (Some(Place::From(start)), None) => words[at].hide_from(start),
        (Some(Place::From(start)), Some(separator)) => words[at].hide_after(start, separator),
        (Some(Place::Next), _) => match (words.get_mut(at + 1), separator) {
            (Some(next), None) => next.hide_value(),
            (Some(next), Some(separator)) => next.hide_after(0, separator),
            (None, _) => {}
        },
        (None, _) => {}
    }
}

/// Where the value of a flag stands.
enum Place {
    /// It is the next word.
    Next,
    /// It is the rest of this word.
    From(usize),
}

/// Whether `word` is this flag, and where its value is. Of `-u`, also `-uX`, and `-su X` behind other letters.
fn place_of_value(word: &[u8], flag: &str) -> Option<Place> {
    let flag = flag.as_bytes();
    match flag {
        // A word that is no flag.
        b"" => (!word.starts_with(b"-") && word.len() > 1).then_some(Place::From(0)),
        _ if word == flag => Some(Place::Next),
        [b'-', letter] if *letter != b'-' => match word {
            [b'-', rest @ ..] if !rest.starts_with(b"-") => {
                let at =
                    rest.find_byte(*letter).filter(|&at| rest[..at].iter().all(u8::is_ascii_alphabetic))?;
                Some(if at + 2 == word.len() { Place::Next } else { Place::From(at + 2) })
            }
            _ => None,
        },
        _ => (word.starts_with(flag) && word.get(flag.len()) == Some(&b'='))
            .then(|| Place::From(flag.len() + 1)),
    }
}

/// Of `-vpX` with the letter `p`, the place of X: before it only letters that are switches of mysql.
fn place_behind_letters(word: &[u8], letter: u8) -> Option<Place> {
    let letters = word.strip_prefix(b"-")?;
    let at = letters.find_byte(letter)?;
    let switches = letters[..at].iter().all(|byte| b"ABCEHNfnqrstvw".contains(byte));
    (switches && at + 2 < word.len()).then_some(Place::From(at + 2))
}

fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}
