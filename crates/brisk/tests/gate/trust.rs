//! What a person says about a repository, and what hangs on it.

use crate::house::{House, POLICY, SHOP, TESTS};
use serde_json::Value;

fn shown(house: &House) -> Value {
    house.lines(0, "trust", &["trust", "show"]).remove(0)
}

#[test]
fn a_repository_is_trusted_with_what_was_shown_until_it_changes() {
    let files = [("shop.py", SHOP), ("test_shop.py", TESTS), ("brisk.toml", POLICY)];
    let house = House::raw(&files);
    let at_first = shown(&house);
    assert_eq!(at_first["standing"], "unknown");
    assert_eq!(at_first["asks"][0]["checks"][0]["run"][2], "unittest");
    house.ends(23, &["trust", "add"]);
    let said = house.answering(&house.repo, "n", 17, &["trust", "add"]);
    for line in POLICY.lines() {
        assert!(
            said.contains(line),
            "all that is confirmed is shown: {line}: {said}"
        );
    }
    assert_eq!(shown(&house)["standing"], "unknown", "a no is a no");
    house.ends(17, &["verify"]);

    house.at_terminal(0, &["trust", "add"]);
    let now = shown(&house);
    assert_eq!(
        (&now["standing"], &now["changed"]),
        (&"trusted".into(), &Value::Array(vec![]))
    );
    house.ends(0, &["verify"]);

    house.write("brisk.toml", &POLICY.replace("-v", "-q"));
    let stale = shown(&house);
    assert_eq!(
        (&stale["standing"], &stale["said"]),
        (&"stale".into(), &"trusted".into())
    );
    assert_eq!(stale["changed"][0], "brisk.toml");
    assert!(house.ends(0, &["status"]).contains("stale: brisk.toml changed"));
    house.write("brisk.toml", POLICY);
    assert_eq!(shown(&house)["standing"], "trusted", "as it was seen");

    house.ends(0, &["trust", "remove"]);
    assert_eq!(shown(&house)["standing"], "unknown");
    house.ends(17, &["verify"]);
}

/// To confirm checks is to know the repository: there is one notion.
#[test]
fn confirmed_checks_make_a_repository_known() {
    let house = House::new();
    let now = shown(&house);
    assert_eq!(now["standing"], "known");
    assert!(now["who"].is_string() && now["at_ms"].is_u64());
    house.write(".brisk/policy.toml", "[lanes.slow]\nenabled = false\n");
    assert_eq!(shown(&house)["changed"][0], ".brisk/policy.toml");
}
