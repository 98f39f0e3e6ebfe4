//! Routing: what its own bench prints.

use super::Measured;
use super::upstream::parts;
use anyhow::bail;
use std::path::Path;
use std::process::Command;

/// A decision's time and allocations, what racing callers get of a quota, and the labelled prompts.
pub(super) fn decisions(root: &Path) -> Measured {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let out = Command::new(cargo)
        .args(["bench", "--quiet", "-p", "brisk-router", "--bench", "route"])
        .current_dir(root)
        .output()?;
    if !out.status.success() {
        let said = String::from_utf8_lossy(&out.stderr);
        bail!(
            "`cargo bench -p brisk-router` failed: {}",
            said.trim().lines().last().unwrap_or_default()
        );
    }
    let how = "cargo bench -p brisk-router --bench route; 50 models, three layers of policy, quotas on every model, 100,000 \
               calls; prompts and how they came about: docs/routing.md";
    Ok((parts(&String::from_utf8_lossy(&out.stdout))?, how.to_owned()))
}
