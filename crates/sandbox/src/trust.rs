//! Programs that may be believed: found at a fixed place that only root can change.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where bubblewrap may be. Never from `PATH`, which a repository's own tools may have changed.
const BUBBLEWRAP: &[&str] = &[
    "/usr/bin/bwrap",
    "/bin/bwrap",
    "/usr/local/bin/bwrap",
    "/run/current-system/sw/bin/bwrap",
];

/// The first bubblewrap that can be believed, or why none can.
pub(crate) fn bubblewrap() -> Result<PathBuf, String> {
    first(BUBBLEWRAP.iter().map(Path::new))
}

fn first<'a>(places: impl Iterator<Item = &'a Path>) -> Result<PathBuf, String> {
    let mut why = "bubblewrap (`bwrap`) is not installed".to_owned();
    for place in places {
        match believed(place) {
            Ok(program) => return Ok(program),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => why = format!("{} is not used: {error}", place.display()),
        }
    }
    Err(why)
}

/// The program behind `place`, if neither it nor a folder above it can be changed by anybody but root.
fn believed(place: &Path) -> io::Result<PathBuf> {
    let program = place.canonicalize()?;
    for part in program.ancestors() {
        let found = fs::symlink_metadata(part)?;
        if found.uid() != 0 || found.mode() & 0o022 != 0 {
            let what = format!("{} may be changed by others than root", part.display());
            return Err(io::Error::other(what));
        }
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_what_root_alone_can_change_is_believed() {
        assert!(believed(Path::new("/bin/sh")).is_ok());
        // Below a folder that everybody may write to.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let fake = folder.path().join("bwrap");
        fs::copy("/bin/true", &fake).unwrap();
        fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
        let error = believed(&fake).unwrap_err();
        assert!(error.to_string().contains("may be changed by others"), "{error}");
        // A link in a good place to a program in a bad one is followed first.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/bin/sh", &link).unwrap();
        assert_eq!(
            believed(&link).unwrap(),
            Path::new("/bin/sh").canonicalize().unwrap()
        );

        let gone = folder.path().join("gone");
        assert!(
            first([gone.as_path()].into_iter())
                .unwrap_err()
                .contains("not installed")
        );
        let why = first([gone.as_path(), fake.as_path()].into_iter()).unwrap_err();
        assert!(why.contains("is not used"), "{why}");
        assert!(first([fake.as_path(), Path::new("/bin/sh")].into_iter()).is_ok());
    }
}
