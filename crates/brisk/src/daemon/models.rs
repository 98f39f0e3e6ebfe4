//! The models that this daemon can reach, behind one port. The embedded one is loaded on first use and stays.

mod believed;
mod lazily;
mod persons;

use crate::config::{Config, ConfigError, Protocol};
use crate::daemon::fleet::prompt;
use crate::home::Home;
use crate::models::began::Marks;
use crate::models::catalogue;
use crate::models::connect::connect;
use crate::models::kernels::Choices;
use crate::models::known::{self, Origin, Remote};
use believed::{Belief, Most};
use brisk_domain::port::{GenerateRequest, Model, Priority, Running, Sink};
use brisk_domain::tool::{Calls, ToolRequest, Tooling};
use brisk_domain::{Candidate, EditFormat, ModelId};
use brisk_lanes::{Limits, open_file_request, open_request};
use brisk_llama::Kernels;
use brisk_patch::Text;
use brisk_protocol::ModelState;
use lazily::{Lazily, Stage, failed};
use persons::Persons;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Environment variable that names a GGUF file of the person's own.
pub(crate) const MODEL_ENV: &str = "BRISK_MODEL";

enum Upstream {
    /// What it is called on the list, and its file.
    Embedded { path: PathBuf, engine: Arc<Lazily> },
    /// One of the configuration.
    Configured(Box<dyn Model>, Box<Remote>),
    /// One of a vendor, made ready when it is asked for the first time: to read the system's certificates for all of
    /// them would hold up the start.
    Preset(Arc<Lazily>, Box<Remote>),
}

/// A server keeps what it was sent ahead as long as its socket lives, which is replaced after 55 minutes.
const AHEAD: Duration = Duration::from_secs(55 * 60);

/// Tokens that a model which thinks may take for that before it answers.
const THOUGHTS: usize = 8_192;

/// Every configured model by name.
pub(crate) struct Models {
    upstreams: BTreeMap<ModelId, Upstream>,
    /// In the person's order.
    order: Vec<Candidate>,
    /// Vendors' models that could be asked and are asked by name only.
    by_name: Vec<ModelId>,
    limits: Limits,
    /// What all of this was read from.
    began: Option<Marks>,
    /// When servers that read ahead were last sent something.
    ahead: Mutex<BTreeMap<ModelId, Instant>>,
    persons: Arc<Persons>,
}

impl Models {
    /// Of the configuration, the servers that are known with what they were read from, and the files that are there.
    /// Loads nothing.
    pub(crate) fn new(
        config: &Config,
        home: &Home,
        (began, remotes): (Option<Marks>, Vec<Remote>),
        runtime: &tokio::runtime::Handle,
    ) -> Result<Models, ConfigError> {
        let mut upstreams = BTreeMap::new();
        let mut candidates: Vec<Candidate> = Vec::new();
        let (configured, presets): (Vec<Remote>, Vec<Remote>) = remotes
            .into_iter()
            .partition(|remote| remote.origin == Origin::Config);
        for remote in configured {
            let model = connect(&remote, runtime).map_err(|e| ConfigError::Wrong {
                path: home.config_file(),
                message: format!("models.{}: {}", remote.id, e.message),
            })?;
            candidates.push(remote.candidate());
            let id = remote.id.clone();
            upstreams.insert(id, Upstream::Configured(model, Box::new(remote)));
        }
        let kernels = Choices::below(home.state_dir());
        for (id, path) in embedded_files(home) {
            candidates.push(Candidate {
                model: id.clone(),
                format: EditFormat::Region,
                context: CONTEXT,
            });
            let (name, file, choices) = (id.clone(), path.clone(), kernels.clone());
            let engine = Arc::new(Lazily::new(move || load(&name, &file, choices.of(&file))));
            upstreams.insert(id, Upstream::Embedded { path, engine });
        }
        let fast = &config.lanes.fast;
        let mut by_name = Vec::new();
        for remote in presets {
            let id = remote.id.clone();
            if fast.candidates.contains(&id.0) {
                candidates.push(remote.candidate());
            } else if remote.missing.is_none() {
                by_name.push(id.clone());
            }
            let (known, runtime) = (remote.clone(), runtime.clone());
            let made = Lazily::new(move || match connect(&known, &runtime) {
                Ok(model) => Ok(Arc::from(model)),
                Err(fault) => Err(fault.message),
            });
            upstreams.insert(id, Upstream::Preset(Arc::new(made), Box::new(remote)));
        }
        if !fast.candidates.is_empty() {
            for name in &fast.candidates {
                if !candidates.iter().any(|c| c.model.0 == *name) && catalogue::find(name).is_none() {
                    let known: Vec<&str> = candidates.iter().map(|c| c.model.0.as_str()).collect();
                    let what = match known.as_slice() {
                        [] => "which there is not, and no other model is configured or fetched".to_owned(),
                        known => format!("which is none of: {}", known.join(", ")),
                    };
                    return Err(ConfigError::Wrong {
                        path: home.config_file(),
                        message: format!(
                            "lanes.fast.candidates names {name}, {what}; `brisk model list` shows those of vendors"
                        ),
                    });
                }
            }
            let place = |c: &Candidate| fast.candidates.iter().position(|n| *n == c.model.0);
            candidates.retain(|c| place(c).is_some());
            candidates.sort_by_key(|c| place(c));
        }
        let mut limits = Limits::default();
        if let Some(max) = fast.max_patch {
            (limits.max_files, limits.max_lines) = (max.files, max.lines);
        }
        if let Some(deadline) = fast.deadline {
            limits.first_token_us = deadline.first_token_ms * 1_000;
            limits.stall_us = deadline.stall_ms * 1_000;
        }
        Ok(Models {
            upstreams,
            order: candidates,
            by_name,
            limits,
            began,
            ahead: Mutex::default(),
            persons: Arc::default(),
        })
    }

