//! An attached client, with keys to press and a screen to look at: tmux inside tmux.

use crate::server::Server;
use crate::wait::{LIMIT, wait_until};

/// A client of a [`Server`] in a terminal: the only pane of an outer server of its own.
#[derive(Debug)]
pub struct Client {
    outer: Server,
}

impl Client {
    /// Attaches to a session and waits until it is shown.
    #[track_caller]
    pub(crate) fn attach(server: &Server, session: &str, width: u32, height: u32) -> Client {
        let before = clients(server).len();
        let client = Client::run(server, &["attach-session", "-t", session], width, height);
        server.wait_until("the new client is attached", |server| clients(server).len() > before);
        client
    }

    /// Runs any command of tmux in a terminal of that size, for instance `new-session`.
    #[track_caller]
    pub fn run(server: &Server, command: &[&str], width: u32, height: u32) -> Client {
        let mut words = vec![server.binary().path.display().to_string()];
        words.extend(["-u", "-L", server.name(), "-f"].map(str::to_owned));
        words.push(server.config_file().display().to_string());
        words.extend(command.iter().map(|&word| word.to_owned()));
        Client::run_program(server, &words, width, height)
    }

    /// Runs any program in a terminal of that size, in the environment of a server's sandbox.
    #[track_caller]
    pub fn run_program(server: &Server, words: &[String], width: u32, height: u32) -> Client {
        let (width, height) = (width.to_string(), height.to_string());
        let mut first =
            ["new-session", "-d", "-s", "terminal", "-x", &width, "-y", &height].map(str::to_owned).to_vec();
        first.extend(["env", "-i"].map(str::to_owned));
        first.extend(server.sandbox().variables().iter().map(|(name, value)| format!("{name}={value}")));
        first.extend(server.variables().map(|(name, value)| format!("{name}={value}")));
        // What tmux offers to what runs in it. "screen" is known everywhere.
        first.push("TERM=screen-256color".to_owned());
        first.extend_from_slice(words);
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let config = "set -g status off\nset -g remain-on-exit on\nset -g escape-time 0\n";
        let outer = Server::builder(server.binary()).name("o").config(config).first(&first).start();
        Client { outer }
    }

    /// Presses keys, in tmux's words: `["C-b", "c"]`.
    #[track_caller]
    pub fn keys(&self, keys: &[&str]) {
        let mut command = vec!["send-keys", "-t", "terminal"];
        command.extend_from_slice(keys);
        self.outer.run(&command);
    }

    /// Types text as it is.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        self.outer.type_text("terminal", text);
    }

    /// What the terminal shows, without colours and trailing blanks.
    #[track_caller]
    pub fn screen(&self) -> String {
        self.outer.screen("terminal")
    }

    /// Waits until what it shows contains `text`.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let mut last = String::new();
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until("text on the screen", LIMIT, || {
                last = self.screen();
                last.contains(text)
            });
        }));
        assert!(waited.is_ok(), "no {text:?} on the screen:\n{last}");
    }

    /// Gives the terminal another size.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        self.outer.run(&[
            "resize-window",
            "-t",
            "terminal",
            "-x",
            &width.to_string(),
            "-y",
            &height.to_string(),
        ]);
    }

    /// Whether the program in the terminal has ended.
    #[track_caller]
    pub fn ended(&self) -> bool {
        self.outer.display("terminal", "#{pane_dead}") == "1"
    }

    /// Waits until the program in the terminal has ended; its exit status.
    #[track_caller]
    pub fn wait_for_end(&self) -> i32 {
        self.outer.wait_until_dead("terminal");
        let status = self.outer.display("terminal", "#{pane_dead_status}");
        status.parse().unwrap_or_else(|_| panic!("ended by a signal:\n{}", self.screen()))
    }

    /// Everything the terminal got, history included, with colours (`capture-pane -e`).
    #[track_caller]
    pub fn transcript(&self) -> String {
        self.outer.run(&["capture-pane", "-p", "-e", "-S", "-", "-t", "terminal"])
    }
}

fn clients(server: &Server) -> Vec<String> {
    server.lines(&["list-clients", "-F", "#{client_tty}"])
}
