//! What a confined command sees of the file system, as arguments of bubblewrap.

use crate::confined::{Confined, Network};
use crate::folders::{
    DEVICES, ETC, OURS, PROC_EMPTY, PROC_READ_ONLY, SCRATCHES, SECRETS, SYSTEM, TOOLCHAINS,
};
use crate::outcome::RunError;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the inside finds its own program.
const INSIDE: &str = "/run/brisk-enter";

/// Bytes of each folder that is kept in memory.
const SCRATCH: u64 = 4 << 30;

/// The toolchains and caches of packages that are there below `home`: for [`Confined::read_only`].
pub fn toolchains(home: &Path) -> Vec<PathBuf> {
    let all = TOOLCHAINS.iter().map(|below| home.join(below));
    all.filter(|path| path.exists()).collect()
}

/// Where a confined command finds a program: the first in `path` that lies in a folder of the system's, or below one of
/// `shown`. It may be another one than the person's own shell finds.
pub fn found_inside(program: &str, path: &OsStr, shown: &[PathBuf]) -> Option<PathBuf> {
    let system = SYSTEM.iter().map(Path::new);
    let shown: Vec<&Path> = system.chain(shown.iter().map(PathBuf::as_path)).collect();
    let mut all = std::env::split_paths(path).map(|folder| folder.join(program));
    all.find(|at| at.is_file() && shown.iter().any(|folder| at.starts_with(folder)))
}

/// What the view depends on beside the command.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The program that is the inside.
    pub(crate) helper: PathBuf,
    /// The person's home, if there is one.
    pub(crate) home: Option<PathBuf>,
    /// We are root: so is the command, under another name and without its rights.
    pub(crate) root: bool,
    /// Uid and gid inside. Never 0.
    pub(crate) ids: (u32, u32),
    /// Leave the mechanism out: show this machine's own file system, all of it writable.
    pub(crate) open: bool,
}

/// What a command sees.
#[derive(Debug)]
pub(crate) struct View {
    /// Arguments of bubblewrap up to and with the program that is the inside.
    pub(crate) arguments: Vec<OsString>,
    /// What Landlock lets be written.
    pub(crate) writable: Vec<OsString>,
}

/// Arguments as they come.
#[derive(Debug, Default)]
struct Words(Vec<OsString>);

impl Words {
    fn add<const N: usize>(&mut self, words: [&dyn AsRef<OsStr>; N]) {
        self.0.extend(words.iter().map(|word| word.as_ref().to_owned()));
    }
}

/// One listed folder or file.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    /// Where it is, without links.
    source: PathBuf,
    /// Where the command finds it.
    at: PathBuf,
    writable: bool,
}

/// The view of a command.
///
/// # Errors
/// [`RunError::Refused`] for a listed path that is not there or never shown.
pub(crate) fn view(place: &Place, confined: &Confined) -> Result<View, RunError> {
    let hidden = hidden(place, confined);
    let shown = shown(place, confined, &hidden)?;
    let mut words = Words::default();
    namespaces(&mut words, place, confined.network);
    if place.open {
        words.add([&"--bind", &"/", &"/"]);
    } else {
        system(&mut words, confined.network);
    }
    own(&mut words, place);
    if !place.open {
        for one in &shown {
            let how = if one.writable { "--bind" } else { "--ro-bind" };
            words.add([&how, &one.source, &one.at]);
        }
        // A secret below a folder that is shown in two places is in both.
        for one in &shown {
            for below in hidden
                .iter()
                .filter_map(|secret| secret.strip_prefix(&one.source).ok())
            {
                cover(&mut words, &one.source.join(below), &one.at.join(below));
            }
        }
    }
    words.add([&"--ro-bind", &place.helper, &INSIDE]);
    if !place.open {
        words.add([&"--remount-ro", &"/"]);
    }
    words.add([&"--chdir", &"/", &"--", &INSIDE]);

    let devices = DEVICES.iter().map(OsString::from);
    let scratch = scratches(place).map(OsString::from);
    let listed = shown.iter().filter(|one| one.writable);
    let listed = listed.map(|one| OsString::from(&one.at));
    Ok(View {
        arguments: words.0,
        writable: devices.chain(scratch).chain(listed).collect(),
    })
}

