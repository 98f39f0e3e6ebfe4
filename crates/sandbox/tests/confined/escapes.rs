//! Ways out of the folders that a command was given.

use crate::house::{House, each_alone, has, ran, sandbox};
use brisk_sandbox::{Confined, Exit, Mechanism, RunError};
use std::fs;
use std::os::unix::fs::symlink;

#[tokio::test]
async fn writing_outside_is_refused_by_each_list_alone() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let attempts = |house: &House| {
        let (work, outside) = (house.work(), house.outside());
        let (work, outside) = (work.display().to_string(), outside.display().to_string());
        [
            ("a new file", format!("echo x > {outside}/new")),
            ("a file emptied", format!(": > {outside}/secret")),
            (
                "a file removed",
                format!("rm -f {outside}/secret && test ! -e {outside}/secret && ls {outside}"),
            ),
            ("a new folder", format!("mkdir {outside}/folder")),
            (
                "through a link",
                format!("ln -sfn {outside} {work}/link && echo x > {work}/link/new"),
            ),
            (
                "by moving",
                format!("echo x > {work}/moved && mv {work}/moved {outside}/moved"),
            ),
            ("the system", "echo x > /usr/brisk-test-file".to_owned()),
            ("the root", "echo x > /brisk-test-file".to_owned()),
            (
                "a kernel setting",
                "echo x > /proc/sys/kernel/hostname".to_owned(),
            ),
            ("a device", "mknod /dev/brisk-test c 1 3".to_owned()),
        ]
    };
    for (how, sandbox) in each_alone(sandbox) {
        for (what, script) in attempts(&house) {
            let ran = ran(&sandbox, house.script(&script)).await;
            assert_ne!(ran.outcome.exit, Exit::Code(0), "{what}, {how}: {}", ran.out);
        }
        assert_eq!(
            fs::read_to_string(house.outside().join("secret")).unwrap(),
            "the secret",
            "{how}"
        );
        assert_eq!(fs::read_dir(house.outside()).unwrap().count(), 1, "{how}");
        // What is beside the shown folder is the command's own, and goes with it.
        let _ = ran(&sandbox, house.script("echo x > ../new")).await;
        assert!(!house.work().join("../new").exists(), "{how}");
    }
    // With neither, all that concerns the folder works: the cases show something.
    let open = sandbox
        .clone()
        .without(Mechanism::Mounts)
        .without(Mechanism::Landlock);
    for (what, script) in attempts(&house).into_iter().take(6) {
        let ran = ran(&open, house.script(&script)).await;
        assert_eq!(ran.outcome.exit, Exit::Code(0), "{what}: {}", ran.err);
    }
}

#[tokio::test]
async fn reading_outside_is_refused() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    symlink(house.outside(), house.work().join("link")).unwrap();
    let secret = house.outside().join("secret");
    let secret = secret.display();
    let attempts = [
        format!("cat {secret}"),
        "cat link/secret".to_owned(),
        format!("cat /proc/1/root{secret}"),
        format!("cat /proc/self/root{secret}"),
        format!("cat /proc/*/root{secret}"),
        "cat /proc/*/cwd/../outside/secret /proc/self/cwd/../outside/secret".to_owned(),
        "find /proc/[0-9]*/fd -lname '*secret*' | grep .".to_owned(),
        format!("ln {secret} hard && cat hard"),
        "cat /proc/1/maps".to_owned(),
        "cat /proc/1/environ".to_owned(),
        "readlink /proc/1/exe".to_owned(),
        format!("cd /old_root || cd /oldroot || cd /newroot && cat .{secret}"),
        "cat /etc/shadow /etc/sudoers /root/.bashrc".to_owned(),
        "cat /proc/kcore | head -c 1 | grep .".to_owned(),
    ];
    for script in attempts {
        let ran = ran(sandbox, house.script(&script)).await;
        assert_ne!(ran.outcome.exit, Exit::Code(0), "{script}: {}", ran.out);
        assert!(!ran.out.contains("the secret"), "{script}");
    }
}

/// What whoever started us left open does not reach the command.
#[tokio::test]
async fn no_open_file_is_inherited() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let file = fs::File::open(house.outside().join("secret")).unwrap();
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
    let script = "for f in /proc/self/fd/*; do readlink $f; done; cat <&9 /proc/self/fd/9 2>/dev/null; ls -l /proc/$$/fd";
    let out = ran(sandbox, house.script(script)).await.out;
    assert!(!out.contains("secret") && !out.contains("socket:"), "{out}");
    drop(file);
}

