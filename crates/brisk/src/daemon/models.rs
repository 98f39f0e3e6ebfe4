//! The models that this daemon can reach, behind one port. The embedded one is loaded on first use and stays.

use crate::config::{Config, ConfigError};
use crate::home::Home;
use crate::models::attention::Choices;
use crate::models::began::Marks;
use crate::models::catalogue;
use crate::models::connect::connect;
use crate::models::known::{self, Origin, Remote};
use brisk_domain::port::{
    Fault, FaultSource, GenerateRequest, Model, ModelEvent, Retry, Role, Running, Sink,
};
use brisk_domain::{Candidate, EditFormat, ModelId};
use brisk_lanes::{Limits, open_file_request};
use brisk_llama::FlashAttention;
use brisk_patch::Text;
use brisk_protocol::ModelState;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Environment variable that names a GGUF file of the person's own.
pub(crate) const MODEL_ENV: &str = "BRISK_MODEL";

enum Upstream {
    Embedded(Arc<Embedded>),
    /// One of the configuration, with its address.
    Configured(Box<dyn Model>, String),
    /// One of a vendor.
    Preset(Box<Preset>),
}

/// A vendor's model, made ready when it is asked for the first time: to read the system's certificates for all of them
/// would hold up the start.
struct Preset {
    remote: Remote,
    runtime: tokio::runtime::Handle,
    model: OnceLock<Result<Box<dyn Model>, Fault>>,
}

impl Preset {
    fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        if let Some(why) = &self.remote.missing {
            return failed(format!("{}: {why}", self.remote.id), &sink);
        }
        match self.model.get_or_init(|| connect(&self.remote, &self.runtime)) {
            Ok(model) => model.generate(request, sink),
            Err(fault) => failed(fault.message.clone(), &sink),
        }
    }

    fn warm(&self, request: GenerateRequest) {
        if self.remote.missing.is_none()
            && let Ok(model) = self.model.get_or_init(|| connect(&self.remote, &self.runtime))
        {
            model.warm(request);
        }
    }
}

/// A generation that never began, for a reason of this machine's setup.
fn failed(message: String, sink: &Sink) -> Box<dyn Running> {
    let fault = Fault {
        source: FaultSource::Setup,
        retry: Retry::Elsewhere,
        message,
    };
    sink(ModelEvent::Failed { fault });
    Box::new(Idle)
}

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
}

/// A generation that never began.
struct Idle;

impl Running for Idle {}

