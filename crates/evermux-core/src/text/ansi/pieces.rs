//! Cuts text with escape sequences into the pieces that are allowed, leaving out the others.

/// A piece of a line that is on the allow-list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Printable characters and TABs, never empty.
    Text(&'a [u8]),
    /// The parameters of a `CSI … m`: digits, `;` and `:`.
    Sgr(&'a [u8]),
    /// SO or SI.
    LineDrawing(bool),
    /// What an `OSC 8` says: `parameters;uri`, printable characters only.
    Link(&'a [u8]),
}

/// The pieces of a line of valid UTF-8.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// `line` must be valid UTF-8: that decides what is a control character of C1 (`C2 80` to `C2 9F`).
    pub(super) fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Takes one escape sequence, the ESC included.
    fn escape(&mut self) -> Option<Piece<'a>> {
        match self.rest.get(1) {
            Some(b'[') => self.control_sequence(),
            Some(b']') => {
                let text = self.string();
                let link = text.strip_prefix(b"8;")?;
                (link.contains(&b';') && printable_length(link) == link.len() && !link.contains(&b'\t'))
                    .then_some(Piece::Link(link))
            }
            // DCS, SOS, PM, APC, and tmux's own window name (ESC k).
            Some(b'P' | b'X' | b'^' | b'_' | b'k') => {
                self.string();
                None
            }
            // Others are ESC, intermediate bytes, a final byte.
            _ => {
                let intermediates =
                    self.rest[1..].iter().take_while(|byte| (0x20..0x30).contains(*byte)).count();
                let last = self.rest.get(1 + intermediates).is_some_and(|byte| (0x30..0x7f).contains(byte));
                self.take(1 + intermediates + usize::from(last));
                None
            }
        }
    }

    /// Takes `ESC [ … final`.
    fn control_sequence(&mut self) -> Option<Piece<'a>> {
        let body = &self.rest[2..];
        let parameters = body.iter().take_while(|byte| (0x30..0x40).contains(*byte)).count();
        let intermediates = body[parameters..].iter().take_while(|byte| (0x20..0x30).contains(*byte)).count();
        let last = body.get(parameters + intermediates).copied().filter(|byte| (0x40..0x7f).contains(byte));
        let body = self.take(2 + parameters + intermediates + usize::from(last.is_some()));
        let parameters = &body[2..2 + parameters];
        let plain = intermediates == 0 && parameters.iter().all(|byte| *byte < b'<');
        (last == Some(b'm') && plain).then_some(Piece::Sgr(parameters))
    }

    /// Takes a string with its two-byte beginning and its end (ST or BEL); without an end, all that is left.
    fn string(&mut self) -> &'a [u8] {
        let body = &self.rest[2..];
        let end =
            body.iter().position(|byte| matches!(byte, 0x07 | 0x18 | 0x1a | 0x1b)).unwrap_or(body.len());
        self.take(2 + end);
        // Any other sequence also ends the string, and counts itself.
        let length = match self.rest {
            [0x1b, b'\\', ..] => 2,
            [0x1b, ..] | [] => 0,
            _ => 1,
        };
        self.take(length);
        &body[..end]
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            let piece = match *self.rest.first()? {
                0x1b => self.escape(),
                0x0e => self.take(1).first().map(|_| Piece::LineDrawing(true)),
                0x0f => self.take(1).first().map(|_| Piece::LineDrawing(false)),
                _ => match printable_length(self.rest) {
                    // A control character: C1 takes two bytes in UTF-8.
                    0 => {
                        self.take(if self.rest[0] == 0xc2 { 2 } else { 1 });
                        None
                    }
                    length => Some(Piece::Text(self.take(length))),
                },
            };
            if piece.is_some() {
                return piece;
            }
        }
    }
}

/// How many bytes of valid UTF-8 at the beginning of `text` are printable characters or TABs.
fn printable_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = text[at..].iter().position(|byte| STOPS[usize::from(*byte)]) {
        at += found;
        match text[at..] {
            [0xc2, second, ..] if second >= 0xa0 => at += 2,
            _ => return at,
        }
    }
    text.len()
}

/// The bytes that end a run of printable characters, or may do so: C0 but TAB, DEL, and the first byte of C1.
static STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let mut byte = 0;
    while byte < b' ' as usize {
        stops[byte] = byte != b'\t' as usize;
        byte += 1;
    }
    stops[0x7f] = true;
    stops[0xc2] = true;
    stops
};
