//! Work that is begun again because something outside of it was killed in the middle: a sandbox, or git. Machines that
//! run out of memory do that, and it says nothing about the change that was checked.

use crate::exit::{CliError, Exit};

/// How often it is begun in all. What fails so often fails by itself.
const TIMES: usize = 4;

/// Does it until it works, or fails for another reason. What is wrong with the machine for good fails as fast the second
/// time.
pub(super) fn again<T>(mut work: impl FnMut() -> Result<T, CliError>) -> Result<T, CliError> {
    for _ in 1..TIMES {
        match work() {
            Err(e) if matches!(e.exit, Exit::Confinement | Exit::Git) => {}
            done => return done,
        }
    }
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_killed_is_begun_again_and_nothing_else() {
        for (fails, exit, begun, works) in [
            (0, Exit::Confinement, 1, true),
            (1, Exit::Confinement, 2, true),
            (3, Exit::Git, 4, true),
            (4, Exit::Git, 4, false),
            (1, Exit::Policy, 1, false),
        ] {
            let mut times = 0;
            let done = again(|| {
                times += 1;
                match times > fails {
                    true => Ok(()),
                    false => Err(CliError::new(exit, "it was killed")),
                }
            });
            assert_eq!((times, done.is_ok()), (begun, works), "{fails} {exit:?}");
        }
    }
}
