//! What makes others see what was proved: the ledger as a ref, and git's hooks.

use super::asked::{Careful, Index};
use super::{Git, PromoteError};
use crate::shadow::Shadow;
use brisk_domain::evidence::{Digest, Tree};
use std::path::{Path, PathBuf};

/// The ledger as a git ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// `refs/brisk/attestations/KEY`.
    pub name: String,
    /// The commit that it points to.
    pub commit: Tree,
}

/// Puts a ledger into a commit of its own, after the one before it, so that it travels with the branches that it is
/// about, and whoever receives it sees that it only grew.
///
/// # Errors
/// `Git`; the ref is as it was.
pub fn attest(
    shadow: &Shadow,
    git: &mut dyn Git,
    signer: &Digest,
    ledger: &Path,
) -> Result<Attested, PromoteError> {
    let mut git = Careful::new(git);
    let name = format!("refs/brisk/attestations/{}", signer.short());
    let file = ledger.to_string_lossy();
    let blob = git.id(&["hash-object", "-w", "--no-filters", "--", &file], &[])?;
    let index = Index::take(shadow.state(), "attest")?;
    index.clear();
    let entry = format!("100644,{blob},ledger");
    git.must(&["update-index", "--add", "--cacheinfo", &entry], &index.env())?;
    let tree = git.id(&["write-tree"], &index.env())?;
    let old = git.ask(&["rev-parse", "--verify", "--quiet", &name]);
    if let Some(old) = &old
        && git
            .ask(&["rev-parse", "--verify", "--quiet", &format!("{old}^{{tree}}")])
            .as_ref()
            == Some(&tree)
    {
        return Ok(Attested {
            name,
            commit: old.clone(),
        });
    }
    let mut args = vec!["commit-tree", tree.as_str(), "-m", "Attestations"];
    args.extend(old.iter().flat_map(|o| ["-p", o.as_str()]));
    let commit = git.id(&args, &[])?;
    let before = old.map_or_else(|| "0".repeat(40), |o| o.to_string());
    git.must(&["update-ref", &name, commit.as_str(), &before], &[])?;
    Ok(Attested { name, commit })
}

/// Writes one of git's hooks, where git looks for it. One that somebody else wrote stays.
///
/// # Errors
/// `Git` when there is another one already, or it cannot be written.
pub fn install_hook(git: &mut dyn Git, name: &str, script: &str) -> Result<PathBuf, PromoteError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut git = Careful::new(git);
    let hook = format!("hooks/{name}");
    let said = git.must(&["rev-parse", "--path-format=absolute", "--git-path", &hook], &[])?;
    let path = PathBuf::from(said.out.trim_end());
    let refuse = |said: String| PromoteError::Git {
        doing: format!("the hook {}", path.display()),
        said,
    };
    if std::fs::read_to_string(&path).is_ok_and(|found| found != script) {
        return Err(refuse("there is one already".to_owned()));
    }
    let write = || {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&path, script)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
    };
    write().map_err(|e| refuse(e.to_string()))?;
    Ok(path)
}