fn namespaces(words: &mut Words, place: &Place, network: Network) {
    words.add([
        &"--unshare-user",
        &"--unshare-ipc",
        &"--unshare-pid",
        &"--unshare-uts",
        &"--unshare-cgroup-try",
    ]);
    match network {
        Network::None => words.add([&"--unshare-net"]),
        Network::Host => {}
    }
    let (uid, gid) = (place.ids.0.to_string(), place.ids.1.to_string());
    words.add([
        &"--uid",
        &uid,
        &"--gid",
        &gid,
        &"--cap-drop",
        &"ALL",
        &"--hostname",
        &"sandbox",
    ]);
    // The inside is the first process of its namespace: what is orphaned is its own, and ends with it.
    words.add([&"--as-pid-1", &"--die-with-parent", &"--new-session"]);
}

fn system(words: &mut Words, network: Network) {
    for folder in SYSTEM {
        match fs::symlink_metadata(folder) {
            Ok(found) if found.is_symlink() => {
                if let Ok(target) = fs::read_link(folder) {
                    words.add([&"--symlink", &target, folder]);
                }
            }
            Ok(found) if found.is_dir() => words.add([&"--ro-bind", folder, folder]),
            Ok(_) | Err(_) => {}
        }
    }
    let resolver = match network {
        Network::None => None,
        Network::Host => Some(&"resolv.conf"),
    };
    for part in ETC.iter().chain(resolver) {
        let path = Path::new("/etc").join(part);
        match (fs::read_link(&path), path.canonicalize()) {
            // Into a folder that is shown: a link costs less than a mount.
            (Ok(target), Ok(real)) if real.starts_with("/usr") => words.add([&"--symlink", &target, &path]),
            (_, Ok(real)) => words.add([&"--ro-bind", &real, &path]),
            (_, Err(_)) => {}
        }
    }
}

/// What is made for the command alone.
fn own(words: &mut Words, place: &Place) {
    words.add([&"--proc", &"/proc"]);
    let present = |parts: &'static [&'static str]| {
        let all = parts.iter().map(|part| Path::new("/proc").join(part));
        all.filter(|path| path.exists())
    };
    // Root outside is still the owner of these inside, whatever its uid is called there. For others the first one
    // alone is covered, though nothing of it is theirs.
    let owned = if place.root {
        PROC_READ_ONLY
    } else {
        &PROC_READ_ONLY[..1]
    };
    for path in present(owned) {
        words.add([&"--ro-bind", &path, &path]);
    }
    for path in present(if place.root { PROC_EMPTY } else { &[] }) {
        words.add([&"--ro-bind", &"/dev/null", &path]);
    }
    words.add([&"--dev", &"/dev"]);
    let size = SCRATCH.to_string();
    for folder in scratches(place) {
        words.add([&"--perms", &"1777", &"--size", &size, &"--tmpfs", &folder]);
    }
    if place.open {
        // Our own program goes there, and must not be put into the machine's own folder.
        words.add([&"--tmpfs", &"/run"]);
    }
}

/// Folders that are the command's alone.
fn scratches(place: &Place) -> impl Iterator<Item = &Path> {
    let all = SCRATCHES.iter().map(Path::new);
    let all = all.chain(place.home.as_deref());
    all.filter(|_| !place.open)
}

/// Puts nothing over what is `secret` outside and found `at` inside.
fn cover(words: &mut Words, secret: &Path, at: &Path) {
    match fs::metadata(secret) {
        Ok(found) if found.is_dir() => words.add([&"--tmpfs", &at, &"--remount-ro", &at]),
        Ok(_) => words.add([&"--ro-bind", &"/dev/null", &at]),
        Err(_) => {}
    }
}

/// Paths that are never shown, without links. What is not there needs no cover.
fn hidden(place: &Place, confined: &Confined) -> Vec<PathBuf> {
    let homes = place.home.iter();
    let below_home = homes.flat_map(|home| SECRETS.iter().map(|secret| home.join(secret)));
    let named = below_home.chain(confined.hidden.iter().cloned());
    let mut all: Vec<PathBuf> = named.filter_map(|path| path.canonicalize().ok()).collect();
    all.sort();
    all.dedup();
    all
}

