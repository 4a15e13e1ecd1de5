//! What tells which conversation an assistant holds, asked in the order of its handler.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use super::instance::Member;
use super::near::{self, SLACK, Times};
use super::places::Places;
use super::{Answer, Assistants, Question, tracker};
use crate::foreign::{Foreign, FoundFile, Row};
use crate::handlers::{
    Candidate, Either, Field, Handler, Lookup, Pattern, Plain, Query, Source, SourceKind, Template,
};
use crate::model::{Confidence, EnvironmentEntry};
use crate::text::ansi::visible;
use crate::{procs, secrets};

/// Most files of one source of which something is read, the newest first.
const MOST_FILES: usize = 200;

/// How much of what was said is looked for on a screen, and how much it takes at least (characters).
const SAID: usize = 60;
const LEAST_SAID: usize = 8;

/// Most candidates of which more is looked up.
const MOST_LOOKED_UP: usize = 5;

impl Assistants {
    /// Everything that is asked about one assistant.
    pub(super) fn answer(&self, question: &Question, foreign: &Foreign<'_>) -> Answer {
        let Some(handler) = self.handlers.get(&question.instance.tool) else { return Answer::default() };
        let environment = environment_of(question);
        let places = Places {
            handler,
            home: &self.home,
            directory: question.instance.directory.as_bstr(),
            environment: &environment,
            foreign,
        };
        let asked = Asked { handler, question, places: &places };
        let mut answer = Answer { environment: kept(handler, question, &environment), ..Answer::default() };
        let claim = |candidate: &Candidate| (candidate.id.clone(), candidate.confidence);
        let mut named: HashMap<(String, Confidence), usize> = HashMap::new();
        let mut pointed: HashSet<(String, Confidence)> = HashSet::new();
        for source in &handler.sources {
            if matches!(source.kind, SourceKind::Database { .. } | SourceKind::Transcripts { .. })
                && answer.candidates.iter().any(|found| found.confidence == Confidence::Exact)
            {
                // What costs more is not asked where the program has said it itself.
                continue;
            }
            let found = asked.source(source);
            let ids: HashSet<_> = found.iter().map(claim).collect();
            pointed.extend(ids.iter().filter(|_| ids.len() == 1).cloned());
            ids.into_iter().for_each(|id| *named.entry(id).or_default() += 1);
            answer.candidates.extend(found);
        }
        for candidate in &mut answer.candidates {
            // Nothing is nearer than what two of them name, if one of those names nothing else.
            let own = claim(candidate);
            let agreed = pointed.contains(&own) && named.get(&own).is_some_and(|sources| *sources > 1);
            candidate.distance = if agreed { 0 } else { candidate.distance.saturating_add(1) };
        }
        answer.possible = asked.possible();
        let all = std::mem::take(&mut answer.candidates);
        answer.candidates = all.into_iter().filter(|candidate| answer.may_be(&candidate.id)).collect();
        for candidate in answer.candidates.iter_mut().take(MOST_LOOKED_UP) {
            if candidate.directory.is_none() {
                candidate.directory = lookup(&places, &handler.directory, &candidate.id);
            }
            if is_resumable(&places, &candidate.id) {
                answer.begun.push(candidate.id.clone());
            }
        }
        answer
    }
}

/// One assistant that is asked about.
struct Asked<'a> {
    handler: &'a Handler,
    question: &'a Question,
    places: &'a Places<'a>,
}

