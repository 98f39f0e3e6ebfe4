//! What tests and metrics drive the product with: a gated fake model, a fake Chat Completions server, fixture
//! repositories. Nothing here sleeps; a test says what may happen next by opening gates.

mod gated;
mod signal;

pub use gated::{Controller, GatedModel, Step};
pub use signal::{TimedOut, WAIT};
