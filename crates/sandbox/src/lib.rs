//! The only crate that spawns processes.
