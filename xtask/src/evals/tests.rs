//! The whole run, with a script in the product's place and another in Python's.

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Edits the file as the instruction says, or delegates it, and writes down what it was called with.
const BRISK: &str = r#"#!/bin/sh
log=$(dirname "$0")/calls
case "$1" in
model) exit 1 ;;
daemon) echo "$1 $2 $BRISK_HOME" >> "$log"; exit 0 ;;
verify) read -r answer; [ "$answer" = y ]; exit ;;
jobs)
    echo "$1 $2 $3" >> "$log"
    [ "$2" = cancel ] && exit 0
    [ -f made ] || { echo 'conflicts' >&2; exit 6; }
    cp made f.py; exit 0 ;;
esac
for last; do :; done
command=$1
while [ "$1" != -- ]; do shift; done
echo "$command $2 $last" >> "$log"
[ -d .git ] || exit 4
job() {
    echo '{"type":"delegated","t_us":1,"job":7,"models":["fake"],"base":"b"}'
    echo '{"type":"job","t_us":2000000,"job":7,"state":{"state":"'"$1"'","why":"'"$2"'"},"attempts":[{"rounds":2,"steps":3,"tokens":100,"micros":5},{"rounds":1,"steps":1,"tokens":11,"micros":0}]}'
}
if [ "$command" = delegate ]; then
    grep -q test_task.py brisk.toml || exit 4
    case "$2" in
    good) echo 'return 2 # fixed' > made; job ready ;;
    liar) echo 'return 3' > made; job ready ;;
    clash) job ready ;;
    none) job failed 'every place was tried'; exit 26 ;;
    lost) job open; exit 8 ;;
    no-model) echo '{"type":"error","t_us":5,"exit":5,"message":"no usable model"}'; exit 5 ;;
    esac
    exit 0
fi
file=${last%%:*}
end() { echo '{"type":"turn_ended","t_us":4,"reason":"'"$1"'","input_tokens":10,"cached_tokens":4,"output_tokens":5}'; }
kept() { end end_turn; echo '{"type":"kept","t_us":5,"exit":0,"hunks":1,"first_us":1000,"turn_us":2000}'; }
echo '{"type":"route","t_us":1,"model":"fake"}'
case "$2" in
good) echo 'return 2 # fixed' > "$file"; kept ;;
long) printf 'return 2 # fixed\n#\n#\n' > "$file"; kept ;;
wrong) echo 'return 3' > "$file"; kept ;;
torn) echo 'BROKEN' > "$file"; kept ;;
none) end end_turn; echo '{"type":"error","t_us":5,"exit":1,"message":"the model proposed no change"}'; exit 1 ;;
refused) end failed; echo '{"type":"error","t_us":5,"exit":1,"message":"no answer parsed"}'; exit 1 ;;
big) end cancelled; echo '{"type":"error","t_us":5,"exit":12,"message":"too long"}'; exit 12 ;;
stall) end cancelled; echo '{"type":"error","t_us":5,"exit":7,"message":"stalled"}'; exit 7 ;;
no-model) echo '{"type":"error","t_us":5,"exit":5,"message":"no usable model"}'; exit 5 ;;
hang) echo '{"type":"star'; while :; do :; done ;;
esac
"#;

/// `-I -c PROGRAM FILE` parses, `check.py SET ID FILE` grades, anything else is fine.
const PYTHON: &str = r#"#!/bin/sh
for last; do :; done
case "$1" in
-I) ! grep -q BROKEN "$last" ;;
*/check.py) if grep -q fixed "$last"; then echo PASS; else echo FAIL; exit 1; fi ;;
esac
"#;

struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    /// A set with one task per instruction.
    fn new(instructions: &[&str]) -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        script("brisk", BRISK);
        script("python", PYTHON);
        let lines: Vec<String> = instructions
            .iter()
            .enumerate()
            .map(|(i, instruction)| {
                serde_json::json!({
                    "id": format!("Python/{i}"), "before": "return 1\n", "after": "return 2 # fixed\n",
                    "instruction": instruction, "entry_point": "f", "minimal_changed_lines": 2, "tests": "check(f)",
                })
                .to_string()
            })
            .collect();
        std::fs::write(dir.path().join("humanevalfix-python.jsonl"), lines.join("\n")).unwrap();
        Stage { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn options(&self) -> Options {
        Options {
            sets: vec![Set::FixPython],
            limit: None,
            model: None,
            target: Target::File,
            binary: Some(self.path("brisk")),
            evals: Some(self.dir.path().to_owned()),
            models: None,
            config: None,
            out: Some(self.path("out.jsonl")),
            timeout: 60,
            python: self.path("python").into(),
            delegate: false,
            selftest: false,
        }
    }

    fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn edits(&self) -> usize {
        self.calls()
            .iter()
            .filter(|call| call.starts_with("edit"))
            .count()
    }
}

