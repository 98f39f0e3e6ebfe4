//! What belongs to the person: keys, home, environment, and programs that only look right.

use crate::house::{House, ran, sandbox};
use brisk_sandbox::{Confined, EnvRule, Level, Mechanism, RunError, Sandbox, toolchains};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

#[tokio::test]
async fn only_named_variables_reach_the_command() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let mut confined = house.command(&["/usr/bin/env"]);
    confined.env.push(EnvRule::Set("HOME".into(), "/nowhere".into()));
    confined.env.push(EnvRule::PassPrefix("CARGO_PKG_NAME".into()));
    let out = ran(sandbox, confined).await.good();
    let mut names: Vec<&str> = out
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["CARGO_PKG_NAME", "HOME", "PATH"]);
    // Neither do they stand in what can be read of the other processes.
    let script = "cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c '[C]ARGO_'";
    assert_eq!(ran(sandbox, house.script(script)).await.out.trim(), "0");
}

/// A home with keys and toolchains, seen by a process of its own.
#[tokio::test]
async fn the_persons_keys_are_never_shown() {
    let Some(sandbox) = sandbox() else { return };
    if std::env::var_os("BRISK_TEST_HOME").is_some() {
        return look_at_a_home(sandbox, &std::env::home_dir().unwrap()).await;
    }
    let house = House::new();
    let home = house.work();
    for file in [
        ".ssh/id_ed25519",
        ".config/brisk/key",
        ".cargo/credentials.toml",
        ".cargo/bin/cargo",
        "notes",
        "src/a",
    ] {
        let path = home.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("content of {file}")).unwrap();
    }
    again(
        &house,
        "person::the_persons_keys_are_never_shown",
        &[("HOME", home.to_str().unwrap()), ("BRISK_TEST_HOME", "1")],
    );
}

/// What the other process of the test above does.
async fn look_at_a_home(sandbox: &Sandbox, home: &Path) {
    let command = |script: &str| {
        let argv = ["/bin/sh", "-c", script].map(Into::into).to_vec();
        let mut confined = Confined::new(argv, home.join("src"));
        confined.read_only.clear();
        confined.writable.push(home.join("src"));
        confined
    };
    // Toolchains are listed; of the rest there is nothing, and what is written there is gone afterwards.
    let mut confined = command("cat ~/.cargo/bin/cargo; find ~ -type f; echo x > ~/.cache; test -e ~/.cache");
    confined.read_only = toolchains(home);
    let out = ran(sandbox, confined).await.good();
    let (content, found) = out.split_at("content of .cargo/bin/cargo".len());
    assert_eq!(content, "content of .cargo/bin/cargo");
    let mut files: Vec<&str> = found.lines().collect();
    files.sort_unstable();
    assert_eq!(
        files,
        [".cargo/bin/cargo", "src/a"].map(|file| home.join(file).display().to_string())
    );
    assert!(!home.join(".cache").exists());

    // The whole home is shown, but not the keys; and those cannot be asked for.
    let mut confined = command("cat ~/notes; cat ~/.ssh/* ~/.config/brisk/* ~/.cargo/credentials.toml");
    confined.read_only = vec![home.to_owned()];
    assert_eq!(ran(sandbox, confined).await.out, "content of notes");
    for secret in [
        ".ssh",
        ".ssh/id_ed25519",
        ".config/brisk",
        ".cargo/credentials.toml",
    ] {
        let mut confined = command("true");
        confined.read_only = vec![home.join(secret)];
        let error = sandbox.profile(&confined).unwrap_err();
        assert!(matches!(error, RunError::Refused { .. }), "{secret}: {error}");
    }
}

/// Runs a test of this file in a process of its own with these variables. It must pass.
fn again(house: &House, test: &str, variables: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .envs(variables.iter().copied())
        .current_dir(house.outside())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn a_program_that_is_only_called_bwrap_is_not_used() {
    let Some(_) = sandbox() else { return };
    let house = House::new();
    let fake = house.outside().join("bwrap");
    fs::write(
        &fake,
        "#!/bin/sh\ntouch $(dirname $0)/used\nexec /usr/bin/bwrap \"$@\"\n",
    )
    .unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", house.outside().display(), std::env::var("PATH").unwrap());
    again(&house, "basics::outputs_and_ends_arrive", &[("PATH", &path)]);
    assert!(!house.outside().join("used").exists());
}

#[tokio::test]
async fn a_profile_says_what_is_missing() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let confined = house.script("true");
    let whole = sandbox.profile(&confined).unwrap();
    println!("this machine: {whole}");
    let less = sandbox
        .clone()
        .without(Mechanism::Seccomp)
        .profile(&confined)
        .unwrap();
    assert!(matches!(&less.level, Level::Degraded(missing) if missing.contains(&Mechanism::Seccomp)));
    assert!(
        less.to_string().contains("degraded, without") && less.to_string().contains("seccomp"),
        "{less}"
    );
    assert_ne!(whole.digest, less.digest);
    // It is the one that comes with the outcome, and it depends on all that the command may touch.
    assert_eq!(ran(sandbox, confined.clone()).await.outcome.profile, whole);
    let changes: [fn(&mut Confined); 4] = [
        |c| c.limits.processes = 7,
        |c| c.read_only.push("/opt".into()),
        |c| c.network = brisk_sandbox::Network::Host,
        |c| c.env.push(EnvRule::Set("X".into(), "1".into())),
    ];
    for change in changes {
        let mut other = confined.clone();
        change(&mut other);
        assert_ne!(sandbox.profile(&other).unwrap().digest, whole.digest, "{other:?}");
    }
}

#[tokio::test]
async fn the_log_is_kept_by_its_digest() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let mut confined = house.script("printf abc");
    confined.logs = Some(house.outside().join("logs"));
    let outcome = ran(sandbox, confined).await.outcome;
    let kept = house.outside().join("logs").join(outcome.log.as_str());
    assert_eq!(fs::read(kept).unwrap(), b"abc");
    assert_eq!(outcome.log.short(), "ba7816bf8f01");
}
