//! Fields of JSON files, and of files with a JSON object in each line.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

use super::{Foreign, MOST_BYTES};

/// Most lines of a file that are looked at, and the longest value that is taken (bytes).
const MOST_LINES: usize = 20;
const LONGEST: usize = 4096;

impl Foreign<'_> {
    /// The values of these fields (`payload.cwd`): of the file's object, or of the first line that has them. None if
    /// there is no such file; numbers come as text.
    pub fn fields(&self, path: &Path, names: &[&str]) -> Option<Vec<Option<String>>> {
        let key = names.join(" ");
        let known = self.stamp(path).and_then(|stamp| self.cache.fields(path, &key, stamp));
        if known.is_some() {
            return known;
        }
        let (bytes, stamp) = self.head(path)?;
        let objects = objects(&bytes);
        let field = |name: &&str| objects.iter().find_map(|object| value(object, name));
        let fields: Vec<Option<String>> = names.iter().map(field).collect();
        self.cache.keep_fields(path, key, stamp, fields.clone());
        Some(fields)
    }

    /// The value of a field in the last line of a file that has it, as far as that stands near its end.
    pub fn last_field(&self, path: &Path, name: &str) -> Option<String> {
        let bytes = self.tail(path)?;
        let mut lines = bytes.rsplit(|&byte| byte == b'\n');
        lines.find_map(|line| value(&serde_json::from_slice(line).ok()?, name))
    }

    /// The values of these fields in the last line of a file whose field `key` has this value, as far as that stands near
    /// its end.
    pub fn last_line(
        &self,
        path: &Path,
        key: &str,
        own: &str,
        names: &[&str],
    ) -> Option<Vec<Option<String>>> {
        let bytes = self.tail(path)?;
        let mut lines = bytes.rsplit(|&byte| byte == b'\n');
        lines.find_map(|line| {
            let object = serde_json::from_slice(line).ok()?;
            let fields = || names.iter().map(|name| value(&object, name)).collect();
            (value(&object, key)? == own).then(fields)
        })
    }

    fn tail(&self, path: &Path) -> Option<Vec<u8>> {
        let (mut file, metadata) = self.open(path)?;
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(MOST_BYTES))).ok()?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The first and the last lines of a file; those that are neither are left out, and one may be cut off.
    pub fn lines(&self, path: &Path) -> Vec<Vec<u8>> {
        let Some((head, _)) = self.head(path) else { return Vec::new() };
        let tail = if (head.len() as u64) < MOST_BYTES { None } else { self.tail(path) };
        let lines =
            |bytes: Vec<u8>| bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        [Some(head), tail].into_iter().flatten().flat_map(lines).collect()
    }

    /// The JSON of a short file.
    pub fn document(&self, path: &Path) -> Option<Value> {
        serde_json::from_slice(&self.head(path)?.0).ok()
    }

    /// The text of a short file, without blanks around it.
    pub fn text(&self, path: &Path) -> Option<Vec<u8>> {
        let (bytes, _) = self.head(path)?;
        Some(bytes.trim_ascii().to_vec())
    }
}

fn objects(bytes: &[u8]) -> Vec<Value> {
    match serde_json::from_slice(bytes) {
        Ok(whole) => vec![whole],
        // A long line may be cut off; what stands before it counts.
        Err(_) => {
            let lines = bytes.split(|&byte| byte == b'\n').take(MOST_LINES);
            lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
        }
    }
}

fn value(object: &Value, name: &str) -> Option<String> {
    let value = name.split('.').try_fold(object, |value, part| value.get(part))?;
    match value {
        Value::String(text) if text.len() <= LONGEST => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
