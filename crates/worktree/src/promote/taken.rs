//! Taking a tree of the person's own objects over. A few are copied one by one. Many come as one pack that git makes of
//! them, for the most part of what is packed already: with a file for each a person would wait for seconds.

use super::Git;
use super::asked::Careful;
use crate::error::{WorktreeError, io_at};
use crate::shadow::{Shadow, oid};
use brisk_domain::evidence::Tree;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// So many objects are not worth a pack: a repository of small changes would get one for each.
const FEW: usize = 1_000;

/// Takes a tree of the person's own objects over (`objects`: their `.git/objects`), so that it can be laid out and
/// compared. They are only read.
///
/// # Errors
/// `Io` when it is not there as a whole; `DiskFull`.
pub fn take(
    shadow: &mut Shadow,
    git: &mut dyn Git,
    objects: &Path,
    tree: &Tree,
) -> Result<(), WorktreeError> {
    let id = oid(tree)?;
    if shadow.listing(tree).is_ok() {
        return Ok(());
    }
    let found = gix_odb::at(objects, gix_hash::Kind::Sha1).map_err(io_at("read", objects))?;
    let missing = shadow.snapshots.missing(&found, &id);
    if missing.len() > FEW {
        let names: String = missing.iter().map(|id| format!("{id}\n")).collect();
        let mut git = Careful::new(git);
        let mut packed = false;
        shadow.snapshots.pack(|at| {
            // Nothing is packed tighter, and no long chain of deltas comes along: each file is read once, soon.
            let args = [
                "pack-objects".as_ref(),
                "--quiet".as_ref(),
                "--window=0".as_ref(),
                "--depth=1".as_ref(),
                at.as_os_str(),
            ];
            // Git writes a pack into its own folder of objects first. That is ours here: nothing is written below the
            // person's, and the two may lie on different disks.
            let own = at.parent().and_then(Path::parent).unwrap_or(at);
            let env = [
                ("GIT_OBJECT_DIRECTORY", own.as_os_str().to_owned()),
                ("GIT_ALTERNATE_OBJECT_DIRECTORIES", listed(objects)),
            ];
            // What git cannot do is done below, or the person is told why it cannot be.
            packed = git.fed(&args, &env, names.as_bytes()).is_ok();
        })?;
        if packed && shadow.listing(tree).is_ok() {
            return Ok(());
        }
    }
    shadow
        .snapshots
        .adopt(&found, &id)
        .map_err(io_at("read", objects))
}

/// A folder as git reads it in a list with colons between: in quotes, for its name may have one.
fn listed(folder: &Path) -> OsString {
    let mut out = vec![b'"'];
    for byte in folder.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(b"\\n"),
            byte => out.push(*byte),
        }
    }
    out.push(b'"');
    OsString::from_vec(out)
}
