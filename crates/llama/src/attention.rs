//! Which attention kernel checks drafts faster on this machine: measured, because it depends on CPU, model and context.

use crate::Token;
use crate::cores;
use crate::ffi::{Machine, STEP_TOKENS, Setup, StepError};
use crate::gguf;
use crate::options::{FlashAttention, LoadError};
use std::path::Path;
use std::time::Instant;

/// Tokens that are known when a draft is checked.
const KNOWN: usize = 1024;
/// Tokens of the draft's step.
const STEP: usize = 16;
/// Steps of which the median counts.
const ROUNDS: usize = 7;

/// Times of one draft check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionTimes {
    /// Plain attention, milliseconds.
    pub plain_ms: f64,
    /// The fused kernel, milliseconds.
    pub fused_ms: f64,
}

impl AttentionTimes {
    /// The faster one.
    pub fn choice(&self) -> FlashAttention {
        if self.fused_ms < self.plain_ms {
            FlashAttention::On
        } else {
            FlashAttention::Off
        }
    }
}

/// Times the check of 16 drafted tokens behind 1,024 known ones, with each kernel. Loads the file twice, one after the
/// other, and blocks for the time that reading 2,048 tokens takes.
///
/// # Errors
/// As [`crate::Engine::load`].
pub fn measure_attention(path: &Path) -> Result<AttentionTimes, LoadError> {
    gguf::read_header(path)?;
    let time = |flash_attention| {
        time(path, flash_attention).map_err(|reason| LoadError::Refused {
            path: path.to_path_buf(),
            reason,
        })
    };
    Ok(AttentionTimes {
        plain_ms: time(false)?,
        fused_ms: time(true)?,
    })
}

fn time(path: &Path, flash_attention: bool) -> Result<f64, String> {
    let setup = Setup {
        threads: cores::physical(),
        context: KNOWN + STEP_TOKENS,
        sequences: 1,
        flash_attention,
    };
    let (mut machine, _) = Machine::load(path, &setup)?;
    let why = |error| match error {
        StepError::Interrupted => "interrupted".to_owned(),
        StepError::Failed(code) => format!("llama.cpp code {code}"),
    };
    // What the tokens mean does not matter to the time; the first thousand of every vocabulary are plain pieces.
    let tokens: Vec<Token> = (0..1000).cycle().take(KNOWN).collect();
    for (at, part) in tokens.chunks(STEP_TOKENS).enumerate() {
        machine
            .step(0, at * STEP_TOKENS, part, 0, &|| false)
            .map_err(why)?;
    }
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        machine
            .step(0, KNOWN, &tokens[..STEP], STEP, &|| false)
            .map_err(why)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        machine.truncate(0, KNOWN);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}
