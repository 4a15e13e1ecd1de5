//! Shapes of secrets in any text: tokens of known services, private keys, URLs, headers and assignments.

use bstr::ByteSlice;

use super::Marks;
use super::names::{self, Secrecy};

/// What kind of text is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// One argument: a value may go on to its end, blanks included.
    Word,
    /// Prose, in which values end at blanks.
    Text,
}

/// Hides every known shape.
pub(super) fn mark(text: &[u8], marks: &mut Marks, context: Context) {
    mark_tokens(text, marks);
    mark_web_tokens(text, marks);
    mark_key_blocks(text, marks);
    mark_urls(text, marks);
    mark_assignments(text, marks, context);
    mark_headers(text, marks, context);
}

/// A token: how it begins, what it is made of, how long the rest is at least.
struct Token(&'static str, fn(u8) -> bool, usize);

fn alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn dotted(byte: u8) -> bool {
    word(byte) || byte == b'.'
}

fn capital(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn path(byte: u8) -> bool {
    word(byte) || byte == b'/'
}

/// From the services' own documentation and from the rules that secret scanners publish.
#[rustfmt::skip]
const TOKENS: &[Token] = &[
    // GitHub, GitLab
    Token("ghp_", alphanumeric, 20), Token("gho_", alphanumeric, 20), Token("ghu_", alphanumeric, 20),
    Token("ghs_", dotted, 20), Token("ghr_", alphanumeric, 20), Token("github_pat_", word, 20),
    Token("glpat-", dotted, 16), Token("gldt-", word, 16), Token("glrt-", dotted, 16), Token("glcbt-", word, 16),
    Token("glptt-", word, 16), Token("gloas-", word, 16), Token("glsoat-", word, 16),
    // Slack
    Token("xoxa-", word, 10), Token("xoxb-", word, 10), Token("xoxe-", word, 10), Token("xoxe.", dotted, 10),
    Token("xoxo-", word, 10), Token("xoxp-", word, 10), Token("xoxr-", word, 10), Token("xoxs-", word, 10),
    Token("xapp-", word, 10), Token("hooks.slack.com/services/", path, 10),
    Token("discord.com/api/webhooks/", path, 10), Token("discordapp.com/api/webhooks/", path, 10),
    // Language models
    Token("sk-ant-", word, 16), Token("sk-proj-", word, 16), Token("sk-svcacct-", word, 16), Token("sk-admin-", word, 16),
    Token("sk-or-", word, 16), Token("sk-", alphanumeric, 20), Token("hf_", alphanumeric, 20), Token("gsk_", alphanumeric, 20),
    Token("xai-", alphanumeric, 20), Token("pplx-", alphanumeric, 20), Token("nvapi-", word, 20), Token("r8_", alphanumeric, 30),
    // Clouds
    Token("AKIA", capital, 16), Token("ASIA", capital, 16), Token("ABIA", capital, 16), Token("AIza", word, 30),
    Token("ya29.", dotted, 20), Token("GOCSPX-", word, 20), Token("dop_v1_", alphanumeric, 32), Token("doo_v1_", alphanumeric, 32),
    Token("dor_v1_", alphanumeric, 32), Token("dapi", alphanumeric, 32), Token("tskey-", word, 16), Token("hvs.", word, 20),
    Token("hvb.", word, 20), Token("glsa_", word, 20), Token("pul-", alphanumeric, 30), Token("CFPAT-", word, 20),
    // Packages and payments
    Token("npm_", alphanumeric, 30), Token("pypi-AgE", word, 16), Token("pypi-", word, 40), Token("dckr_pat_", word, 16),
    Token("rubygems_", alphanumeric, 30), Token("sk_live_", alphanumeric, 10), Token("sk_test_", alphanumeric, 10),
    Token("rk_live_", alphanumeric, 10), Token("rk_test_", alphanumeric, 10), Token("whsec_", alphanumeric, 16),
    Token("shpat_", alphanumeric, 20), Token("shpss_", alphanumeric, 20), Token("sq0atp-", word, 16), Token("SG.", dotted, 30),
    Token("ATATT3", word, 20), Token("lin_api_", alphanumeric, 20), Token("ntn_", alphanumeric, 30), Token("sntrys_", word, 20),
    Token("AGE-SECRET-KEY-", capital, 20),
];

fn mark_tokens(text: &[u8], marks: &mut Marks) {
    let mut at = 0;
    while at < text.len() {
        let found = TOKENS.iter().find_map(|token| token.length_at(&text[at..])).unwrap_or(0);
        if found > 0 {
            marks.hide(at..at + found);
        }
        // A token begins where a word begins: behind this one, and behind what is neither letter nor digit.
        at += found.max(1);
        while at < text.len() && text[at - 1].is_ascii_alphanumeric() {
            at += 1;
        }
    }
}

impl Token {
    /// How long a token of this kind at the beginning of a text is.
    fn length_at(&self, text: &[u8]) -> Option<usize> {
        let &Token(start, made_of, least) = self;
        let rest = text.strip_prefix(start.as_bytes()).filter(|rest| rest.len() >= least)?;
        let head = &rest[..run(&rest[..rest.len().min(LONGEST_LOOK)], made_of)];
        // Words joined by dashes are names, not tokens.
        let random = head.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        (head.len() >= least && random).then(|| start.len() + run(rest, made_of))
    }
}

/// How far a text is looked at to judge it; more than any token or password in a URL has. It bounds the work.
const LONGEST_LOOK: usize = 1024;

/// JSON web tokens: `eyJ….eyJ….…` (`{"` in base64), and the tokens of Telegram bots: `DIGITS:35 characters`.
fn mark_web_tokens(text: &[u8], marks: &mut Marks) {
    for at in text.find_iter("eyJ") {
        if marks.hides(at..at + 1) || (at > 0 && word(text[at - 1])) {
            continue;
        }
        let length = run(&text[at..], dotted);
        if length >= 20 && text[at..at + length].contains(&b'.') {
            marks.hide(at..at + length);
        }
    }
    for at in text.find_iter(":AA") {
        let digits = text[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let length = run(&text[at + 1..], word);
        if (8..=10).contains(&digits) && (34..=36).contains(&length) {
            marks.hide(at - digits..at + 1 + length);
        }
    }
}

/// `-----BEGIN … PRIVATE KEY-----` and what follows, to its end.
fn mark_key_blocks(text: &[u8], marks: &mut Marks) {
    for at in text.find_iter("PRIVATE KEY") {
        let head = &text[at.saturating_sub(40)..at];
        let rest = &text[at..text.len().min(at + 30)];
        let Some(body) = rest.find("-----").map(|length| at + length + 5) else { continue };
        if !head.contains_str("-----BEGIN ") || marks.hides(at..at + 1) {
            continue;
        }
        let end = text[body..].find("-----END").map_or(text.len(), |length| body + length);
        if body < end && !text[body..end].trim().is_empty() {
            marks.hide(body..end);
        }
    }
}

/// The password in `scheme://user:password@host`, and a random user (`https://TOKEN@host`).
fn mark_urls(text: &[u8], marks: &mut Marks) {
    for scheme in text.find_iter("://") {
        let start = scheme + 3;
        let url = &text[start..text.len().min(start + LONGEST_LOOK)];
        if !url.contains(&b'@') {
            continue;
        }
        let url = &url[..run(url, |byte| !b" \t\r\n\"'<>`".contains(&byte))];
        let authority = &url[..url.find_byteset("/?#").unwrap_or(url.len())];
        let colon = url[..url.rfind_byte(b'@').unwrap_or(0)].find_byte(b':');
        // The last `@` before the path; but an unescaped password may hold `/`, and then this is not `host:port`.
        let is_port = |colon: usize| url.get(colon + 1).is_some_and(u8::is_ascii_digit);
        let end = match (authority.rfind_byte(b'@'), colon) {
            (Some(end), _) => end,
            (None, Some(colon)) if !is_port(colon) => url.rfind_byte(b'@').unwrap_or(0),
            (None, _) => continue,
        };
        let user_end = colon.map_or(end, |colon| colon.min(end));
        if Secrecy::IfRandom.hides(&url[..user_end]) {
            marks.hide(start..start + user_end);
        }
        if user_end + 1 < end {
            marks.hide(start + user_end + 1..start + end);
        }
    }
}

/// The value of `NAME=VALUE`, where the name says that it is a secret.
fn mark_assignments(text: &[u8], marks: &mut Marks, context: Context) {
    for at in text.find_iter("=") {
        let name_end = at - text[..at].iter().rev().take_while(|byte| b"]\"'\\".contains(byte)).count();
        let name = name_before(text, name_end);
        let secrecy = names::of_key(&text[name.clone()]);
        if secrecy == Secrecy::No || marks.hides(at..at + 1) {
            continue;
        }
        let before = text[..name.start].last();
        let in_query = matches!(before, Some(b'?' | b'&')) && text[..name.start].contains_str("?");
        let whole = context == Context::Word && !text[..name.start].iter().any(u8::is_ascii_whitespace);
        if whole && !in_query {
            // Quotes are part of it: the shell has taken its own away.
            if secrecy.hides(&text[at + 1..]) {
                marks.hide(at + 1..text.len());
            }
            continue;
        }
        // `==` of a comparison.
        let start = at + run(&text[at..], |byte| byte == b'=');
        let end = match quoted_end(text, start) {
            Some(end) => end,
            None if in_query => start + run(&text[start..], |byte| !b"&# \t\r\n\"'".contains(&byte)),
            None => start + run(&text[start..], |byte| !byte.is_ascii_whitespace()),
        };
        hide_value(text, marks, start, end, secrecy);
    }
}

/// Headers that are secrets without a blank after their colon, too.
const HEADERS: &[&str] = &[
    "api-key",
    "apikey",
    "authorization",
    "cookie",
    "private-token",
    "proxy-authorization",
    "set-cookie",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-vault-token",
];

/// Words between `Authorization:` and the secret.
const SCHEMES: &[&str] = &["Bearer ", "Basic ", "Token ", "Digest ", "ApiKey ", "Negotiate "];

/// The value of `NAME: VALUE` and `"NAME":"VALUE"`, as in headers, JSON and YAML.
fn mark_headers(text: &[u8], marks: &mut Marks, context: Context) {
    for at in text.find_iter(":") {
        let quotes = text[..at].iter().rev().take_while(|byte| b"\"'\\".contains(byte)).count();
        let name = &text[name_before(text, at - quotes)];
        let header = HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header.as_bytes()));
        let blank = text.get(at + 1).is_some_and(|byte| b" \t".contains(byte));
        let secrecy = match () {
            () if header => Secrecy::Yes,
            () if blank || quotes > 0 => names::of_key(name),
            () => continue,
        };
        if secrecy == Secrecy::No || marks.hides(at..at + 1) {
            continue;
        }
        let mut start = at + 1 + run(&text[at + 1..], |byte| b" \t".contains(&byte));
        let until = |stop: &[u8]| start + run(&text[start..], |byte| !stop.contains(&byte));
        let end = match quoted_end(text, start) {
            Some(end) => end,
            None if quotes > 0 => until(b",}]\r\n"),
            None if header && context == Context::Text => until(b"\r\n\"'"),
            None if header || context == Context::Word => until(b"\r\n"),
            None => until(b" \t\r\n"),
        };
        let scheme = SCHEMES.iter().find(|scheme| {
            text[start..end]
                .get(..scheme.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(scheme.as_bytes()))
        });
        start += scheme.map_or(0, |scheme| scheme.len());
        hide_value(text, marks, start, end, secrecy);
    }
}

/// Hides a value without the quotes around it.
fn hide_value(text: &[u8], marks: &mut Marks, start: usize, end: usize, secrecy: Secrecy) {
    let start = start + opening_quote(&text[start..]).map_or(0, |(_, length)| length);
    if start < end && secrecy.hides(&text[start..end]) {
        marks.hide(start..end);
    }
}

/// If a quote opens at `start`: where its content ends.
fn quoted_end(text: &[u8], start: usize) -> Option<usize> {
    let (quote, length) = opening_quote(&text[start..])?;
    let inside = &text[start + length..];
    let mut escaped = false;
    for (at, &byte) in inside.iter().enumerate() {
        match byte {
            // In `\"…\"` the escaped quote is the closing one.
            _ if byte == quote && (!escaped || length == 2) => {
                return Some(start + length + at - usize::from(escaped));
            }
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(text.len())
}

/// The quote a text begins with, `"`, `'` or one of them behind a backslash, and its length.
fn opening_quote(text: &[u8]) -> Option<(u8, usize)> {
    match text {
        [quote @ (b'"' | b'\''), ..] => Some((*quote, 1)),
        [b'\\', quote @ (b'"' | b'\''), ..] => Some((*quote, 2)),
        _ => None,
    }
}

/// The name that ends at `end`.
fn name_before(text: &[u8], end: usize) -> std::ops::Range<usize> {
    let length = text[..end].iter().rev().take_while(|&&byte| dotted(byte)).count();
    end - length..end
}

/// How many bytes at the beginning are made of this.
fn run(text: &[u8], made_of: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|&&byte| made_of(byte)).count()
}
