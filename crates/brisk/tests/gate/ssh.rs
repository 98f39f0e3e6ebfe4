//! The person's own SSH key signs: from a file, or through their agent; and no check can reach it.

use crate::house::{House, RIGHT, TESTS, said};
use crate::server::{executable, remote};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A key as `ssh-keygen` makes it.
fn keygen(house: &House, name: &str, kind: &str, passphrase: &str) -> PathBuf {
    let path = house.home.path().join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-C", "ann", "-N", passphrase, "-f"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
    path
}

fn public(key: &Path) -> String {
    std::fs::read_to_string(key.with_extension("pub")).unwrap()
}

#[test]
fn a_key_in_a_file_signs_and_no_check_sees_it() {
    let house = House::new();
    let key = keygen(&house, "id_ed25519", "ed25519", "");
    let before = house.ends(0, &["gate", "key"]);
    let choose = ["gate", "key", "--ssh", key.to_str().unwrap()];
    house.ends(23, &choose);
    house.at_terminal(0, &choose);
    let line = house.ends(0, &["gate", "key"]);
    assert_ne!(line, before);
    // A check that looks for it, and for an agent.
    house.write("shop.py", RIGHT);
    let tests = format!(
        "import os\n{TESTS}\n    def test_secret(self):\n        with self.assertRaises(OSError):\n            open({key:?}).read()\n        self.assertNotIn('SSH_AUTH_SOCK', os.environ)\n"
    );
    house.write("test_shop.py", &tests);
    let agent = house.home.path().join("agent");
    let out = house
        .command(&["verify"])
        .env("SSH_AUTH_SOCK", &agent)
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", said(&out));
    house.ends(0, &["ship", "commit", "-m", "x"]);
    // Its public half, as the person has it, is all that a server needs.
    house.git(&["checkout", "-q", "HEAD^"]);
    house.ends(0, &["verify"]);
    house.git(&["checkout", "-q", "main"]);
    let remote = remote(&house);
    std::fs::write(&remote.keys, public(&key)).unwrap();
    house.ends(0, &["ship", "push"]);
    house.ends(0, &["gate", "check", "--keys", remote.keys.to_str().unwrap()]);
    // Another key in its place is not the one that was chosen.
    let other = keygen(&house, "other", "ed25519", "");
    std::fs::copy(&other, &key).unwrap();
    house.write("shop.py", &format!("{RIGHT}\n"));
    let said = house.ends(21, &["verify"]);
    assert!(said.contains("not the key that was asked for"), "{said}");
    // The repository's own has what it had: nothing.
    house.at_terminal(0, &["gate", "key", "--own"]);
    assert_eq!(house.ends(0, &["gate", "key"]), before);
    house.ends(18, &["ship", "commit", "-m", "x"]);
}

#[test]
fn what_cannot_sign_is_refused_with_the_next_step() {
    let house = House::new();
    let locked = keygen(&house, "locked", "ed25519", "open sesame");
    let ecdsa = keygen(&house, "ecdsa", "ecdsa", "");
    let inside = house.repo.join("id");
    std::fs::copy(keygen(&house, "inner", "ed25519", ""), &inside).unwrap();
    let socket = house.home.path().join("no-agent");
    let own = house.ends(0, &["gate", "key"]);
    for (path, want) in [
        (locked.as_path(), "ssh-add"),
        (&locked.with_extension("pub"), "ssh-add"),
        (&ecdsa, "holds no ed25519 key"),
        (&inside, "lies in the repository"),
        (Path::new("/nonexistent"), "cannot be read"),
        (Path::new("agent"), "ssh-add"),
    ] {
        let args = ["gate", "key", "--ssh", path.to_str().unwrap()];
        let env = [("SSH_AUTH_SOCK", socket.as_path())];
        let said = house.answering_with(&env, &house.repo, "y", 2, &args);
        assert!(said.contains(want), "{path:?}: {said}");
    }
    assert_eq!(house.ends(0, &["gate", "key"]), own);
}

/// An agent that goes with the test.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(house: &House) -> Agent {
        let socket = house.home.path().join("agent.sock");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Agent { child, socket };
        // Exit code 2: there is none yet.
        while agent.add(&["-l"], house).status.code() == Some(2) {
            std::thread::yield_now();
        }
        agent
    }

    fn add(&self, args: &[&str], house: &House) -> std::process::Output {
        let ask = house.home.path().join("ask");
        executable(&ask, "#!/bin/sh\necho open sesame\n");
        Command::new("ssh-add")
            .args(args)
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("SSH_ASKPASS", ask)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_signs_for_a_key_behind_a_passphrase() {
    let house = House::new();
    let agent = Agent::start(&house);
    let key = keygen(&house, "locked", "ed25519", "open sesame");
    let path = key.to_str().unwrap().to_owned();
    let env = [("SSH_AUTH_SOCK", agent.socket.as_path())];
    let choose = |exit: u32, what: &str| {
        house.answering_with(&env, &house.repo, "y", exit, &["gate", "key", "--ssh", what])
    };
    assert!(choose(2, "agent").contains("has no ed25519 key"));
    let added = agent.add(&[&path], &house);
    assert!(added.status.success(), "{}", said(&added));
    choose(0, "agent");
    let line = house.ends(0, &["gate", "key"]);
    // The same key, named by either of its files.
    for file in [path.clone(), format!("{path}.pub")] {
        choose(0, &file);
        assert_eq!(house.ends(0, &["gate", "key"]), line);
    }
    let second = keygen(&house, "second", "ed25519", "");
    assert!(agent.add(&[second.to_str().unwrap()], &house).status.success());
    assert!(choose(2, "agent").contains("several"));

    house.write("shop.py", RIGHT);
    let with_agent = |args: &[&str]| {
        let mut command = house.command(args);
        let out = command.env("SSH_AUTH_SOCK", &agent.socket).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", said(&out));
    };
    with_agent(&["verify"]);
    // What is signed is read without it; what is to be signed is not recorded.
    assert!(house.state().contains("verified"), "{}", house.state());
    let mut command = house.command(&["verify", "--again"]);
    let out = command.env("SSH_AUTH_SOCK", "/nonexistent").output().unwrap();
    assert_eq!(out.status.code(), Some(21), "{}", said(&out));
    assert!(said(&out).contains("cannot be signed"), "{}", said(&out));
    with_agent(&["ship", "commit", "-m", "x"]);
    let keys = house.home.path().join("keys");
    std::fs::write(&keys, public(&key)).unwrap();
    let mut hook = house.command(&["gate", "pre-push"]);
    assert!(hook.output().unwrap().status.success());
    house.ends(0, &["gate", "check", "--keys", keys.to_str().unwrap()]);
}
