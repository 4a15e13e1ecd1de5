//! Which machine this is, and which life of it.

use super::os;

/// The lasting name of this machine, fit for a folder's name: 16 hexadecimal digits.
///
/// It is a hash of the machine id, which machine-id(5) asks to keep confidential. Machines without one are named by
/// their host name; two of those with the same name cannot be told apart.
pub fn machine() -> String {
    machine_from(os::machine_id(), rustix::system::uname().nodename().to_bytes())
}

/// The name of this boot of the machine: different after every reboot.
pub fn boot() -> String {
    os::boot_id().unwrap_or_else(|| "unknown".to_owned())
}

fn machine_from(id: Option<String>, host: &[u8]) -> String {
    let hash = match id {
        Some(id) => blake3::derive_key("evermux 2026 machine id", id.as_bytes()),
        None => blake3::derive_key("evermux 2026 host name", host),
    };
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lasting_and_do_not_show_the_id() {
        let id = "0123456789abcdef0123456789abcdef";
        let name = machine_from(Some(id.to_owned()), b"host");
        // Folders of the store carry it: it must never change.
        assert_eq!(name, "a6bb7aebfaec2583");
        assert!(!id.contains(&name));
        assert_eq!(name, machine_from(Some(id.to_owned()), b"other"));
        assert_ne!(name, machine_from(None, b"host"));
        assert_ne!(machine_from(None, b"a"), machine_from(None, b"b"));
    }

    #[test]
    fn this_machine_has_one_name() {
        assert_eq!(machine(), machine());
        assert_eq!(machine().len(), 16);
        assert_eq!(boot(), boot());
        assert!(!boot().is_empty());
    }
}
