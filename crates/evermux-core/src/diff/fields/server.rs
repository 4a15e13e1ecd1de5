//! The server: facts, and paste buffers where they are kept.

use bstr::{BStr, ByteSlice};

use super::{Class, Comparison, Field, values};
use crate::model::{Buffer, OptionEntry, Server, Snapshot};
use crate::problem::Subject;
use crate::text::quote::printable;

impl Comparison<'_> {
    pub(super) fn server(&mut self) {
        let (before, after) = (self.before.server(), self.after.server());
        let subject = Subject::Server;
        let fact = Class::Fact;
        let name = |server: &Server| {
            Some(format!("{} {}", server.name.machine, values::quoted(server.name.socket.as_ref())))
        };
        self.note(&subject, Field::Server, fact, name(before), name(after));
        let version = |server: &Server| Some(server.version.to_string());
        self.note(&subject, Field::Version, fact, version(before), version(after));
        let generation = |server: &Server| {
            let generation = &server.generation;
            Some(format!(
                "boot {} process {} started {}",
                generation.boot, generation.pid, generation.started
            ))
        };
        self.note(&subject, Field::Generation, fact, generation(before), generation(after));
        type Level = (fn(bstr::BString) -> Field, fn(&Server) -> &Vec<OptionEntry>);
        let levels: [Level; 3] = [
            (Field::ServerOption, |server| &server.server_options),
            (Field::GlobalOption, |server| &server.session_options),
            (Field::GlobalWindowOption, |server| &server.window_options),
        ];
        for (field, options) in levels {
            let (before, after) = (values::options(options(before)), values::options(options(after)));
            self.note_named(&subject, field, fact, before, after);
        }
        let names = |server| environment_names(server).map(|name| (name, "there".to_owned()));
        self.note_named(&subject, Field::GlobalEnvironment, fact, names(before), names(after));
        let (shown, shows) = (clients(self.before), clients(self.after));
        self.note_named(&subject, Field::Client, fact, shown, shows);
        self.buffers();
    }

    /// Buffers are in a snapshot only if the user asked for them, and then they are restored.
    fn buffers(&mut self) {
        let (before, after) = (&self.before.server().buffers, &self.after.server().buffers);
        let contents = |buffers: &[Buffer], name: &BStr| -> Vec<Vec<u8>> {
            let of_name = buffers.iter().filter(|buffer| buffer.name == name);
            of_name.map(|buffer| buffer.content.to_vec()).collect()
        };
        let mut names: Vec<&BStr> = before.iter().chain(after).map(|buffer| buffer.name.as_ref()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let (one, two) = (contents(before, name), contents(after, name));
            if one != two {
                let bytes = |contents: &[Vec<u8>]| {
                    values::list(contents.iter().map(|c| format!("{} bytes", c.len())))
                };
                let field = Field::Buffer(name.to_owned());
                self.push(&Subject::Server, field, Class::Restored, bytes(&one), bytes(&two));
            }
        }
    }
}

fn environment_names(server: &Server) -> impl Iterator<Item = &BStr> {
    server.environment_names.iter().map(|name| name.as_bstr())
}

fn clients(snapshot: &Snapshot) -> impl Iterator<Item = (&BStr, String)> {
    snapshot.server().clients.iter().map(|client| {
        let session = &snapshot.sessions()[client.session].name;
        (client.tty.as_bstr(), printable(session))
    })
}
