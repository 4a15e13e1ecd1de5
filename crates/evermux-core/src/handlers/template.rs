//! Texts with places for what is known only later: `{id}`, `{arguments}`.

use serde::{Deserialize, Deserializer, de};

/// Longest template (bytes).
const LONGEST: usize = 256;

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// What stands in braces.
    Place(String),
}

/// A text with places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(format!("'{}' is empty, too long, or has control characters", text.escape_debug()));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once('{') {
            let (place, after) =
                inside.split_once('}').ok_or_else(|| format!("'{text}' has no }} for its {{"))?;
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if place.is_empty() || !place.chars().all(plain) {
                return Err(format!("'{{{place}}}' is not a place"));
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Place(place.to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err(format!("'{text}' has no {{ for its }}"));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Its parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The names of its places.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(place) => Some(place.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether it is nothing but this place.
    pub fn is_place(&self, name: &str) -> bool {
        matches!(self.parts.as_slice(), [Part::Place(place)] if place == name)
    }

    /// The text with every place filled by `value`; none if one is not known.
    pub fn fill(&self, value: impl Fn(&str) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        let mut filled = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.extend_from_slice(text.as_bytes()),
                Part::Place(place) => filled.extend_from_slice(&value(place)?),
            }
        }
        Some(filled)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
impl Template {
    pub(super) fn of(text: &str) -> Self {
        Self::new(text).unwrap()
    }
}
