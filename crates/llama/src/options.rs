//! What an engine is asked for, what it turned out to be, and why it could not be loaded.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which of llama.cpp's kernels an engine uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernels {
    /// Whether attention runs as one fused kernel. On some CPUs that makes a draft check up to three times slower.
    pub flash_attention: bool,
    /// Whether the weights are copied into the order that the interleaved kernels read, which takes up to the file's
    /// size in own memory. Otherwise they are mapped as the file has them, for kernels that unpack them once for a
    /// whole batch: wide steps are cheaper then, narrow ones dearer.
    pub repacked: bool,
}

/// How to load a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Threads of the arithmetic; `None`: one per physical core that this process may use.
    pub threads: Option<usize>,
    /// Context window of one sequence, tokens. Bounded by what the model was trained for.
    pub context: usize,
    /// Prompts kept in memory at the same time (one per open file); the least recently used makes room. Each one
    /// takes the memory of a whole context window. At least one.
    pub sequences: usize,
    /// What was measured on this machine (`measure_kernels`); `None`: a rule from the build and the file decides.
    pub kernels: Option<Kernels>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            threads: None,
            context: 8192,
            sequences: 2,
            kernels: None,
        }
    }
}

/// Upper bounds of what an engine keeps in memory, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryBound {
    /// The weights: mapped from the file, so the kernel may drop the pages and read them again.
    pub weights: u64,
    /// Weights laid out anew for the CPU's matrix instructions (own memory).
    pub repacked: u64,
    /// Keys and values of all sequences.
    pub cache: u64,
    /// Scratch of one step and its logits.
    pub compute: u64,
}

impl MemoryBound {
    /// The sum of the parts.
    pub fn total(&self) -> u64 {
        self.weights + self.repacked + self.cache + self.compute
    }
}

/// Facts about a loaded engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// Architecture as the file names it, for example `qwen2`.
    pub architecture: String,
    /// Number of weights.
    pub parameters: u64,
    /// Context window of one sequence, tokens.
    pub context: usize,
    /// Prompts kept in memory at the same time.
    pub sequences: usize,
    /// Threads of the arithmetic on a quiet machine.
    pub threads: usize,
    /// The kernels in use.
    pub kernels: Kernels,
    /// Memory, at most.
    pub memory: MemoryBound,
    /// How long the load took, microseconds.
    pub load_us: u64,
}

/// Why a model could not be loaded. The text says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No such file.
    #[error("no model file at {}: fetch it with `brisk model pull`, or name another file", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file exists but cannot be read.
    #[error("the model file {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The file ends before its own table of contents says.
    #[error("the model file {} is cut off: {found} of at least {expected} bytes; fetch it again", path.display())]
    Truncated {
        /// Which file.
        path: PathBuf,
        /// Bytes that the header promises.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// The file is something else.
    #[error("{} is not a GGUF model file: {reason}", path.display())]
    NotGguf {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A model that this engine cannot run.
    #[error("models of the architecture {name:?} are not supported here; supported: {supported}")]
    WrongArchitecture {
        /// What the file says.
        name: String,
        /// What would work.
        supported: String,
    },
    /// It does not fit.
    #[error(
        "the model needs about {} MB beside its file and {} MB are free: \
         choose a smaller model or a smaller context",
        needed / 1_000_000,
        available / 1_000_000
    )]
    OutOfMemory {
        /// Bytes of own memory.
        needed: u64,
        /// Bytes that the system says are available.
        available: u64,
    },
    /// llama.cpp refused the file.
    #[error("llama.cpp refused the model file {}: {reason}", path.display())]
    Refused {
        /// Which file.
        path: PathBuf,
        /// Its last words.
        reason: String,
    },
    /// Built without the `embedded` feature.
    #[error("this build has no embedded model: build with the `embedded` feature, or use a model server")]
    NotBuilt,
}
