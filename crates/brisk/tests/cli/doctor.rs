//! `doctor` as a process.

use crate::fake::{Home, LIMIT};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, Mode, OFlags, mkfifoat, open};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// A server of tools that is silent and has a child: neither outlives the command that a person stops.
#[test]
fn a_stop_takes_the_servers_of_tools_along() {
    let home = Home::new();
    let life = home.path().join("life");
    mkfifoat(CWD, &life, Mode::RUSR | Mode::WUSR).unwrap();
    let script = format!("exec 3>'{}'; sleep 600 & echo up >&3; wait", life.display());
    let server = format!("[mcp.silent]\ncommand = [\"sh\", \"-c\", \"{script}\"]\ntimeout_s = 3600\n");
    std::fs::write(home.path().join("config.toml"), server).unwrap();
    let life = open(&life, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).unwrap();
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_brisk"))
        .arg("doctor")
        .current_dir(home.path())
        .env_clear()
        .env("BRISK_HOME", home.path())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    let mut fds = [PollFd::new(&life, PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&LIMIT)), Ok(1), "the server did not begin");
    let mut life = std::fs::File::from(life);
    let mut word = [0; 3];
    life.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"up\n");

    kill_process(Pid::from_child(&doctor), Signal::INT).unwrap();
    assert_eq!(doctor.wait().unwrap().signal(), Some(2));
    // The pipe ends with the last process that holds it.
    let mut fds = [PollFd::new(&life, PollFlags::empty())];
    assert_eq!(poll(&mut fds, Some(&LIMIT)), Ok(1), "somebody lives on");
}
