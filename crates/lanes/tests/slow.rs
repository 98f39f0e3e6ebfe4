//! Whatever a model answers in delegated work.

use brisk_lanes::checks;
use proptest::prelude::*;

/// Lines that look like what the protocol knows, and a few that nearly do.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("```do".to_owned()),
        Just("```plan".to_owned()),
        Just("```".to_owned()),
        Just("<<<<<<< SEARCH".to_owned()),
        Just("=======".to_owned()),
        Just(">>>>>>> REPLACE".to_owned()),
        Just("    return 0".to_owned()),
        Just("    return 1".to_owned()),
        Just("done".to_owned()),
        Just("check".to_owned()),
        Just("shop.py".to_owned()),
        "(read|list|outline|run|grep|search|call) (\\./|\\.\\./|/|shop\\.py|docs|\\.git/config|x| |\\{\\}|1-2){0,3}",
        "[ -~é]{0,20}",
    ]
}

fn name() -> impl Strategy<Value = String> {
    let tools = vec![
        "read", "list", "search", "outline", "run", "edit", "plan", "check", "done", "db__x",
    ];
    prop_oneof![prop::sample::select(tools).prop_map(str::to_owned), "[a-z_]{0,8}"]
}

fn arguments() -> impl Strategy<Value = String> {
    let field = "(path|text|pattern|first|last|search|replace|steps|check)";
    let value = prop_oneof![
        Just("\"shop.py\"".to_owned()),
        Just("\"../x\"".to_owned()),
        Just("\".git/hooks/x\"".to_owned()),
        Just("\"    return 0\"".to_owned()),
        Just("\"\"".to_owned()),
        Just("[\"a\"]".to_owned()),
        "[0-9]{1,3}",
    ];
    let object = prop::collection::vec((field, value), 0..4).prop_map(|fields| {
        let fields: Vec<String> = fields.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
        format!("{{{}}}", fields.join(","))
    });
    prop_oneof![4 => object, 1 => "[ -~]{0,20}"]
}

/// Lines of plans, and a few that nearly are.
fn plan_line() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("```parts".to_owned()),
        1 => Just("```".to_owned()),
        6 => "part: ?[a-c ]{0,5}",
        6 => "files: ?((\\./)?[a-cA-C]{1,2}(/[a-c.]{1,2}/?)?,? ?){0,3}",
        1 => "[ -~é]{0,20}",
    ]
}

proptest! {
    #[test]
    fn plans_are_read_strictly(lines in prop::collection::vec(plan_line(), 0..14), whole in any::<bool>()) {
        let lines = lines.join("\n");
        checks::plan(&if whole { format!("```parts\n{lines}\n```") } else { lines });
    }

    #[test]
    fn words_stay_inside(answers in prop::collection::vec(prop::collection::vec(line(), 0..12), 1..6)) {
        let answers: Vec<String> = answers.into_iter().map(|lines| lines.join("\n")).collect();
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        checks::words(&answers);
    }

    #[test]
    fn calls_stay_inside(answers in prop::collection::vec((name(), arguments()), 1..12)) {
        let answers: Vec<(&str, &str)> = answers.iter().map(|(n, a)| (n.as_str(), a.as_str())).collect();
        checks::calls(&answers);
    }
}
