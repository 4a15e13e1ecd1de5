//! The machine goes off, or to sleep: logind waits until everything is saved. A bus and a logind of our own.
#![cfg(target_os = "linux")]

mod story;

use std::io::{PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use dbus::blocking::Connection;
use dbus::channel::{Channel, MatchingReceiver, Sender as _};
use dbus::message::{MatchRule, Message};
use evermux_testkit::{Sandbox, Server, wait_until};
use story::kept::{Kept, LIMIT};
use story::{Story, on_every_tmux};

#[test]
fn a_machine_waits_until_everything_is_saved() {
    on_every_tmux(|tmux| {
        let mut story = Story::of(Server::builder(tmux).start());
        let Some(logind) = Logind::begin(story.server.sandbox()) else { return };
        story.env = story.env.with("DBUS_SYSTEM_BUS_ADDRESS", &logind.address);
        let kept = Kept::of(story);
        let lock = logind.lock();
        logind.say("PrepareForSleep", true);
        wait_until_released(lock);
        logind.say("PrepareForSleep", false);
        let lock = logind.lock();
        kept.wait_until_saved();
        kept.server().type_line("=main:", "echo so-it-is");
        kept.server().wait_until("it is printed", |server| server.screen("=main:").contains("\nso-it-is"));
        logind.say("PrepareForShutdown", true);
        wait_until_released(lock);
        kept.crash();
        kept.story.restore();
        assert!(kept.server().screen("=main:").contains("\nso-it-is"), "tmux {}", tmux.version);
    });
}

const MANAGER: &str = "org.freedesktop.login1.Manager";

/// A bus on which everybody may do everything.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=SOCKET</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"#;

/// A bus with somebody on it who speaks for the machine as systemd-logind does.
struct Logind {
    address: String,
    /// What was asked for: what is to be delayed, how, and what can be read to its end when the lock is released.
    asked: Receiver<(String, String, PipeReader)>,
    signals: Sender<(&'static str, bool)>,
}

impl Logind {
    /// None where no bus can be run. It ends with the sandbox.
    fn begin(sandbox: &Sandbox) -> Option<Self> {
        let socket = sandbox.path("bus");
        let config = sandbox.write("bus.conf", BUS.replace("SOCKET", &socket.display().to_string()));
        let mut daemon = sandbox.command("dbus-daemon");
        daemon.arg("--nofork").arg(format!("--config-file={}", config.display()));
        daemon.stdout(Stdio::null()).stderr(Stdio::null());
        daemon.spawn().ok()?;
        let address = format!("unix:path={}", socket.display());
        let bus = connect(&address);
        let ((asks, asked), (signals, to_send)) = (channel(), channel());
        thread::spawn(move || speak(&bus, asks, &to_send));
        Some(Self { address, asked, signals })
    }

    /// The next lock that is asked for.
    #[track_caller]
    fn lock(&self) -> PipeReader {
        let (what, mode, lock) = self.asked.recv_timeout(LIMIT).expect("somebody asks for a lock");
        assert_eq!((what.as_str(), mode.as_str()), ("shutdown:sleep", "delay"));
        lock
    }

    fn say(&self, signal: &'static str, begins: bool) {
        self.signals.send((signal, begins)).expect("it listens");
    }
}

/// Waits until everybody who had a lock has closed it.
#[track_caller]
fn wait_until_released(mut lock: PipeReader) {
    let (sender, released) = channel();
    thread::spawn(move || sender.send(lock.read(&mut [0]).ok()));
    assert_eq!(released.recv_timeout(LIMIT), Ok(Some(0)), "the lock is released");
}

fn connect(address: &str) -> Connection {
    let mut bus = None;
    wait_until("the bus answers", LIMIT, || {
        let channel = Channel::open_private(address);
        bus =
            channel.ok().and_then(|mut channel| channel.register().ok().map(|()| Connection::from(channel)));
        bus.is_some()
    });
    let bus = bus.expect("it was waited for");
    bus.request_name("org.freedesktop.login1", false, false, true).expect("the name is free");
    bus
}

/// Answers who asks for a lock, and sends signals, until the bus ends or nobody has any more.
fn speak(
    bus: &Connection,
    asks: Sender<(String, String, PipeReader)>,
    signals: &Receiver<(&'static str, bool)>,
) {
    let answer = move |call: Message, bus: &Connection| {
        let (what, _, _, mode): (String, String, String, String) = call.read4().expect("four strings");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let _ = bus.send(call.method_return().append1(OwnedFd::from(writer)));
        asks.send((what, mode, reader)).is_ok()
    };
    bus.start_receive(MatchRule::new_method_call().with_interface(MANAGER), Box::new(answer));
    while bus.process(Duration::from_millis(20)).is_ok() {
        match signals.try_recv() {
            Ok((name, begins)) => {
                let signal =
                    Message::new_signal("/org/freedesktop/login1", MANAGER, name).expect("valid names");
                let _ = bus.send(signal.append1(begins));
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
    }
}
