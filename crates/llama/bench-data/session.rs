impl Session {
    fn touch(&mut self, key: &str, now: Instant) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.last_used = now;
            entry.hits += 1;
        }
    }

    fn expire(&mut self, now: Instant) -> usize {
        let before = self.entries.len();
        let ttl = self.ttl;
        self.entries.retain(|_, entry| now.duration_since(entry.last_used) < ttl);
        before - self.entries.len()
    }
}
