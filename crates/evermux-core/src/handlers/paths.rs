//! Paths with places in them: patterns of files, matched component by component, so that nothing crosses a `/`.

use bstr::BString;

use super::template::{Part, Template};
use super::words::{IdPattern, is_id};

/// A pattern of absolute paths. `*` stands for any part of a name, `**` for any folders, `{id}` for the id of a
/// conversation, `{pid}` for a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// Every name of the path; the root is none.
    components: Vec<Component>,
}

/// A name of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Component {
    /// Any number of folders, none included.
    Folders,
    /// Exactly this name.
    Name(BString),
    /// Names that fit.
    Pieces(Vec<Piece>),
}

/// A part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(BString),
    /// Any bytes.
    Any,
    /// An id.
    Id,
    /// A process.
    Pid,
}

/// What a path has in the places of a pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    /// The id.
    pub id: Option<String>,
    /// The process.
    pub pid: Option<u32>,
}

impl Glob {
    /// The pattern of a template. `value` gives what is known of its places; `{id}` and `{pid}` may be unknown and are then
    /// looked for. None if another one is unknown, or if the path is not absolute or leads up (`..`).
    pub fn new(template: &Template, value: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Self> {
        let mut pieces = Vec::new();
        for part in template.parts() {
            match part {
                Part::Text(text) => add_text(&mut pieces, text.as_bytes()),
                Part::Place(place) => match (value(place), place.as_str()) {
                    // What is known is bytes, whatever stands in it.
                    (Some(value), _) => pieces.push(Piece::Bytes(value.into())),
                    (None, "id") => pieces.push(Piece::Id),
                    (None, "pid") => pieces.push(Piece::Pid),
                    (None, _) => return None,
                },
            }
        }
        let components = split(pieces)?;
        Some(Self { components })
    }

    /// Its names.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// What a path has in the places, if it fits.
    pub fn matches(&self, path: &[u8], ids: Option<&IdPattern>) -> Option<Captures> {
        let names: Vec<&[u8]> = path.strip_prefix(b"/")?.split(|&byte| byte == b'/').collect();
        if names.len() > MOST_NAMES {
            return None;
        }
        let mut found = Captures::default();
        fits(&self.components, &names, ids, &mut found).then_some(found)
    }
}

/// Longest path that is looked at (names).
const MOST_NAMES: usize = 64;

fn fits(components: &[Component], names: &[&[u8]], ids: Option<&IdPattern>, found: &mut Captures) -> bool {
    match (components, names) {
        ([], []) => true,
        ([Component::Folders, rest @ ..], _) => {
            (0..=names.len()).any(|skip| fits(rest, &names[skip..], ids, found))
        }
        ([component, rest @ ..], [name, names @ ..]) => {
            component.takes(name, ids, found) && fits(rest, names, ids, found)
        }
        _ => false,
    }
}

impl Component {
    /// Whether a name fits; what it has in the places is added to `found`.
    pub fn takes(&self, name: &[u8], ids: Option<&IdPattern>, found: &mut Captures) -> bool {
        match self {
            Self::Folders => false,
            Self::Name(own) => own == name,
            Self::Pieces(pieces) => take(pieces, name, ids, found),
        }
    }
}

/// Every way to divide the name among the pieces, the shortest first. Names are short and pieces few.
fn take(pieces: &[Piece], name: &[u8], ids: Option<&IdPattern>, found: &mut Captures) -> bool {
    let Some((piece, rest)) = pieces.split_first() else { return name.is_empty() };
    if let Piece::Bytes(bytes) = piece {
        return name.strip_prefix(bytes.as_slice()).is_some_and(|name| take(rest, name, ids, found));
    }
    let ends: Vec<usize> = if rest.is_empty() { vec![name.len()] } else { (0..=name.len()).collect() };
    ends.into_iter().any(|end| {
        let (own, after) = name.split_at(end);
        let before = found.clone();
        let fits = match piece {
            Piece::Id if is_id(own) && ids.is_none_or(|ids| ids.fits(own)) => {
                found.id = Some(String::from_utf8_lossy(own).into_owned());
                true
            }
            Piece::Pid => {
                let pid = std::str::from_utf8(own).ok().filter(|own| !own.starts_with('+'));
                found.pid = pid.and_then(|pid| pid.parse().ok());
                found.pid.is_some()
            }
            piece => *piece == Piece::Any,
        };
        let fits = fits && take(rest, after, ids, found);
        if !fits {
            *found = before;
        }
        fits
    })
}

/// Text of a template, in which `*` means something.
fn add_text(pieces: &mut Vec<Piece>, text: &[u8]) {
    for (position, text) in text.split(|&byte| byte == b'*').enumerate() {
        if position > 0 {
            pieces.push(Piece::Any);
        }
        if !text.is_empty() {
            pieces.push(Piece::Bytes(text.into()));
        }
    }
}

/// The names that pieces make, divided at each `/`.
fn split(pieces: Vec<Piece>) -> Option<Vec<Component>> {
    let mut names: Vec<Vec<Piece>> = vec![Vec::new()];
    for piece in pieces {
        let Piece::Bytes(bytes) = piece else {
            names.last_mut()?.push(piece);
            continue;
        };
        for (position, part) in bytes.split(|&byte| byte == b'/').enumerate() {
            if position > 0 {
                names.push(Vec::new());
            }
            if !part.is_empty() {
                names.last_mut()?.push(Piece::Bytes(part.into()));
            }
        }
    }
    let mut names = names.into_iter();
    // Before the first `/` there is nothing: the path is absolute.
    names.next().filter(Vec::is_empty)?;
    let components: Vec<Component> =
        names.filter(|name| !name.is_empty()).map(component).collect::<Option<_>>()?;
    let one_way = components.iter().filter(|component| **component == Component::Folders).count() <= 1;
    (one_way && !components.is_empty() && components.len() <= MOST_NAMES).then_some(components)
}

/// Most places in one name: each multiplies the ways to divide it.
const MOST_PLACES: usize = 3;

fn component(pieces: Vec<Piece>) -> Option<Component> {
    if pieces == [Piece::Any, Piece::Any] {
        return Some(Component::Folders);
    }
    let bytes = pieces.iter().map(|piece| match piece {
        Piece::Bytes(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    match bytes.collect::<Option<Vec<&[u8]>>>() {
        Some(parts) => {
            let name = BString::from(parts.concat());
            let leads_away = name == ".." || name == "." || name.contains(&0);
            (!leads_away).then_some(Component::Name(name))
        }
        None => {
            let open = pieces.iter().filter(|piece| !matches!(piece, Piece::Bytes(_))).count();
            (open <= MOST_PLACES).then_some(Component::Pieces(pieces))
        }
    }
}
