//! macOS: `libproc` and `sysctl`. Compiles, not tried.
//!
//! The crate `sysinfo` was passed over: it drops empty arguments and then takes variables of the environment for
//! arguments, and it does not tell process groups.

use std::io;
use std::mem::{MaybeUninit, size_of};

use bstr::{BString, ByteSlice};

use super::arguments;
use super::prompt::OpenFile;
use super::{Asked, Process, Reading};

pub(super) const SOURCE: &str = "libproc";

/// All processes that can be seen. Those that go away meanwhile are left out.
pub(super) fn processes() -> io::Result<Vec<Process>> {
    // More than there are, so that those that appear meanwhile fit, too.
    // SAFETY: without a buffer only the number of processes is returned.
    let count = unsafe { libc::proc_listallpids(std::ptr::null_mut(), 0) };
    let count =
        usize::try_from(count).ok().filter(|&count| count > 0).ok_or_else(io::Error::last_os_error)?;
    let mut pids: Vec<libc::pid_t> = vec![0; count + count / 4 + 64];
    let bytes = libc::c_int::try_from(pids.len() * size_of::<libc::pid_t>()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the buffer is as long as said.
    let found = unsafe { libc::proc_listallpids(pids.as_mut_ptr().cast(), bytes) };
    let found = usize::try_from(found).map_err(|_| io::Error::last_os_error())?;
    pids.truncate(found);
    Ok(pids.into_iter().filter_map(process).collect())
}

/// One process.
pub(super) fn one(pid: u32) -> Option<Process> {
    process(libc::pid_t::try_from(pid).ok()?)
}

fn process(pid: libc::pid_t) -> Option<Process> {
    let id = u32::try_from(pid).ok().filter(|&id| id > 0)?;
    let session = || {
        let session = rustix::process::getsid(rustix::process::Pid::from_raw(pid)).ok()?;
        u32::try_from(session.as_raw_nonzero().get()).ok()
    };
    if let Some(info) = pid_info::<libc::proc_bsdinfo>(pid, libc::PROC_PIDTBSDINFO) {
        let birth = info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec;
        let name = text(&info.pbi_name);
        return Some(Process {
            pid: id,
            parent: info.pbi_ppid,
            group: info.pbi_pgid,
            session: session().unwrap_or(info.pbi_pgid),
            // NODEV.
            terminal: Some(info.e_tdev).filter(|&device| device != u32::MAX && device != 0).map(u64::from),
            foreground: Some(info.e_tpgid).filter(|&group| group != 0 && group != u32::MAX),
            name: if name.is_empty() { text(&info.pbi_comm) } else { name },
            zombie: info.pbi_status == libc::SZOMB,
            started: i64::try_from(birth / 1000).unwrap_or(i64::MAX),
            birth,
            asked: Asked::default(),
        });
    }
    // Of other users' processes only this may be known: their place in the tree.
    let info = pid_info::<libc::proc_bsdshortinfo>(pid, libc::PROC_PIDT_SHORTBSDINFO)?;
    Some(Process {
        pid: id,
        parent: info.pbsi_ppid,
        group: info.pbsi_pgid,
        session: session().unwrap_or(info.pbsi_pgid),
        terminal: None,
        foreground: None,
        name: text(&info.pbsi_comm),
        zombie: info.pbsi_status == libc::SZOMB,
        started: 0,
        birth: 0,
        asked: Asked::default(),
    })
}

/// The unit of [`Process::birth`].
pub(super) fn births_per_second() -> u64 {
    1_000_000
}

/// [`Process::birth`] of a process that has not ended.
pub(super) fn birth(pid: u32) -> Option<u64> {
    let process = process(libc::pid_t::try_from(pid).ok()?)?;
    (!process.zombie).then_some(process.birth)
}

/// The argument vector.
pub(super) fn argv(pid: u32) -> Vec<BString> {
    let Ok(pid) = libc::pid_t::try_from(pid) else { return Vec::new() };
    let mut name = [libc::CTL_KERN, libc::KERN_PROCARGS2, pid];
    let mut length = 0;
    // SAFETY: the name is as long as said; without a buffer only the length is written.
    let asked = unsafe {
        libc::sysctl(name.as_mut_ptr(), 3, std::ptr::null_mut(), &raw mut length, std::ptr::null_mut(), 0)
    };
    if asked != 0 {
        return Vec::new();
    }
    let mut buffer = vec![0_u8; length];
    // SAFETY: the buffer is as long as said, and `length` becomes what was written.
    let read = unsafe {
        libc::sysctl(
            name.as_mut_ptr(),
            3,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
            std::ptr::null_mut(),
            0,
        )
    };
    if read != 0 {
        return Vec::new();
    }
    buffer.truncate(length);
    arguments::parse(&buffer)
}

/// Not read here.
pub(super) fn environment(_pid: u32) -> Vec<(BString, BString)> {
    Vec::new()
}

/// The working directory.
pub(super) fn directory(pid: u32) -> Option<BString> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let info = pid_info::<libc::proc_vnodepathinfo>(pid, libc::PROC_PIDVNODEPATHINFO)?;
    Some(text(info.pvi_cdir.vip_path.as_flattened())).filter(|path| !path.is_empty())
}

