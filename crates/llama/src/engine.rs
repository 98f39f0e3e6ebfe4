//! The engine: one thread that owns model and context, behind the model port.

use crate::cache::Cache;
use crate::cores;
use crate::ffi::{Machine, Setup};
use crate::generation::{Desk, Generation, Progress, warm};
use crate::gguf;
use crate::kernels;
use crate::options::{EngineInfo, EngineOptions, LoadError};
use crate::pace::Pace;
use crate::queue::{Next, Queue, Ticket};
use crate::threads::Threads;
use brisk_domain::ModelId;
use brisk_domain::port::{Fault, FaultSource, GenerateRequest, Model, ModelEvent, Retry, Running, Sink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

/// A loaded model. Dropping it ends its thread within one operation and frees the memory; answers that were
/// running or waiting end with a fault.
pub struct Engine {
    id: ModelId,
    info: EngineInfo,
    queue: Arc<Queue>,
    worker: Option<JoinHandle<()>>,
}

impl Engine {
    /// Loads a model file. Blocks for the time that it takes (about a second for a gigabyte in the page cache).
    ///
    /// # Errors
    /// The file is missing, unreadable, foreign, cut off, of another architecture, or too big for this machine.
    pub fn load(id: ModelId, path: &Path, options: EngineOptions) -> Result<Engine, LoadError> {
        let start = Instant::now();
        let header = gguf::read_header(path)?;
        let trained = usize::try_from(header.trained_context).unwrap_or(usize::MAX);
        let setup = Setup {
            threads: options.threads.unwrap_or_else(cores::physical).max(1),
            context: options.context.max(256).min(trained.max(256)),
            sequences: options.sequences.max(1),
            kernels: options.kernels.unwrap_or_else(|| kernels::fitting(&header)),
        };
        let cache = header
            .cache_bytes_per_token
            .saturating_mul((setup.context * setup.sequences) as u64);
        // Weights that are laid out anew take up to their own size again; scratch stays below a quarter gigabyte.
        let repacked = if setup.kernels.repacked {
            header.file_bytes
        } else {
            0
        };
        let needed = cache.saturating_add(repacked).saturating_add(256 << 20);
        if let Some(available) = cores::available_memory()
            && needed > available
            && !cfg!(feature = "cuda")
        {
            return Err(LoadError::OutOfMemory { needed, available });
        }

        let queue = Arc::new(Queue::default());
        let (report, loaded) = mpsc::channel();
        let file = path.to_path_buf();
        let work = Arc::clone(&queue);
        let refused = |reason: String| LoadError::Refused {
            path: path.to_path_buf(),
            reason,
        };
        let worker = std::thread::Builder::new()
            .name("brisk-llama".into())
            .spawn(move || match Machine::load(&file, &setup) {
                Ok((machine, memory)) => {
                    let info = (
                        machine.window(),
                        setup.threads,
                        setup.sequences,
                        setup.kernels,
                        memory,
                    );
                    let parameters = machine.model().n_params();
                    if report.send(Ok((info, parameters))).is_ok() {
                        work_off(machine, &setup, &work);
                    }
                }
                Err(reason) => {
                    let _ = report.send(Err(reason));
                }
            })
            .map_err(|error| refused(error.to_string()))?;
        let ((context, threads, sequences, kernels, memory), parameters) = loaded
            .recv()
            .map_err(|_| refused("its thread ended".into()))?
            .map_err(refused)?;
        let info = EngineInfo {
            architecture: header.architecture,
            parameters,
            context,
            sequences,
            threads,
            kernels,
            memory,
            load_us: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        Ok(Engine {
            id,
            info,
            queue,
            worker: Some(worker),
        })
    }

    /// Facts about this engine.
    pub fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// Its name in the configuration.
    pub fn id(&self) -> &ModelId {
        &self.id
    }

    /// As `generate`, for [`Generation::new`]'s leeway.
    pub(crate) fn generate_within(
        &self,
        request: GenerateRequest,
        leeway: f32,
        sink: Sink,
    ) -> Box<dyn Running> {
        Box::new(self.queue.generate(request, Some(leeway), sink))
    }

    /// Whether it is at work, or has work waiting, reading ahead included.
    pub fn is_busy(&self) -> bool {
        self.queue.busy()
    }
}

impl Model for Engine {
    fn generate(&self, request: GenerateRequest, sink: Sink) -> Box<dyn Running> {
        Box::new(self.queue.generate(request, None, sink))
    }

    fn warm(&self, request: GenerateRequest) {
        self.queue.warm(request);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(worker) = self.worker.take()
            // A sink may hold the last reference, and sinks run on the worker.
            && worker.thread().id() != std::thread::current().id()
        {
            let _ = worker.join();
        }
    }
}

/// A background answer that was begun.
struct Begun {
    generation: Generation,
    sink: Sink,
    cancelled: Arc<AtomicBool>,
}

/// The worker's life.
fn work_off(mut machine: Machine, setup: &Setup, queue: &Queue) {
    let mut cache = Cache::new(setup.sequences);
    let mut pace = Pace::new(setup.kernels.repacked);
    let mut threads = Threads::new(setup.threads);
    let mut paused: Option<Begun> = None;
    loop {
        let next = queue.next(paused.is_some());
        let mut desk = Desk {
            machine: &mut machine,
            cache: &mut cache,
            pace: &mut pace,
            threads: &mut threads,
        };
        match next {
            Next::Close => break,
            Next::Interactive(ticket) => {
                if let Some(begun) = begin(ticket, desk.machine) {
                    go_on(begun, &mut desk, queue, &|| false);
                }
            }
            Next::Background => {
                let begun = match paused.take() {
                    Some(begun) => Some(begun),
                    None => queue.background().and_then(|ticket| begin(ticket, desk.machine)),
                };
                if let Some(begun) = begun {
                    paused = go_on(begun, &mut desk, queue, &|| queue.person_waits());
                }
            }
            Next::Warm(request) => {
                warm(&request, &mut desk, &|| queue.closing() || queue.answer_waits());
            }
        }
    }
    let sinks = paused.map(|begun| begun.sink).into_iter();
    for sink in sinks.chain(queue.drain().into_iter().map(|ticket| ticket.sink)) {
        sink(gone());
    }
}

fn begin(ticket: Ticket, machine: &Machine) -> Option<Begun> {
    if ticket.cancelled.load(Ordering::Acquire) {
        return None;
    }
    let generation = Generation::new(ticket.request, ticket.leeway, Arc::clone(&ticket.sink), machine)?;
    Some(Begun {
        generation,
        sink: ticket.sink,
        cancelled: ticket.cancelled,
    })
}

/// Works on an answer; gives it back when it had to give way.
fn go_on(
    mut begun: Begun,
    desk: &mut Desk<'_>,
    queue: &Queue,
    gives_way: &(dyn Fn() -> bool + Sync),
) -> Option<Begun> {
    let cancelled = Arc::clone(&begun.cancelled);
    let interrupt = || cancelled.load(Ordering::Acquire) || queue.closing() || gives_way();
    match begun.generation.run(desk, &interrupt) {
        Progress::Ended => None,
        Progress::Interrupted if cancelled.load(Ordering::Acquire) => None,
        Progress::Interrupted if queue.closing() => {
            (begun.sink)(gone());
            None
        }
        Progress::Interrupted => Some(begun),
    }
}

fn gone() -> ModelEvent {
    ModelEvent::Failed {
        fault: Fault {
            source: FaultSource::Upstream,
            retry: Retry::Elsewhere,
            message: "the embedded model was unloaded".into(),
        },
    }
}
