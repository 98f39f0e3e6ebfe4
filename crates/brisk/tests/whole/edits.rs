//! What a person does: edit, keep, undo; and what the world does meanwhile.

use crate::house::{House, REGION, SHOP};
use brisk_testkit::{Act, Reply};
use rustix::process::{Pid, Signal, kill_process};

fn edited() -> String {
    SHOP.replace("item[\"price\"]\n", "item[\"price\"] * item[\"quantity\"]\n")
}

#[test]
fn an_edit_is_kept_undone_and_redone() {
    let house = House::new();
    house.answers(REGION);
    house.ends(
        0,
        &["edit", "--yes", "multiply by the quantity", "shop.py:subtotal"],
    );
    assert_eq!(house.file("shop.py"), edited());
    house.ends(0, &["undo"]);
    assert_eq!(house.file("shop.py"), SHOP);
    house.ends(0, &["redo"]);
    assert_eq!(house.file("shop.py"), edited());
    assert!(house.ends(0, &["log"]).contains("multiply by the quantity"));
    assert_eq!(house.leftovers(), Vec::<String>::new());
}

#[test]
fn without_a_target_the_place_is_found() {
    let house = House::new();
    house.write("other.py", "def other():\n    return 1\n");
    house.answers(REGION);
    let said = house.ends(0, &["edit", "--yes", "subtotal should multiply by the quantity"]);
    assert!(said.contains("shop.py:1-"), "{said}");
    assert_eq!(house.file("shop.py"), edited());
}

#[test]
fn code_for_an_empty_function_is_not_cut_before_the_budget() {
    let house = House::new();
    house.write("new.py", "def new():\n    pass\n");
    let code: String = (0..70)
        .map(|n| format!("    total += item_{n} * 2 - 1\n"))
        .collect();
    // About as many bytes as a model's tokens have.
    let mut acts: Vec<Act> = code
        .as_bytes()
        .chunks(4)
        .map(|piece| Act::text(str::from_utf8(piece).unwrap()))
        .collect();
    acts.insert(0, Act::text("```python\ndef new():\n    total = 0\n"));
    acts.push(Act::text("    return total\n```"));
    house.server.reply(Reply::stream(acts));
    house.ends(0, &["edit", "--yes", "write it", "new.py"]);
    assert_eq!(
        house.file("new.py"),
        format!("def new():\n    total = 0\n{code}    return total\n")
    );
}

#[test]
fn the_hunk_is_seen_before_the_model_has_ended() {
    let house = House::new();
    house.answers_in_two(REGION, "");
    let mut edit = house.start(&["edit", "--json", "--yes", "multiply", "shop.py:subtotal"]);
    let ready = edit.until("hunk_ready");
    assert_eq!(
        ready["added"][0],
        "        total += item[\"price\"] * item[\"quantity\"]"
    );
    assert_eq!(
        house.file("shop.py"),
        SHOP,
        "the model has not ended, nothing is written"
    );
    house.server.open("more");
    edit.until("kept");
    assert_eq!(edit.finish().0, Some(0));
    assert_eq!(house.file("shop.py"), edited());
}

