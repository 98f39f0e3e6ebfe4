//! Honest work from an edit to what leaves: nobody who verified what they ship may be refused.

use super::super::Measured;
use super::super::figure::{Part, Reach, Unit};
use super::edits::{EDITS, Edit, IDLES, Idle, edit, idle};
use super::place::Place;
use crate::rig::house::Programs;
use anyhow::Context;
use std::collections::BTreeMap;
use std::process::Output;

/// Flows in one repository; then a new one.
const EACH: usize = 100;

/// A test for each script of `t`.
const SCRIPT: &str = "n=0\nbad=0\nfor f in t/*.sh; do\n  n=$((n + 1))\n  if sh \"$f\"; then echo \"ok $n - $f\"; else echo \"not ok $n - $f\"; bad=1; fi\ndone\necho \"1..$n\"\nexit $bad\n";

/// A file that the tests do not want.
const BROKEN: &str = "src/broken";

/// How the work leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Commit,
    Branch,
    Patch,
    Push,
}

const WAYS: [Way; 8] = [
    Way::Commit,
    Way::Commit,
    Way::Commit,
    Way::Commit,
    Way::Branch,
    Way::Patch,
    Way::Push,
    Way::Push,
];

/// What one flow does, in this order.
#[derive(Debug)]
struct Flow {
    edits: Vec<Edit>,
    /// Somebody else's commit comes in before it is verified: the base moves.
    merge: bool,
    idles: Vec<Idle>,
    way: Way,
}

impl Flow {
    fn any(random: &mut fastrand::Rng) -> Flow {
        let merge = random.u8(..10) == 0;
        let edits = random.usize(1..=4);
        let idles = random.usize(0..=3);
        let mut flow = Flow {
            edits: random.choose_multiple(EDITS, edits),
            merge,
            idles: random.choose_multiple(IDLES, idles),
            way: random.choice(WAYS).unwrap_or(Way::Commit),
        };
        if merge {
            // Git itself forgets the merge there, and the rest of the flows are to have it.
            flow.idles.retain(|idle| *idle != Idle::Unstage);
            flow.way = random.choice([Way::Commit, Way::Push]).unwrap_or(Way::Commit);
        }
        flow
    }
}

/// Plays flows; tells how many were refused, and at what.
pub(super) fn honest(programs: &Programs, quick: bool, random: &mut fastrand::Rng) -> Measured {
    let flows = if quick { 60 } else { 1_000 };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut place = None;
    let mut shipped = 0usize;
    for number in 0..flows {
        let held = match place.take().filter(|_| number % EACH != 0) {
            Some(held) => held,
            None => playground(programs)?,
        };
        let flow = Flow::any(random);
        match play(&held, &flow, number, random).with_context(|| format!("flow {number}: {flow:?}"))? {
            None => {
                shipped += 1;
                place = Some(held);
            }
            // What it left behind says nothing about the next one.
            Some(refused) => *kinds.entry(format!("{refused} in {flow:?}")).or_default() += 1,
        }
    }
    let refused = flows - shipped;
    let percent = 100.0 * refused as f64 / flows as f64;
    let mut how = format!(
        "{flows} flows of up to 4 of {} kinds of edits, `brisk verify`, up to 3 of {} things that change nothing, then \
         commit, branch, patch or push to a remote with the pre-receive script; a tenth with a merge in progress",
        EDITS.len(),
        IDLES.len()
    );
    for (kind, times) in kinds {
        how.push_str(&format!("; refused {times} times: {kind}"));
    }
    let parts = vec![
        Part::new("honest flows", flows as f64, Unit::Count, Reach::Told),
        Part::new("honest flows refused", percent, Unit::Percent, Reach::AtMost(0.1)),
    ];
    Ok((parts, how))
}

