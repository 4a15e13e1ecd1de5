//! evermux in the place of a shell: see [`evermux_core::gate`].

use std::ffi::OsString;
use std::io;

use evermux_core::gate::Waiter;

/// If tmux started this process as the shell of a restored pane: waits for the pane's text, then becomes the real
/// shell. Returns none in every other process, after one comparison, and the reason if no shell can be executed.
pub fn become_shell() -> Option<io::Error> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    let shell = std::env::var_os("SHELL")?;
    let waiter = Waiter::recognise(&name, Some(&shell), std::env::var_os("TMUX_PANE"))?;
    Some(waiter.run(&arguments.collect::<Vec<OsString>>()))
}
