//! Limits that the kernel holds for every process.

use crate::confined::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// One byte, not none: a limit of one also keeps the kernel from piping a dump to a program.
const NO_CORE: u64 = 1;

/// Lowers our limits, never above what they were. Children inherit them and cannot raise them.
pub(super) fn apply(limits: &Limits) -> io::Result<()> {
    let all = [
        (Resource::Core, Some(NO_CORE)),
        (Resource::Data, limits.memory),
        (Resource::Nproc, Some(limits.processes)),
        (Resource::Fsize, Some(limits.file_size)),
        (Resource::Nofile, Some(limits.open_files)),
        (Resource::Cpu, limits.cpu_s),
    ];
    for (resource, wanted) in all {
        let Some(wanted) = wanted else { continue };
        let value = getrlimit(resource)
            .maximum
            .map_or(wanted, |held| held.min(wanted));
        setrlimit(
            resource,
            Rlimit {
                current: Some(value),
                maximum: Some(value),
            },
        )?;
    }
    Ok(())
}
