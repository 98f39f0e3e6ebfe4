//! The embedded model: llama.cpp behind the model port.
//!
//! One [`Engine`] is one loaded GGUF file: a thread that owns model and context, a queue in front of it, and the
//! port of [`brisk_domain::port`]. What makes it fast for edits: the prompt's known prefix stays in the key/value
//! cache (one sequence per open file), and the text being edited drafts its own continuation, which the model
//! checks many tokens at a time.
//!
//! Drafts do not steer the answer: each token is the model's own first choice. Arithmetic on many tokens rounds
//! differently from arithmetic on one (so do two batch sizes, and two CPUs), which moves the distance between the
//! first two choices by about a tenth, so where the two are that close the answer may take the other one.
//!
//! A request that asks for an answer which differs from the text gets the model's second choice, at the place where
//! it was least sure, if its first is to copy all of it.

#[cfg(not(feature = "embedded"))]
mod absent;
#[cfg(feature = "embedded")]
mod bench;
#[cfg(feature = "embedded")]
mod bench_tasks;
#[cfg(any(feature = "embedded", test))]
mod cache;
#[cfg(feature = "embedded")]
mod choice;
#[cfg(feature = "embedded")]
mod cores;
#[cfg(any(feature = "embedded", test))]
mod detour;
#[cfg(any(feature = "embedded", test))]
mod draft;
#[cfg(feature = "embedded")]
mod engine;
#[cfg(any(feature = "embedded", test))]
mod extent;
#[cfg(feature = "embedded")]
mod ffi;
#[cfg(feature = "embedded")]
mod generation;
pub mod gguf;
#[cfg(feature = "embedded")]
mod kernels;
mod options;
#[cfg(any(feature = "embedded", test))]
mod output;
#[cfg(any(feature = "embedded", test))]
mod pace;
#[cfg(any(feature = "embedded", test))]
mod prompt;
#[cfg(feature = "embedded")]
mod queue;
#[cfg(any(feature = "embedded", test))]
mod threads;
#[cfg(feature = "embedded")]
mod vocabulary;

#[cfg(not(feature = "embedded"))]
pub use absent::Engine;
#[cfg(feature = "embedded")]
pub use bench::{BENCH_PARTS, BenchLine, BenchPart, Same, bench, bench_part};
#[cfg(feature = "embedded")]
pub use engine::Engine;
#[cfg(feature = "embedded")]
pub use kernels::{KernelTime, measure_kernels};
pub use options::{EngineInfo, EngineOptions, Kernels, LoadError, MemoryBound};

/// Environment that a process should have from its start if it loads an engine; a daemon's parent sets it.
///
/// The threads of one step wait for each other after every operation. The OpenMP runtime lets them spin there for
/// milliseconds, which is fast on a quiet machine and ruinous beside a compiler: the spinning thread keeps the core
/// from the one that it waits for. With a short spin nothing is lost when quiet. The runtime reads this only when it
/// is loaded, which is before `main`.
pub const PROCESS_ENV: [(&str, &str); 1] = [("GOMP_SPINCOUNT", "10000")];

/// A token's number in the model's vocabulary.
#[cfg(any(feature = "embedded", test))]
type Token = i32;
