//! Who of the persons waits for which model now. An engine answers them first, and what it has begun for delegated work
//! rests meanwhile: whoever shows that work can say so.

use brisk_domain::ModelId;
use brisk_domain::port::{ModelEvent, Running, Sink};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

type Told = Box<dyn Fn() + Send + Sync>;

/// Answers that persons wait for, by model.
#[derive(Default)]
pub(super) struct Persons {
    waiting: Mutex<BTreeMap<ModelId, usize>>,
    told: OnceLock<Told>,
}

impl Persons {
    /// `told` is called whenever somebody begins to wait or does not any more; it must not block. The first one stays.
    pub(super) fn tell(&self, told: impl Fn() + Send + Sync + 'static) {
        // One process has one supervisor of jobs.
        let _ = self.told.set(Box::new(told));
    }

    /// Whether somebody waits for this model.
    pub(super) fn at(&self, model: &ModelId) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.contains_key(model)
    }

    /// Somebody waits from now on, until the answer is over or not wanted any more: `begin` gets a sink that notes the one,
    /// and the handle that is given back notes the other.
    pub(super) fn wait(
        self: &Arc<Self>,
        model: &ModelId,
        sink: Sink,
        begin: impl FnOnce(Sink) -> Box<dyn Running>,
    ) -> Box<dyn Running> {
        self.change(model, |count| *count += 1);
        let waits = Arc::new(Waits {
            persons: Arc::clone(self),
            model: model.clone(),
            over: AtomicBool::new(false),
        });
        let ends = Arc::clone(&waits);
        let sink: Sink = Arc::new(move |event| {
            let over = matches!(event, ModelEvent::Done { .. } | ModelEvent::Failed { .. });
            sink(event);
            if over {
                ends.end();
            }
        });
        Box::new(Watched {
            _running: begin(sink),
            waits,
        })
    }

    fn change(&self, model: &ModelId, how: impl FnOnce(&mut usize)) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(model.clone()).or_default();
        how(count);
        if *count == 0 {
            waiting.remove(model);
        }
        drop(waiting);
        if let Some(told) = self.told.get() {
            told();
        }
    }
}

struct Waits {
    persons: Arc<Persons>,
    model: ModelId,
    over: AtomicBool,
}

impl Waits {
    fn end(&self) {
        if !self.over.swap(true, Ordering::AcqRel) {
            self.persons
                .change(&self.model, |count| *count = count.saturating_sub(1));
        }
    }
}

struct Watched {
    _running: Box<dyn Running>,
    waits: Arc<Waits>,
}

impl Running for Watched {}

impl Drop for Watched {
    fn drop(&mut self) {
        self.waits.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brisk_domain::port::{Finish, Usage};
    use std::sync::atomic::AtomicUsize;

    struct Idle;
    impl Running for Idle {}

    #[test]
    fn somebody_waits_until_the_answer_is_over_or_not_wanted() {
        let persons = Arc::new(Persons::default());
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        persons.tell(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let model = ModelId("m".into());
        let begin = || {
            let mut given = None;
            let running = persons.wait(&model, Arc::new(|_| {}), |sink| {
                given = Some(sink);
                Box::new(Idle)
            });
            (running, given.unwrap())
        };
        let (first, says) = begin();
        let (second, _) = begin();
        assert!(persons.at(&model) && !persons.at(&ModelId("n".into())));
        says(ModelEvent::Sent);
        assert!(persons.at(&model));
        for _ in 0..2 {
            // The second end of the same answer is none.
            says(ModelEvent::Done {
                finish: Finish::Stop,
                usage: Usage::default(),
            });
        }
        drop(first);
        assert!(persons.at(&model), "the other one waits still");
        drop(second);
        assert!(!persons.at(&model));
        assert_eq!(told.load(Ordering::SeqCst), 4);
    }
}
