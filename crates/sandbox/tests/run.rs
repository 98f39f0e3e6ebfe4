//! The runner against real children.
#![allow(clippy::unwrap_used)]

use brisk_sandbox::{Confinement, End, EnvRule, Line, Pid, RunOptions, Runner, SpawnError, Stream, Weight};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, getpgid, pidfd_open};
use std::ffi::OsString;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

fn argv(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn with_path() -> RunOptions {
    RunOptions {
        env: vec![EnvRule::Pass("PATH".into())],
        ..RunOptions::default()
    }
}

/// Runs a shell script and gives its end with both outputs.
async fn shell(script: &str, options: RunOptions) -> (End, Vec<String>, Vec<String>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let finished = Runner::plain()
        .run(&argv(&["/bin/sh", "-c", script]), options, &mut |line: Line<
            '_,
        >| match line.stream {
            Stream::Out => out.push(line.text.to_owned()),
            Stream::Err => err.push(line.text.to_owned()),
        })
        .await
        .unwrap();
    assert_eq!(finished.confinement, Confinement::None);
    (finished.end, out, err)
}

/// Tells when the process is gone. A thread of its own: a blocking task of tokio would stop a paused clock.
fn watch(pid: &str) -> oneshot::Receiver<()> {
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let (send, receive) = oneshot::channel();
    std::thread::spawn(move || {
        let mut wanted = [PollFd::new(&process, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut wanted, None)).unwrap();
        let _ = send.send(());
    });
    receive
}

#[tokio::test]
async fn lines_and_ends_arrive() {
    let cases: &[(&str, End, &[&str], &[&str])] = &[
        (
            "echo one; echo two >&2; printf three",
            End::Exited(0),
            &["one", "three"],
            &["two"],
        ),
        ("exit 7", End::Exited(7), &[], &[]),
        ("kill -TERM $$", End::Signalled(15), &[], &[]),
        ("cat", End::Exited(0), &[], &[]),
    ];
    for (script, end, out, err) in cases {
        let (got, got_out, got_err) = shell(script, with_path()).await;
        assert_eq!(got, *end, "{script}");
        assert_eq!(
            (&got_out[..], &got_err[..]),
            (&out.map_owned()[..], &err.map_owned()[..]),
            "{script}"
        );
    }
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for &[&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[tokio::test]
async fn a_long_output_arrives_whole() {
    let (end, out, _) = shell(
        "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done",
        with_path(),
    )
    .await;
    assert_eq!(end, End::Exited(0));
    assert_eq!(out, (0..20_000).map(|i| i.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn only_named_variables_reach_the_child() {
    let env = vec![
        EnvRule::Pass("HOME".into()),
        EnvRule::PassPrefix("CARGO_PKG_".into()),
        EnvRule::Set("HOME".into(), "/nowhere".into()),
        EnvRule::Set("BRISK_TEST".into(), "1".into()),
    ];
    let (_, out, _) = shell(
        "/usr/bin/env",
        RunOptions {
            env,
            ..RunOptions::default()
        },
    )
    .await;
    for name in ["HOME=/nowhere", "BRISK_TEST=1", "CARGO_PKG_NAME=brisk-sandbox"] {
        assert!(
            out.iter().any(|line| line == name),
            "{name} is missing in {out:?}"
        );
    }
    assert!(
        !out.iter().any(|line| line.starts_with("CARGO_MANIFEST_DIR=")),
        "{out:?}"
    );
}

#[tokio::test]
async fn the_program_is_found_in_the_childs_path() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("brisk-test-program");
    std::fs::copy("/bin/true", &program).unwrap();
    let env = vec![EnvRule::Set("PATH".into(), folder.path().into())];
    let options = RunOptions {
        env,
        ..RunOptions::default()
    };
    let finished = Runner::plain()
        .run(&argv(&["brisk-test-program"]), options, &mut |_| ())
        .await
        .unwrap();
    assert!(finished.success());
}

#[tokio::test]
async fn a_command_that_cannot_start_names_itself() {
    let folder = tempfile::tempdir().unwrap();
    let plain_file = folder.path().join("plain");
    std::fs::write(&plain_file, "text").unwrap();
    let start = |words: Vec<OsString>, options| async move {
        Runner::plain()
            .run(&words, options, &mut |_| ())
            .await
            .unwrap_err()
    };

    let error = start(argv(&["brisk-no-such-program"]), with_path()).await;
    assert!(
        matches!(&error, SpawnError::NotFound { program } if program == "brisk-no-such-program"),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("`brisk-no-such-program` was not found"),
        "{error}"
    );

    let error = start(vec![plain_file.clone().into()], with_path()).await;
    assert!(matches!(&error, SpawnError::NotPermitted { .. }), "{error}");

    let gone = RunOptions {
        cwd: Some(folder.path().join("gone")),
        ..with_path()
    };
    let error = start(argv(&["true"]), gone).await;
    assert!(matches!(&error, SpawnError::NoFolder { .. }), "{error}");

    assert!(matches!(start(vec![], with_path()).await, SpawnError::Empty));
}

/// The clock is paused: the time limit passes only once the grandchild is known to run.
#[tokio::test(start_paused = true)]
async fn a_timeout_kills_grandchildren_too() {
    let (seen, wait) = mpsc::channel();
    // A blocking task keeps the paused clock from going on by itself.
    let hold = tokio::task::spawn_blocking(move || wait.recv());
    let mut grandchild = None;
    let options = RunOptions {
        timeout: Some(Duration::from_secs(60)),
        ..with_path()
    };
    let finished = Runner::plain()
        .run(
            &argv(&["/bin/sh", "-c", "sleep 600 & echo $!; wait"]),
            options,
            &mut |line| {
                grandchild = Some(watch(line.text));
                seen.send(()).unwrap();
            },
        )
        .await
        .unwrap();
    assert_eq!(finished.end, End::TimedOut);
    hold.await.unwrap().unwrap();
    grandchild.unwrap().await.unwrap();
}

#[tokio::test]
async fn a_dropped_run_kills_grandchildren_too() {
    for weight in [Weight::Normal, Weight::Background] {
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let words = argv(&["/bin/sh", "-c", "sleep 600 & echo $!; wait"]);
            let options = RunOptions {
                weight,
                ..with_path()
            };
            Runner::plain()
                .run(&words, options, &mut |line| {
                    send.send(line.text.to_owned()).unwrap()
                })
                .await
        });
        let grandchild = watch(&receive.recv().await.unwrap());
        task.abort();
        grandchild.await.unwrap();
    }
}

#[tokio::test]
async fn what_a_child_leaves_behind_ends_with_it() {
    let mut left = None;
    let finished = Runner::plain()
        .run(
            &argv(&["/bin/sh", "-c", "sleep 600 & echo $!"]),
            with_path(),
            &mut |line| left = Some(watch(line.text)),
        )
        .await
        .unwrap();
    assert!(finished.success());
    left.unwrap().await.unwrap();
}

#[tokio::test]
async fn background_weight_reaches_grandchildren() {
    // Fields 19 (niceness) and 41 (policy, 5 = SCHED_IDLE) of the stat line; the shell's child prints its own.
    let script = "sh -c 'cat /proc/self/stat; true'; true";
    for (weight, niceness, policy) in [(Weight::Normal, None, "0"), (Weight::Background, Some("19"), "5")] {
        let (_, out, _) = shell(
            script,
            RunOptions {
                weight,
                ..with_path()
            },
        )
        .await;
        let after_name: Vec<&str> = out[0].rsplit_once(") ").unwrap().1.split(' ').collect();
        assert_eq!(after_name[38], policy, "{out:?}");
        if let Some(niceness) = niceness {
            assert_eq!(after_name[16], niceness, "{out:?}");
        }
    }
}

#[tokio::test]
async fn a_detached_child_has_its_own_session_and_writes_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("daemon.log");
    let ready = folder.path().join("ready");
    rustix::fs::mkfifoat(rustix::fs::CWD, &ready, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    // Field 6 of the stat line is the session.
    let script = format!(
        "echo out $BRISK_TEST_DEFAULT; echo err >&2; read a < /dev/stdin; cat /proc/$$/stat > {}",
        ready.display()
    );
    let pid = brisk_sandbox::spawn_detached(
        &argv(&["/bin/sh", "-c", &script]),
        &[("BRISK_TEST_DEFAULT", "given"), ("PATH", "not used")],
        &log,
    )
    .unwrap();
    let stat = tokio::fs::read_to_string(&ready).await.unwrap();
    let session: i32 = stat
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(3)
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(session, pid.as_raw_nonzero().get());
    assert_ne!(getpgid(None).unwrap(), pid);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "out given\nerr\n");

    let error = brisk_sandbox::spawn_detached(&argv(&["brisk-no-such-program"]), &[], &log).unwrap_err();
    assert!(error.to_string().contains("brisk-no-such-program"), "{error}");
    let error =
        brisk_sandbox::spawn_detached(&argv(&["true"]), &[], &folder.path().join("no/log")).unwrap_err();
    assert!(error.to_string().contains("no/log"), "{error}");
}
