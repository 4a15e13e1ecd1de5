//! The mark by which our own records are told from everything that comes from outside.

use std::fmt;

/// A random mark, made anew for every script: 16 hexadecimal digits.
///
/// It goes to tmux over standard input only, so no program can know it before the reply is complete; a name, a
/// title or a pane's text contains it with a probability of about 2⁻⁶⁴ per byte.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; Self::LENGTH]);

impl Nonce {
    /// How many bytes it takes in a script and in a reply.
    pub const LENGTH: usize = 16;

    /// A mark from random bytes, of which half are used.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
        Self(std::array::from_fn(|i| digit(if i % 2 == 0 { bytes[i / 2] >> 4 } else { bytes[i / 2] & 15 })))
    }

    /// Its bytes, as tmux prints them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Cuts a reply at every occurrence: what comes before the first one, then what follows each of them.
    pub fn split<'a>(&'a self, reply: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + 'a {
        bstr::ByteSlice::split_str(reply, &self.0)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&digit| write!(f, "{}", char::from(digit)))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_hexadecimal() {
        let nonce = Nonce::from_random([0xa1; 16]);
        assert_eq!(nonce.to_string(), "a1a1a1a1a1a1a1a1");
        assert_eq!(nonce.split(b"xa1a1a1a1a1a1a1a1y").collect::<Vec<_>>(), [b"x", b"y"]);
    }
}
