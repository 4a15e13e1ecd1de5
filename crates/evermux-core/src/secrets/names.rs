//! Names of variables, settings and flags that say whether their value is a secret.

use bstr::ByteSlice;

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// Nothing.
    No,
    /// It is a secret if it looks random.
    IfRandom,
    /// It is a secret, unless it is the path of a file.
    UnlessPath,
    /// It is a secret.
    Yes,
}

impl Secrecy {
    /// Whether this value is to be hidden.
    pub(super) fn hides(self, value: &[u8]) -> bool {
        match self {
            Self::No => false,
            Self::IfRandom => looks_random(value),
            Self::UnlessPath => !value.is_empty() && !looks_like_path(value),
            Self::Yes => !value.is_empty(),
        }
    }
}

/// A secret wherever it stands in a name.
#[rustfmt::skip]
const SECRET_WORDS: &[&str] = &[
    "authorization", "bearer", "creds", "credential", "credentials", "jwt", "otp", "pass", "passcode",
    "passphrase", "passwd", "password", "secret", "secrets", "token",
];

/// A secret if a word of the name ends so: `PGPASSWORD`, `authtoken`, `storepass`.
#[rustfmt::skip]
const SECRET_ENDINGS: &[&str] = &[
    "apikey", "authkey", "pass", "passphrase", "passwd", "password", "secret", "secretkey", "token",
];

/// Words that end so and are none.
#[rustfmt::skip]
const HARMLESS_WORDS: &[&str] = &[
    "askpass", "bypass", "compass", "encompass", "overpass", "surpass", "trespass", "underpass",
];

/// At the end of a name: the value is about a secret, or says where it is.
#[rustfmt::skip]
const POINTERS: &[&str] = &[
    "age", "arn", "askpass", "authentication", "cmd", "command", "count", "dir", "directory", "endpoint",
    "expiry", "fd", "file", "files", "folder", "format", "helper", "host", "id", "length", "limit",
    "manager", "mode", "name", "path", "policy", "port", "program", "prompt", "prompts", "provider",
    "size", "sock", "socket", "stdin", "store", "timeout", "ttl", "type", "uri", "url", "user", "username",
    "version",
];

/// At the head of a name: a switch without a value.
#[rustfmt::skip]
const SWITCHES: &[&str] = &[
    "ask", "gen", "generate", "has", "hide", "is", "no", "prompt", "show", "skip", "with", "without",
];

/// Before `key`: it opens something.
#[rustfmt::skip]
const SECRET_KEYS: &[&str] = &[
    "access", "account", "admin", "api", "app", "application", "auth", "consumer", "encryption", "hmac",
    "integration", "license", "master", "secret", "service", "session", "shared", "signing", "storage",
    "subscription", "write",
];

/// Before `KEY` in a variable: it opens nothing.
#[rustfmt::skip]
const HARMLESS_KEYS: &[&str] = &[
    "cache", "foreign", "group", "hot", "leader", "lookup", "meta", "object", "partition", "prefix",
    "primary", "pub", "public", "row", "shard", "sort", "sub",
];

/// The name of a variable of an environment. Broader than [`of_key`]: `*SECRET*`, `*PASSWORD*`, `*_KEY`.
pub(super) fn of_variable(name: &[u8]) -> Secrecy {
    let parts = parts(name);
    let Some((last, before)) = parts.split_last() else { return Secrecy::No };
    if is_pointer(last, before) {
        return Secrecy::No;
    }
    if last == "credentials" {
        return Secrecy::UnlessPath;
    }
    if parts.iter().any(|part| is_secret_word(part)) && !asks(&parts) {
        return Secrecy::Yes;
    }
    match before.last() {
        Some(kind) if last == "key" && !HARMLESS_KEYS.contains(&kind.as_str()) => Secrecy::UnlessPath,
        _ => of_parts(last, before),
    }
}

/// The name of a setting, a field of a form, or a flag with its dashes: what it ends with counts.
pub(super) fn of_key(name: &[u8]) -> Secrecy {
    // A variable in capitals among arguments: `docker run -e SOME_KEY=…`.
    if name.contains(&b'_') && !name.starts_with(b"-") && !name.iter().any(u8::is_ascii_lowercase) {
        return of_variable(name);
    }
    let parts = parts(name);
    match parts.split_last() {
        Some((last, before)) if !asks(&parts) && !is_pointer(last, before) => of_parts(last, before),
        _ => Secrecy::No,
    }
}

/// A flag, with its dashes. Behind a single one only a known word counts: `-password`, but `-ppassword` is a letter
/// and what belongs to it.
pub(super) fn of_flag(flag: &[u8]) -> Secrecy {
    match flag {
        [b'-', b'-', _, ..] => of_key(flag),
        [b'-', name @ ..] if is_single_dash(name) => Secrecy::Yes,
        _ => Secrecy::No,
    }
}

fn is_single_dash(name: &[u8]) -> bool {
    // Java's keytool and jarsigner have the latter.
    SECRET_WORDS.iter().any(|word| word.as_bytes() == name)
        || name.ends_with(b"storepass")
        || name.ends_with(b"keypass")
}

fn of_parts(last: &str, before: &[String]) -> Secrecy {
    let previous = before.last().map(String::as_str);
    let after_secret = previous.is_some_and(is_secret_word);
    match last {
        _ if is_secret_word(last) => Secrecy::Yes,
        "base64" | "b64" | "data" | "id" | "new" | "old" | "plain" | "string" | "text" | "value"
            if after_secret =>
        {
            Secrecy::Yes
        }
        "auth" | "cookie" if previous.is_some() => Secrecy::Yes,
        "pwd" | "pw" if previous.is_some_and(|word| !matches!(word, "init" | "old")) => Secrecy::Yes,
        "key" if previous.is_some_and(|word| SECRET_KEYS.contains(&word)) => Secrecy::UnlessPath,
        "auth" | "cookie" | "key" | "sas" | "sig" | "signature" => Secrecy::IfRandom,
        _ => Secrecy::No,
    }
}