impl Models {
    /// Reads the configuration and looks which files are there. Loads nothing.
    pub(crate) fn new(
        config: &Config,
        home: &Home,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Models, ConfigError> {
        // Before anything is read: what changes meanwhile is then seen as a change.
        let began = Marks::take(home);
        let mut upstreams = BTreeMap::new();
        let mut candidates: Vec<Candidate> = Vec::new();
        let (configured, presets): (Vec<Remote>, Vec<Remote>) = known::known(config, home)?
            .remotes
            .into_iter()
            .partition(|remote| remote.origin == Origin::Config);
        for remote in configured {
            let model = connect(&remote, runtime).map_err(|e| ConfigError::Wrong {
                path: home.config_file(),
                message: format!("models.{}: {}", remote.id, e.message),
            })?;
            candidates.push(remote.candidate());
            let id = remote.id.clone();
            upstreams.insert(id, Upstream::Configured(model, remote.base_url));
        }
        let attention = Choices::below(home.state_dir());
        for (id, path) in embedded_files(home) {
            candidates.push(Candidate {
                model: id.clone(),
                format: EditFormat::Region,
                context: CONTEXT,
            });
            upstreams.insert(
                id.clone(),
                Upstream::Embedded(Arc::new(Embedded::new(id, path, attention.clone()))),
            );
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
            let preset = Preset {
                remote,
                runtime: runtime.clone(),
                model: OnceLock::new(),
            };
            upstreams.insert(id, Upstream::Preset(Box::new(preset)));
        }
        if !fast.candidates.is_empty() {
            for name in &fast.candidates {
                if !candidates.iter().any(|c| c.model.0 == *name) && catalogue::find(name).is_none() {
                    let known: Vec<&str> = candidates.iter().map(|c| c.model.0.as_str()).collect();
                    return Err(ConfigError::Wrong {
                        path: home.config_file(),
                        message: format!(
                            "lanes.fast.candidates names {name}, which is none of: {}; `brisk model list` shows those of vendors",
                            known.join(", ")
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
        })
    }

    /// For clients, which compare with what they see.
    pub(crate) fn began(&self) -> Option<&Marks> {
        self.began.as_ref()
    }

    /// Why a vendor's model that a person named cannot be asked.
    pub(crate) fn lacking(&self, model: &ModelId) -> Option<String> {
        match self.upstreams.get(model)? {
            Upstream::Preset(preset) => {
                let why = preset.remote.missing.as_ref()?;
                Some(format!(
                    "{model} cannot be asked: {why}. Next: set it; if it is set, the daemon began without it: \
                     `brisk daemon stop`, then again"
                ))
            }
            Upstream::Configured(..) | Upstream::Embedded(_) => None,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits.clone()
    }

    /// Whether there is anything to ask.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty() && self.by_name.is_empty()
    }

    pub(crate) fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        match self.upstreams.get(&request.model) {
            Some(Upstream::Configured(model, _)) => model.generate(request, sink),
            Some(Upstream::Preset(preset)) => preset.generate(request, sink),
            Some(Upstream::Embedded(model)) => model.generate(request, sink),
            None => {
                let message = format!("there is no model {}; see `brisk model list`", request.model);
                failed(message, &sink)
            }
        }
    }

    /// Begins to load the model that the next edit most likely takes.
    pub(crate) fn load_ahead(&self) {
        if let Some(Upstream::Embedded(model)) = self
            .order
            .first()
            .and_then(|first| self.upstreams.get(&first.model))
        {
            let model = Arc::clone(model);
            // A failure is told by the first edit that needs the model.
            std::thread::spawn(move || drop(model.with(|_| ())));
        }
    }

    /// Makes the model ready that edits would take first: the embedded one reads the file ahead, a server is connected to.
    /// Of the file nothing is sent before the person asks.
    pub(crate) fn warm(&self, path: &str, text: &Text) {
        let Some(first) = self.order.first() else { return };
        let mut request = open_file_request(&first.model, path, text, &self.limits);
        match self.upstreams.get(&first.model) {
            Some(Upstream::Embedded(model)) => drop(model.with(|engine| engine.warm(request))),
            Some(Upstream::Configured(model, _)) => {
                request.messages.retain(|message| message.role == Role::System);
                model.warm(request);
            }
            Some(Upstream::Preset(preset)) => {
                request.messages.retain(|message| message.role == Role::System);
                preset.warm(request);
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
                    Upstream::Configured(_, url) => (url.clone(), true, "configured".to_owned()),
                    Upstream::Preset(preset) => {
                        let remote = &preset.remote;
                        let state = remote.missing.clone().unwrap_or_else(|| "by name".to_owned());
                        (remote.base_url.clone(), remote.missing.is_none(), state)
                    }
                    Upstream::Embedded(model) => {
                        let (ready, state) = model.state();
                        ("embedded".to_owned(), ready, state)
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

/// The engine once it is there. The lock is held while it loads: whoever comes second waits for the same load.
struct Embedded {
    id: ModelId,
    path: PathBuf,
    attention: Choices,
    engine: Mutex<Option<Result<Arc<dyn Model>, String>>>,
}

impl Embedded {
    fn new(id: ModelId, path: PathBuf, attention: Choices) -> Embedded {
        Embedded {
            id,
            path,
            attention,
            engine: Mutex::new(None),
        }
    }

    /// Calls `f` with the engine, loading it first if needed. Blocks while it loads.
    fn with<T>(&self, f: impl FnOnce(&dyn Model) -> T) -> Result<T, String> {
        let mut slot = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let engine =
            match slot.get_or_insert_with(|| load(&self.id, &self.path, self.attention.of(&self.path))) {
                Ok(engine) => Arc::clone(engine),
                Err(message) => {
                    let message = message.clone();
                    // The file may be mended meanwhile: the next request tries again.
                    *slot = None;
                    return Err(message);
                }
            };
        drop(slot);
        Ok(f(engine.as_ref()))
    }

    fn state(&self) -> (bool, String) {
        match self.engine.try_lock().as_deref() {
            Ok(Some(Ok(_))) => (true, "loaded".into()),
            Ok(Some(Err(message))) => (false, message.clone()),
            Ok(None) => (
                self.path.is_file(),
                if self.path.is_file() {
                    "on disk".into()
                } else {
                    "missing".into()
                },
            ),
            Err(_) => (true, "loading".into()),
        }
    }

    fn generate(self: &Arc<Self>, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        let loaded = self.engine.try_lock().ok().and_then(|slot| match slot.as_ref() {
            Some(Ok(engine)) => Some(Arc::clone(engine)),
            Some(Err(_)) | None => None,
        });
        if let Some(engine) = loaded {
            return engine.generate(request, sink);
        }
        // Loading takes about a second: it happens on a thread, and a stop meanwhile is honoured when it ends.
        let slot = Arc::new(Mutex::new(Start::Wanted));
        let (shared, model) = (Arc::clone(&slot), Arc::clone(self));
        std::thread::spawn(move || {
            let outcome = model.with(|engine| {
                let mut start = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if matches!(*start, Start::Wanted) {
                    *start = Start::Begun {
                        _running: engine.generate(request, Arc::clone(&sink)),
                    };
                }
            });
            if let Err(message) = outcome {
                let fault = Fault {
                    source: FaultSource::Setup,
                    retry: Retry::Elsewhere,
                    message,
                };
                sink(ModelEvent::Failed { fault });
            }
        });
        Box::new(Later(slot))
    }
}

enum Start {
    Wanted,
    Begun { _running: Box<dyn Running> },
    Dropped,
}

struct Later(Arc<Mutex<Start>>);

impl Running for Later {}

impl Drop for Later {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Start::Dropped;
    }
}

#[cfg(feature = "embedded")]
fn load(
    id: &ModelId,
    path: &std::path::Path,
    flash_attention: FlashAttention,
) -> Result<Arc<dyn Model>, String> {
    let options = brisk_llama::EngineOptions {
        context: CONTEXT,
        flash_attention,
        ..Default::default()
    };
    match brisk_llama::Engine::load(id.clone(), path, options) {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(feature = "embedded"))]
fn load(id: &ModelId, _: &std::path::Path, _: FlashAttention) -> Result<Arc<dyn Model>, String> {
    Err(format!(
        "this build of brisk has no embedded engine, so {id} cannot run; configure a server in config.toml"
    ))
}
