//! `route explain` and `route check` in the real binary.

use crate::house::House;
use serde_json::Value;

fn object(house: &House, exit: i32, args: &[&str]) -> Value {
    let said = house.ends(exit, &[&["route", "explain", "--json"], args].concat());
    serde_json::from_str(said.lines().next().unwrap_or_default()).unwrap()
}

#[test]
fn a_task_is_explained_without_a_daemon() {
    let house = House::new();
    let fast = object(&house, 0, &["rename total to amount", "shop.py"]);
    assert_eq!(
        (&fast["type"], &fast["lane"], &fast["model"]),
        (&"route".into(), &"fast".into(), &"fake".into())
    );
    let slow = object(&house, 0, &["migrate all services to the new logger"]);
    assert_eq!((&slow["lane"], &slow["model"]), (&"slow".into(), &"fake".into()));
    let runs = ["run the tests and fix what fails", "shop.py"];
    let live = object(&house, 0, &runs);
    assert_eq!(
        live["model"],
        Value::Null,
        "nobody said that the repository is known"
    );
    assert_eq!(live["live"]["model"], "fake", "an edit does it all the same");
    assert_eq!(
        object(&house, 0, &[&runs[..], &["--trust", "known"]].concat())["model"],
        "fake"
    );
    assert!(!house.home.path().join("run").exists(), "no daemon was started");
    std::fs::write(house.home.path().join("config.toml"), "").unwrap();
    let said = house.ends(5, &["route", "explain", "rename total to amount", "shop.py"]);
    assert!(said.contains("none is configured"), "{said}");
}

/// A rule that asks for trust lets a live turn pass once the person has said it, and no longer than it holds.
#[test]
fn what_the_person_said_of_the_repository_counts() {
    let house = House::new();
    std::fs::write(
        house.home.path().join("policy.toml"),
        "[lanes.fast]\ntrust.min = \"known\"\n",
    )
    .unwrap();
    let task = ["rename total to amount", "shop.py", "--lane", "fast"];
    let refused = object(&house, 5, &task);
    assert_eq!(refused["trust"], "unknown");
    assert!(
        refused["live"]["refused"]
            .as_str()
            .unwrap()
            .contains("brisk trust add")
    );
    // As `brisk trust add` writes it down, of a repository that asks for nothing.
    let row = brisk_store::TrustRow {
        level: "known".into(),
        who: "me".into(),
        at_ms: 1,
        digest: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        pins: vec![],
    };
    let root = house.repo.path().canonicalize().unwrap();
    let store = brisk_store::TrustStore::open(&house.home.path().join("state")).unwrap();
    store.put(&root, &row).unwrap();
    let live = object(&house, 0, &task);
    assert_eq!(
        (&live["trust"], &live["live"]["model"]),
        (&"known".into(), &"fake".into())
    );
    std::fs::create_dir(house.repo.path().join(".brisk")).unwrap();
    house.write(".brisk/policy.toml", "[[deny]]\nwhen = { intent = \"debug\" }\n");
    assert_eq!(object(&house, 5, &task)["trust"], "stale");
}

/// Bounds look at the file that is meant, as they do when it is edited.
#[test]
fn a_file_is_the_same_however_it_is_named() {
    let house = House::new();
    let deny = "[[deny]]\nwhen = { paths = [\"infra\"] }\n";
    std::fs::write(house.home.path().join("policy.toml"), deny).unwrap();
    let repo = house.repo.path();
    for folder in ["infra", "src"] {
        std::fs::create_dir(repo.join(folder)).unwrap();
    }
    house.write("infra/y.py", "a = 1\n");
    std::os::unix::fs::symlink("infra/y.py", repo.join("link.py")).unwrap();
    let whole = repo.join("infra/y.py");
    let cases = [
        ("", whole.to_str().unwrap()),
        ("", "src/../infra/y.py:1"),
        ("", "./infra/y.py"),
        ("", "link.py"),
        ("infra", "y.py:1-1"),
        ("src", "../infra/y.py"),
    ];
    for (folder, target) in cases {
        for (verb, intent) in [("route", Some("explain")), ("edit", None)] {
            let args = [verb].into_iter().chain(intent).chain(["rename a to b", target]);
            let args: Vec<&str> = args.collect();
            let out = house
                .command(&args)
                .current_dir(repo.join(folder))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.code(), Some(5), "{folder} {args:?}: {said}");
            assert!(
                said.contains("denied by your policy"),
                "{folder} {args:?}: {said}"
            );
        }
    }
}

#[test]
fn policies_are_read_and_checked() {
    let house = House::new();
    let own = house.home.path().join("policy.toml");
    std::fs::write(
        &own,
        "[[rule]]\nwhen = { intent = \"rename\" }\nlane = \"slow\"\n",
    )
    .unwrap();
    let task = ["rename total to amount", "shop.py"];
    assert_eq!(
        object(&house, 0, &task)["reasons"][0]["origin"]["layer"],
        "person"
    );
    std::fs::create_dir(house.repo.path().join(".brisk")).unwrap();
    house.write(".brisk/policy.toml", "[models.fake]\nenabled = false\n");
    assert_eq!(object(&house, 5, &task)["candidates"][0]["refused"]["bar"], "off");
    house.ends(0, &["route", "check"]);

    house.write(".brisk/policy.toml", "[[rule]]\nwhen = {}\nlane = \"fast\"\n");
    let said = house.ends(13, &["route", "check"]);
    assert!(
        said.contains(".brisk/policy.toml:1:3: error: `rule` is the person's to say"),
        "{said}"
    );
    house.ends(13, &["route", "check", ".brisk/policy.toml"]);
    house.ends(2, &["route", "explain", "x", "shop.py"]);
    std::fs::write(
        &own,
        "[[rule]]\nwhen = { files.min = 3, files.max = 1 }\nlane = \"slow\"\n",
    )
    .unwrap();
    let said = house.ends(13, &["route", "check", "--json"]);
    let first: Value = serde_json::from_str(said.lines().next().unwrap_or_default()).unwrap();
    assert_eq!(
        (&first["findings"][0]["line"], &first["findings"][0]["column"]),
        (&2.into(), &10.into())
    );
    house.ends(4, &["route", "check", "nowhere.toml"]);
}
