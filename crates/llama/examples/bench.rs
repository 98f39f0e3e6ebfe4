//! Measures a model file: `cargo run --release -p brisk-llama --example bench -- MODEL.gguf [PART...] [--answers]
//! [--threads=N] [--kernels=[flash][,repacked]]`, with the parts load, speed, edits, prefix, cancel and beside. Set the
//! environment of `brisk_llama::PROCESS_ENV`.
#![allow(clippy::print_stdout, missing_docs)]

use brisk_domain::ModelId;
use brisk_llama::{BENCH_PARTS, BenchLine, Engine, EngineOptions, Kernels, bench_part};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("which model file?")?;
    let wanted: Vec<String> = args.collect();
    let answers = wanted.iter().any(|arg| arg == "--answers");
    let named: Vec<_> = BENCH_PARTS
        .into_iter()
        .filter(|part| wanted.contains(&format!("{part:?}").to_lowercase()))
        .collect();
    let parts = if named.is_empty() {
        BENCH_PARTS.to_vec()
    } else {
        named
    };
    let threads = wanted
        .iter()
        .find_map(|arg| arg.strip_prefix("--threads=")?.parse().ok());
    let kernels = wanted
        .iter()
        .find_map(|arg| arg.strip_prefix("--kernels="))
        .map(|named| Kernels {
            flash_attention: named.contains("flash"),
            repacked: named.contains("repacked"),
        });
    let options = EngineOptions {
        threads,
        kernels,
        ..EngineOptions::default()
    };
    let engine = Engine::load(ModelId("bench".into()), path.as_ref(), options)?;
    for part in parts {
        bench_part(&engine, part, &mut |line| {
            println!("{line}");
            if let BenchLine::Edit { answer, .. } = &line
                && answers
            {
                println!("{answer}\n----");
            }
        });
    }
    Ok(())
}