/// Result, table, and whether the last thing done was to stop the daemon of a home that is gone now.
async fn go(stage: &Stage, options: Options) -> (Result<ExitCode, String>, String, bool) {
    let (mut out, mut log) = (Vec::new(), Vec::new());
    let ended = execute(options, std::future::pending(), &mut out, &mut log).await;
    let calm = stage.calls().last().and_then(|call| {
        call.strip_prefix("daemon stop ")
            .map(|home| !Path::new(home).exists())
    });
    (
        ended.map_err(|e| format!("{e:#}")),
        String::from_utf8(out).unwrap(),
        calm.unwrap_or(false),
    )
}

#[tokio::test]
async fn every_way_for_an_edit_to_end() {
    let stage = Stage::new(&["good", "long", "wrong", "torn", "none", "refused", "big", "stall"]);
    let (ended, table, calm) = go(&stage, stage.options()).await;
    assert_eq!(ended, Ok(ExitCode::SUCCESS));
    assert!(calm, "{:?}", stage.calls());
    let row: Vec<&str> = table
        .lines()
        .find(|line| line.contains("humanevalfix-python"))
        .unwrap()
        .split('|')
        .map(str::trim)
        .collect();
    assert_eq!(
        row[1..13],
        [
            "humanevalfix-python",
            "8",
            "2 (25.0 %)",
            "2 (25.0 %)",
            "1 (12.5 %)",
            "1 (12.5 %)",
            "1 (12.5 %)",
            "1.00/2.00",
            "1/1",
            "0.00/0.00",
            "80 (32)",
            "5/5",
        ]
    );
    assert_eq!(stage.calls()[0], "edit good f.py");
}

#[tokio::test]
async fn a_second_run_does_only_what_is_missing() {
    let stage = Stage::new(&["good", "stall", "none"]);
    let first = Options {
        limit: Some(1),
        ..stage.options()
    };
    go(&stage, first).await.0.unwrap();
    assert_eq!(stage.edits(), 1);
    go(&stage, stage.options()).await.0.unwrap();
    assert_eq!(stage.edits(), 3);
    // Only the one that had trouble is tried again.
    let (_, table, _) = go(&stage, stage.options()).await;
    assert_eq!(stage.edits(), 4);
    assert!(table.contains("| 3     | 1 (33.3 %)"), "{table}");
    let other = Options {
        target: Target::Symbol,
        ..stage.options()
    };
    let (ended, ..) = go(&stage, other).await;
    assert!(ended.unwrap_err().contains("another setting"));
}

#[tokio::test]
async fn a_symbol_can_be_named() {
    let stage = Stage::new(&["good"]);
    let options = Options {
        target: Target::Symbol,
        model: Some("m".into()),
        ..stage.options()
    };
    let (ended, table, _) = go(&stage, options).await;
    assert_eq!(ended, Ok(ExitCode::SUCCESS));
    assert!(table.starts_with("model m, target symbol\n"), "{table}");
    assert_eq!(stage.calls()[0], "edit good f.py:f");
}

#[tokio::test]
async fn what_no_edit_can_survive_ends_the_run_and_the_daemon() {
    for (instructions, want, edits) in [
        (vec!["no-model", "good"], "no edit can work like this", 1),
        (
            vec!["stall", "stall", "good", "stall", "stall", "stall", "good"],
            "3 edits in a row",
            6,
        ),
    ] {
        let stage = Stage::new(&instructions);
        let (ended, _, calm) = go(&stage, stage.options()).await;
        assert!(ended.unwrap_err().contains(want), "{want}");
        assert!(calm);
        assert_eq!(stage.edits(), edits);
    }
}

#[tokio::test]
async fn a_time_limit_is_trouble_and_not_a_torn_line() {
    let stage = Stage::new(&["hang"]);
    let options = Options {
        timeout: 1,
        ..stage.options()
    };
    let (ended, table, calm) = go(&stage, options).await;
    assert_eq!(ended, Ok(ExitCode::SUCCESS));
    assert!(calm && table.contains("1 (100.0 %) | -"), "{table}");
}

#[tokio::test]
async fn a_stop_ends_the_edit_and_the_daemon() {
    let stage = Stage::new(&["hang", "good"]);
    let begun = async {
        while stage.edits() == 0 {
            tokio::task::yield_now().await;
        }
    };
    let (mut out, mut log) = (Vec::new(), Vec::new());
    let error = execute(stage.options(), begun, &mut out, &mut log)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "stopped");
    assert!(stage.calls().last().unwrap().starts_with("daemon stop"));
    assert_eq!(stage.edits(), 1);
}

