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
/// another way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Colour {
    #[default]
    Default,
    /// 0 to 15: `30` to `37` and `90` to `97`.
    Basic(u8),
    /// `38;5;n`.
    Palette(u8),
    /// `38;2;r;g;b`.
    Rgb(u8, u8, u8),
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
const BLINK: u16 = 8;
const OVERLINE: u16 = 128;

impl Style {
    /// The background becomes the default one.
    pub(super) fn lose_background(&mut self) {
        self.background = Colour::Default;
    }

    /// Writes what changes `before` to `self`. Which of the possible ways is written depends on these two only.
    pub(super) fn write_after(self, before: Self, out: &mut Vec<u8>) {
        let mut sgr = SgrWriter::new(out);
        let mut base = Self { line_drawing: before.line_drawing, ..before };
        let gone = before.attributes & !self.attributes != 0;
        let other_underline = before.underline != 0 && before.underline != self.underline;
        let plain = self == Self { line_drawing: self.line_drawing, ..Self::default() };
        let was_plain = before == Self { line_drawing: before.line_drawing, ..Self::default() };
        if gone || other_underline || (plain && !was_plain) {
            sgr.number(0);
            base = Self { line_drawing: before.line_drawing, ..Self::default() };
        }
        let new = self.attributes & !base.attributes;
        for (bit, set, _) in ATTRIBUTES {
            if new & bit != 0 {
                sgr.number(set);
            }
            // The place of underline between italics and blink is tmux's.
            if bit == 4 && self.underline != base.underline {
                sgr.underline(self.underline);
            }
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
        sgr.end();
        if self.line_drawing != before.line_drawing {
            out.push(if self.line_drawing { 0x0e } else { 0x0f });
        }
    }
}

/// Writes one SGR sequence, if anything goes into it.
struct SgrWriter<'a> {
    out: &'a mut Vec<u8>,
    begun: bool,
}

impl<'a> SgrWriter<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, begun: false }
    }

    fn number(&mut self, number: u16) {
        self.out.extend_from_slice(if self.begun { b";" } else { b"\x1b[" });
        self.begun = true;
        if number >= 100 {
            self.out.push(b'0' + (number / 100) as u8);
        }
        if number >= 10 {
            self.out.push(b'0' + (number / 10 % 10) as u8);
        }
        self.out.push(b'0' + (number % 10) as u8);
    }

    fn underline(&mut self, kind: u8) {
        self.number(4);
        if kind > 1 {
            self.out.extend_from_slice(&[b':', b'0' + kind]);
        }
    }

    /// `code` is 30, 40 or 50.
    fn colour(&mut self, colour: Colour, code: u16) {
        match colour {
            Colour::Default => self.number(code + 9),
            Colour::Basic(n) if n < 8 => self.number(code + u16::from(n)),
            Colour::Basic(n) => self.number(code + 60 + u16::from(n - 8)),
            Colour::Palette(n) => {
                self.number(code + 8);
                self.number(5);
                self.number(n.into());
            }
            Colour::Rgb(red, green, blue) => {
                self.number(code + 8);
                self.number(2);
                for part in [red, green, blue] {
                    self.number(part.into());
                }
            }
        }
    }

    fn end(self) {
        if self.begun {
            self.out.push(b'm');
        }
    }
}

/// The parameters of one SGR sequence.
pub(super) struct Sgr<'a> {
    parameters: std::slice::Split<'a, u8, fn(&u8) -> bool>,
}

impl<'a> Sgr<'a> {
    /// `parameters`: digits, `;` and `:`.
    pub(super) fn new(parameters: &'a [u8]) -> Self {
        Self { parameters: parameters.split(|byte| *byte == b';') }
    }

    /// Changes `style` as a terminal would; what is not understood changes nothing.
    pub(super) fn apply(mut self, style: &mut Style) {
        while let Some(parameter) = self.parameters.next() {
            if parameter.contains(&b':') {
                apply_parts(parameter, style);
                continue;
            }
            match number(parameter) {
                Some(code @ (38 | 48 | 58)) => {
                    if let Some(colour) = self.colour() {
                        set_colour(style, code, colour);
                    }
                }
                Some(code) => apply_simple(code, style),
                None => {}
            }
        }
    }

    /// The rest of `38;5;n` or `38;2;r;g;b`.
    fn colour(&mut self) -> Option<Colour> {
        match number(self.parameters.next()?)? {
            5 => Some(Colour::Palette(self.part()?)),
            2 => Some(Colour::Rgb(self.part()?, self.part()?, self.part()?)),
            _ => None,
        }
    }

    fn part(&mut self) -> Option<u8> {
        number(self.parameters.next()?)?.try_into().ok()
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
        ([code @ (38 | 48 | 58), 5, n @ 0..=255, ..], 3) => set_colour(style, code, Colour::Palette(n as u8)),
        ([code @ (38 | 48 | 58), 2, r @ 0..=255, g @ 0..=255, b @ 0..=255, _], 5)
        | ([code @ (38 | 48 | 58), 2, _, r @ 0..=255, g @ 0..=255, b @ 0..=255], 6) => {
            set_colour(style, code, Colour::Rgb(r as u8, g as u8, b as u8));
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
        30..=37 => style.foreground = Colour::Basic((code - 30) as u8),
        39 => style.foreground = Colour::Default,
        40..=47 => style.background = Colour::Basic((code - 40) as u8),
        49 => style.background = Colour::Default,
        59 => style.underline_colour = Colour::Default,
        90..=97 => style.foreground = Colour::Basic((code - 90 + 8) as u8),
        100..=107 => style.background = Colour::Basic((code - 100 + 8) as u8),
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
