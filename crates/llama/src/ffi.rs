//! The only unsafe code: one model with one context, behind methods that cannot be misused.
//!
//! Model, vocabulary and backend come from the binding; the context is held here because the binding wraps neither
//! the abort callback nor the thread count of a living context.
#![allow(unsafe_code)]

use crate::Token;
use crate::options::{Kernels, MemoryBound};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_sys_2 as sys;
use std::ffi::{CStr, CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Tokens of one step at most: the micro-batch. A cancel in the middle of a step is seen between two operations
/// of its graph; this bounds what an interrupted read-ahead loses.
pub(crate) const STEP_TOKENS: usize = 256;
/// Rows of logits of one step at most: the sampled token and its draft. It bounds the scratch memory (a row is
/// the vocabulary in `f32`), which would be several hundred megabytes at the full micro-batch.
pub(crate) const STEP_ROWS: usize = 64;

/// Asked between the operations of a step; true ends the step.
pub(crate) type Interrupt<'a> = &'a (dyn Fn() -> bool + Sync);

/// How a machine is set up.
pub(crate) struct Setup {
    pub(crate) threads: usize,
    pub(crate) context: usize,
    pub(crate) sequences: usize,
    pub(crate) kernels: Kernels,
}

/// Why a step gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepError {
    /// The interrupt said so.
    Interrupted,
    /// llama.cpp's code.
    Failed(i32),
}

/// The model and its context. Lives on one thread.
pub(crate) struct Machine {
    context: NonNull<sys::llama_context>,
    // After `context`: its `Drop` runs first, and the context borrows the model.
    model: LlamaModel,
    vocabulary: usize,
}

// The binding can load a model only with repacked weights, so its owner is made below from a pointer; it promises the
// layout by `repr(transparent)`.
const _: () = assert!(size_of::<LlamaModel>() == size_of::<*mut sys::llama_model>());
const _: () = assert!(align_of::<LlamaModel>() == align_of::<*mut sys::llama_model>());

/// What llama.cpp said while loading: its errors, and the sizes of its buffers.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());
const LOG_LINES: usize = 400;

unsafe extern "C" fn keep_log(_: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a NUL-terminated text that lives for the call.
    let line = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    let mut log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    if log.len() < LOG_LINES && (line.contains("rror") || line.contains("ailed") || line.contains(" size = "))
    {
        log.push(line.trim().to_owned());
    }
}

fn backend() -> Option<&'static LlamaBackend> {
    static BACKEND: OnceLock<Option<LlamaBackend>> = OnceLock::new();
    BACKEND
        .get_or_init(|| {
            // SAFETY: the callback is a plain function that lives as long as the process and never unwinds.
            unsafe { sys::llama_log_set(Some(keep_log), std::ptr::null_mut()) };
            LlamaBackend::init().ok()
        })
        .as_ref()
}

/// Sum of the sizes, bytes, in log lines that contain `what`: "... buffer size = 12.34 MiB".
fn logged_bytes(log: &[String], what: &str) -> u64 {
    log.iter()
        .filter(|line| line.contains(what))
        .filter_map(|line| {
            line.rsplit(" size = ")
                .next()?
                .split_whitespace()
                .next()?
                .parse::<f64>()
                .ok()
        })
        .map(|mib| (mib * 1024.0 * 1024.0) as u64)
        .sum()
}

