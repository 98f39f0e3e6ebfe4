//! The clock that processes of one machine share.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds that all threads of this process have worked.
pub fn process_cpu_us() -> u64 {
    let worked = clock_gettime(ClockId::ProcessCPUTime);
    let micros = worked
        .tv_sec
        .saturating_mul(1_000_000)
        .saturating_add(worked.tv_nsec / 1_000);
    u64::try_from(micros).unwrap_or(0)
}

/// Microseconds of `CLOCK_MONOTONIC`: comparable between processes of one machine, until it restarts.
pub fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let micros = now
        .tv_sec
        .saturating_mul(1_000_000)
        .saturating_add(now.tv_nsec / 1_000);
    u64::try_from(micros).unwrap_or(0)
}
