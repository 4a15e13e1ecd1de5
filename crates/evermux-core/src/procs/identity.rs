//! Which machine this is, and which life of it.

/// The lasting name of this machine: 16 hexadecimal digits.
pub fn machine() -> String {
    String::new()
}

/// The name of this boot of the machine.
pub fn boot() -> String {
    String::new()
}