impl Asked<'_> {
    fn source(&self, source: &Source) -> Vec<Candidate> {
        let sure = source.confidence;
        match &source.kind {
            SourceKind::Registry { path, id, started, directory } => {
                self.registry(path, [Some(id), started.as_ref(), directory.as_ref()], sure)
            }
            SourceKind::Journal { path, process, id, started } => {
                self.journal(path, process, [Some(id), started.as_ref()], sure)
            }
            SourceKind::Lock { path } => self.lock(path, sure),
            SourceKind::OpenFile { .. } => self.open_file(source, sure),
            SourceKind::Tracker => self.tracker(sure),
            SourceKind::Option => self.option(sure),
            SourceKind::Arguments { after } => self.arguments(after, sure),
            SourceKind::Environment { variable } => {
                let value = self.places.environment.get(BStr::new(variable.0.as_str()));
                let id = value.and_then(|value| value.to_str().ok());
                self.plain(id, format!("its variable {}", variable.0), sure)
            }
            SourceKind::Database { path, query } => self.database(path, query, None, sure),
            SourceKind::Transcripts { path, id, created, directory, directory_file } => {
                let fields = [id.as_ref(), Some(created), directory.as_ref()];
                self.transcripts(path, fields, directory_file.as_ref(), sure)
            }
            SourceKind::Title { pattern, database, .. } => self.title(pattern, database.as_ref(), sure),
            SourceKind::Screen { pattern } => self.screen(pattern, sure),
        }
    }

    /// A candidate, if the id is one of this program's.
    fn candidate(&self, id: &str, evidence: String, confidence: Confidence) -> Option<Candidate> {
        self.handler.is_id(id).then(|| Candidate {
            id: id.to_owned(),
            confidence,
            evidence,
            distance: 0,
            directory: None,
        })
    }

    fn plain(&self, id: Option<&str>, evidence: String, confidence: Confidence) -> Vec<Candidate> {
        id.and_then(|id| self.candidate(id, evidence, confidence)).into_iter().collect()
    }

    fn registry(&self, path: &Template, fields: [Option<&Field>; 3], sure: Confidence) -> Vec<Candidate> {
        let mut found = Vec::new();
        for member in &self.question.instance.members {
            let Some(glob) = self.places.glob(path, None, Some(member.pid)) else { continue };
            for file in self.places.foreign.find(&glob, None) {
                let names: Vec<&str> = fields.iter().flatten().map(|field| field.0.as_str()).collect();
                let Some(values) = self.places.foreign.fields(&file.path, &names) else { continue };
                let mut values = values.into_iter();
                let mut next = |field: Option<&Field>| field.and_then(|_| values.next().flatten());
                let (id, started, directory) = (next(fields[0]), next(fields[1]), next(fields[2]));
                if !is_of(member, &file, fields[1].is_some(), started.as_deref()) {
                    continue;
                }
                let evidence = self.places.shown(&file.path);
                let candidate = id.and_then(|id| self.candidate(&id, evidence, sure));
                found.extend(candidate.map(|candidate| Candidate {
                    directory: directory.filter(|it| it.starts_with('/')).map(BString::from),
                    ..candidate
                }));
            }
        }
        found
    }

    /// The youngest process that it tells something about counts.
    fn journal(
        &self,
        path: &Template,
        process: &Field,
        fields: [Option<&Field>; 2],
        sure: Confidence,
    ) -> Vec<Candidate> {
        let file = self
            .places
            .glob(path, None, None)
            .and_then(|glob| self.places.foreign.find(&glob, None).into_iter().next());
        let Some(file) = file else { return Vec::new() };
        let names: Vec<&str> = fields.iter().flatten().map(|field| field.0.as_str()).collect();
        let found = self.question.instance.members.iter().find_map(|member| {
            let values =
                self.places.foreign.last_line(&file.path, &process.0, &member.pid.to_string(), &names)?;
            let at = values.get(1).and_then(|at| near::milliseconds(at.as_deref()?)).unwrap_or(file.modified);
            // An earlier process may have had this number.
            values.into_iter().next().flatten().filter(|_| at >= member.started - SLACK)
        });
        self.plain(found.as_deref(), self.places.shown(&file.path), sure)
    }

    fn lock(&self, path: &Template, sure: Confidence) -> Vec<Candidate> {
        let members = self.question.instance.members.iter();
        let newest = members.filter_map(|member| {
            let glob = self.places.glob(path, None, Some(member.pid))?;
            let files = self.places.foreign.find(&glob, self.handler.id.as_ref());
            files.into_iter().find(|file| file.modified >= member.started - SLACK)
        });
        let newest = newest.max_by_key(|file| file.modified);
        let candidate = newest.and_then(|file| {
            self.candidate(file.captures.id.as_deref()?, self.places.shown(&file.path), sure)
        });
        candidate.into_iter().collect()
    }

    /// All sources of this kind are asked as one, in the place of the first.
    fn open_file(&self, source: &Source, sure: Confidence) -> Vec<Candidate> {
        let is_own = |source: &&Source| matches!(source.kind, SourceKind::OpenFile { .. });
        let mut sources = self.handler.sources.iter().filter(is_own).peekable();
        if !sources.peek().is_some_and(|first| std::ptr::eq(*first, source)) {
            return Vec::new();
        }
        let paths = sources.filter_map(|source| source.kind.path());
        let globs: Vec<_> = paths.filter_map(|path| self.places.glob(path, None, None)).collect();
        let mut open: Vec<(i64, PathBuf, String)> = Vec::new();
        for member in &self.question.instance.members {
            for path in procs::open_paths(member.pid) {
                let mut found = globs.iter().filter_map(|glob| glob.matches(&path, self.handler.id.as_ref()));
                let Some(id) = found.find_map(|found| found.id) else { continue };
                let Ok(path) = path.to_path() else { continue };
                open.push((self.places.foreign.modified(path).unwrap_or(0), path.to_owned(), id));
            }
        }
        // After a change of conversation the earlier files may still be open: the one written last counts.
        let newest = open.into_iter().max();
        let candidate = newest.and_then(|(_, path, id)| {
            self.candidate(&id, format!("{}, which it has open", self.places.shown(&path)), sure)
        });
        candidate.into_iter().collect()
    }

    fn tracker(&self, sure: Confidence) -> Vec<Candidate> {
        let tracked = tracker::find(self.question, self.places).into_iter();
        let candidates = tracked.filter_map(|tracked| {
            let confidence = if tracked.by_hook { sure } else { sure.min(Confidence::Strong) };
            let candidate = self.candidate(&tracked.id, tracked.evidence, confidence)?;
            let directory = tracked.directory.filter(|it| it.starts_with('/')).map(BString::from);
            Some(Candidate { directory, ..candidate })
        });
        candidates.collect()
    }

    /// `TOOL ID`; what is meant for another program, or is none of its ids, means nothing.
    fn option(&self, sure: Confidence) -> Vec<Candidate> {
        let value = self.question.option.as_ref().and_then(|value| value.to_str().ok());
        let id = value.and_then(|value| match value.split_whitespace().collect::<Vec<_>>()[..] {
            [tool, id] if tool == self.handler.name => Some(id),
            _ => None,
        });
        self.plain(id, format!("the pane's option {}", super::RESUME_OPTION), sure)
    }

    fn arguments(&self, after: &[Either], sure: Confidence) -> Vec<Candidate> {
        let value = self.handler.arguments.value_after(&self.question.instance.arguments, after);
        self.plain(value.and_then(|value| value.to_str().ok()), "its command line".to_owned(), sure)
    }

    fn database(
        &self,
        path: &Template,
        query: &Query,
        title: Option<&str>,
        sure: Confidence,
    ) -> Vec<Candidate> {
        let Some((path, rows)) = self.rows(path, query, title) else { return Vec::new() };
        let mut found = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            let time = |column: &str| row.get(column).and_then(|text| near::milliseconds(text));
            let times = Times { created: time("created"), updated: time("updated") };
            // Without times the order of the rows is what is known.
            let judged = if times == Times::default() {
                Some((sure, position as u64))
            } else {
                self.judge(&times, sure)
            };
            let (Some((confidence, distance)), Some(id)) = (judged, row.get("id")) else { continue };
            let shown = row.get("said").is_some_and(|said| self.is_on_screen(said));
            let mut evidence = self.evidence(&path, &times, title);
            evidence.push_str(if shown { "; what was said in it is on the screen" } else { "" });
            let distance = if shown { 0 } else { distance };
            let candidate = self.candidate(id, evidence, confidence);
            found.extend(candidate.map(|candidate| Candidate {
                distance,
                directory: row.get("directory").map(|it| BString::from(it.as_str())),
                ..candidate
            }));
        }
        found
    }

    /// The rows of the newest database that fits, and its path.
    fn rows(&self, path: &Template, query: &Query, title: Option<&str>) -> Option<(PathBuf, Vec<Row>)> {
        let glob = self.places.glob(path, None, None)?;
        let file = self.places.foreign.find(&glob, None).into_iter().next()?;
        let mut parameters = vec![(":cwd", self.question.instance.directory.to_str().ok()?)];
        parameters.extend(title.map(|title| (":title", title)));
        let rows = self.places.foreign.rows(&file.path, &query.0, &parameters)?;
        Some((file.path, rows))
    }

    fn transcripts(
        &self,
        path: &Template,
        fields: [Option<&Field>; 3],
        directory_file: Option<&Plain>,
        sure: Confidence,
    ) -> Vec<Candidate> {
        let Some(glob) = self.places.glob(path, None, None) else { return Vec::new() };
        let started = self.question.instance.started();
        let files = self.places.foreign.find(&glob, self.handler.id.as_ref()).into_iter();
        let names: Vec<&str> = fields.iter().flatten().map(|field| field.0.as_str()).collect();
        let mut found = Vec::new();
        for file in files.take_while(|file| file.modified >= started - SLACK).take(MOST_FILES) {
            let Some(values) = self.places.foreign.fields(&file.path, &names) else { continue };
            let mut values = values.into_iter();
            let mut next = |field: Option<&Field>| field.and_then(|_| values.next().flatten());
            let (id, created, directory) = (next(fields[0]), next(fields[1]), next(fields[2]));
            let directory = match directory_file {
                Some(name) => self.directory_beside(&file.path, name),
                None => directory.map(BString::from),
            };
            if directory.as_ref().is_some_and(|directory| *directory != self.question.instance.directory)
                || directory.is_none() && (fields[2].is_some() || directory_file.is_some())
            {
                continue;
            }
            let times = Times {
                created: created.and_then(|created| near::milliseconds(&created)),
                updated: Some(file.modified),
            };
            let id = id.or(file.captures.id.clone());
            let (Some(id), Some((confidence, distance))) = (id, self.judge(&times, sure)) else { continue };
            let candidate = self.candidate(&id, self.evidence(&file.path, &times, None), confidence);
            found.extend(candidate.map(|candidate| Candidate { distance, directory, ..candidate }));
        }
        found
    }

    /// The directory that a file in the folder above names.
    fn directory_beside(&self, transcript: &Path, name: &Plain) -> Option<BString> {
        let path = transcript.parent()?.parent()?.join(&name.0);
        self.places.foreign.text(&path).map(BString::from)
    }

    fn judge(&self, times: &Times, sure: Confidence) -> Option<(Confidence, u64)> {
        near::judge(times, self.question.instance.started(), self.question.alone, sure)
    }

    /// In words, what speaks for a conversation.
    fn evidence(&self, path: &Path, times: &Times, title: Option<&str>) -> String {
        let path = self.places.shown(path);
        let started = self.question.instance.started();
        match times.created {
            _ if title.is_some() => format!("the pane's title, in {path}"),
            Some(created) if created >= started - SLACK => {
                let seconds = (created - started).max(0) / 1000;
                format!("{path}: begun here {seconds} s after the program")
            }
            _ => format!("{path}: written in this directory since the program began"),
        }
    }

    fn title(
        &self,
        pattern: &Pattern,
        database: Option<&(Template, Query)>,
        sure: Confidence,
    ) -> Vec<Candidate> {
        match database {
            Some((path, query)) => {
                let titles = pattern.find(&self.question.title, "title");
                titles.iter().flat_map(|title| self.database(path, query, Some(title), sure)).collect()
            }
            None => {
                let id = pattern.find(&self.question.title, "id").pop();
                self.plain(id.as_deref(), "the pane's title".to_owned(), sure)
            }
        }
    }

    /// Whether the beginning of what was said stood on the screen at the last save, however it was broken into lines.
    fn is_on_screen(&self, said: &str) -> bool {
        let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID).collect();
        let lines = self.question.screen.lines().map(visible);
        let words = lines
            .flat_map(|line| line.to_str_lossy().split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        said.chars().count() >= LEAST_SAID && words.collect::<Vec<_>>().join(" ").contains(&said)
    }

    /// The only conversations that it can hold, if the title is one that the program shows while it holds none, or one that
    /// has no title yet: one that fits the pattern without its group. Then what else its command line says, and what was
    /// known of it, is old.
    fn possible(&self) -> Option<HashSet<String>> {
        self.handler.sources.iter().find_map(|source| {
            let SourceKind::Title { pattern, database, untitled } = &source.kind else { return None };
            let group = if database.is_some() { "title" } else { "id" };
            pattern.fits_without(&self.question.title, group).then(|| {
                let found = database.as_ref().zip(untitled.as_ref());
                let found = found.and_then(|((path, _), query)| self.rows(path, query, None));
                let rows = found.map(|(_, rows)| rows).unwrap_or_default();
                rows.into_iter().filter_map(|mut row| row.remove("id")).collect()
            })
        })
    }

    /// The last one on the screen counts.
    fn screen(&self, pattern: &Pattern, sure: Confidence) -> Vec<Candidate> {
        let id = pattern.find(&self.question.screen, "id").pop();
        self.plain(id.as_deref(), "what stood on its screen at the last save".to_owned(), sure)
    }
}

