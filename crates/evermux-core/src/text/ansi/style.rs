//! How a character looks: attributes, colours, line drawing; the parameters of SGR read and written.

/// How a character looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// A bit for each attribute of [`ATTRIBUTES`].
    attributes: u16,
    /// 0 none, 1 single, 2 double, 3 curly, 4 dotted, 5 dashed.
    underline: u8,
    foreground: Colour,
    background: Colour,
    underline_colour: Colour,
    /// Whether letters are line drawing (between SO and SI).
    pub(super) line_drawing: bool,
}

/// A colour as tmux tells them apart: the same colour of the palette counts as another one when it was set in
/// another way. The upper byte is the kind, the others are the value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Colour(u32);

impl Colour {
    const DEFAULT: Self = Self(0);
    const BASIC: u32 = 1;
    const PALETTE: u32 = 2;
    const RGB: u32 = 3;

    /// 0 to 15: `30` to `37` and `90` to `97`.
    const fn basic(number: u16) -> Self {
        Self(Self::BASIC << 24 | number as u32)
    }

    /// `38;5;n`.
    const fn palette(number: u8) -> Self {
        Self(Self::PALETTE << 24 | number as u32)
    }

    /// `38;2;r;g;b`.
    const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self(u32::from_be_bytes([Self::RGB as u8, red, green, blue]))
    }
}

/// Bit, SGR number that sets it, SGR number that takes it away; in the order in which they are written.
const ATTRIBUTES: [(u16, u16, u16); 8] = [
    (1, 1, 22),    // bold
    (2, 2, 22),    // dim
    (4, 3, 23),    // italics
    (8, 5, 25),    // blink
    (16, 7, 27),   // reverse
    (32, 8, 28),   // hidden
    (64, 9, 29),   // strikethrough
    (128, 53, 55), // overline
];
const ITALICS: u16 = 4;
const BLINK: u16 = 8;
const OVERLINE: u16 = 128;

impl Style {
    /// The background becomes the default one.
    pub(super) fn lose_background(&mut self) {
        self.background = Colour::DEFAULT;
    }

    /// Writes what changes `before` to `self`. Which of the possible ways is written depends on these two only.
    pub(super) fn write_after(self, before: Self, out: &mut Vec<u8>) {
        let mut sgr = SgrWriter::new();
        let blank = Self { line_drawing: before.line_drawing, ..Self::default() };
        let plain = self == Self { line_drawing: self.line_drawing, ..blank };
        let gone = before.attributes & !self.attributes != 0;
        let other_underline = before.underline != 0 && before.underline != self.underline;
        let mut base = before;
        if gone || other_underline || (plain && before != blank) {
            sgr.number(0);
            base = blank;
        }
        if self.attributes != base.attributes || self.underline != base.underline {
            self.write_attributes(base, &mut sgr);
        }
        for (now, then, code) in [
            (self.foreground, base.foreground, 30),
            (self.background, base.background, 40),
            (self.underline_colour, base.underline_colour, 50),
        ] {
            if now != then {
                sgr.colour(now, code);
            }
        }
        out.extend_from_slice(sgr.end());
        if self.line_drawing != before.line_drawing {
            out.push(if self.line_drawing { 0x0e } else { 0x0f });
        }
    }

    fn write_attributes(self, base: Self, sgr: &mut SgrWriter) {
        let new = self.attributes & !base.attributes;
        for (bit, set, _) in ATTRIBUTES {
            if new & bit != 0 {
                sgr.number(set);
            }
            // The place of underline between italics and blink is tmux's.
            if bit == ITALICS && self.underline != base.underline {
                sgr.underline(self.underline);
            }
        }
    }
}

/// Writes one SGR sequence. The longest there is: 10 attributes and three colours of at most 17 bytes.
struct SgrWriter {
    bytes: [u8; 96],
    length: usize,
}

