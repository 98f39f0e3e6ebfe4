use super::*;
use crate::bench::{ROUNDING, edit_request};
use crate::bench_tasks::TASKS;
use crate::ffi::Setup;
use std::sync::Arc;

/// The model that `BRISK_TEST_MODEL` names.
fn model() -> Option<(Machine, Setup)> {
    let Some(path) = std::env::var_os("BRISK_TEST_MODEL") else {
        eprintln!("skipped: BRISK_TEST_MODEL names no model file");
        return None;
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
    let (machine, _) = Machine::load(path.as_ref(), &setup).unwrap();
    Some((machine, setup))
}

/// With endless leeway the prediction is the answer, whatever the model thinks of it; with none it is the model's own.
#[test]
fn an_answer_keeps_to_its_prediction_within_the_leeway() {
    let Some((mut machine, setup)) = model() else {
        return;
    };
    let predicted = "fn nobody_expects_this() {}";
    let mut cache = Cache::new(1);
    let mut answers = [f32::INFINITY, 0.0].map(|leeway| {
        let mut request = edit_request(brisk_domain::ModelId("test".into()), 1, &TASKS[0]);
        request.prediction = Some(predicted.into());
        request.max_tokens = 12;
        let mut generation = Generation::new(request, Some(leeway), Arc::new(|_| {}), &machine).unwrap();
        let mut desk = Desk {
            machine: &mut machine,
            cache: &mut cache,
            pace: &mut Pace::new(setup.kernels.repacked),
            threads: &mut Threads::new(setup.threads),
        };
        assert_eq!(generation.run(&mut desk, &|| false), Progress::Ended);
        assert_eq!(generation.usage.accepted, 0, "nothing is drafted");
        String::from_utf8(generation.answer).unwrap()
    });
    answers[0].truncate(predicted.len());
    assert_eq!(answers[0], predicted);
    assert!(!answers[1].starts_with("fn nobody"), "{}", answers[1]);
}

/// Replays drafted answers through the model, one token at a time: each token must be the first choice there too,
/// as far as rounding lets one tell.
#[test]
fn drafted_tokens_are_the_models_own_choice() {
    use crate::choice::greatest;

    let Some((mut machine, setup)) = model() else {
        return;
    };
    let (mut cache, mut pace, mut threads) = (
        Cache::new(1),
        Pace::new(setup.kernels.repacked),
        Threads::new(setup.threads),
    );
    let mut accepted = 0;
    for task in TASKS.iter().filter(|task| !task.one_line).take(4) {
        let mut request = edit_request(brisk_domain::ModelId("test".into()), 1, task);
        request.prediction = Some(task.region.to_owned());
        let mut generation = Generation::new(request, None, Arc::new(|_| {}), &machine).unwrap();
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
                best - taken <= 2.0 * ROUNDING,
                "{}: token {at} is {} behind",
                task.name,
                best - taken
            );
        }
    }
    assert!(accepted > 100, "the drafts were not used: {accepted}");
}
