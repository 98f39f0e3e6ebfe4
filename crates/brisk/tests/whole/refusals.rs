//! Bad input: a clear message, a documented exit code, nothing lost.

use crate::house::{House, REGION, SHOP};
use brisk_testkit::{Act, Reply};
use std::os::unix::fs::PermissionsExt;

/// Runs an edit that must be refused without the model being asked.
fn refused(house: &House, exit: i32, target: &str, words: &str) {
    let said = house.ends(exit, &["edit", "--yes", "change it", target]);
    assert!(said.contains(words), "{target}: {said}");
    assert!(
        house.server.requests().is_empty(),
        "{target}: the model was asked"
    );
}

#[test]
fn targets_that_cannot_be_edited_are_refused_by_name() {
    let house = House::new();
    house.write("data.bin", b"\x00\x01\x02");
    house.write("latin.py", b"caf\xe9 = 1\n");
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.py"), "x = 1\n").unwrap();
    std::os::unix::fs::symlink(
        outside.path().join("secret.py"),
        house.repo.path().join("link.py"),
    )
    .unwrap();
    let big = std::fs::File::create(house.repo.path().join("big.py")).unwrap();
    big.set_len(100 * 1024 * 1024).unwrap();

    refused(&house, 4, "missing.py", "missing.py");
    refused(&house, 4, "data.bin", "binary");
    refused(&house, 4, "latin.py", "UTF-8");
    refused(&house, 4, "link.py", "link.py");
    refused(&house, 4, "big.py", "MiB");
    refused(&house, 4, ".git/config", "git");
    refused(
        &house,
        4,
        outside.path().join("secret.py").to_str().unwrap(),
        "outside",
    );
    refused(&house, 4, "shop.py:nothing_here", "no symbol");
    refused(&house, 4, "shop.py:90-95", "not in it");
    refused(&house, 4, "shop.py:9-2", "first before last");
}

#[test]
fn a_read_only_file_is_not_written() {
    let house = House::new();
    let path = house.repo.path().join("shop.py");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    house.answers(REGION);
    let said = house.ends(9, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    assert!(said.contains("read-only") && said.contains("chmod"), "{said}");
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn no_repository_and_an_empty_request() {
    let house = House::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let out = house
        .command(&["edit", "x"])
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&out.stderr).contains("git init"));
    house.ends(2, &["edit", "  ", "shop.py"]);
}

#[test]
fn no_model_says_how_to_get_one() {
    let house = House::new();
    std::fs::write(house.home.path().join("config.toml"), "").unwrap();
    let said = house.ends(5, &["edit", "--yes", "x", "shop.py"]);
    assert!(said.contains("brisk model pull"), "{said}");
}