/// Whether a file with the number of a process is about this one, and not about an earlier one that had it and was killed.
fn is_of(member: &Member, file: &FoundFile, says: bool, started: Option<&str>) -> bool {
    let by_time = file.modified >= member.started - SLACK;
    match started {
        // The kernel's unit is known here on Linux only.
        Some(started) if cfg!(target_os = "linux") => started.parse() == Ok(member.birth),
        None if says && cfg!(target_os = "linux") => false,
        _ => by_time,
    }
}

/// The variables that an assistant was started with.
fn environment_of(question: &Question) -> BTreeMap<BString, BString> {
    procs::environment(question.instance.main().pid).into_iter().collect()
}

/// Those of them that are kept: by the handler's list and the user's, without secrets.
fn kept(
    handler: &Handler,
    question: &Question,
    environment: &BTreeMap<BString, BString>,
) -> Vec<EnvironmentEntry> {
    let own = handler.environment.iter().map(|variable| variable.0.as_str());
    let mut names: Vec<&str> = own.chain(question.variables.iter().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let entry = |name: &str| {
        let name = BStr::new(name);
        let value = environment.get(name).filter(|value| !value.is_empty() && value.len() <= 4096)?;
        let secret = secrets::is_secret_name(name) || secrets::mask_value(name, value.as_bstr()).1;
        (!secret).then(|| EnvironmentEntry { name: name.into(), value: Some(value.clone()) })
    };
    names.into_iter().filter_map(entry).collect()
}

/// What the first of these places says about a conversation.
fn lookup(places: &Places<'_>, lookups: &[Lookup], id: &str) -> Option<BString> {
    let found = lookups.iter().find_map(|lookup| look(places, lookup, id));
    found.filter(|path| path.starts_with(b"/"))
}

/// Whether something of a conversation is there that can be gone on with; true where nothing tells that.
pub(super) fn is_resumable(places: &Places<'_>, id: &str) -> bool {
    let lookups = &places.handler.resumable;
    lookups.is_empty() || lookups.iter().any(|lookup| look(places, lookup, id).is_some())
}

/// What a place says about a conversation: the value in a row or a field, else that the file is there.
fn look(places: &Places<'_>, lookup: &Lookup, id: &str) -> Option<BString> {
    let foreign = places.foreign;
    let glob = places.glob(&lookup.path, Some(id), None)?;
    let files = foreign.find(&glob, None);
    if let Some(query) = &lookup.query {
        let directory = places.directory.to_str().unwrap_or_default();
        let rows = foreign.rows(&files.first()?.path, &query.0, &[(":id", id), (":cwd", directory)])?;
        return rows.first()?.values().next().map(|value| BString::from(value.as_str()));
    }
    let says = |file: &&FoundFile| {
        lookup.said.as_ref().is_none_or(|said| foreign.lines(&file.path).iter().any(|line| said.fits(line)))
    };
    let Some(field) = &lookup.field else {
        let file = files.iter().find(says);
        return file.map(|file| BString::from(file.path.as_os_str().as_encoded_bytes()));
    };
    let named = lookup.path.places().any(|place| place == "id");
    files.iter().take(MOST_FILES).find_map(|file| {
        let value = foreign.fields(&file.path, &[&field.0])?.into_iter().next().flatten()?;
        // A file that does not carry the id in its name is the one if it says so inside.
        (named || value == id).then(|| BString::from(value)).filter(|_| says(&file))
    })
}