#[tokio::test]
async fn a_program_without_a_file_is_confined_too() {
    let Some(sandbox) = sandbox() else { return };
    if !has("/usr/bin/perl") {
        return;
    }
    let house = House::new();
    let script = format!(
        r#"$name = "x"; $f = syscall({}, $name, 0); open(my $to, ">&=", $f); open(my $from, "<", $ARGV[0]); binmode $from;
           local $/; print {{$to}} <$from>; $to->flush; exec {{"/proc/$$/fd/$f"}} "cat", $ARGV[1]; die "no exec: $!""#,
        libc::SYS_memfd_create
    );
    let command =
        |file: &str| house.command(&["/usr/bin/perl", "-MIO::Handle", "-e", &script, "/bin/cat", file]);
    fs::write(house.work().join("mine"), "mine").unwrap();
    assert_eq!(ran(sandbox, command("mine")).await.good(), "mine", "it does run");
    let outside = house.outside().join("secret");
    let ran = ran(sandbox, command(outside.to_str().unwrap())).await;
    assert_eq!(ran.outcome.exit, Exit::Code(1), "{}", ran.out);
}

#[tokio::test]
async fn only_harmless_devices_are_there() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let script = "for f in /dev/* /dev/*/*; do [ -L $f ] && continue; if [ -b $f ] || [ -c $f ]; then echo $f; fi; done; \
                  ls -d /sys /mnt /media /srv 2>/dev/null";
    let ran = ran(sandbox, house.script(script)).await;
    let known =
        ["full", "null", "random", "tty", "urandom", "zero", "pts/ptmx"].map(|name| format!("/dev/{name}"));
    assert_eq!(ran.out.lines().collect::<Vec<_>>(), known);
}

#[tokio::test]
async fn no_privilege_is_left() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let script = "id -u; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -d '\\t ' | tr '\\n' ' '; ulimit -c";
    let out = ran(sandbox, house.script(script)).await.good();
    let (uid, rest) = out.split_once('\n').unwrap();
    assert_ne!(uid, "0");
    let zero = "0000000000000000";
    let want = format!(
        "CapInh:{zero} CapPrm:{zero} CapEff:{zero} CapBnd:{zero} CapAmb:{zero} NoNewPrivs:1 Seccomp:2 0\n"
    );
    assert_eq!(rest, want);
}

#[tokio::test]
async fn a_crash_leaves_no_core_file() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let ran = ran(sandbox, house.script("ulimit -c unlimited; kill -SEGV $$")).await;
    assert_eq!(ran.outcome.exit, Exit::Signal(11), "{}", ran.err);
    assert_eq!(fs::read_dir(house.work()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_listed_path_that_must_not_be_shown_is_refused() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let key = house.work().join("keys/id");
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    fs::write(&key, "a key").unwrap();
    symlink(key.parent().unwrap(), house.outside().join("disguised")).unwrap();
    let hidden = vec![house.work().join("keys")];

    for path in [
        "/",
        "/proc",
        "/proc/self",
        "/sys",
        "/dev",
        "/run",
        "relative",
        "/no/such/folder",
    ] {
        for writable in [false, true] {
            let mut confined = house.script("true");
            let list = if writable {
                &mut confined.writable
            } else {
                &mut confined.read_only
            };
            list.push(path.into());
            let error = sandbox.profile(&confined).unwrap_err();
            assert!(matches!(error, RunError::Refused { .. }), "{path}: {error}");
        }
    }
    for path in [
        key.clone(),
        house.work().join("keys"),
        house.outside().join("disguised"),
    ] {
        let mut confined = house.script("true");
        confined.hidden.clone_from(&hidden);
        confined.read_only.push(path.clone());
        let error = sandbox.profile(&confined).unwrap_err();
        assert!(
            matches!(error, RunError::Refused { .. }),
            "{}: {error}",
            path.display()
        );
    }
    // Below a folder that is shown it is covered, and cannot be filled instead.
    let confined = Confined {
        hidden,
        ..house.script("ls -A keys; cat keys/id; echo x > keys/new")
    };
    let ran = ran(sandbox, confined).await;
    assert_ne!(ran.outcome.exit, Exit::Code(0));
    assert_eq!(ran.out, "");
    assert_eq!(fs::read_to_string(key).unwrap(), "a key");
}

#[tokio::test]
async fn a_read_only_path_inside_of_a_writable_one_stays_read_only() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let inner = house.work().join("inner");
    fs::create_dir(&inner).unwrap();
    let confined = Confined {
        read_only: vec![inner.clone()],
        ..house.script("echo x > kept; echo x > inner/new || mv inner other || rm -r inner")
    };
    let ran = ran(sandbox, confined).await;
    assert_ne!(ran.outcome.exit, Exit::Code(0), "{}", ran.out);
    assert!(house.work().join("kept").exists() && fs::read_dir(inner).unwrap().count() == 0);
}
