//! What a command that does nothing wrong gets.

use crate::house::{House, run, sandbox};
use brisk_sandbox::{Exit, RunError};

#[tokio::test]
async fn outputs_and_ends_arrive() {
    let Some(sandbox) = sandbox() else { return };
    let cases: &[(&str, Exit, &str, &str)] = &[
        (
            "echo one; echo two >&2; printf three",
            Exit::Code(0),
            "one\nthree",
            "two\n",
        ),
        ("exit 7", Exit::Code(7), "", ""),
        ("kill -TERM $$", Exit::Signal(15), "", ""),
        ("kill -KILL $$", Exit::Signal(9), "", ""),
        ("cat", Exit::Code(0), "", ""),
    ];
    let house = House::new();
    for (script, exit, out, err) in cases {
        let ran = run(sandbox, house.script(script), None).await.unwrap();
        assert_eq!(
            (ran.outcome.exit, &*ran.out, &*ran.err),
            (*exit, *out, *err),
            "{script}"
        );
    }
}

#[tokio::test]
async fn a_command_that_cannot_start_says_why() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    std::fs::write(house.work().join("plain"), "text").unwrap();
    let error = |confined| async move { run(sandbox, confined, None).await.map(|_| ()).unwrap_err() };

    let found = error(house.command(&["brisk-no-such-program"])).await;
    assert!(
        matches!(&found, RunError::NotFound { program } if program == "brisk-no-such-program"),
        "{found}"
    );
    let found = error(house.command(&["./plain"])).await;
    assert!(matches!(found, RunError::NotPermitted { .. }), "{found}");
    let mut elsewhere = house.command(&["true"]);
    elsewhere.cwd = house.outside();
    let found = error(elsewhere).await;
    assert!(matches!(found, RunError::NoFolder { .. }), "{found}");
    assert!(matches!(error(house.command(&[])).await, RunError::Empty));
}

#[tokio::test]
async fn the_working_folder_can_be_changed_and_programs_in_it_run() {
    let Some(sandbox) = sandbox() else { return };
    let house = House::new();
    let script = "printf '#!/bin/sh\\necho ran' > own; chmod +x own; ./own; mkdir -p a/b; mv own a/b; rm -r a; echo x > kept";
    let ran = run(sandbox, house.script(script), None).await.unwrap();
    assert_eq!(ran.good(), "ran\n");
    assert_eq!(std::fs::read_to_string(house.work().join("kept")).unwrap(), "x\n");
}
