//! Which folders of a machine a confined command sees, by name.

/// Folders of the system, shown whole. Where one is a link, the link is made.
pub(crate) const SYSTEM: &[&str] = &[
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
pub(crate) const ETC: &[&str] = &[
    "alternatives",
    "crypto-policies",
    "fonts",
    "group",
    "hosts",
    "java",
    "ld.so.cache",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "static",
    "timezone",
];

/// Parts of `/proc` that change the machine when a privileged owner writes to them; shown read-only.
pub(crate) const PROC_READ_ONLY: &[&str] =
    &["sys", "irq", "bus", "acpi", "scsi", "fs", "sysrq-trigger", "mtrr"];

/// Parts of `/proc` that tell of the machine's memory, keys and other users; shown empty.
pub(crate) const PROC_EMPTY: &[&str] = &[
    "kcore",
    "kallsyms",
    "keys",
    "key-users",
    "timer_list",
    "sched_debug",
];

/// Keys and tokens below the home folder.
pub(crate) const SECRETS: &[&str] = &[
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
pub(crate) const TOOLCHAINS: &[&str] = &[
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

/// Folders that are made anew, empty and writable, and gone afterwards; the home folder is one too.
pub(crate) const SCRATCHES: &[&str] = &["/tmp", "/var/tmp", "/dev/shm"];

/// Devices that may be opened for writing.
pub(crate) const DEVICES: &[&str] = &[
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
pub(crate) const OURS: &[&str] = &["/proc", "/sys", "/dev", "/run"];
