//! Which of llama.cpp's kernels are faster on this machine: measured, because it depends on CPU, model and context;
//! and a rule for machines where nobody has measured.

use crate::Token;
use crate::cores;
use crate::ffi::{Machine, STEP_TOKENS, Setup, StepError};
use crate::gguf::{self, Header};
use crate::options::{Kernels, LoadError};
use std::path::Path;
use std::time::Instant;

/// Tokens that a turn reads.
const KNOWN: usize = 1024;
/// Tokens of a draft's step.
const DRAFT: usize = 32;
/// Steps of each kind in a turn.
const STEPS: usize = 8;

/// What a setting makes of a turn: 1,024 tokens are read, then 8 drafts of 32 tokens and 8 single tokens are checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KernelTime {
    /// The setting.
    pub kernels: Kernels,
    /// Milliseconds of the turn.
    pub turn_ms: f64,
}

/// Times a turn with both attention kernels, then with the weights in their other order. Each time goes to `on` as
/// soon as it is known; the result is the fastest. Loads the file up to three times, one after the other, and blocks
/// for some ten seconds each.
///
/// # Errors
/// As [`crate::Engine::load`].
pub fn measure_kernels(path: &Path, on: &mut dyn FnMut(KernelTime)) -> Result<Kernels, LoadError> {
    let header = gguf::read_header(path)?;
    let mut measure = |kernels: Kernels| {
        let turn_ms = turn(path, kernels).map_err(|reason| LoadError::Refused {
            path: path.to_path_buf(),
            reason,
        })?;
        let time = KernelTime { kernels, turn_ms };
        on(time);
        Ok(time)
    };
    let faster = |a: KernelTime, b: KernelTime| if b.turn_ms < a.turn_ms { b } else { a };
    let usual = fitting(&header);
    let mut best = measure(usual)?;
    best = faster(
        best,
        measure(Kernels {
            flash_attention: !usual.flash_attention,
            ..usual
        })?,
    );
    // Weights on a device have one layout.
    if !cfg!(feature = "cuda") {
        best = faster(
            best,
            measure(Kernels {
                repacked: !usual.repacked,
                ..best.kernels
            })?,
        );
    }
    Ok(best.kernels)
}

/// For machines where nobody has measured.
pub(crate) fn fitting(header: &Header) -> Kernels {
    rule(header, cores::is_amd() && cfg!(target_feature = "avx512vnni"))
}

/// Attention is fused on a device alone. K-quants stay as in the file on AMD's CPUs with AVX-512 VNNI, which the C++ is
/// built for where this crate is: measured on Zen 4. Elsewhere the order is llama.cpp's own choice; the kernels for AMX
/// need it, too.
fn rule(header: &Header, amd_vnni: bool) -> Kernels {
    Kernels {
        flash_attention: cfg!(feature = "cuda"),
        repacked: !(amd_vnni && header.k_quant_bytes > header.file_bytes / 2),
    }
}

fn turn(path: &Path, kernels: Kernels) -> Result<f64, String> {
    let setup = Setup {
        threads: cores::physical(),
        context: KNOWN + STEP_TOKENS,
        sequences: 1,
        kernels,
    };
    let (mut machine, _) = Machine::load(path, &setup)?;
    let why = |error| match error {
        StepError::Interrupted => "interrupted".to_owned(),
        StepError::Failed(code) => format!("llama.cpp code {code}"),
    };
    // What the tokens mean does not matter to the time; the first thousand of every vocabulary are plain pieces.
    let tokens: Vec<Token> = (0..1000).cycle().take(KNOWN).collect();
    let start = Instant::now();
    for (at, part) in tokens.chunks(STEP_TOKENS).enumerate() {
        machine
            .step(0, at * STEP_TOKENS, part, 0, &|| false)
            .map_err(why)?;
    }
    let mut whole = millis(start);
    for size in [DRAFT, 1] {
        let mut times = Vec::with_capacity(STEPS);
        for _ in 0..STEPS {
            let start = Instant::now();
            machine
                .step(0, KNOWN, &tokens[..size], size, &|| false)
                .map_err(why)?;
            times.push(millis(start));
            machine.truncate(0, KNOWN);
        }
        // The middle one, so that a step which another program held up does not decide.
        times.sort_by(f64::total_cmp);
        whole += STEPS as f64 * times[STEPS / 2];
    }
    Ok(whole)
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_stay_as_in_the_file_where_that_was_measured() {
        let cases = [(true, 60, false), (true, 40, true), (false, 60, true)];
        for (amd_vnni, k_quant_bytes, repacked) in cases {
            let header = Header {
                file_bytes: 100,
                k_quant_bytes,
                ..Header::default()
            };
            assert_eq!(
                rule(&header, amd_vnni).repacked,
                repacked,
                "{amd_vnni} {k_quant_bytes}"
            );
        }
    }
}
