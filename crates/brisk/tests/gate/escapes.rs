//! What a check tries while it runs, and what a repository brings for whoever looks at it.

use crate::house::{House, POLICY, RIGHT, TESTS, said};
use crate::surfaces::{back, refused_outside, shipped};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// What a check may not reach. The checks say so themselves: they pass only if they fail to get there.
#[test]
fn checks_reach_nothing_of_the_gate() {
    let house = House::new();
    house.ends(0, &["verify"]);
    let key = house.gate().join("key");
    let test = format!(
        "import os, socket, unittest\n\n\nclass T(unittest.TestCase):\n    def test_total(self):\n        for path in [{key:?}, {ledger:?}, {home:?} + '/config.toml', {repo:?} + '/shop.py', {repo:?} + '/.git/config']:\n            with self.assertRaises(OSError):\n                open(path).read()\n        with self.assertRaises(OSError):\n            open({gate:?} + '/planted', 'w')\n\n    def test_none(self):\n        self.assertNotIn('SHOP_TOKEN', os.environ)\n        self.assertNotIn('BRISK_HOME', os.environ)\n        with self.assertRaises(OSError):\n            socket.create_connection(('192.0.2.1', 80), 1)\n",
        ledger = house.gate().join("ledger"),
        home = house.home.path(),
        repo = house.repo,
        gate = house.gate(),
    );
    house.write("test_shop.py", &test);
    let out = house
        .command(&["verify"])
        .env("SHOP_TOKEN", "x")
        .output()
        .unwrap();
    let said = said(&out);
    assert!(
        said.contains("unit: ") && said.contains("2 passed, 0 failed"),
        "{said}"
    );
    assert!(!house.gate().join("planted").exists());
}