#[test]
fn a_mistake_in_the_configuration_names_its_line() {
    let house = House::new();
    std::fs::write(
        house.home.path().join("config.toml"),
        "[lanes.fast]\ncandidate = 1\n",
    )
    .unwrap();
    let out = house.brisk(&["edit", "--yes", "x", "shop.py"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_ne!(out.status.code(), Some(0));
    assert!(said.contains("line 2") && said.contains("candidate"), "{said}");
}

/// The beginning of a model file: its head names an architecture and one tensor, whose data is not there.
fn head_of_a_model(architecture: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let name = text("general.architecture");
    let tensor = [
        &text("weights")[..],
        &1u32.to_le_bytes(),
        &64u64.to_le_bytes(),
        &[0; 12],
    ]
    .concat();
    [
        &b"GGUF"[..],
        &3u32.to_le_bytes(),
        &1u64.to_le_bytes(),
        &1u64.to_le_bytes(),
        &name,
        &8u32.to_le_bytes(),
        &text(architecture),
        &tensor,
    ]
    .concat()
}

#[test]
fn a_model_file_that_is_no_model() {
    let house = House::new();
    std::fs::write(house.home.path().join("config.toml"), "").unwrap();
    // Name, content, and words of the message: what is wrong, or what to do next.
    type Words<'a> = &'a [&'a str];
    let cases: [(&str, Option<Vec<u8>>, Words<'_>); 5] = [
        ("gone.gguf", None, &["gone.gguf", "brisk model pull"]),
        ("text.gguf", Some(b"hello".to_vec()), &["text.gguf", "not a GGUF"]),
        (
            "short.gguf",
            Some(b"GGUF\x03\0\0\0".to_vec()),
            &["short.gguf", "cut off"],
        ),
        (
            "cut.gguf",
            Some(head_of_a_model("qwen2")),
            &["cut.gguf", "cut off", "fetch it again"],
        ),
        (
            "foreign.gguf",
            Some([head_of_a_model("mamba"), vec![0; 1024]].concat()),
            &["\"mamba\"", "supported: ", "qwen2"],
        ),
    ];
    for (name, bytes, words) in cases {
        let path = house.home.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let out = house
            .command(&["edit", "--yes", "x", "shop.py"])
            .env("BRISK_MODEL", &path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(5), "{name}: {said}");
        // A build without the engine cannot tell one file from another, and says what it can use instead.
        let words = if cfg!(feature = "embedded") || name == "gone.gguf" {
            words
        } else {
            &["no embedded engine", "config.toml"]
        };
        for word in words {
            assert!(said.contains(word), "{name}: {word:?} in {said}");
        }
        house.ends(0, &["daemon", "stop"]);
    }
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn an_answer_that_breaks_the_file_is_not_offered() {
    let house = House::new();
    for _ in 0..2 {
        house.answers(&REGION.replace("(items)", "(items"));
    }
    let said = house.ends(1, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    assert!(said.contains("syntax"), "{said}");
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_model_that_says_nothing_is_given_up() {
    let house = House::with("[lanes.fast]\ndeadline = { first_token_ms = 200, stall_ms = 200 }\n");
    house.server.reply(Reply::stream(vec![Act::Hang]));
    let said = house.ends(7, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    assert!(said.contains("said nothing"), "{said}");
    house.server.wait_gone(1).unwrap();
}

#[test]
fn a_model_that_ends_without_a_word_is_told() {
    let house = House::new();
    for _ in 0..3 {
        house.server.reply(Reply::text(""));
    }
    let said = house.ends(1, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    assert!(
        said.contains("the answer is empty") && said.contains("name another model"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), SHOP);
}

/// Whatever it says for ever: it is stopped, the person is told, nothing is written.
#[test]
fn a_model_that_never_stops_is_stopped() {
    // What comes before; what then comes again and again; how it ends.
    let (endless, budget) = (
        (1, "did not end", "name another model"),
        (12, "budget", "ask for less"),
    );
    let cases = [
        ("one line", "```python\n", "    total += 1\n", budget),
        ("blanks", "```python\n", "\n", endless),
        ("no line end", "```python\n", "total ", endless),
        ("prose", "", "I will now think about it. ", endless),
        ("the region", "```python\n", REGION, budget),
    ];
    for (name, before, again, (exit, what, next)) in cases {
        let house = House::new();
        for _ in 0..3 {
            let again = Act::Repeat {
                text: again.into(),
                count: None,
            };
            house.server.reply(Reply::stream(vec![Act::text(before), again]));
        }
        let said = house.ends(exit, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
        assert!(said.contains(what) && said.contains(next), "{name}: {said}");
        assert_eq!(house.file("shop.py"), SHOP, "{name}");
        house.server.wait_gone(1).unwrap();
    }
}

#[test]
fn a_model_that_repeats_what_is_there_says_so() {
    let house = House::new();
    let same = &SHOP[..SHOP.find("\n\n").unwrap() + 1];
    for _ in 0..3 {
        house.answers(same);
    }
    let said = house.ends(1, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    assert!(
        said.contains("the answer changes nothing") && said.contains("name another model"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_copy_that_stops_early_is_a_copy_and_its_second_choice_may_stop_there_too() {
    let house = House::new();
    let first = &SHOP[..SHOP.find("\n\n").unwrap() + 1];
    house.answers(first);
    house.answers(&first.replacen("price", "cost", 1));
    let said = house.ends(0, &["edit", "--yes", "say cost", "shop.py"]);
    assert!(
        said.contains("the answer changes nothing; trying its second choice"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), SHOP.replacen("price", "cost", 1));
}

#[test]
fn server_faults_are_told_with_their_next_step() {
    let house = House::new();
    for (status, exit, words) in [
        (401, 5, "api_key_env"),
        (404, 5, "model"),
        (500, 7, "500"),
        (429, 7, "429"),
    ] {
        house
            .server
            .reply(Reply::refusal(status, "{\"error\":{\"message\":\"no\"}}"));
        let said = house.ends(exit, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
        assert!(said.contains(words), "{status}: {said}");
    }
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn over_budget_nothing_is_written() {
    let house = House::with("[lanes.fast]\nmax_patch = { files = 1, lines = 2 }\n");
    house.answers("def subtotal(items):\n    a = 1\n    b = 2\n    c = 3\n    return a + b + c\n");
    house.ends(12, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    assert_eq!(house.file("shop.py"), SHOP);
}
