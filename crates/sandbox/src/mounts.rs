//! What a confined command sees of the file system, as arguments of bubblewrap.

use crate::confined::{Confined, Network};
use crate::outcome::RunError;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders of the system, shown whole. Where one is a link, the link is made.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
];

/// Parts of `/etc` that programs need and that hold no secret. (The owner of the rest may be the very user that the
/// command runs as.)
const ETC: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "group",
    "host.conf",
    "hosts",
    "java",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "lsb-release",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "perl",
    "pki",
    "protocols",
    "python3",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "static",
    "terminfo",
    "timezone",
];

/// Parts of `/proc` that change the machine when a privileged owner writes to them; shown read-only.
const PROC_READ_ONLY: &[&str] = &["sys", "irq", "bus", "acpi", "scsi", "fs", "sysrq-trigger", "mtrr"];

/// Parts of `/proc` that tell of the machine's memory, keys and other users; shown empty.
const PROC_EMPTY: &[&str] = &[
    "kcore",
    "kallsyms",
    "keys",
    "key-users",
    "timer_list",
    "sched_debug",
];

/// Keys and tokens below the home folder.
const SECRETS: &[&str] = &[
    ".aws",
    ".azure",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".config/brisk",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/op",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".local/share/keyrings",
    ".mozilla",
    ".netrc",
    ".npmrc",
    ".password-store",
    ".pypirc",
    ".ssh",
];

/// Toolchains and caches of packages below the home folder.
const TOOLCHAINS: &[&str] = &[
    ".cargo/bin",
    ".cargo/registry",
    ".cargo/git",
    ".rustup",
    ".pyenv",
    ".nvm",
    ".volta",
    ".deno/bin",
    ".bun/bin",
    ".local/bin",
    ".local/share/uv",
    ".cache/uv",
    ".npm/_cacache",
    "go",
    ".sdkman",
    ".asdf",
];

/// Bytes of each folder that is kept in memory.
const SCRATCH: u64 = 4 << 30;

/// Folders that are made anew, empty and writable, and gone afterwards; the home folder is one too.
const SCRATCHES: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

/// Devices that may be opened for writing.
const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];

/// Folders that are never shown as they are.
const OURS: &[&str] = &["/proc", "/sys", "/dev", "/run"];

/// Where the inside finds its own program.
const INSIDE: &str = "/run/brisk-enter";

/// The toolchains and caches of packages that are there below `home`: for [`Confined::read_only`].
pub fn toolchains(home: &Path) -> Vec<PathBuf> {
    let all = TOOLCHAINS.iter().map(|below| home.join(below));
    all.filter(|path| path.exists()).collect()
}

/// What the view depends on beside the command.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The program that is the inside.
    pub(crate) helper: PathBuf,
    /// The person's home, if there is one.
    pub(crate) home: Option<PathBuf>,
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
    fn add<const N: usize>(&mut self, words: [&dyn AsRef<std::ffi::OsStr>; N]) {
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
    let shown = shown(confined, &hidden)?;
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
        for secret in &hidden {
            if shown.iter().any(|one| secret.starts_with(&one.at)) {
                cover(&mut words, secret);
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
        words.add([&"--ro-bind-try", &path, &path]);
    }
}

/// What is made for the command alone.
fn own(words: &mut Words, place: &Place) {
    words.add([&"--proc", &"/proc"]);
    let present = |parts: &'static [&'static str]| {
        let all = parts.iter().map(|part| Path::new("/proc").join(part));
        all.filter(|path| path.exists())
    };
    // Root outside is still the owner of these inside, whatever its uid is called there.
    for path in present(PROC_READ_ONLY) {
        words.add([&"--ro-bind", &path, &path]);
    }
    for path in present(PROC_EMPTY) {
        words.add([&"--ro-bind", &"/dev/null", &path]);
    }
    words.add([&"--dev", &"/dev"]);
    let size = SCRATCH.to_string();
    for folder in scratches(place) {
        words.add([&"--perms", &"1777", &"--size", &size, &"--tmpfs", &folder]);
    }
    words.add([&"--tmpfs", &"/run"]);
}

/// Folders that are the command's alone.
fn scratches(place: &Place) -> impl Iterator<Item = &Path> {
    let all = SCRATCHES.iter().map(Path::new);
    let all = all.chain(place.home.as_deref());
    all.filter(|_| !place.open)
}

/// Puts nothing over a path.
fn cover(words: &mut Words, path: &Path) {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => words.add([&"--tmpfs", &path, &"--remount-ro", &path]),
        Ok(_) => words.add([&"--ro-bind", &"/dev/null", &path]),
        Err(_) => {}
    }
}

/// Paths that are never shown, as they are named and without links.
fn hidden(place: &Place, confined: &Confined) -> Vec<PathBuf> {
    let below_home = place
        .home
        .iter()
        .flat_map(|home| SECRETS.iter().map(|secret| home.join(secret)));
    let named: Vec<PathBuf> = below_home.chain(confined.hidden.iter().cloned()).collect();
    let real = named.iter().filter_map(|path| path.canonicalize().ok());
    let mut all: Vec<PathBuf> = real.chain(named.iter().cloned()).collect();
    all.sort();
    all.dedup();
    all
}

/// The listed paths, the outer ones first.
fn shown(confined: &Confined, hidden: &[PathBuf]) -> Result<Vec<Shown>, RunError> {
    let listed = [(&confined.writable, true), (&confined.read_only, false)];
    let mut all = Vec::new();
    for (paths, writable) in listed {
        for path in paths {
            let refused = |why| RunError::Refused {
                path: path.clone(),
                why,
            };
            if !path.is_absolute() {
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
            let mut at = vec![source.clone()];
            if *path != source {
                at.push(path.clone());
            }
            all.extend(at.into_iter().map(|at| Shown {
                source: source.clone(),
                at,
                writable,
            }));
        }
    }
    // Stable: where a path is listed twice, read-only comes last and wins.
    all.sort_by_key(|one| one.at.components().count());
    Ok(all)
}
