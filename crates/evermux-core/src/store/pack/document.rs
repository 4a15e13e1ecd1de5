//! The bytes of a pack: parts one after the other, each after those it mentions.
//!
//! ```text
//! document  count, so many hashes of parts outside the pack, then parts until the end
//! part      kind (a byte), then pieces: length, so many bytes, and a number: what is mentioned there, or END
//! ```
//!
//! Counts, lengths and numbers are 32 bits, the least significant byte first. The hash of a part that is mentioned (64
//! hexadecimal digits in its JSON) is written as its number: parts outside are numbered first, then those inside, in
//! their order. The hash of a part inside is written nowhere: it is computed, and so everything that is read from a pack
//! is what was put into it, or is not found.

use std::collections::{BTreeSet, HashMap};

use super::super::body::Hash;

/// Ends a part.
const END: u32 = u32::MAX;
/// The kinds, by their bytes; what a kind mentions stands before it.
const KINDS: [&str; 8] = ["block", "text", "window", "session", "facts", "server", "clients", ROOT];
/// The kind of part that says which sessions a snapshot has. It is in no other place.
pub(super) const ROOT: &str = "root";
/// Hexadecimal digits of a hash.
const DIGITS: usize = 64;

/// What is in a pack.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    /// The parts outside that are mentioned.
    pub outside: Vec<Hash>,
    /// The parts inside; what a part mentions stands before it.
    pub parts: Vec<Inside>,
}

/// A part in a pack.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inside {
    pub kind: String,
    pub hash: Hash,
    pub bytes: Vec<u8>,
    pub mentions: BTreeSet<Hash>,
}

/// Where a kind stands in the order of parts; none if it is not known.
pub(super) fn rank(kind: &str) -> Option<usize> {
    KINDS.iter().position(|known| *known == kind)
}

/// The bytes of a document.
///
/// # Errors
/// Why it cannot be written, as a fragment.
pub(super) fn encode(document: &Document) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    push(&mut bytes, document.outside.len())?;
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for hash in &document.outside {
        bytes.extend_from_slice(&hash.0);
        numbers.insert(hash.to_string(), numbers.len());
    }
    for part in &document.parts {
        let kind = rank(&part.kind).ok_or_else(|| format!("has a part of kind {}", part.kind))?;
        bytes.push(kind as u8);
        pieces(part, &numbers, &mut bytes)?;
        let number = numbers.len();
        numbers.entry(part.hash.to_string()).or_insert(number);
    }
    Ok(bytes)
}

/// Writes a part, its mentions as numbers.
fn pieces(part: &Inside, numbers: &HashMap<String, usize>, bytes: &mut Vec<u8>) -> Result<(), String> {
    let wanted: HashMap<String, usize> = part
        .mentions
        .iter()
        .map(|hash| {
            let hash = hash.to_string();
            let number = numbers.get(&hash).copied();
            number.map(|number| (hash, number)).ok_or_else(|| "has parts in a wrong order".to_owned())
        })
        .collect::<Result<_, String>>()?;
    let mut found = BTreeSet::new();
    let (mut rest, mut from) = (&part.bytes[..], 0);
    while !wanted.is_empty() {
        let Some(quote) = rest[from..].iter().position(|byte| *byte == b'"') else { break };
        let at = from + quote + 1;
        let digits = rest.get(at..at + DIGITS).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| wanted.get(digits)) {
            Some(number) => {
                push(bytes, at)?;
                bytes.extend_from_slice(&rest[..at]);
                push(bytes, *number)?;
                found.insert(*number);
                (rest, from) = (&rest[at + DIGITS..], 0);
            }
            None => from = at,
        }
    }
    push(bytes, rest.len())?;
    bytes.extend_from_slice(rest);
    bytes.extend_from_slice(&END.to_le_bytes());
    // What is mentioned must be known from the bytes alone, or it would not be kept.
    if found.len() == wanted.len() {
        Ok(())
    } else {
        Err("has a part that hides what it mentions".to_owned())
    }
}

fn push(bytes: &mut Vec<u8>, number: usize) -> Result<(), String> {
    let number = u32::try_from(number).ok().filter(|number| *number != END);
    bytes.extend_from_slice(&number.ok_or_else(|| "is too large".to_owned())?.to_le_bytes());
    Ok(())
}

