//! Ends: stops, floods, bombs, and what is left behind.

use crate::house::{House, Mark, has, ran, run, sandbox, wait_for_the_end_of};
use brisk_sandbox::{Confined, EnvRule, Exit, Level, Limits, Mechanism, Sandbox, Stop, Stream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Fifty processes, some in sessions of their own and some twice forked; `ready` once all are there.
const TREE: &str = "i=0
while [ $i -lt 12 ]; do
  sleep 600 &
  setsid sleep 600 &
  (setsid sh -c 'sleep 600 & sleep 600; :' &)
  i=$((i+1))
done
while [ $(ls -d /proc/[0-9]* | wc -l) -lt 60 ]; do :; done
echo ready
wait";

fn marked(house: &House, mark: &Mark, script: &str) -> Confined {
    let mut confined = house.script(script);
    confined.env.push(mark.rule());
    confined
}

#[tokio::test]
async fn a_stop_ends_the_whole_tree() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let (mark, stop) = (Mark::new(&house), Stop::new().unwrap());
    let mut seen = 0;
    let outcome = sandbox
        .run(marked(&house, &mark, TREE), Some(&stop), &mut |_, _| {
            seen = mark.bearers().len();
            stop.stop();
        })
        .await
        .unwrap();
    assert_eq!(outcome.exit, Exit::Stopped);
    assert!(seen >= 40, "only {seen} processes were there");
    assert_eq!(mark.bearers(), []);
    // A command that is started later with the same handle ends at once.
    let late = run(sandbox, house.script("sleep 600"), Some(&stop))
        .await
        .unwrap();
    assert_eq!(late.outcome.exit, Exit::Stopped);
}

/// The output is handed out by a thread that waits until everything is dead: only another one can have killed it.
#[tokio::test]
async fn a_stop_does_not_wait_for_the_reader() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let (mark, stop) = (Mark::new(&house), Stop::new().unwrap());
    let outcome = sandbox
        .run(
            marked(&house, &mark, "echo x; sleep 600"),
            Some(&stop),
            &mut |_, _| {
                let pids = mark.bearers();
                stop.stop();
                wait_for_the_end_of(&pids);
            },
        )
        .await
        .unwrap();
    assert_eq!(outcome.exit, Exit::Stopped);
}

#[tokio::test]
async fn a_dropped_run_ends_the_whole_tree() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let mark = Mark::new(&house);
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    let confined = marked(&house, &mark, TREE);
    let task = tokio::spawn(async move {
        let mut tell = |_: Stream, _: &[u8]| send.send(()).unwrap();
        sandbox.run(confined, None, &mut tell).await
    });
    receive.recv().await.unwrap();
    let pids = mark.bearers();
    assert!(pids.len() >= 40);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    wait_for_the_end_of(&pids);
    assert_eq!(mark.bearers(), []);
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let mark = Mark::new(&house);
    for (script, exit) in [
        (
            "setsid sh -c 'setsid sleep 600 & sleep 600' & exit 3",
            Exit::Code(3),
        ),
        (
            "(setsid sleep 600 >/dev/null 2>&1 &) ; (trap '' TERM HUP INT; sleep 600) & exit 0",
            Exit::Code(0),
        ),
        ("sleep 600 & kill -KILL $$", Exit::Signal(9)),
    ] {
        let ran = ran(sandbox, marked(&house, &mark, script)).await;
        assert_eq!((ran.outcome.exit, mark.bearers()), (exit, vec![]), "{script}");
    }
}

#[tokio::test]
async fn the_time_limit_ends_the_whole_tree() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let mark = Mark::new(&house);
    let mut confined = marked(&house, &mark, TREE);
    confined.timeout = Some(Duration::from_millis(100));
    let ran = ran(sandbox, confined).await;
    assert_eq!((ran.outcome.exit, mark.bearers()), (Exit::TimedOut, vec![]));
}

/// Killed as hard as can be, Brisk leaves nothing behind either.
#[tokio::test]
async fn the_end_of_brisk_ends_the_whole_tree() {
    let Some(sandbox) = sandbox() else { return };
    if let Some(work) = std::env::var_os("BRISK_TEST_HOUSE") {
        return run_the_tree(sandbox, work.into()).await;
    }
    let house = House::new();
    let mark = Mark::new(&house);
    let mut brisk = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "ends::the_end_of_brisk_ends_the_whole_tree",
            "--nocapture",
        ])
        .env("BRISK_TEST_HOUSE", house.work())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let ready = house.work().join("ready");
    // A pipe: opening it waits for the other side.
    rustix::fs::mkfifoat(rustix::fs::CWD, &ready, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    std::fs::read(&ready).unwrap();
    let pids = mark.bearers();
    assert!(pids.len() >= 40, "{pids:?}");
    brisk.kill().unwrap();
    brisk.wait().unwrap();
    wait_for_the_end_of(&pids);
    assert_eq!(mark.bearers(), []);
}

