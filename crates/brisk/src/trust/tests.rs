use super::*;
use std::fs;
use tempfile::TempDir;

struct House {
    home: TempDir,
    repo: TempDir,
}

impl House {
    fn new() -> House {
        let (home, repo) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(repo.path().join(".git")).unwrap();
        fs::create_dir(repo.path().join(".brisk")).unwrap();
        House { home, repo }
    }

    fn trusts(&self) -> Trusts {
        Trusts::of(&Home::under(self.home.path()))
    }

    fn root(&self) -> PathBuf {
        root_of(self.repo.path()).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.repo.path().join(name), text).unwrap();
    }

    fn say(&self, level: Trust) {
        let pins = Asks::of(&self.root()).pins().unwrap();
        self.trusts().say(&self.root(), level, &pins).unwrap();
    }
}

#[test]
fn what_was_said_holds_for_what_was_seen() {
    type Change = fn(&House);
    let cases: [(&str, Change, &[&str]); 9] = [
        ("nothing", |_| (), &[]),
        ("other files do not count", |h| h.write("main.rs", "x"), &[]),
        ("written again as it was", |h| h.write("brisk.toml", "one"), &[]),
        (
            "another command",
            |h| h.write("brisk.toml", "two"),
            &["brisk.toml"],
        ),
        (
            "the commands are gone",
            |h| fs::remove_file(h.repo.path().join("brisk.toml")).unwrap(),
            &["brisk.toml"],
        ),
        (
            "a policy came",
            |h| h.write(".brisk/policy.toml", ""),
            &[".brisk/policy.toml"],
        ),
        (
            "a link",
            |h| {
                let path = h.repo.path().join("brisk.toml");
                fs::remove_file(&path).unwrap();
                h.write("other", "one");
                std::os::unix::fs::symlink("other", path).unwrap();
            },
            &["brisk.toml"],
        ),
        (
            "no text",
            |h| fs::write(h.repo.path().join("brisk.toml"), [0xff]).unwrap(),
            &["brisk.toml"],
        ),
        (
            "both",
            |h| {
                h.write("brisk.toml", "two");
                h.write(".brisk/policy.toml", "x");
            },
            &[".brisk/policy.toml", "brisk.toml"],
        ),
    ];
    for (what, change, want) in cases {
        let house = House::new();
        house.write("brisk.toml", "one");
        house.say(Trust::Trusted);
        change(&house);
        match house.trusts().standing(house.repo.path()) {
            Standing::Is(Trust::Trusted, said) => {
                assert_eq!((want, said.who.is_empty()), (&[][..], false), "{what}");
            }
            stale @ Standing::Stale { .. } => {
                assert_eq!(stale.fact(), Some(Trust::Untrusted), "{what}");
                let why = stale.bars_work().unwrap();
                assert!(why.contains("stale") && why.contains("brisk trust add"), "{why}");
                let Standing::Stale { changed, .. } = stale else {
                    unreachable!()
                };
                assert_eq!(changed, want, "{what}");
            }
            other @ (Standing::Unknown | Standing::Unreadable(_) | Standing::Is(..)) => {
                panic!("{what}: {other:?}")
            }
        }
    }
}

#[test]
fn nobody_is_trusted_unsaid_and_looking_writes_nothing() {
    let house = House::new();
    let trusts = house.trusts();
    assert_eq!(trusts.standing(house.repo.path()), Standing::Unknown);
    assert_eq!(Standing::Unknown.fact(), None);
    assert!(trusts.taken_back(&house.root()).is_some());
    assert!(!TrustStore::path_in(&house.home.path().join("state")).exists());
    // Said by another process: this one sees it, and that it was taken back.
    house.say(Trust::Known);
    assert_eq!(
        trusts.standing(&house.repo.path().join(".brisk")).fact(),
        Some(Trust::Known)
    );
    assert_eq!(trusts.taken_back(&house.root()), None);
    assert!(house.trusts().take_back(&house.root()).unwrap());
    assert_eq!(trusts.standing(house.repo.path()), Standing::Unknown);
    let why = trusts.taken_back(&house.root()).unwrap();
    assert!(
        why.contains("nobody says now") && why.contains("`brisk trust add`, then delegate again"),
        "{why}"
    );
    // Nobody else is meant by it.
    house.say(Trust::Known);
    let other = House::new();
    assert_eq!(trusts.standing(other.repo.path()), Standing::Unknown);
}

#[test]
fn a_store_that_cannot_be_read_trusts_nobody() {
    let house = House::new();
    house.say(Trust::Trusted);
    let path = TrustStore::path_in(&house.home.path().join("state"));
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", path.display()));
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let standing = house.trusts().standing(house.repo.path());
    assert!(matches!(standing, Standing::Unreadable(_)), "{standing:?}");
    assert_eq!(standing.fact(), None);
    let why = standing.bars_work().unwrap();
    assert!(
        why.contains("Next: move trust.db in the state folder away"),
        "{why}"
    );
}
