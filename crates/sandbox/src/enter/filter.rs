//! Seccomp: system calls that no build and no test needs.
//!
//! A list of what is refused, not of what is allowed: tools use new calls before anybody has heard of them. Everything
//! on it either reaches past a namespace, has been a way to the kernel, or takes another process over.

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter,
};
use std::collections::BTreeMap;
use std::env::consts::ARCH;

/// Refused whatever the arguments, "not permitted".
const REFUSED: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // The kernel itself.
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_lookup_dcookie,
    libc::SYS_syslog,
    libc::SYS_quotactl,
    libc::SYS_acct,
    // The machine.
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
];

/// Answered with "no such call", so that libraries take their older way. `clone3` has its flags in memory, where no
/// filter can read them; `clone` has them in a register.
const MISSING: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Flags of `clone` and `unshare` that make a namespace.
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Kinds of sockets that a namespace of networks confines. The others (vsock, packet, alg, ...) are refused.
const SOCKETS: &[i32] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Requests that type into a terminal as if the person did.
const TYPING: &[u32] = &[libc::TIOCSTI as u32, libc::TIOCLINUX as u32];

/// Set in the number of a call of the x32 kind, which 64-bit programs may make too.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Puts the filters on this thread and all that it starts.
pub(super) fn apply() -> Result<(), String> {
    let mut refused: Rules = REFUSED.iter().map(|call| (*call, vec![])).collect();
    for call in [libc::SYS_clone, libc::SYS_unshare] {
        refused.insert(call, each(NAMESPACES, |flag| vec![masked(flag as u32)])?);
    }
    refused.insert(libc::SYS_ioctl, each(TYPING, |request| vec![is(1, request)])?);
    let other = SOCKETS
        .iter()
        .map(|family| argument(0, SeccompCmpOp::Ne, *family as u32));
    refused.insert(libc::SYS_socket, vec![rule(other.collect())?]);
    let missing: Rules = MISSING.iter().map(|call| (*call, vec![])).collect();
    #[cfg(target_arch = "x86_64")]
    let refused = {
        // The same calls by their other names, and the numbers that only the x32 kind has.
        let again: Vec<c_long> = refused
            .keys()
            .chain(missing.keys())
            .map(|call| call | X32)
            .collect();
        let own = (512..=547).map(|call| call | X32);
        refused.extend(again.into_iter().chain(own).map(|call| (call, vec![])));
        refused
    };
    install(missing, libc::ENOSYS)?;
    install(refused, libc::EPERM)
}

fn install(rules: Rules, error: i32) -> Result<(), String> {
    let arch = TargetArch::try_from(ARCH).map_err(|e| e.to_string())?;
    let answer = SeccompAction::Errno(error as u32);
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch).map_err(|e| e.to_string())?;
    let program = BpfProgram::try_from(filter).map_err(|e| e.to_string())?;
    apply_filter(&program).map_err(|e| e.to_string())
}

type Condition = Result<SeccompCondition, seccompiler::BackendError>;

fn argument(index: u8, compare: SeccompCmpOp, value: u32) -> Condition {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, compare, u64::from(value))
}

fn is(index: u8, value: u32) -> Condition {
    argument(index, SeccompCmpOp::Eq, value)
}

fn masked(flag: u32) -> Condition {
    argument(0, SeccompCmpOp::MaskedEq(u64::from(flag)), flag)
}

fn rule(conditions: Vec<Condition>) -> Result<SeccompRule, String> {
    let conditions: Result<Vec<_>, _> = conditions.into_iter().collect();
    SeccompRule::new(conditions.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// One rule for each value: any of them is enough.
fn each<T: Copy>(values: &[T], conditions: impl Fn(T) -> Vec<Condition>) -> Result<Vec<SeccompRule>, String> {
    values.iter().map(|value| rule(conditions(*value))).collect()
}
