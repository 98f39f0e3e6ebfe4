//! Servers of tools that never come to be one: the work goes on without them.

use crate::house::{House, requests, right};

#[test]
fn servers_that_do_not_begin_are_named_and_hold_nobody_up() {
    let house = House::raw(&["m"]);
    let path = house.home.path().join("config.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let more = "[mcp.gone]\ncommand = [\"brisk-no-such-program\"]\n\
                [mcp.silent]\ncommand = [\"sleep\", \"600\"]\ntimeout_s = 1\n\
                [mcp.loud]\ncommand = [\"yes\"]\n\
                [mcp.short]\ncommand = [\"true\"]\n";
    std::fs::write(&path, format!("{config}{more}")).unwrap();
    house.accept();
    let names = ["gone", "silent", "loud", "short"];
    let calls: Vec<String> = names.iter().map(|n| format!("call {n}__query {{}}")).collect();
    house.says(0, &requests(&calls.join("\n")));
    house.says(0, &right());
    let said = house.ends(0, &["delegate", "make the tests pass", "shop.py", "--wait"]);
    assert!(said.contains("j1 ready"), "{said}");
    let told = house.servers[0].wait_request(2).unwrap().body["messages"].to_string();
    let log = std::fs::read_to_string(house.home.path().join("state/daemon.log")).unwrap();
    for name in names {
        let want = format!("{name}__query: its server {name} was cut: ");
        assert!(told.contains(&want), "{want}: {told}");
        let noted = format!("the tool server {name} was cut: ");
        assert!(log.contains(&noted), "{noted}: {log}");
    }
}
