//! The bytes that macOS gives for a process's arguments (`sysctl` KERN_PROCARGS2).

use bstr::BString;

/// Reads the number of arguments, the path of the executable, NULs, the arguments, each ended by a NUL; what follows
/// is the environment and left alone. An empty first argument cannot be told from the NULs before it.
pub(super) fn parse(bytes: &[u8]) -> Vec<BString> {
    let Some((count, rest)) = bytes.split_first_chunk::<4>() else { return Vec::new() };
    let count = usize::try_from(i32::from_ne_bytes(*count)).unwrap_or(0);
    let path = rest.iter().take_while(|&&byte| byte != 0).count();
    let nuls = rest[path..].iter().take_while(|&&byte| byte == 0).count();
    rest[path + nuls..].split(|&byte| byte == 0).take(count).map(BString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(count: i32, rest: &[u8]) -> Vec<u8> {
        [&count.to_ne_bytes(), rest].concat()
    }

    #[test]
    fn empty_arguments_stay_and_the_environment_is_left_out() {
        let bytes = buffer(4, b"/bin/x\0\0\0x\0\0a b\0\0SECRET=1\0");
        assert_eq!(parse(&bytes), ["x", "", "a b", ""]);
    }

    #[test]
    fn broken_buffers_do_no_harm() {
        let whole = buffer(3, b"/bin/x\0\0x\0y\0z\0A=1\0");
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).len() <= 3);
        }
        assert!(parse(&buffer(-1, b"/x\0x\0")).is_empty());
        assert_eq!(parse(&buffer(i32::MAX, b"/x\0x\0y")), ["x", "y"]);
    }
}
