//! System calls that are refused.

use crate::house::{House, has, ran, sandbox};
use brisk_sandbox::Mechanism;
use std::fmt::Write;

const EPERM: i32 = libc::EPERM;
const ENOSYS: i32 = libc::ENOSYS;

/// A call that must fail, with its arguments as Perl writes them.
struct Call {
    name: &'static str,
    number: libc::c_long,
    arguments: &'static str,
    error: i32,
    /// Without the filter the same call does not end like that, so it is the filter that refuses it.
    filter_alone: bool,
}

const fn call(
    name: &'static str,
    number: libc::c_long,
    arguments: &'static str,
    error: i32,
    filter_alone: bool,
) -> Call {
    Call {
        name,
        number,
        arguments,
        error,
        filter_alone,
    }
}

/// Numbers of flags: 0x10000000 is a namespace of users, 17 a child that tells of its end.
const CALLS: &[Call] = &[
    call("ptrace", libc::SYS_ptrace, "16, 99999, 0, 0", EPERM, true),
    call(
        "process_vm_readv",
        libc::SYS_process_vm_readv,
        "$$, 0, 0, 0, 0, 0",
        EPERM,
        true,
    ),
    call(
        "process_vm_writev",
        libc::SYS_process_vm_writev,
        "$$, 0, 0, 0, 0, 0",
        EPERM,
        true,
    ),
    call("pidfd_getfd", libc::SYS_pidfd_getfd, "0, 0, 0", EPERM, true),
    call("mount", libc::SYS_mount, "0, 0, 0, 0, 0", EPERM, true),
    call("umount", libc::SYS_umount2, "$root, 0", EPERM, false),
    call("open_tree", libc::SYS_open_tree, "-100, $root, 1", EPERM, false),
    call("fsopen", libc::SYS_fsopen, "$root, 0", EPERM, false),
    call("chroot", libc::SYS_chroot, "$root", EPERM, false),
    call("pivot_root", libc::SYS_pivot_root, "$root, $root", EPERM, false),
    call("setns", libc::SYS_setns, "0, 0", EPERM, true),
    call(
        "clone of users",
        libc::SYS_clone,
        "0x10000000 | 17, 0, 0, 0, 0",
        EPERM,
        true,
    ),
    call("unshare of users", libc::SYS_unshare, "0x10000000", EPERM, true),
    call(
        "unshare of mounts and users",
        libc::SYS_unshare,
        "0x10020000",
        EPERM,
        false,
    ),
    call("clone3", libc::SYS_clone3, "0, 0", ENOSYS, true),
    call(
        "io_uring_setup",
        libc::SYS_io_uring_setup,
        "1, $buffer",
        ENOSYS,
        true,
    ),
    call(
        "io_uring_enter",
        libc::SYS_io_uring_enter,
        "0, 0, 0, 0, 0, 0",
        ENOSYS,
        true,
    ),
    call("bpf", libc::SYS_bpf, "0, $buffer, 64", EPERM, false),
    call(
        "perf_event_open",
        libc::SYS_perf_event_open,
        "0, 0, -1, -1, 0",
        EPERM,
        true,
    ),
    call("userfaultfd", libc::SYS_userfaultfd, "1", EPERM, true),
    call("keyctl", libc::SYS_keyctl, "0, -3, 0, 0, 0", EPERM, true),
    call("add_key", libc::SYS_add_key, "0, 0, 0, 0, 0", EPERM, true),
    call("kexec_load", libc::SYS_kexec_load, "0, 0, 0, 0", EPERM, false),
    call(
        "kexec_file_load",
        libc::SYS_kexec_file_load,
        "0, 0, 0, 0, 0",
        EPERM,
        false,
    ),
    call("init_module", libc::SYS_init_module, "0, 0, 0", EPERM, false),
    call("reboot", libc::SYS_reboot, "0, 0, 0, 0", EPERM, false),
    call("settimeofday", libc::SYS_settimeofday, "0, 0", EPERM, false),
    call(
        "typing into the terminal",
        libc::SYS_ioctl,
        "0, 0x5412, $buffer",
        EPERM,
        true,
    ),
    call(
        "typing, with bits that the kernel drops",
        libc::SYS_ioctl,
        "0, 0x700005412, $buffer",
        EPERM,
        true,
    ),
    call(
        "pasting into the console",
        libc::SYS_ioctl,
        "0, 0x541C, $buffer",
        EPERM,
        true,
    ),
    call(
        "a socket to the hypervisor",
        libc::SYS_socket,
        "40, 1, 0",
        EPERM,
        true,
    ),
    call(
        "a socket of raw packets",
        libc::SYS_socket,
        "17, 3, 0",
        EPERM,
        false,
    ),
    call(
        "a socket of the kernel's ciphers",
        libc::SYS_socket,
        "38, 5, 0",
        EPERM,
        false,
    ),
];

#[tokio::test]
async fn dangerous_calls_are_refused() {
    let Some(sandbox) = sandbox() else { return };
    if !has("/usr/bin/perl") {
        return;
    }
    let house = House::new();
    let mut script = r#"$| = 1; my $root = "/"; my $buffer = "\0" x 256; my $r;"#.to_owned();
    for call in CALLS {
        // A child that a call made by mistake must not go on.
        write!(
            script,
            r#"$! = 0; $r = syscall({}, {}); exit if $r == 0 && "{}" =~ /clone/; print $r < 0 ? $!+0 : "done", "\n";"#,
            call.number, call.arguments, call.name
        )
        .unwrap();
    }
    let answers = async |sandbox| {
        let confined = house.command(&["/usr/bin/perl", "-e", &script]);
        let out = ran(sandbox, confined).await.good();
        let answers: Vec<String> = out.lines().map(str::to_owned).collect();
        assert_eq!(answers.len(), CALLS.len(), "{out}");
        answers
    };
    for (call, answer) in CALLS.iter().zip(answers(sandbox).await) {
        assert_eq!(answer, call.error.to_string(), "{}", call.name);
    }
    let open = sandbox.clone().without(Mechanism::Seccomp);
    for (call, answer) in CALLS.iter().zip(answers(&open).await) {
        if call.filter_alone {
            assert_ne!(
                answer,
                call.error.to_string(),
                "{}: the case shows nothing",
                call.name
            );
        }
    }
}

/// A 64-bit program may make calls of another kind, whose numbers a filter must know too.
#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn calls_by_their_other_numbers_are_refused() {
    let Some(sandbox) = sandbox() else { return };
    if !has("/usr/bin/perl") {
        return;
    }
    let house = House::new();
    // mount, bpf, and ptrace by the number that only that kind has.
    for number in [165, 321, 521] {
        let script = format!("syscall({number} | 0x40000000, 0, 0, 0, 0); print $!+0");
        let out = ran(sandbox, house.command(&["/usr/bin/perl", "-e", &script]))
            .await
            .good();
        assert_eq!(out, EPERM.to_string(), "{number}");
    }
}
