//! Gated fake model, simulated host, fixture repositories.