/// The path of a terminal by its device number: not told here.
pub(super) fn terminal_path(_device: u64) -> Option<std::path::PathBuf> {
    None
}

/// The file it executes.
pub(super) fn executable(pid: u32) -> Option<BString> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut buffer = [0_u8; libc::PROC_PIDPATHINFO_MAXSIZE as usize];
    // SAFETY: the buffer is as long as said.
    let length = unsafe { libc::proc_pidpath(pid, buffer.as_mut_ptr().cast(), buffer.len() as u32) };
    let path = buffer.get(..usize::try_from(length).ok()?)?;
    (!path.is_empty()).then(|| path.into())
}

/// There is nothing like `wchan` here.
pub(super) fn reading(_pid: u32) -> Reading {
    Reading::Unknown
}

/// Whether the process is blocked until something happens; that is not told here.
pub(super) fn awaiting_events(_pid: u32) -> Reading {
    Reading::Unknown
}

/// Not read here: whether a shell still reads an rc file is seen from its terminal and group only.
pub(super) fn open_files(_pid: u32, _lowest: u32) -> Vec<OpenFile> {
    Vec::new()
}

/// Not known.
pub(super) fn standard_files(_pid: u32) -> [Option<BString>; 2] {
    [None, None]
}

/// The hardware's UUID (IOPlatformUUID).
pub(super) fn machine_id() -> Option<String> {
    let mut id = [0_u8; 16];
    let wait = libc::timespec { tv_sec: 1, tv_nsec: 0 };
    // SAFETY: a uuid_t is 16 bytes; the timeout outlives the call.
    let answer = unsafe { libc::gethostuuid(id.as_mut_ptr(), &raw const wait) };
    (answer == 0).then(|| uuid::Uuid::from_bytes(id).hyphenated().to_string())
}

/// The UUID that the kernel makes for every boot.
pub(super) fn boot_id() -> Option<String> {
    let mut buffer = [0_u8; 64];
    let mut length = buffer.len();
    // SAFETY: the name ends with NUL, the buffer is as long as said, and `length` becomes what was written.
    let read = unsafe {
        libc::sysctlbyname(
            c"kern.bootsessionuuid".as_ptr(),
            buffer.as_mut_ptr().cast(),
            &raw mut length,
            std::ptr::null_mut(),
            0,
        )
    };
    let id = buffer.get(..length).filter(|_| read == 0)?;
    let id = id.split_str("\0").next()?.to_str().ok()?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// Plain numbers and arrays of them, for which every pattern of bits is a value.
trait PidInfo: Copy {}
impl PidInfo for libc::proc_bsdinfo {}
impl PidInfo for libc::proc_bsdshortinfo {}
impl PidInfo for libc::proc_vnodepathinfo {}

/// What `proc_pidinfo` tells in this form.
fn pid_info<T: PidInfo>(pid: libc::pid_t, flavor: libc::c_int) -> Option<T> {
    let mut info = MaybeUninit::<T>::zeroed();
    let bytes = libc::c_int::try_from(size_of::<T>()).ok()?;
    // SAFETY: the buffer is as long as said.
    let written = unsafe { libc::proc_pidinfo(pid, flavor, 0, info.as_mut_ptr().cast(), bytes) };
    // SAFETY: it was zeroed before, and every pattern of bits is a value of these types.
    (written == bytes).then(|| unsafe { info.assume_init() })
}

/// What stands before the first NUL.
fn text(bytes: &[libc::c_char]) -> BString {
    bytes.iter().map(|byte| byte.cast_unsigned()).take_while(|&byte| byte != 0).collect::<Vec<u8>>().into()
}