fn is_secret_word(word: &str) -> bool {
    SECRET_WORDS.contains(&word)
        || (SECRET_ENDINGS.iter().any(|ending| word.ends_with(ending)) && !HARMLESS_WORDS.contains(&word))
}

/// `secret_id` is a secret (Vault's AppRole); as a flag, with its dashes, it names one.
fn is_pointer(last: &str, before: &[String]) -> bool {
    POINTERS.contains(&last)
        && !(last == "id" && before.last().is_some_and(|word| word == "secret") && before.len() == 1)
}

fn asks(parts: &[String]) -> bool {
    parts.first().is_some_and(|first| SWITCHES.contains(&first.as_str()))
        || parts.iter().any(|part| part == "ask")
}

/// The words of a name in small letters: `X-Api-Key`, `apiKey`, `API_KEY` and `APIKey` are all `api`, `key`.
fn parts(name: &[u8]) -> Vec<String> {
    let mut parts = vec![String::new()];
    for (at, &byte) in name.iter().enumerate() {
        if !byte.is_ascii_alphanumeric() {
            parts.push(String::new());
            continue;
        }
        let before = at.checked_sub(1).map_or(b' ', |before| name[before]);
        let after = name.get(at + 1).copied().unwrap_or(b' ');
        let begins = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || (before.is_ascii_uppercase() && after.is_ascii_lowercase()));
        if begins {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(char::from(byte.to_ascii_lowercase()));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn looks_like_path(value: &[u8]) -> bool {
    ["/", "./", "../", "~/"].iter().any(|start| value.starts_with_str(start))
        || [".pem", ".key", ".json", ".crt", ".p12"].iter().any(|end| value.ends_with_str(end))
}

/// 20 characters or more as keys have them, with a digit and letters, and not words joined by dashes.
fn looks_random(value: &[u8]) -> bool {
    let count = |class: fn(&u8) -> bool| value.iter().filter(|byte| class(byte)).count();
    let mut seen = [false; 256];
    value.iter().for_each(|&byte| seen[usize::from(byte)] = true);
    value.len() >= 20
        && !looks_like_path(value)
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_+/=-%".contains(byte))
        && count(u8::is_ascii_digit) >= 1
        && count(u8::is_ascii_alphabetic) >= 2
        && count(|byte| b"-/".contains(byte)) <= 2
        && seen.iter().filter(|&&seen| seen).count() >= 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart_at_case_and_signs() {
        for name in ["X-Api-Key", "xApiKey", "X_API_KEY", "x.api.key", "XApiKey"] {
            assert_eq!(parts(name.as_bytes()), ["x", "api", "key"], "{name}");
        }
        assert_eq!(parts(b"APIKey"), ["api", "key"]);
        assert!(parts(b"--").is_empty());
    }

    #[test]
    fn variables() {
        #[rustfmt::skip]
        let names = [
            "GITHUB_TOKEN", "PGPASSWORD", "MYSQL_PWD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
            "MOSH_KEY", "SECRET_KEY_BASE", "SSHPASS", "DB_PASS", "OPENAI_API_KEY", "MY_SECRET_THING",
            "NPM_AUTH", "authToken", "VAULT_SECRET_ID_X_PASSWORD", "SECRET_ID", "TOKEN", "PASSWORD",
            "DOCKER_PASSWORD_OLD", "SESSION_COOKIE",
        ];
        for name in names {
            assert_ne!(of_variable(name.as_bytes()), Secrecy::No, "{name}");
        }
        #[rustfmt::skip]
        let names = [
            "SSH_AUTH_SOCK", "KEYMAP", "PATH", "PWD", "OLDPWD", "INIT_PWD", "XAUTHORITY", "SSH_ASKPASS",
            "GIT_ASKPASS", "PASSWORD_STORE_DIR", "TOKENIZERS_PARALLELISM", "MAX_TOKENS", "GPG_TTY", "KEY",
            "PUBLIC_KEY", "CACHE_KEY", "AWS_ACCESS_KEY_ID", "VAULT_TOKEN_PATH", "COMPASS", "HISTFILE",
            "KEYTIMEOUT", "", "_", "EDITOR",
        ];
        for name in names {
            assert!(matches!(of_variable(name.as_bytes()), Secrecy::No | Secrecy::IfRandom), "{name}");
        }
    }

    #[test]
    fn flags() {
        for name in
            ["--password", "--http-password", "--api-key", "--secret-access-key", "-storepass", "--authkey"]
        {
            assert_ne!(of_key(name.as_bytes()), Secrecy::No, "{name}");
        }
        #[rustfmt::skip]
        let names = [
            "--password-file", "--password-stdin", "--ask-vault-pass", "--with-token", "--max-tokens",
            "--no-password", "--token-ttl", "--author", "--passive", "PasswordAuthentication",
            "NumberOfPasswordPrompts", "core.askPass", "credential.helper", "--secret-name",
        ];
        for name in names {
            assert_eq!(of_key(name.as_bytes()), Secrecy::No, "{name}");
        }
    }

    #[test]
    fn random_values() {
        assert!(looks_random(b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"));
        assert!(looks_random(b"wJalrXUtnFEMIK7MDENGbPxRfiCY"));
        for value in [
            "id",
            "created-at-2024-05-and-more-words",
            "/home/user/.ssh/id_ed25519",
            "aaaaaaaaaaaaaaaaaaaa11",
            "short1",
        ] {
            assert!(!looks_random(value.as_bytes()), "{value}");
        }
    }
}