/// A document from its bytes.
///
/// # Errors
/// What is wrong, as a fragment.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, String> {
    let mut reader = Reader { bytes };
    let mut document = Document::default();
    let mut known = BTreeSet::new();
    for _ in 0..reader.number()? {
        let hash = Hash(reader.take(32)?.try_into().expect("32 bytes"));
        if !known.insert(hash) {
            return Err("is damaged: it names a part twice".to_owned());
        }
        document.outside.push(hash);
    }
    let mut hashes = document.outside.clone();
    while !reader.bytes.is_empty() {
        let kind = usize::from(reader.take(1)?[0]);
        let kind =
            *KINDS.get(kind).ok_or_else(|| format!("has kind {kind}, which this evermux does not know"))?;
        let mut part = Inside {
            kind: kind.to_owned(),
            hash: Hash([0; 32]),
            bytes: Vec::new(),
            mentions: BTreeSet::new(),
        };
        loop {
            let length = reader.number()?;
            part.bytes.extend_from_slice(reader.take(length as usize)?);
            let number = reader.number()?;
            if number == END {
                break;
            }
            let hash = hashes.get(number as usize).ok_or("is damaged: it mentions what is not there")?;
            part.mentions.insert(*hash);
            part.bytes.extend_from_slice(hash.to_string().as_bytes());
        }
        part.hash = Hash::of(&part.bytes);
        // A part has the number of its first place.
        if known.insert(part.hash) {
            hashes.push(part.hash);
        }
        document.parts.push(part);
    }
    Ok(document)
}

/// Reads any bytes as a pack. What can be written again is read again as it was.
#[cfg(feature = "fuzzing")]
pub fn fuzz_pack(bytes: &[u8]) {
    let Ok(document) = decode(bytes) else { return };
    if let Ok(again) = encode(&document) {
        assert_eq!(decode(&again).as_ref(), Ok(&document));
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], String> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or("is damaged: it is cut short")?;
        self.bytes = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("4 bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(kind: &str, bytes: String, mentions: &[Hash]) -> Inside {
        let bytes = bytes.into_bytes();
        let mentions = mentions.iter().copied().collect();
        Inside { kind: kind.to_owned(), hash: Hash::of(&bytes), bytes, mentions }
    }

    fn document() -> Document {
        let outside = Hash::of(b"outside");
        let block = part("block", format!("says \"{outside}\", which is no mention\n"), &[]);
        let text =
            part("text", format!("{{\"a\":\"{}\",\"b\":\"{outside}\"}}", block.hash), &[block.hash, outside]);
        let window = part("window", format!("[\"{0}\",\"{0}\"]", text.hash), &[text.hash]);
        Document { outside: vec![outside], parts: vec![block, text, window] }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let document = document();
        let bytes = encode(&document).unwrap();
        assert_eq!(decode(&bytes).unwrap(), document);
        let hash = document.parts[1].hash.to_string();
        assert!(!bytes.windows(DIGITS).any(|digits| digits == hash.as_bytes()), "hashes are numbers");
    }

    #[test]
    fn what_is_not_where_it_must_be_is_refused() {
        let mut wrong = document();
        wrong.parts.swap(0, 1);
        assert!(encode(&wrong).is_err(), "a part before what it mentions");
        let mut wrong = document();
        let hidden = wrong.parts[0].hash;
        wrong.parts[2].mentions.insert(hidden);
        assert!(encode(&wrong).is_err(), "a mention that cannot be seen in the bytes");
        let mut wrong = document();
        wrong.parts[0].kind = "lost".to_owned();
        assert!(encode(&wrong).is_err());
    }

    #[test]
    fn damage_is_noticed_or_names_something_else() {
        let document = document();
        let bytes = encode(&document).unwrap();
        let hashes: Vec<Hash> = document.parts.iter().map(|part| part.hash).collect();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            for part in decode(&damaged).map(|document| document.parts).unwrap_or_default() {
                // Whoever looks for a part finds its bytes or nothing.
                let known = hashes.iter().position(|hash| *hash == part.hash);
                assert!(known.is_none_or(|known| document.parts[known].bytes == part.bytes), "at {at}");
            }
            assert!(
                decode(&bytes[..at]).map_or(true, |cut| cut.parts.len() < document.parts.len()),
                "to {at}"
            );
        }
    }
}