impl SgrWriter {
    fn new() -> Self {
        let mut bytes = [0; 96];
        bytes[0] = 0x1b;
        Self { bytes, length: 1 }
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn number(&mut self, number: u16) {
        self.push(if self.length == 1 { b'[' } else { b';' });
        if number >= 100 {
            self.push(b'0' + (number / 100) as u8);
        }
        if number >= 10 {
            self.push(b'0' + (number / 10 % 10) as u8);
        }
        self.push(b'0' + (number % 10) as u8);
    }

    fn underline(&mut self, kind: u8) {
        self.number(4);
        if kind > 1 {
            self.push(b':');
            self.push(b'0' + kind);
        }
    }

    /// `code` is 30, 40 or 50.
    fn colour(&mut self, colour: Colour, code: u16) {
        let [_, red, green, blue] = colour.0.to_be_bytes();
        match colour.0 >> 24 {
            Colour::BASIC if blue < 8 => self.number(code + u16::from(blue)),
            Colour::BASIC => self.number(code + 60 + u16::from(blue - 8)),
            Colour::PALETTE => {
                self.number(code + 8);
                self.number(5);
                self.number(blue.into());
            }
            Colour::RGB => {
                self.number(code + 8);
                self.number(2);
                for part in [red, green, blue] {
                    self.number(part.into());
                }
            }
            _ => self.number(code + 9),
        }
    }

    /// The whole sequence; nothing if no parameter was written.
    fn end(&mut self) -> &[u8] {
        if self.length == 1 {
            return b"";
        }
        self.push(b'm');
        &self.bytes[..self.length]
    }
}

/// The parameters of one SGR sequence.
pub(super) struct Sgr<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Sgr<'a> {
    /// `parameters`: digits, `;` and `:`.
    pub(super) fn new(parameters: &'a [u8]) -> Self {
        Self { rest: Some(parameters) }
    }

    /// Changes `style` as a terminal would; what is not understood changes nothing.
    pub(super) fn apply(mut self, style: &mut Style) {
        while let Some(parameter) = self.next() {
            match number(parameter) {
                Some(code @ (38 | 48 | 58)) => {
                    if let Some(colour) = self.colour() {
                        set_colour(style, code, colour);
                    }
                }
                Some(code) => apply_simple(code, style),
                None => apply_parts(parameter, style),
            }
        }
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match rest.iter().position(|byte| *byte == b';') {
            Some(end) => {
                self.rest = Some(&rest[end + 1..]);
                Some(&rest[..end])
            }
            None => self.rest.take(),
        }
    }

    /// The rest of `38;5;n` or `38;2;r;g;b`.
    fn colour(&mut self) -> Option<Colour> {
        match number(self.next()?)? {
            5 => Some(Colour::palette(self.part()?)),
            2 => Some(Colour::rgb(self.part()?, self.part()?, self.part()?)),
            _ => None,
        }
    }

    fn part(&mut self) -> Option<u8> {
        number(self.next()?)?.try_into().ok()
    }
}

/// A decimal number; empty counts as 0, as in terminals.
fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |sum, digit| {
        let value = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(value)
    })
}

/// A parameter with sub-parameters: a kind of underline, a colour, or overline as tmux writes it.
fn apply_parts(parameter: &[u8], style: &mut Style) {
    let mut parts = [0; 6];
    let mut count = 0;
    for part in parameter.split(|byte| *byte == b':') {
        match (number(part), parts.get_mut(count)) {
            (Some(value), Some(slot)) => *slot = value,
            _ => return,
        }
        count += 1;
    }
    match (parts, count) {
        ([4, kind @ 0..=5, ..], 2) => style.underline = kind as u8,
        // grid_string_cells_code() splits every code above 9 in two, meaning the underlines 42 to 45; overline is
        // 53. All versions up to 3.8 do it.
        ([5, 3, ..], 2) => style.attributes |= OVERLINE,
        ([code @ (38 | 48 | 58), 5, n @ 0..=255, ..], 3) => set_colour(style, code, Colour::palette(n as u8)),
        ([code @ (38 | 48 | 58), 2, r @ 0..=255, g @ 0..=255, b @ 0..=255, _], 5)
        | ([code @ (38 | 48 | 58), 2, _, r @ 0..=255, g @ 0..=255, b @ 0..=255], 6) => {
            set_colour(style, code, Colour::rgb(r as u8, g as u8, b as u8));
        }
        _ => {}
    }
}

fn apply_simple(code: u16, style: &mut Style) {
    match code {
        0 => *style = Style { line_drawing: style.line_drawing, ..Style::default() },
        4 => style.underline = 1,
        6 => style.attributes |= BLINK,
        21 => style.underline = 2,
        24 => style.underline = 0,
        30..=37 => style.foreground = Colour::basic(code - 30),
        39 => style.foreground = Colour::DEFAULT,
        40..=47 => style.background = Colour::basic(code - 40),
        49 => style.background = Colour::DEFAULT,
        59 => style.underline_colour = Colour::DEFAULT,
        90..=97 => style.foreground = Colour::basic(code - 90 + 8),
        100..=107 => style.background = Colour::basic(code - 100 + 8),
        _ => {
            for (bit, set, unset) in ATTRIBUTES {
                if code == set {
                    style.attributes |= bit;
                } else if code == unset {
                    style.attributes &= !bit;
                }
            }
        }
    }
}

fn set_colour(style: &mut Style, code: u16, colour: Colour) {
    match code {
        38 => style.foreground = colour,
        48 => style.background = colour,
        _ => style.underline_colour = colour,
    }
}