/// A small repository, and a remote that takes only what this machine's key says is verified.
fn playground(programs: &Programs) -> anyhow::Result<Place> {
    let mut files = vec![
        ("check.sh".to_owned(), SCRIPT.to_owned()),
        ("t/whole.sh".to_owned(), format!("! test -e {BROKEN}\n")),
        ("t/there.sh".to_owned(), "test -d src\n".to_owned()),
        (".gitignore".to_owned(), "build/\n*.log\n".to_owned()),
    ];
    files.extend((0..6).map(|n| (format!("src/part{n}.txt"), format!("part {n}\n"))));
    let place = Place::new(programs, &files)?;
    let bare = place.home().join("remote.git");
    let at = bare.to_string_lossy().into_owned();
    place.git(&["init", "-q", "--bare", "--template=", "-b", "main", &at])?;
    place.git(&["remote", "add", "origin", &at])?;
    // The first commit was there before the script.
    place.git(&["push", "-q", "-u", "origin", "main"])?;
    let keys = place.home().join("keys");
    std::fs::write(&keys, place.brisk(&["gate", "key"])?.stdout)?;
    let script = format!(
        "#!/bin/sh\nexport BRISK_HOME=/nonexistent\ntest -n \"$SOMEBODY\" || exec {} gate receive --keys {}\n",
        programs.brisk.display(),
        keys.display()
    );
    let hook = bare.join("hooks/pre-receive");
    std::fs::create_dir_all(bare.join("hooks"))?;
    std::fs::write(&hook, script)?;
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(place)
}

/// One flow; what was refused, if anything was. An error only if it could not be played.
fn play(
    place: &Place,
    flow: &Flow,
    number: usize,
    random: &mut fastrand::Rng,
) -> anyhow::Result<Option<String>> {
    if flow.merge {
        somebody_elses(place, number)?;
    }
    for (nth, what) in flow.edits.iter().enumerate() {
        edit(place, *what, number * 10 + nth, random)?;
    }
    let mut refused = ends(place, 0, &["verify"])?;
    for what in &flow.idles {
        idle(place, *what, random)?;
        if *what == Idle::VerifyAgain {
            refused = refused.or(ends(place, 0, &["verify"])?);
        }
        if *what == Idle::RedAndBack {
            place.write(BROKEN, "")?;
            refused = refused.or(ends(place, 14, &["verify"])?);
            std::fs::remove_file(place.root().join(BROKEN))?;
        }
    }
    let message = format!("flow {number}");
    let name = format!("flow{number}");
    let commit = ["ship", "commit", "-m", &message];
    let ways: &[&[&str]] = match flow.way {
        Way::Commit => &[&commit],
        Way::Branch => &[&["ship", "branch", &name]],
        Way::Patch => &[&["ship", "patch"]],
        Way::Push => &[&commit, &["ship", "push"]],
    };
    for args in ways {
        refused = match refused {
            None => ends(place, 0, args)?,
            Some(refused) => return Ok(Some(refused)),
        };
    }
    Ok(refused)
}

/// Another person's commit on what the remote has, merged here and not committed yet. What was not shipped is dropped.
fn somebody_elses(place: &Place, number: usize) -> anyhow::Result<()> {
    let side = format!("side{number}");
    place.git(&["reset", "-q", "--hard"])?;
    place.git(&["clean", "-q", "-f", "-d"])?;
    place.git(&["checkout", "-q", "-b", &side, "origin/main"])?;
    place.write(&format!("theirs/{number}.txt"), "theirs\n")?;
    place.git(&["add", "--all"])?;
    place.git(&["commit", "-q", "-m", "theirs"])?;
    let to = format!("{side}:main");
    // It was judged on another machine.
    place.git_with(&[("SOMEBODY", "else")], &["push", "-q", "origin", &to])?;
    place.git(&["checkout", "-q", "main"])?;
    place
        .git(&["merge", "-q", "--no-ff", "--no-commit", &side])
        .map(drop)
}

/// Runs a step; what it said, if it did not end so.
fn ends(place: &Place, exit: i32, args: &[&str]) -> anyhow::Result<Option<String>> {
    let out = place.brisk(args)?;
    let code = out.status.code().unwrap_or(-1);
    let step = args.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    Ok((code != exit).then(|| format!("`{step}` ended with {code}, not {exit}: {}", reason(&out))))
}

/// The first line that says why.
fn reason(out: &Output) -> String {
    let (err, text) = (
        String::from_utf8_lossy(&out.stderr).into_owned(),
        String::from_utf8_lossy(&out.stdout).into_owned(),
    );
    let mut lines = err.lines().chain(text.lines()).filter(|l| !l.trim().is_empty());
    let line = lines.next().unwrap_or_default();
    line.chars().take(160).collect()
}
