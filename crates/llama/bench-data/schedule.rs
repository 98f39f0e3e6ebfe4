impl Schedule {
    pub fn plan(&mut self, now: u64, jobs: &[Job]) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(jobs.len());
        let mut free = self.workers.clone();
        free.sort_unstable_by_key(|worker| worker.load);

        for job in jobs {
            if job.cancelled {
                self.dropped += 1;
                continue;
            }
            let Some(worker) = free.first_mut() else {
                self.waiting.push(job.id);
                continue;
            };
            let start = now.max(worker.busy_until);
            let end = start + job.cost * self.scale;
            worker.busy_until = end;
            worker.load += job.cost;
            slots.push(Slot { job: job.id, worker: worker.id, start, end });
            if worker.load > self.limit {
                free.remove(0);
            }
        }

        for slot in &slots {
            self.history.push(slot.clone());
            if self.history.len() > 1000 {
                self.history.remove(0);
            }
        }
        if self.waiting.len() > 50 {
            self.waiting.drain(..10);
        }
        self.last = now;
        self.rounds += 1;
        slots
    }
}