#[test]
fn a_second_edit_of_the_same_file_needs_no_new_connection() {
    // A server that continues a begun answer stops at the closing fence by itself.
    let house = House::made("prefill = true", "");
    house.server.reply(Reply::text(REGION));
    house.ends(0, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    house.server.reply(Reply::text(
        "def names(items):\n    return sorted(item[\"name\"] for item in items)\n",
    ));
    house.ends(0, &["edit", "--yes", "sort them", "shop.py:names"]);
    assert_eq!(house.server.connections(), 1);
    assert!(house.file("shop.py").contains("sorted"));
}

#[test]
fn the_persons_own_edit_elsewhere_survives_a_keep() {
    let house = House::new();
    house.answers_in_two(
        "def subtotal(items):\n",
        &REGION["def subtotal(items):\n".len()..],
    );
    let mut edit = house.start(&["edit", "--json", "--yes", "multiply", "shop.py:subtotal"]);
    edit.until("first_token");
    house.write("shop.py", format!("# mine\n{SHOP}"));
    house.server.open("more");
    edit.until("kept");
    assert_eq!(edit.finish().0, Some(0));
    assert_eq!(house.file("shop.py"), format!("# mine\n{}", edited()));
}

#[test]
fn the_persons_own_edit_of_the_same_line_is_a_conflict() {
    let house = House::new();
    house.answers_in_two(
        "def subtotal(items):\n",
        &REGION["def subtotal(items):\n".len()..],
    );
    let mut edit = house.start(&["edit", "--json", "--yes", "multiply", "shop.py:subtotal"]);
    edit.until("first_token");
    let mine = SHOP.replace("item[\"price\"]\n", "item[\"cost\"]\n");
    house.write("shop.py", &mine);
    house.server.open("more");
    assert_eq!(edit.finish().0, Some(6));
    assert_eq!(house.file("shop.py"), mine);
}

#[test]
fn a_file_that_goes_during_the_stream_is_a_conflict_and_stays_gone() {
    let house = House::new();
    house.answers_in_two(
        "def subtotal(items):\n",
        &REGION["def subtotal(items):\n".len()..],
    );
    let mut edit = house.start(&["edit", "--json", "--yes", "multiply", "shop.py:subtotal"]);
    edit.until("first_token");
    std::fs::remove_file(house.repo.path().join("shop.py")).unwrap();
    house.server.open("more");
    assert_eq!(edit.finish().0, Some(6));
    assert!(!house.repo.path().join("shop.py").exists());
}

#[test]
fn a_file_that_is_renamed_during_the_stream_is_a_conflict_and_both_names_stay_as_they_are() {
    let house = House::new();
    house.answers_in_two(
        "def subtotal(items):\n",
        &REGION["def subtotal(items):\n".len()..],
    );
    let mut edit = house.start(&["edit", "--json", "--yes", "multiply", "shop.py:subtotal"]);
    edit.until("first_token");
    let at = |name: &str| house.repo.path().join(name);
    std::fs::rename(at("shop.py"), at("store.py")).unwrap();
    house.server.open("more");
    let told = edit.until("kept");
    assert!(
        told["conflicts"][0]["why"].as_str().unwrap().contains("renamed"),
        "{told}"
    );
    assert!(told["hint"].as_str().unwrap().contains("as it is now"), "{told}");
    assert_eq!(edit.finish().0, Some(6));
    assert!(!at("shop.py").exists());
    assert_eq!(house.file("store.py"), SHOP);
    // The next step works: name the file as it is called now.
    house.answers(REGION);
    house.ends(0, &["edit", "--yes", "multiply", "store.py:subtotal"]);
    assert_eq!(house.file("store.py"), edited());
    assert_eq!(house.leftovers(), Vec::<String>::new());
}

/// A grammar that looks ahead at every comment would take minutes for this file, and hold the session meanwhile.
#[test]
fn a_file_of_many_comments_is_edited_like_any_other() {
    let house = House::new();
    let comments = format!("# {}\n", "x".repeat(80)).repeat(20_000);
    house.write("shop.py", format!("{SHOP}{comments}"));
    house.answers(REGION);
    house.ends(0, &["edit", "--yes", "multiply by the quantity", "shop.py:1-5"]);
    assert!(house.file("shop.py") == format!("{}{comments}", edited()));
}

#[test]
fn ctrl_c_stops_the_model_and_writes_nothing() {
    let house = House::new();
    house.answers_in_two("def subtotal(items):\n", "");
    let mut edit = house.start(&["edit", "--json", "--yes", "multiply", "shop.py:subtotal"]);
    edit.until("first_token");
    kill_process(Pid::from_raw(edit.pid()).unwrap(), Signal::INT).unwrap();
    house.server.wait_gone(1).unwrap();
    assert_eq!(edit.finish().0, Some(3));
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_client_that_is_killed_stops_its_model() {
    let house = House::new();
    house.answers_in_two("def subtotal(items):\n", "");
    let mut edit = house.start(&["edit", "--json", "--yes", "multiply", "shop.py:subtotal"]);
    edit.until("first_token");
    kill_process(Pid::from_raw(edit.pid()).unwrap(), Signal::KILL).unwrap();
    house.server.wait_gone(1).unwrap();
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_daemon_that_is_killed_mid_turn_blocks_nobody() {
    let house = House::new();
    house.answers_in_two("def subtotal(items):\n", "");
    let mut edit = house.start(&["edit", "--json", "--yes", "multiply", "shop.py:subtotal"]);
    edit.until("first_token");
    let old = house.daemon_pid();
    kill_process(Pid::from_raw(old).unwrap(), Signal::KILL).unwrap();
    let (exit, _) = edit.finish();
    assert_eq!(exit, Some(8));
    assert_eq!(house.file("shop.py"), SHOP);
    house.answers(REGION);
    house.ends(0, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    assert_eq!(house.file("shop.py"), edited());
    assert_ne!(house.daemon_pid(), old);
}

#[test]
fn invalid_utf8_from_the_model_breaks_nothing() {
    let house = House::new();
    let mut frame = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"```python\\ndef subtotal(items):\\n    return \\\"".to_vec();
    frame.extend_from_slice(b"\xff\xfe\\\"\\n```\"}}]}\n\n");
    house.server.reply(Reply::stream(vec![
        Act::Bytes { bytes: frame },
        Act::stop(),
        Act::Done,
    ]));
    // Shown with the sign for what is no text, and kept by nobody.
    let said = house.ends(11, &["edit", "simplify", "shop.py:subtotal"]);
    assert!(said.contains("return \"\u{FFFD}"), "{said}");
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn control_sequences_of_the_model_do_not_reach_the_terminal() {
    let house = House::new();
    house.answers(&REGION.replace("total = 0", "total = 0  # \u{1b}[2J\u{202e}"));
    let out = house.brisk(&["edit", "comment it", "shop.py:subtotal"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'), "{said:?}");
    assert!(said.contains("202E"), "made visible: {said:?}");
}

#[test]
fn asking_changes_nothing() {
    let house = House::new();
    house.server.reply(Reply::text("It adds the prices."));
    let said = house.ends(0, &["ask", "what does subtotal do?", "shop.py"]);
    assert!(said.contains("It adds the prices."), "{said}");
    assert_eq!(house.file("shop.py"), SHOP);
}

/// Nothing can be shown, so nothing is kept: and the command ends only when it knows that.
#[test]
fn an_output_that_is_full_stops_the_turn_and_the_end_is_awaited() {
    for more in [&["--json"][..], &[]] {
        let house = House::new();
        // Something is to be shown before the turn can end, and it ends in no other way.
        house.answers_in_two(REGION, "x = 1\n");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let args = ["edit", "multiply", "shop.py:subtotal", "--yes"];
        let mut command = house.command(&[&args[..], more].concat());
        let child = command
            .stdout(full)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let (ends, end) = std::sync::mpsc::channel();
        std::thread::spawn(move || ends.send(child.wait_with_output()));
        let out = end.recv_timeout(brisk_testkit::WAIT).unwrap().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let want = "nothing was written to your files";
        assert_eq!(out.status.code(), Some(130), "{said}");
        assert!(
            said.contains("the output cannot be written") && said.contains(want),
            "{said}"
        );
        house.ends(0, &["daemon", "stop"]);
        assert_eq!(
            house.file("shop.py"),
            SHOP,
            "nothing comes after the command's end"
        );
    }
}