impl Machine {
    /// Loads the file and makes the context; the file's header was checked before.
    ///
    /// # Errors
    /// llama.cpp's last words.
    pub(crate) fn load(path: &Path, setup: &Setup) -> Result<(Machine, MemoryBound), String> {
        // One load at a time: the log is shared, and llama.cpp asks that contexts are not made in parallel.
        static LOADING: Mutex<()> = Mutex::new(());
        let _one = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        let last_words = |fallback: &str| {
            let log = std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner));
            log.into_iter()
                .rfind(|line| !line.contains(" size = "))
                .unwrap_or_else(|| fallback.to_owned())
        };
        backend().ok_or("llama.cpp could not be started")?;
        LOG.lock().unwrap_or_else(PoisonError::into_inner).clear();

        // SAFETY: returns a plain struct by value.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.n_gpu_layers = if cfg!(feature = "cuda") {
            i32::from(i16::MAX)
        } else {
            0
        };
        params.use_extra_bufts = setup.kernels.repacked;
        let file = CString::new(path.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
        // SAFETY: `file` ends in NUL and outlives the call, `params` came from llama.cpp's defaults.
        let raw = unsafe { sys::llama_model_load_from_file(file.as_ptr(), params) };
        let owned = NonNull::new(raw).ok_or_else(|| last_words("no reason given"))?;
        // SAFETY: `LlamaModel` is `repr(transparent)` over a non-null pointer (size and alignment asserted above),
        // and frees what it points to, once. `raw` is used while it lives, which the struct below sees to.
        let model = unsafe { std::mem::transmute::<NonNull<sys::llama_model>, LlamaModel>(owned) };

        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let threads = i32::try_from(setup.threads).unwrap_or(1).max(1);
        // SAFETY: returns a plain struct by value.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = narrow(setup.context * setup.sequences);
        params.n_batch = narrow(STEP_TOKENS);
        params.n_ubatch = narrow(STEP_TOKENS);
        params.n_seq_max = narrow(setup.sequences);
        params.n_outputs_max = narrow(STEP_ROWS);
        params.n_threads = threads;
        params.n_threads_batch = threads;
        params.flash_attn_type = if setup.kernels.flash_attention {
            sys::LLAMA_FLASH_ATTN_TYPE_ENABLED
        } else {
            sys::LLAMA_FLASH_ATTN_TYPE_DISABLED
        };
        // Each sequence has its own cells: attention then reads this prompt only, not every open file's.
        params.kv_unified = false;
        params.no_perf = true;
        // SAFETY: `raw` is a living model, `params` came from llama.cpp's defaults.
        let context = unsafe { sys::llama_init_from_model(raw, params) };
        let context = NonNull::new(context).ok_or_else(|| last_words("no context"))?;

        let vocabulary = usize::try_from(model.vocab().n_tokens()).unwrap_or(0);
        let machine = Machine {
            context,
            model,
            vocabulary,
        };
        let log = std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner));
        let mapped = logged_bytes(&log, "Mapped model buffer");
        let memory = MemoryBound {
            weights: if mapped > 0 { mapped } else { machine.model.size() },
            repacked: logged_bytes(&log, "model buffer").saturating_sub(mapped),
            cache: logged_bytes(&log, "KV buffer"),
            compute: logged_bytes(&log, "compute buffer") + logged_bytes(&log, "output buffer"),
        };
        Ok((machine, memory))
    }

    /// The binding's model: vocabulary, template, counts.
    pub(crate) fn model(&self) -> &LlamaModel {
        &self.model
    }

    /// Context window of one sequence, as llama.cpp rounded it.
    pub(crate) fn window(&self) -> usize {
        // SAFETY: the context lives as long as `self`.
        unsafe { sys::llama_n_ctx_seq(self.context.as_ptr()) as usize }
    }

    /// Evaluates `tokens` at `position` of sequence `sequence`; logits are kept for the last `rows` of them.
    ///
    /// # Errors
    /// Interrupted, or llama.cpp's code. The sequence is then as long as before, or longer by whole steps: the
    /// caller truncates it to what it knows.
    pub(crate) fn step(
        &mut self,
        sequence: usize,
        position: usize,
        tokens: &[Token],
        rows: usize,
        interrupt: Interrupt<'_>,
    ) -> Result<(), StepError> {
        let count = tokens.len();
        if count == 0 || count > STEP_TOKENS || rows > STEP_ROWS || position + count > self.window() {
            return Err(StepError::Failed(-1));
        }
        let narrow = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let mut token = tokens.to_vec();
        let mut places: Vec<i32> = (position..position + count).map(narrow).collect();
        let mut sequence = narrow(sequence);
        let mut sequence_counts = vec![1_i32; count];
        let mut sequences = vec![&raw mut sequence; count];
        let mut wanted: Vec<i8> = (0..count).map(|i| i8::from(i + rows >= count)).collect();
        let batch = sys::llama_batch {
            n_tokens: narrow(count),
            token: token.as_mut_ptr(),
            embd: std::ptr::null_mut(),
            pos: places.as_mut_ptr(),
            n_seq_id: sequence_counts.as_mut_ptr(),
            seq_id: sequences.as_mut_ptr(),
            logits: wanted.as_mut_ptr(),
        };
        let mut question = interrupt;
        // SAFETY: the arrays of `batch` hold `count` entries and outlive the call; tokens, positions and rows were
        // checked against the vocabulary by their maker and against the sizes above. `question` outlives the
        // callback, which is taken off again before this function returns; it is `Sync`, so any of llama.cpp's
        // threads may ask.
        let code = unsafe {
            let context = self.context.as_ptr();
            sys::llama_set_abort_callback(context, Some(ask), (&raw mut question).cast());
            let code = sys::llama_decode(context, batch);
            sys::llama_set_abort_callback(context, None, std::ptr::null_mut());
            code
        };
        match code {
            0 => Ok(()),
            2 => Err(StepError::Interrupted),
            code => Err(StepError::Failed(code)),
        }
    }

    /// The logits of the token at `index` of the last step; one value per token of the vocabulary. `None` where
    /// no row was asked for.
    pub(crate) fn logits(&mut self, index: usize) -> Option<&[f32]> {
        let index = i32::try_from(index).ok()?;
        // SAFETY: the context lives; llama.cpp answers null for a row that it does not hold.
        let row = unsafe { sys::llama_get_logits_ith(self.context.as_ptr(), index) };
        // SAFETY: a row holds one `f32` per token of the vocabulary and stays until the next step, which needs
        // `&mut self`.
        (!row.is_null()).then(|| unsafe { std::slice::from_raw_parts(row, self.vocabulary) })
    }

    /// Cuts a sequence to its first `length` tokens.
    pub(crate) fn truncate(&mut self, sequence: usize, length: usize) -> bool {
        let (Ok(sequence), Ok(length)) = (i32::try_from(sequence), i32::try_from(length)) else {
            return false;
        };
        // SAFETY: the context lives, and its memory with it.
        unsafe {
            sys::llama_memory_seq_rm(sys::llama_get_memory(self.context.as_ptr()), sequence, length, -1)
        }
    }

    /// Makes sequence `to` a copy of sequence `from`. The data moves with the next step.
    pub(crate) fn copy(&mut self, from: usize, to: usize) {
        let (Ok(from), Ok(to)) = (i32::try_from(from), i32::try_from(to)) else {
            return;
        };
        // SAFETY: as above; both are below the number of sequences that the context was made for, and the range is
        // the whole sequence, as copies between separate cells must be.
        unsafe { sys::llama_memory_seq_cp(sys::llama_get_memory(self.context.as_ptr()), from, to, -1, -1) }
    }

    /// Sets the number of threads of the next steps.
    pub(crate) fn set_threads(&mut self, threads: usize) {
        let threads = i32::try_from(threads).unwrap_or(1).max(1);
        // SAFETY: the context lives.
        unsafe { sys::llama_set_n_threads(self.context.as_ptr(), threads, threads) }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SAFETY: made by llama.cpp in `load`, freed once, before the model that it borrows.
        unsafe { sys::llama_free(self.context.as_ptr()) }
    }
}

/// The abort callback: `data` points to an [`Interrupt`] on the caller's stack.
unsafe extern "C" fn ask(data: *mut c_void) -> bool {
    // SAFETY: `Machine::step` sets this callback together with a pointer to its own living `Interrupt`, and
    // removes both before it returns.
    let question = unsafe { &*data.cast::<Interrupt<'_>>() };
    question()
}
