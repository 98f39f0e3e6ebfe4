//! What tests and metrics drive the product with: a gated fake model, fake Chat Completions and Responses servers,
//! fixture repositories. Nothing here sleeps; a test says what may happen next by opening gates.

mod ambient;
mod clock;
mod daemon;
pub mod fixture;
mod gated;
pub mod mcp;
pub mod responses;
pub mod server;
mod signal;

pub use ambient::AMBIENT;
pub use clock::{monotonic_us, process_cpu_us};
pub use daemon::end_daemon;
pub use gated::{Controller, GatedModel, Step};
pub use server::{Act, FakeServer, Reply};
pub use signal::{TimedOut, WAIT};
