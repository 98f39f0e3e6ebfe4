//! Hands on what was recorded: on this machine, and on the way to a server or to CI.

use crate::house::{House, POLICY, RIGHT, WRONG, said};
use crate::receive::commit;
use crate::server::push;
use crate::surfaces::shipped;

/// A ledger that somebody worked on: one line at least more than two, and that of another repository.
fn forgeries(text: &str, other: &str) -> Vec<(&'static str, String)> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let last = lines[lines.len() - 1];
    let all_but_last: String = lines[..lines.len() - 1].concat();
    let strip = |line: &str| {
        format!(
            "{}\"signatures\":[]}}\n",
            &line[..line.find("\"signatures\"").unwrap()]
        )
    };
    vec![
        ("its beginning gone", lines[1..].concat()),
        ("a line taken out", format!("{}{}", lines[0], lines[2..].concat())),
        ("a line twice", format!("{text}{last}")),
        (
            "two lines swapped",
            format!("{}{}{}", lines[1], lines[0], lines[2..].concat()),
        ),
        ("a byte of a payload", text.replacen("eyJ", "eyK", 1)),
        (
            "a signature stripped",
            text.replacen("\"signatures\":[{", "\"signatures\":[],\"x\":[{", 1),
        ),
        (
            "the last signature stripped",
            format!("{all_but_last}{}", strip(last)),
        ),
        (
            "the signature of another line",
            format!("{}{}", all_but_last, {
                let from = lines[0].find("\"signatures\"").unwrap();
                let to = last.find("\"signatures\"").unwrap();
                format!("{}{}", &last[..to], &lines[0][from..])
            }),
        ),
        ("that of another repository", other.to_owned()),
        ("lines of another repository", format!("{text}{other}")),
        ("no lines at all", "{}\n".to_owned()),
    ]
}

/// Somebody at the ledger. Each must end with 21, save what a crash leaves.
#[test]
fn hands_on_the_ledger() {
    let house = House::new();
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.write("shop.py", WRONG);
    house.ends(14, &["verify"]);
    let (path, head) = (house.gate().join("ledger"), house.gate().join("head"));
    let text = house.ledger();
    let said_head = std::fs::read_to_string(&head).unwrap();
    let other = House::new();
    other.write("shop.py", RIGHT);
    other.ends(0, &["verify"]);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut cases = forgeries(&text, &other.ledger());
    cases.push(("the red end cut off", lines[..lines.len() - 1].concat()));
    cases.push(("all of it gone", String::new()));
    for (name, bytes) in &cases {
        std::fs::write(&path, bytes).unwrap();
        for command in [&["ship", "commit", "-m", "x"][..], &["verify"], &["gate", "log"]] {
            let out = house.brisk(command);
            assert_eq!(out.status.code(), Some(21), "{name}: {command:?}: {}", said(&out));
        }
    }
    std::fs::write(&path, &text).unwrap();
    std::fs::remove_file(&head).unwrap();
    house.ends(21, &["verify"]);
    std::fs::write(&head, "{}").unwrap();
    house.ends(21, &["verify"]);
    std::fs::write(&head, &said_head).unwrap();
    // What a crash leaves: the beginning of a line.
    std::fs::write(&path, format!("{text}{}", &lines[0][..40])).unwrap();
    house.ends(14, &["verify"]);
    house.write("shop.py", RIGHT);
    house.ends(0, &["ship", "commit", "-m", "x"]);
    // Another key than the one that signed.
    std::fs::write(house.gate().join("key"), [7; 32]).unwrap();
    house.ends(21, &["gate", "log"]);
}

/// What is pushed was verified, and would be taken with the ledger as it is: any other is refused by the server and by
/// CI.
#[test]
fn evidence_that_was_worked_on_is_refused_outside() {
    let (house, remote) = shipped(POLICY);
    house.write("shop.py", RIGHT);
    house.ends(0, &["verify"]);
    house.ends(0, &["ship", "commit", "-m", "right"]);
    let own = house.git(&["for-each-ref", "--format=%(refname)", "refs/brisk"]);
    let own = own.trim();
    let before = house.git(&["rev-parse", own]);
    let text = house.ledger();
    let other = House::new();
    other.write("shop.py", RIGHT);
    other.ends(0, &["verify"]);
    let keys = remote.keys.to_str().unwrap();
    let tried = |name: &str, bytes: &str, taken: bool| {
        let forged = commit(&house, &[("ledger", bytes)], &[before.trim()]);
        house.git(&["update-ref", own, &forged]);
        let exit = if taken { 0 } else { 25 };
        let out = house.brisk(&["gate", "check", "HEAD", "--keys", keys]);
        assert_eq!(out.status.code(), Some(exit), "{name}: CI: {}", said(&out));
        let (through, words) = push(
            &house,
            &["--no-verify", "origin", "main", &format!("{own}:{own}")],
        );
        assert_eq!(through, taken, "{name}: the server: {words}");
    };
    for (name, bytes) in forgeries(&text, &other.ledger()) {
        tried(name, &bytes, false);
    }
    tried("as it is", &text, true);
}
