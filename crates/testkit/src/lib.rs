//! What tests and metrics drive the product with: a gated fake model, a fake Chat Completions server, fixture
//! repositories. Nothing here sleeps; a test says what may happen next by opening gates.

mod clock;
pub mod fixture;
mod gated;
pub mod server;
mod signal;

pub use clock::monotonic_us;
pub use gated::{Controller, GatedModel, Step};
pub use server::{Act, FakeServer, Reply};
pub use signal::{TimedOut, WAIT};
