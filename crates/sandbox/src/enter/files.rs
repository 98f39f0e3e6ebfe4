//! Landlock: what may be written, whatever is mounted where.

use landlock::{
    ABI, Access, AccessFs, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, path_beneath_rules,
};
use std::ffi::OsString;

/// The newest version that we know how to use.
const NEWEST: ABI = ABI::V7;

/// The oldest that is enough: without it a file that may only be read can be emptied.
const OLDEST: i32 = 3;

/// Everything that is mounted may be read and run; only these may be written. Sockets without a path and signals end at
/// our border too, where the kernel can do that. The version in force.
pub(super) fn apply(writable: &[OsString]) -> Result<i32, String> {
    let version = restrict(writable).map_err(|error| error.to_string())?;
    match version {
        0 => Err("the kernel has none, or it is switched off".to_owned()),
        1..OLDEST => Err(format!(
            "version {version} of the kernel is too old, {OLDEST} is needed"
        )),
        _ => Ok(version),
    }
}

fn restrict(writable: &[OsString]) -> Result<i32, RulesetError> {
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(["/"], AccessFs::from_read(NEWEST)))?
        .add_rules(path_beneath_rules(writable, AccessFs::from_all(NEWEST)))?
        .restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => 0,
        (_, LandlockStatus::Available { effective_abi, .. }) => effective_abi as i32,
        (_, _) => 0,
    })
}