/// What the other process of the test above does.
async fn run_the_tree(sandbox: &Sandbox, work: PathBuf) {
    let mark = work.parent().unwrap().display().to_string();
    let script = TREE.replace("echo ready", "echo ready > ready");
    let confined = Confined {
        writable: vec![work.clone()],
        env: vec![
            EnvRule::Set("PATH".into(), "/usr/bin:/bin".into()),
            EnvRule::Set("BRISK_TEST_MARK".into(), mark.into()),
        ],
        ..Confined::new(["/bin/sh", "-c", &script].map(Into::into).to_vec(), work)
    };
    let _ = run(sandbox, confined, None).await;
}

#[tokio::test]
async fn a_fork_bomb_is_bounded() {
    let Some(sandbox) = sandbox() else { return };
    if !bounds_processes(sandbox) || !has("/usr/bin/perl") {
        return;
    }
    let house = House::new();
    let mark = Mark::new(&house);
    let script = "while (defined($p = fork)) { if (!$p) { sleep 600 } $n++ } print $n, ' ', $!{EAGAIN} ? 'bounded' : $!";
    let mut confined = house.command(&["/usr/bin/perl", "-MErrno", "-e", script]);
    confined.limits.processes = 40;
    confined.env.push(mark.rule());
    let out = ran(sandbox, confined).await.good();
    let (count, why) = out.split_once(' ').unwrap();
    assert!((30..40).contains(&count.parse::<u32>().unwrap()), "{out}");
    assert_eq!((why, mark.bearers()), ("bounded", vec![]));

    // The kind that never stops by itself; its first process stays, for whom it starves may end.
    let stop = Stop::new().unwrap();
    let mut confined = marked(&house, &mark, "b() { echo x; b | b & }; b; exec sleep 600");
    confined.limits.processes = 200;
    let outcome = sandbox
        .run(confined, Some(&stop), &mut |_, _| stop.stop())
        .await
        .unwrap();
    assert_eq!((outcome.exit, mark.bearers()), (Exit::Stopped, vec![]));
}

fn bounds_processes(sandbox: &Sandbox) -> bool {
    match sandbox.level() {
        Level::Degraded(missing) if missing.contains(&Mechanism::ProcessBound) => {
            println!("SKIPPED: {}", sandbox.level());
            false
        }
        Level::Degraded(_) | Level::Full => true,
    }
}

#[tokio::test]
async fn a_flood_is_cut_at_the_cap() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let cap = 1 << 20;
    for (script, exit, bytes) in [
        ("yes", Exit::OutputCap, cap),
        ("yes >&2", Exit::OutputCap, cap),
        // Over before anybody has read it all.
        ("head -c 1048577 /dev/zero", Exit::OutputCap, cap),
        ("head -c 1048576 /dev/zero", Exit::Code(0), cap),
        ("head -c 1048575 /dev/zero; exit 4", Exit::Code(4), cap - 1),
    ] {
        let mut confined = house.script(script);
        confined.output_cap = cap;
        let ran = ran(sandbox, confined).await;
        assert_eq!(
            (ran.outcome.exit, ran.outcome.output_bytes),
            (exit, bytes),
            "{script}"
        );
        assert_eq!((ran.out.len() + ran.err.len()) as u64, bytes, "{script}");
    }
}

#[tokio::test]
async fn limits_hold() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let cases: &[(&str, Limits, Exit)] = &[
        (
            "head -c 5000 /dev/zero > big",
            limits(|l| l.file_size = 4_096),
            Exit::Signal(25),
        ),
        ("exec 8>a; exec 9>b", limits(|l| l.open_files = 9), Exit::Code(2)),
        (
            "while :; do :; done",
            limits(|l| l.cpu_s = Some(1)),
            Exit::Signal(24),
        ),
    ];
    for (script, limits, exit) in cases {
        let mut confined = house.script(&format!("exec 2>/dev/null; {script}"));
        if script.starts_with("head") {
            confined = house.script(&format!("exec {script}"));
        }
        confined.limits = *limits;
        let ran = ran(sandbox, confined).await;
        let exit_is = ran.outcome.exit;
        assert!(
            exit_is == *exit || matches!((exit_is, exit), (Exit::Signal(9), Exit::Signal(24))),
            "{script}: {exit_is:?}"
        );
    }
    if has("/usr/bin/perl") {
        let mut confined = house.command(&["/usr/bin/perl", "-e", "$x = 'x' x (1 << 29); print 'had it'"]);
        confined.limits.memory = Some(1 << 28);
        let ran = ran(sandbox, confined).await;
        assert!(
            ran.outcome.exit != Exit::Code(0) && ran.out.is_empty(),
            "{}",
            ran.out
        );
    }
}

#[tokio::test]
async fn processor_time_of_all_is_told() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let script = "(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done) & wait";
    let ran = ran(sandbox, house.script(script)).await;
    assert!(
        ran.outcome.cpu >= Duration::from_millis(20),
        "{:?}",
        ran.outcome.cpu
    );
}