/// What a check tries, as the body of a Python test that passes only where it is refused. `KEY`, `PID`, ... are set
/// above it.
#[cfg(target_arch = "x86_64")]
const ATTEMPTS: &[(&str, &str)] = &[
    ("the_key", "open(KEY, 'rb').read()"),
    ("the_ledger", "open(LEDGER).read()"),
    ("the_ledgers_end", "open(HEAD, 'w').write('{}')"),
    ("a_name_for_the_key", "os.link(KEY, 'k')"),
    ("the_repository", "open(REPO + '/shop.py', 'a').write('x')"),
    (
        "the_repositorys_git",
        "open(REPO + '/.git/config', 'a').write('x')",
    ),
    ("the_settings", "open(HOME + '/config.toml').read()"),
    ("the_system", "open('/usr/planted', 'w').write('x')"),
    (
        "the_first_process_variables",
        "open('/proc/1/environ', 'rb').read()",
    ),
    ("the_first_process_memory", "open('/proc/1/mem', 'r+b').read(1)"),
    ("the_first_process_root", "os.listdir('/proc/1/root/')"),
    ("the_first_process_files", "os.open('/proc/1/fd/0', os.O_RDWR)"),
    (
        "a_setting_of_the_kernel",
        "open('/proc/sys/kernel/core_pattern', 'w').write('|/x')",
    ),
    (
        "the_kernels_trigger",
        "open('/proc/sysrq-trigger', 'w').write('b')",
    ),
    (
        "the_devices",
        "open('/sys/kernel/uevent_helper', 'w').write('/x')",
    ),
    ("ptrace", "call(101, 16, 1, 0, 0)"),
    ("io_uring", "call(425, 1, ctypes.create_string_buffer(256))"),
    ("a_namespace", "call(272, 0x10000000)"),
    ("a_mount", "call(165, 0, 0, 0, 0, 0)"),
    (
        "a_program_in_the_kernel",
        "call(321, 0, ctypes.create_string_buffer(64), 64)",
    ),
    ("the_keyring", "call(250, 0, -3, 0, 0, 0)"),
    ("another_user", "os.setuid(0)"),
    ("a_process_outside", "os.kill(PID, 0)"),
    (
        "a_socket_without_a_path",
        "reach(socket.AF_UNIX, chr(0) + ABSTRACT)",
    ),
    ("a_socket_with_a_path", "reach(socket.AF_UNIX, HOME + '/listens')"),
    (
        "a_port_of_this_machine",
        "socket.create_connection(('127.0.0.1', PORT), 5)",
    ),
    ("the_network", "socket.create_connection(('192.0.2.1', 80), 1)"),
    ("raw_packets", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
    (
        "a_program_without_a_file",
        "fd = os.memfd_create('x'); os.write(fd, pathlib.Path('/bin/cat').read_bytes()); done = subprocess.run(['/proc/self/fd/%d' % fd, KEY], pass_fds=[fd], capture_output=True); check(done)",
    ),
    (
        "a_shell",
        "check(subprocess.run('cat ' + KEY, shell=True, capture_output=True))",
    ),
];

/// Each attempt is a test of its own, and all of them pass: nothing was reached.
#[test]
#[cfg(target_arch = "x86_64")]
fn nothing_outside_is_reached_from_a_check() {
    use std::os::linux::net::SocketAddrExt;
    let house = House::new();
    house.ends(0, &["verify"]);
    std::fs::write(house.home.path().join("config.toml"), "").unwrap();
    let name = format!("brisk-attempt-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _without = UnixListener::bind_addr(&address).unwrap();
    let _with = UnixListener::bind(house.home.path().join("listens")).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut text = format!(
        "import ctypes, os, pathlib, socket, subprocess\npathlib.Path('../planted').write_text('x')\nKEY, LEDGER, HEAD, REPO, HOME = {:?}, {:?}, {:?}, {:?}, {:?}\nPID, PORT, ABSTRACT = {}, {}, {name:?}\nlibc = ctypes.CDLL(None, use_errno=True)\n\n\ndef call(*all):\n    if libc.syscall(*all) < 0:\n        raise OSError(ctypes.get_errno(), 'refused')\n\n\ndef reach(family, address):\n    with socket.socket(family) as s:\n        s.connect(address)\n\n\ndef check(done):\n    if done.returncode:\n        raise OSError('refused')\n\n\n{TESTS}",
        house.gate().join("key"),
        house.gate().join("ledger"),
        house.gate().join("head"),
        house.repo,
        house.home.path(),
        std::process::id(),
        port.local_addr().unwrap().port(),
    );
    for (name, body) in ATTEMPTS {
        text.push_str(&format!(
            "\n    def test_{name}(self):\n        with self.assertRaises(OSError):\n            {body}\n"
        ));
    }
    house.write("test_shop.py", &text);
    let kept = house.ledger();
    let said = house.ends(0, &["verify"]);
    let passed = format!("{} passed, 0 failed", ATTEMPTS.len() + 2);
    assert!(said.contains(&passed), "{said}");
    assert!(house.ledger().starts_with(&kept));
    // What lies beside the tree is in memory there, and never on this disk.
    let slot = house.gate().with_file_name("slot");
    assert!(slot.join("work").exists() && !slot.join("planted").exists());
    // The same from outside: every one of them shows something.
    let outside = std::process::Command::new("/usr/bin/python3")
        .args([
            "-m",
            "unittest",
            "test_shop.T.test_the_key",
            "test_shop.T.test_a_socket_without_a_path",
        ])
        .args([
            "test_shop.T.test_a_port_of_this_machine",
            "test_shop.T.test_a_shell",
        ])
        .current_dir(&house.repo)
        .output()
        .unwrap();
    assert!(
        crate::house::said(&outside).contains("failures=4"),
        "{}",
        crate::house::said(&outside)
    );
}

/// Processes of this machine that were started with this word.
fn alive(word: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let words = all.filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
    words
        .filter(|line| line.split(|b| *b == 0).any(|w| w == word.as_bytes()))
        .count()
}

/// Children in sessions of their own, many of them: the check's end is theirs.
#[test]
fn nothing_that_a_check_starts_outlives_it() {
    let house = House::new();
    // Nobody else on this machine sleeps for so long.
    let word = format!("98765.{}", std::process::id());
    let start = format!(
        "import subprocess\nfor _ in range(60):\n    subprocess.Popen(['setsid', 'sh', '-c', 'sleep {word} & sleep {word}'], start_new_session=True)\n"
    );
    house.write("test_shop.py", &format!("{start}{TESTS}"));
    house.ends(0, &["verify"]);
    assert_eq!(alive(&word), 0);
    // They are found where they live.
    let mut child = std::process::Command::new("sleep").arg(&word).spawn().unwrap();
    // Its words can be read a moment after it is there.
    let seen = (0..100_000).any(|_| alive(&word) == 1);
    assert!(seen);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Settings that name a program, and what else makes git start one.
const SETTINGS: &[&str] = &[
    "core.fsmonitor",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.sshCommand",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "credential.helper",
    "diff.external",
    "diff.evil.command",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "gpg.program",
    "merge.evil.driver",
    "sequence.editor",
    "uploadpack.packObjectsHook",
];

/// Nothing that a repository brings is run by the gate itself, and no program is taken for the sandbox that is none.
#[test]
fn nothing_of_the_repository_runs_outside_of_the_sandbox() {
    let house = House::new();
    let marker = house.home.path().join("ran");
    let script = house.home.path().join("script");
    std::fs::write(
        &script,
        format!("#!/bin/sh\necho \"$0 $*\" >> {}\nexit 0\n", marker.display()),
    )
    .unwrap();
    let executable =
        |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    executable(&script);
    let path = script.to_str().unwrap();
    for name in SETTINGS {
        house.git(&["config", name, path]);
    }
    house.git(&["config", "alias.rev-parse", &format!("!{path}")]);
    house.git(&["config", "alias.cat-file", &format!("!{path}")]);
    // Hooks of every name, where the repository's own settings say that they are.
    let hooks = house.home.path().join("hooks");
    std::fs::create_dir(&hooks).unwrap();
    for name in [
        "post-index-change",
        "reference-transaction",
        "post-checkout",
        "fsmonitor-watchman",
    ] {
        std::fs::copy(&script, hooks.join(name)).unwrap();
    }
    house.git(&["config", "core.hooksPath", hooks.to_str().unwrap()]);
    house.write(".gitattributes", "*.md filter=evil diff=evil merge=evil\n");
    house.write("a.md", "text\n");
    // A repository inside of this one, with hooks, and one that a file points to.
    house.write("inner/.git/HEAD", "ref: refs/heads/main\n");
    house.write(
        "inner/.git/hooks/post-checkout",
        &format!("#!/bin/sh\nexec {path}\n"),
    );
    executable(&house.repo.join("inner/.git/hooks/post-checkout"));
    house.write("inner/.git/config", &format!("[core]\n\tfsmonitor = {path}\n"));
    house.write("inner/file", "x");
    house.write(
        "linked/.git",
        &format!("gitdir: {}/inner/.git\n", house.repo.display()),
    );
    house.write("shop.py", RIGHT);
    // Programs that confine nothing and say yes to everything, first in PATH.
    let bin = house.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["bwrap", "bubblewrap", "unshare", "ssh-keygen", "gpg"] {
        std::fs::copy(&script, bin.join(name)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    for (exit, args) in [
        (0, &["verify"][..]),
        (0, &["verify"]),
        (0, &["gate", "show"]),
        (0, &["gate", "show", "HEAD"]),
        (0, &["gate", "log"]),
        (0, &["gate", "key"]),
        (0, &["status"]),
    ] {
        let out = house.command(args).env("PATH", &path).output().unwrap();
        assert_eq!(out.status.code(), Some(exit), "{args:?}: {}", said(&out));
        let ran = std::fs::read_to_string(&marker).unwrap_or_default();
        assert!(ran.is_empty(), "{args:?} ran {ran}");
    }
    // What git would store is not what was verified, and is not shipped.
    house.ends(24, &["ship", "commit", "-m", "x"]);
}

/// Files of git's own that make it tell another history.
#[test]
fn git_is_not_made_to_tell_another_history() {
    let (house, remote) = shipped(POLICY);
    let first = house.head();
    // What nobody verified lies below what somebody did.
    house.write("shop.py", "def total(items):\n    return 3 if items else 0\n");
    house.git(&["commit", "-q", "--no-verify", "-am", "unseen"]);
    let unseen = house.head();
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.git(&["commit", "-q", "--no-verify", "-am", "seen"]);
    let keys = remote.keys.to_str().unwrap();
    let refused = |what: &str| {
        let _ = house.brisk(&["gate", "pre-push"]);
        let range = format!("{first}..HEAD");
        let out = house.brisk(&["gate", "check", &range, "--keys", keys]);
        assert_eq!(out.status.code(), Some(25), "{what}: {}", said(&out));
        let out = house.brisk(&["ship", "push"]);
        assert_ne!(out.status.code(), Some(0), "{what}: {}", said(&out));
    };
    refused("as it is");
    let info = house.repo.join(".git/info");
    std::fs::create_dir_all(&info).unwrap();
    std::fs::write(info.join("grafts"), format!("{} {first}\n", house.head())).unwrap();
    refused("a graft");
    std::fs::remove_file(info.join("grafts")).unwrap();
    // An object in another's place.
    let without = house.git(&["commit-tree", "HEAD^{tree}", "-p", &first, "-m", "seen"]);
    house.git(&["replace", &house.head(), without.trim()]);
    refused("an object that stands in");
    house.git(&["replace", "-d", &house.head()]);
    back(&house, &unseen);
    refused_outside("what nobody saw", &house, &remote);
}
