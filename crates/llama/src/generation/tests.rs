use super::*;

/// Replays drafted answers through the model, one token at a time: each token must be the first choice there too,
/// as far as rounding lets one tell.
#[test]
fn drafted_tokens_are_the_models_own_choice() {
    use crate::bench::edit_request;
    use crate::bench_tasks::TASKS;
    use crate::choice::greatest;
    use crate::ffi::Setup;
    use std::sync::{Arc, Mutex};

    /// Twice the greatest difference that batches made to the distance of two choices (480 tokens: 0.6).
    const ROUNDING: f32 = 1.2;
    let Some(path) = std::env::var_os("BRISK_TEST_MODEL") else {
        eprintln!("skipped: BRISK_TEST_MODEL names no model file");
        return;
    };
    let setup = Setup {
        threads: crate::cores::physical(),
        context: 2048,
        sequences: 2,
        kernels: crate::options::Kernels {
            flash_attention: false,
            repacked: false,
        },
    };
    let (mut machine, _) = Machine::load(path.as_ref(), &setup).unwrap();
    let (mut cache, mut pace, mut threads) = (
        Cache::new(1),
        Pace::new(setup.kernels.repacked),
        Threads::new(setup.threads),
    );
    let mut accepted = 0;
    for task in TASKS.iter().filter(|task| !task.one_line).take(4) {
        let mut request = edit_request(brisk_domain::ModelId("test".into()), 1, task);
        request.prediction = Some(task.region.to_owned());
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink: Sink = {
            let told = Arc::clone(&told);
            Arc::new(move |event| told.lock().unwrap().push(event))
        };
        let mut generation = Generation::new(request, sink, &machine).unwrap();
        let mut desk = Desk {
            machine: &mut machine,
            cache: &mut cache,
            pace: &mut pace,
            threads: &mut threads,
        };
        assert_eq!(generation.run(&mut desk, &|| false), Progress::Ended);
        accepted += generation.usage.accepted;

        let (prompt, tokens) = (generation.usage.input, &generation.tokens);
        machine.truncate(1, 0);
        for (at, chunk) in tokens[..prompt - 1].chunks(STEP_TOKENS).enumerate() {
            machine.step(1, at * STEP_TOKENS, chunk, 0, &|| false).unwrap();
        }
        for at in prompt - 1..tokens.len() - 1 {
            machine.step(1, at, &tokens[at..=at], 1, &|| false).unwrap();
            let logits = machine.logits(0).unwrap();
            let best = logits[usize::try_from(greatest(logits)).unwrap()];
            let taken = logits[usize::try_from(tokens[at + 1]).unwrap()];
            assert!(
                best - taken <= ROUNDING,
                "{}: token {at} is {} behind",
                task.name,
                best - taken
            );
        }
    }
    assert!(accepted > 100, "the drafts were not used: {accepted}");
}
