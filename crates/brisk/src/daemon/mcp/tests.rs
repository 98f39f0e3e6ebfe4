//! Servers that answer, hang, flood and end.

use super::*;
use brisk_testkit::mcp::ToolScript;
use std::cell::Cell;

fn config(script: &ToolScript, how: &str) -> ToolServer {
    ToolServer {
        command: script.command(how),
        pass: Vec::new(),
        timeout_s: if how == "hang" { 1 } else { 30 },
    }
}

fn arguments() -> Map<String, Value> {
    Map::from_iter([("text".to_owned(), json!("é"))])
}

#[test]
fn every_kind_of_server_gives_an_answer_or_is_cut_and_named() {
    let script = ToolScript::new();
    let cases = [
        ("echo", "echo: é", true),
        ("chatty", "echo: é", true),
        ("large", "(cut after 32768 of 100000 bytes)", true),
        ("fails", "it failed: no such row", true),
        ("refuses", "it failed: bad arguments", true),
        (
            "hang",
            "its server db was cut: it did not answer within 1 s",
            false,
        ),
        (
            "flood",
            "its server db was cut: it sent 1000 messages and no answer",
            false,
        ),
        ("endless", "its server db was cut: one line is longer than", false),
        ("ends", "its server db was cut: it ended", false),
    ];
    for (how, want, answered) in cases {
        let config = BTreeMap::from([("db".to_owned(), config(&script, how))]);
        let (mut servers, wrong) = Servers::open(&config, &|| true);
        assert_eq!(
            wrong,
            ["the tool server db has a tool without a usable name"],
            "{how}"
        );
        let tools = servers.tools();
        assert_eq!(tools[0].name.as_str(), "db__query", "{how}");
        assert_eq!(tools.len(), 1, "{how}: a name that no protocol takes is left out");
        for _ in 0..2 {
            match servers.call("db__query", &arguments(), &|| true) {
                Called::Answered(said) => assert!(answered && said.contains(want), "{how}: {said}"),
                Called::Refused(said) => assert!(!answered && said.contains(want), "{how}: {said}"),
            }
        }
        let Called::Refused(said) = servers.call("db__drop", &arguments(), &|| true) else {
            panic!("{how}: there is no such tool");
        };
        assert!(said.contains("db__drop"), "{how}: {said}");
    }
}

#[test]
fn one_that_does_not_begin_costs_its_own_tools_only() {
    let script = ToolScript::new();
    let none = ToolServer {
        command: vec!["/no/such/program".into()],
        pass: Vec::new(),
        timeout_s: 5,
    };
    let config = BTreeMap::from([("a".to_owned(), none), ("b".to_owned(), config(&script, "echo"))]);
    let (mut servers, wrong) = Servers::open(&config, &|| true);
    assert_eq!(servers.tools().len(), 1);
    assert!(
        wrong[0].contains("the tool server a was cut: ") && wrong.len() == 2,
        "{wrong:?}"
    );
    let Called::Refused(said) = servers.call("a__query", &arguments(), &|| true) else {
        panic!("it never began");
    };
    assert!(said.contains("/no/such/program"), "{said}");
    assert!(matches!(
        servers.call("b__query", &arguments(), &|| true),
        Called::Answered(_)
    ));
}

#[test]
fn a_stop_does_not_wait_for_a_server() {
    let script = ToolScript::new();
    let mut server = config(&script, "hang");
    server.timeout_s = 3_600;
    let (mut servers, _) = Servers::open(&BTreeMap::from([("db".to_owned(), server)]), &|| true);
    let looks = Cell::new(0);
    let wanted = || {
        looks.set(looks.get() + 1);
        looks.get() < 3
    };
    assert!(matches!(
        servers.call("db__query", &arguments(), &wanted),
        Called::Refused(_)
    ));
}
