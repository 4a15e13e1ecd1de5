//! What other programs give to an editor to be seen by nobody. Neovim's own list, in Lua patterns, is in capture.lua.

use bstr::ByteSlice;

/// Ends of names of files that are encrypted, or open what is.
const ENDS: &[&str] = &[".gpg", ".pgp", ".asc", ".age"];

/// Parts of paths.
const PARTS: &[&str] =
    &["/.password-store/", "/pass.", "/gopass", "/crontab.", "/sops", ".sops.", "/sudoers"];

/// Folders that are never on a disk, and that of crontabs.
const FOLDERS: &[&str] = &["/dev/shm/", "/run/user/", "/var/spool/cron/"];

/// Whether files of this path hold secrets.
pub fn is_secret(path: &[u8]) -> bool {
    ENDS.iter().any(|end| path.ends_with(end.as_bytes()))
        || PARTS.iter().any(|part| path.contains_str(part))
        || FOLDERS.iter().any(|folder| path.starts_with(folder.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn files_that_hold_secrets_are_known() {
        for path in
            ["/h/a.gpg", "/dev/shm/pass.Xy/mail.txt", "/tmp/crontab.a1b2/crontab", "/h/.password-store/x"]
        {
            assert!(is_secret(path.as_bytes()), "{path}");
        }
        assert!(!is_secret(b"/home/u/passing/notes.txt"));
    }
}