    /// For clients, which compare with what they see.
    pub(crate) fn began(&self) -> Option<&Marks> {
        self.began.as_ref()
    }

    /// Why a model of a vendor or of an Ollama that a person named cannot be asked.
    pub(crate) fn lacking(&self, model: &ModelId) -> Option<String> {
        let why = match self.upstreams.get(model) {
            Some(Upstream::Preset(_, remote)) => remote.missing.clone()?,
            Some(Upstream::Configured(..) | Upstream::Embedded { .. }) => return None,
            // What an Ollama has is asked for when a variable names it: there may be none of it because of that variable.
            None => known::no_ollama(&model.0)?,
        };
        Some(format!(
            "{model} cannot be asked: {why}. Next: set it right; if it is, the daemon began without it: \
             `brisk daemon stop`, then again"
        ))
    }

    /// Why a person's model cannot be asked where nothing else can be, either.
    pub(crate) fn refusal(&self, model: &ModelId) -> String {
        self.lacking(model).unwrap_or_else(|| {
            format!("there is no model {model}. Next: `brisk model list` shows those that there are")
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits.clone()
    }

    /// Whether there is anything to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.by_name.is_empty()
    }

    pub(crate) fn generate(&self, mut request: GenerateRequest, mut sink: Sink) -> Box<dyn Running> {
        let upstream = self.upstreams.get(&request.model);
        if let Some(Upstream::Configured(_, remote) | Upstream::Preset(_, remote)) = upstream {
            if let Some(why) = &remote.missing {
                return failed(format!("{}: {why}", remote.id), &sink);
            }
            request.max_tokens = room(remote, request.max_tokens);
            self.sends(remote);
            sink = Belief::new(most(remote, &request, 0)).sink(sink);
        }
        let model = request.model.clone();
        let interactive = request.priority == Priority::Interactive;
        let begin = |sink: Sink| match upstream {
            Some(Upstream::Configured(model, _)) => model.generate(request, sink),
            Some(Upstream::Preset(model, _) | Upstream::Embedded { engine: model, .. }) => {
                model.generate(request, sink)
            }
            None => {
                let message = format!("there is no model {}; see `brisk model list`", request.model);
                failed(message, &sink)
            }
        };
        match interactive {
            true => self.persons.wait(&model, sink, begin),
            false => begin(sink),
        }
    }

    /// Whether a person waits for an answer of this model.
    pub(crate) fn person_at(&self, model: &ModelId) -> bool {
        self.persons.at(model)
    }

    /// Whether delegated work rests at this model, because a person waits for it: an engine of this process answers one
    /// after the other, and persons first.
    pub(crate) fn rests(&self, model: &ModelId) -> bool {
        let embedded = matches!(self.upstreams.get(model), Some(Upstream::Embedded { .. }));
        embedded && self.person_at(model)
    }

    /// `told` is called whenever a person begins to wait for a model or does not any more; it must not block.
    pub(crate) fn tell_of_persons(&self, told: impl Fn() + Send + Sync + 'static) {
        self.persons.tell(told);
    }

    /// Takes this for the engine of an embedded model.
    #[cfg(test)]
    pub(crate) fn embed(&mut self, id: ModelId, model: Arc<dyn Model>) {
        let engine = Arc::new(Lazily::new(move || Ok(Arc::clone(&model))));
        // Made ahead: who asks first does not wait for a thread.
        engine.with(|_| ()).unwrap();
        let path = PathBuf::new();
        self.upstreams.insert(id, Upstream::Embedded { path, engine });
    }

    /// The same, in a conversation with tools.
    pub(crate) fn converse(
        &self,
        mut request: ToolRequest,
        mut sink: Sink,
        mut calls: Calls,
    ) -> Box<dyn Running> {
        let upstream = self.upstreams.get(&request.plain.model);
        if let Some(Upstream::Configured(_, remote) | Upstream::Preset(_, remote)) = upstream {
            if let Some(why) = &remote.missing {
                return failed(format!("{}: {why}", remote.id), &sink);
            }
            request.plain.max_tokens = room(remote, request.plain.max_tokens);
            let belief = Belief::new(most(remote, &request.plain, request.bytes()));
            (sink, calls) = (belief.sink(sink), belief.calls(calls));
        }
        match upstream {
            Some(Upstream::Configured(model, _)) => model.converse(request, sink, calls),
            Some(Upstream::Preset(model, _) | Upstream::Embedded { engine: model, .. }) => {
                model.converse(request, sink, calls)
            }
            None => {
                let message = format!(
                    "there is no model {}; see `brisk model list`",
                    request.plain.model
                );
                failed(message, &sink)
            }
        }
    }

    /// How a model is asked in delegated work. Embedded ones are small: they are read in words.
    pub(crate) fn tooling(&self, model: &ModelId) -> Tooling {
        match self.upstreams.get(model) {
            Some(Upstream::Configured(_, remote) | Upstream::Preset(_, remote)) if remote.tools => {
                Tooling::Native
            }
            Some(Upstream::Configured(..) | Upstream::Preset(..) | Upstream::Embedded { .. }) | None => {
                Tooling::Words
            }
        }
    }

    /// Notes that a server is sent something; gives whether it needs nothing ahead any more. Only those of Responses are
    /// sent anything ahead; of the others only the connection is opened.
    fn sends(&self, remote: &Remote) -> bool {
        if remote.protocol != Protocol::Responses {
            return false;
        }
        let now = Instant::now();
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ahead.insert(remote.id.clone(), now);
        before.is_some_and(|at| now.duration_since(at) < AHEAD)
    }

    /// Begins to load the model that the next edit most likely takes.
    pub(crate) fn load_ahead(&self) {
        if let Some(Upstream::Embedded { engine, .. }) = self
            .order
            .first()
            .and_then(|first| self.upstreams.get(&first.model))
        {
            let model = Arc::clone(engine);
            // A failure is told by the first edit that needs the model.
            std::thread::spawn(move || drop(model.with(|_| ())));
        }
    }

    /// Makes a model ready for an edit of this file: the embedded one reads it ahead, a server is connected to, and reads
    /// the words ahead with which every edit begins. Of the file nothing is sent before the person asks.
    pub(crate) fn warm(&self, first: &Candidate, path: &str, text: &Text) {
        match self.upstreams.get(&first.model) {
            Some(Upstream::Embedded { engine, .. }) => {
                let request = open_file_request(&first.model, path, text, &self.limits);
                drop(engine.with(|engine| engine.warm(request)));
            }
            Some(Upstream::Configured(_, remote) | Upstream::Preset(_, remote))
                if remote.missing.is_some() || self.sends(remote) => {}
            Some(Upstream::Configured(model, _)) => model.warm(open_request(&first.model, first.format)),
            Some(Upstream::Preset(model, _)) => {
                let request = open_request(&first.model, first.format);
                drop(model.with(|model| model.warm(request)));
            }
            None => {}
        }
    }

    /// For clients: those that are taken unasked in their order, then those that can be named.
    pub(crate) fn states(&self) -> Vec<ModelState> {
        let order = self.order.iter().map(|c| &c.model);
        order
            .chain(&self.by_name)
            .filter_map(|id| {
                let (source, ready, state) = match self.upstreams.get(id)? {
                    Upstream::Configured(_, remote) => said(remote, "configured"),
                    Upstream::Preset(_, remote) => said(remote, "by name"),
                    Upstream::Embedded { path, engine } => {
                        let (ready, state) = match engine.stage() {
                            Stage::Made => (true, "loaded"),
                            Stage::Making => (true, "loading"),
                            Stage::Unmade if path.is_file() => (true, "on disk"),
                            Stage::Unmade => (false, "missing"),
                        };
                        ("embedded".to_owned(), ready, state.to_owned())
                    }
                };
                Some(ModelState {
                    id: id.clone(),
                    source,
                    ready,
                    state,
                })
            })
            .collect()
    }
}

/// A server as clients are told: address, whether it can be asked, and why not.
fn said(remote: &Remote, ready: &str) -> (String, bool, String) {
    let state = remote.missing.clone().unwrap_or_else(|| ready.to_owned());
    (remote.base_url.clone(), remote.missing.is_none(), state)
}

/// What a request can have taken; `more` bytes are sent beside its messages.
fn most(remote: &Remote, request: &GenerateRequest, more: usize) -> Most {
    Most {
        context: remote.context,
        // Some servers count thoughts beside the bound.
        answer: request.max_tokens.saturating_add(THOUGHTS),
        sent: prompt(request).saturating_add(more),
    }
}

/// Tokens that an answer may take where `answer` are enough for its words. What a model thinks counts, too; half of its
/// window is left for the prompt.
fn room(remote: &Remote, answer: usize) -> usize {
    if remote.effort.is_none() && remote.temperature {
        return answer;
    }
    let most = remote.max_output.unwrap_or(usize::MAX).min(remote.context / 2);
    answer.saturating_add(THOUGHTS).min(most).max(answer)
}

/// Context window that embedded models are opened with, tokens. It bounds the key/value cache's memory.
pub(crate) const CONTEXT: usize = 8_192;

/// GGUF files that are there: the person's own first, then the catalogue's in its order.
pub(crate) fn embedded_files(home: &Home) -> Vec<(ModelId, PathBuf)> {
    if let Some(path) = std::env::var_os(MODEL_ENV).map(PathBuf::from) {
        let name = path
            .file_stem()
            .map_or_else(|| "model".into(), |s| s.to_string_lossy().into_owned());
        let id = catalogue::ENTRIES
            .iter()
            .find(|e| e.file == format!("{name}.gguf"))
            .map_or(name, |e| e.id.to_owned());
        return vec![(ModelId(id), path)];
    }
    catalogue::ENTRIES
        .iter()
        .map(|e| (ModelId(e.id.to_owned()), home.models_dir().join(e.file)))
        .filter(|(_, path)| path.is_file())
        .collect()
}

#[cfg(feature = "embedded")]
fn load(id: &ModelId, path: &std::path::Path, kernels: Option<Kernels>) -> Result<Arc<dyn Model>, String> {
    let options = brisk_llama::EngineOptions {
        context: CONTEXT,
        kernels,
        ..Default::default()
    };
    match brisk_llama::Engine::load(id.clone(), path, options) {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(feature = "embedded"))]
fn load(id: &ModelId, _: &std::path::Path, _: Option<Kernels>) -> Result<Arc<dyn Model>, String> {
    Err(format!(
        "this build of brisk has no embedded engine, so {id} cannot run; configure a server in config.toml"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{known, remote};

    #[test]
    fn a_model_that_thinks_has_room_to() {
        let config = |more: &str| -> Remote {
            let text = format!("[models.m]\nbase_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\n{more}\n");
            let config: Config = toml::from_str(&text).unwrap();
            let none = remote::Catalogue::default();
            known::all(&config, &none, &[], &|_| None).remove(0)
        };
        for (more, answer, want) in [
            ("", 500, 500),
            ("context = 100000\neffort = \"low\"", 500, 500 + THOUGHTS),
            ("context = 100000\ntemperature = false", 500, 500 + THOUGHTS),
            ("context = 8000\neffort = \"low\"", 500, 4_000),
            ("context = 8000\neffort = \"low\"", 6_000, 6_000),
        ] {
            assert_eq!(room(&config(more), answer), want, "{more}");
        }
        let capped = Remote {
            max_output: Some(2_000),
            ..config("context = 100000\neffort = \"low\"")
        };
        assert_eq!(room(&capped, 500), 2_000);
    }

    #[test]
    fn a_model_without_its_key_is_not_ready() {
        let model = |more: &str| format!("base_url = \"http://127.0.0.1:1\"\nmodel = \"m\"\n{more}\n");
        let keyed = model("api_key_env = \"BRISK_TEST_NO_SUCH_KEY\"");
        let config: Config =
            toml::from_str(&format!("[models.a]\n{keyed}[models.b]\n{}", model(""))).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let home = Home::under(dir.path());
        let remotes = known::all(&config, &remote::Catalogue::default(), &[], &|_| None);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let models = Models::new(&config, &home, (None, remotes), runtime.handle()).unwrap();
        let states: Vec<(bool, String)> = models.states().into_iter().map(|s| (s.ready, s.state)).collect();
        let why = "the variable BRISK_TEST_NO_SUCH_KEY holds no key".to_owned();
        assert_eq!(states, [(false, why), (true, "configured".to_owned())]);
    }
}