#[tokio::test]
async fn the_checks_check_themselves() {
    let stage = Stage::new(&["good"]);
    let options = || Options {
        selftest: true,
        ..stage.options()
    };
    let (ended, out, _) = go(&stage, options()).await;
    assert_eq!(
        (ended, out.as_str()),
        (Ok(ExitCode::SUCCESS), "1 tasks, 0 unsound\n")
    );
    std::fs::write(stage.path("python"), "#!/bin/sh\necho PASS\n").unwrap();
    let (ended, out, _) = go(&stage, options()).await;
    assert_eq!(ended, Ok(ExitCode::FAILURE));
    assert!(out.ends_with("1 tasks, 1 unsound\n"), "{out}");
}

#[tokio::test]
async fn what_is_missing_is_said_first() {
    let stage = Stage::new(&["good"]);
    let no_binary = Options {
        binary: Some(stage.path("nothing")),
        ..stage.options()
    };
    let no_python = Options {
        python: stage.path("nothing").into(),
        ..stage.options()
    };
    let no_set = Options {
        sets: vec![Set::PolyglotRust],
        ..stage.options()
    };
    for (options, want) in [
        (no_binary, "cargo build --release"),
        (no_python, "was not found"),
        (no_set, "polyglot-rust"),
    ] {
        let (ended, ..) = go(&stage, options).await;
        let error = ended.unwrap_err();
        assert!(error.contains(want), "{want}: {error}");
    }
    assert_eq!(stage.edits(), 0);
}

#[tokio::test]
async fn every_way_for_a_job_to_end() {
    let stage = Stage::new(&["good", "liar", "none", "clash", "lost"]);
    let options = || Options {
        delegate: true,
        ..stage.options()
    };
    let (ended, table, calm) = go(&stage, options()).await;
    assert_eq!(ended, Ok(ExitCode::SUCCESS));
    assert!(calm, "{:?}", stage.calls());
    assert!(
        table.starts_with("model default, target file, delegated\n"),
        "{table}"
    );
    let row = "| humanevalfix-python | 5 | 2 (40.0 %) | 1 (20.0 %) | 2 (40.0 %) | 3/3 | 4/4 | 555 | $0.00 | 10 | 2.0/2.0 |";
    assert!(table.contains(row), "{table}");
    let calls = stage.calls();
    assert_eq!(calls[..2], ["delegate good f.py", "jobs merge j7"]);
    // One that nobody watches any more does not go on beside the others.
    assert_eq!(calls[calls.len() - 2], "jobs cancel j7");
    let lines = std::fs::read_to_string(stage.path("out.jsonl")).unwrap();
    let why = [
        "every place was tried",
        "it is ready and was not merged",
        "exit 8",
    ];
    assert!(why.iter().all(|why| lines.contains(why)), "{lines}");

    // Only what came to no judgement is tried again.
    go(&stage, options()).await.0.unwrap();
    let again: Vec<String> = stage.calls().split_off(calls.len());
    let asked = again.iter().filter(|c| c.starts_with("delegate"));
    assert!(
        asked.eq(["delegate clash f.py", "delegate lost f.py"]),
        "{again:?}"
    );
}

#[tokio::test]
async fn what_no_job_can_survive_ends_the_run_with_what_there_is() {
    for (instructions, want) in [
        (
            vec!["good", "no-model", "good"],
            "no job can work like this: exit 5",
        ),
        (vec!["good", "lost", "clash", "lost", "good"], "3 jobs in a row"),
    ] {
        let stage = Stage::new(&instructions);
        let options = Options {
            delegate: true,
            ..stage.options()
        };
        let (ended, table, calm) = go(&stage, options).await;
        assert!(ended.unwrap_err().contains(want), "{want}");
        assert!(calm && table.contains("| humanevalfix-python |"), "{table}");
        let good = stage
            .calls()
            .iter()
            .filter(|c| *c == "delegate good f.py")
            .count();
        assert_eq!(good, 1, "{want}");
    }
}

#[test]
fn only_a_run_of_everything_as_everybody_edits_is_kept() {
    let stage = Stage::new(&[]);
    let all = || Options {
        sets: vec![],
        evals: None,
        timeout: TIMEOUT,
        ..stage.options()
    };
    assert!(all().is_whole());
    let others = [
        Options {
            sets: vec![Set::FixPython],
            ..all()
        },
        Options {
            evals: Some(stage.path("sets")),
            ..all()
        },
        Options { timeout: 60, ..all() },
        Options {
            limit: Some(10),
            ..all()
        },
        Options {
            model: Some("big".into()),
            ..all()
        },
        Options {
            config: Some("c.toml".into()),
            ..all()
        },
        Options {
            target: Target::Symbol,
            ..all()
        },
        Options {
            delegate: true,
            ..all()
        },
    ];
    for other in others {
        assert!(!other.is_whole(), "{other:?}");
    }
}