/// The listed paths, the outer ones first.
fn shown(place: &Place, confined: &Confined, hidden: &[PathBuf]) -> Result<Vec<Shown>, RunError> {
    let own = |paths: &[PathBuf], writable| {
        let all = paths.iter().map(|path| (path.clone(), None, writable));
        all.collect::<Vec<_>>()
    };
    let placed = confined.placed.iter().cloned();
    let mut listed = own(&confined.writable, true);
    listed.extend(own(&confined.read_only, false));
    listed.extend(placed.map(|(path, at)| (path, Some(at), false)));
    let mut all = Vec::new();
    for (path, elsewhere, writable) in listed {
        let refused = |why| RunError::Refused {
            path: path.clone(),
            why,
        };
        if !path.is_absolute() || elsewhere.as_ref().is_some_and(|at| !at.is_absolute()) {
            return Err(refused("the path must begin at the root"));
        }
        let source = path
            .canonicalize()
            .map_err(|_| refused("it is not there, or it may not be looked at"))?;
        if source == Path::new("/") || OURS.iter().any(|ours| source.starts_with(ours)) {
            return Err(refused("the sandbox has its own"));
        }
        if hidden.iter().any(|secret| source.starts_with(secret)) {
            return Err(refused("it is one of the person's secrets"));
        }
        let whole_home = place.home.as_ref().is_some_and(|home| home.starts_with(&source));
        if writable && whole_home {
            return Err(refused("the person's own programs are started from there"));
        }
        let at = match elsewhere {
            Some(at) => vec![at],
            None if path != source => vec![source.clone(), path.clone()],
            None => vec![source.clone()],
        };
        all.extend(at.into_iter().map(|at| Shown {
            source: source.clone(),
            at,
            writable,
        }));
    }
    // Stable: where a path is listed twice, read-only comes last and wins.
    all.sort_by_key(|one| one.at.components().count());
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(root: bool) -> Place {
        Place {
            helper: "/usr/bin/brisk".into(),
            home: Some("/home/brisk-test".into()),
            root,
            ids: (1_000, 1_000),
            open: false,
        }
    }

    fn plan(place: &Place, confined: &Confined) -> String {
        let words = view(place, confined).unwrap().arguments;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn the_outer_folder_is_mounted_first() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let inner = root.join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let confined = Confined {
            read_only: vec![inner.clone()],
            writable: vec![root.join("a")],
            ..Confined::new(vec!["true".into()], root.clone())
        };
        let plan = plan(&place(false), &confined);
        let at = |words: String| plan.find(&words).unwrap_or_else(|| panic!("{words} in {plan}"));
        let outer = root.join("a").display().to_string();
        let inner = inner.display().to_string();
        let order = [
            at("--tmpfs /tmp".to_owned()),
            at(format!("--bind {outer} {outer}")),
            at(format!("--ro-bind {inner} {inner}")),
            at("--remount-ro /".to_owned()),
        ];
        assert!(order.is_sorted(), "{plan}");
    }

    #[test]
    fn a_link_is_shown_where_it_was_named_and_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink(root.join("real"), root.join("link")).unwrap();
        fs::write(root.join("real/key"), "").unwrap();
        let confined = Confined {
            read_only: vec![],
            writable: vec![root.join("link")],
            hidden: vec![root.join("link/key")],
            ..Confined::new(vec!["true".into()], root.clone())
        };
        let plan = plan(&place(false), &confined);
        let (real, link) = (root.join("real"), root.join("link"));
        for at in [&real, &link] {
            let words = format!("--bind {} {}", real.display(), at.display());
            assert!(plan.contains(&words), "{words} in {plan}");
            let words = format!("--ro-bind /dev/null {}/key", at.display());
            assert!(plan.contains(&words), "{words} in {plan}");
        }
    }

    #[test]
    fn a_whole_home_is_never_writable() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let home = root.join("home");
        fs::create_dir_all(home.join("src")).unwrap();
        let place = Place {
            home: Some(home.clone()),
            ..place(false)
        };
        for (path, fits) in [(home.join("src"), true), (home, false), (root, false)] {
            let confined = Confined {
                writable: vec![path.clone()],
                ..Confined::new(vec!["true".into()], "/usr".into())
            };
            assert_eq!(view(&place, &confined).is_ok(), fits, "{}", path.display());
        }
    }

    #[test]
    fn the_network_and_kernel_settings_are_shut_for_root_and_others() {
        let confined = Confined {
            read_only: vec![],
            ..Confined::new(vec!["true".into()], "/usr".into())
        };
        for root in [false, true] {
            let plan = plan(&place(root), &confined);
            assert!(plan.contains("--ro-bind /proc/sys /proc/sys"), "{plan}");
            assert!(
                plan.contains("--unshare-net") && plan.contains("--cap-drop ALL"),
                "{plan}"
            );
            assert!(
                plan.contains("--uid 1000") && plan.contains("--unshare-user --"),
                "{plan}"
            );
            assert!(
                !plan.contains("/etc/shadow") && !plan.contains("resolv.conf"),
                "{plan}"
            );
            assert!(plan.contains("--tmpfs /home/brisk-test"), "{plan}");
        }
        let open = Confined {
            network: Network::Host,
            ..confined
        };
        assert!(!plan(&place(false), &open).contains("--unshare-net"));
    }
}
