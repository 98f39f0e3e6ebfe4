//! Where live turns go in the running product: limits, dead hosts, quotas, races, and the person's own words.

use crate::house::{Client, House, REGION, SHOP, fenced};
use brisk_domain::{Event, Route, SessionId};
use brisk_protocol::RequestId;
use brisk_testkit::{Act, FakeServer, Reply};
use serde_json::{Value, json};

/// A house with a second model, `other`, on a server of its own.
struct Two {
    house: House,
    other: FakeServer,
}

impl Two {
    fn new() -> Two {
        let other = FakeServer::start().unwrap();
        let more = format!(
            "[models.other]\nbase_url = \"{}\"\nmodel = \"other\"\nformat = \"region\"\n",
            other.url()
        );
        Two {
            house: House::with(&more),
            other,
        }
    }

    /// Both answer the next request with the edit.
    fn both_answer(&self) {
        self.house.answers(REGION);
        self.other.reply(Reply::text(&fenced(REGION)));
    }

    fn edit(&self) -> String {
        self.house.write("shop.py", SHOP);
        let said = self.house.ends(
            0,
            &["edit", "--yes", "multiply by the quantity", "shop.py:subtotal"],
        );
        assert!(self.house.file("shop.py").contains("quantity"), "{said}");
        said
    }

    fn asked(&self) -> (usize, usize) {
        (self.house.server.requests().len(), self.other.requests().len())
    }
}

fn policy(house: &House, text: &str) {
    std::fs::write(house.home.path().join("policy.toml"), text).unwrap();
}

fn repository_policy(house: &House, text: &str) {
    std::fs::create_dir_all(house.repo.path().join(".brisk")).unwrap();
    house.write(".brisk/policy.toml", text);
}

fn prompt(client: &mut Client, session: SessionId, extras: Value) -> RequestId {
    let params = json!({
        "sessionId": session.to_string(),
        "prompt": [{"type": "text", "text": "multiply by the quantity"}],
        "_meta": {"brisk": extras},
    });
    client.send("session/prompt", &params)
}

fn routed(client: &mut Client) -> Route {
    match client.until(|e| matches!(e, Event::Routed { .. })) {
        Event::Routed { route, .. } => route,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_sends_the_turn_on_at_once_and_the_vendor_is_left_alone() {
    let two = Two::new();
    two.house
        .server
        .reply(Reply::refusal(429, "{}").header("retry-after", "60"));
    two.both_answer();
    let said = two.edit();
    assert!(said.contains("trying other"), "{said}");
    assert_eq!(two.asked(), (1, 1));
    two.both_answer();
    let said = two.edit();
    for part in ["its vendor asked to wait, again in ", " s; other takes it"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(two.asked(), (1, 2), "the first one is not asked before its time");
}

/// A script sees the same end whether it is the server that says so or what is remembered of it.
#[test]
fn what_waiting_mends_ends_the_same_each_time() {
    let house = House::new();
    let limited = Reply::refusal(429, "{}").header("retry-after", "60");
    house.server.reply(limited);
    let edit = ["edit", "--yes", "multiply by the quantity", "shop.py:subtotal"];
    let first = house.ends(7, &edit);
    assert!(first.contains("again in 60 s"), "{first}");
    let second = house.ends(7, &edit);
    assert!(second.contains("try again in "), "{second}");
    assert_eq!(house.server.requests().len(), 1);
}

#[test]
fn a_dead_host_costs_a_line_and_after_three_times_nothing() {
    // A port that nobody listens at.
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let dead = free.local_addr().unwrap();
    drop(free);
    let house = House::with(&format!(
        "[models.dead]\nbase_url = \"http://{dead}\"\nmodel = \"d\"\nformat = \"region\"\n"
    ));
    let edit = || {
        house.write("shop.py", SHOP);
        house.answers(REGION);
        house.ends(
            0,
            &["edit", "--yes", "multiply by the quantity", "shop.py:subtotal"],
        )
    };
    for _ in 0..3 {
        let said = edit();
        assert!(said.contains("trying fake"), "{said}");
    }
    let said = edit();
    assert!(
        said.contains("failed several times") && said.contains("fake takes it"),
        "{said}"
    );
    assert_eq!(house.server.requests().len(), 4);
}

#[test]
fn one_stream_at_once_sends_the_second_session_to_the_other_model() {
    let two = Two::new();
    policy(&two.house, "[models.fake]\nquota = { concurrent = 1 }\n");
    two.house.answers_in_two(
        "def subtotal(items):\n",
        &REGION["def subtotal(items):\n".len()..],
    );
    two.other.reply(Reply::text(&fenced(REGION)));
    let (mut one, mut two_) = (two.house.client(), two.house.client());
    let (a, b) = (
        one.session(two.house.repo.path()),
        two_.session(two.house.repo.path()),
    );
    let first = one.prompt(a, "multiply", "shop.py:subtotal");
    one.until(|e| matches!(e, Event::FirstToken { .. }));
    let second = two_.prompt(b, "multiply", "shop.py:subtotal");
    assert_eq!(routed(&mut two_).choice.model.0, "other");
    two_.until(|e| matches!(e, Event::Notice { text, .. } if text.contains("requests at once are used up")));
    two_.answer(&second).unwrap();
    two.house.server.open("more");
    one.answer(&first).unwrap();
    assert_eq!(two.asked(), (1, 1));
    // Given back: the next one is its again.
    two.both_answer();
    let third = two_.prompt(b, "multiply", "shop.py:subtotal");
    two_.answer(&third).unwrap();
    assert_eq!(two.asked(), (2, 1));
}

/// Who is silent gives its place back before the next one asks for it.
#[test]
fn the_only_place_of_a_lane_goes_on_to_the_fallback() {
    let other = FakeServer::start().unwrap();
    let more = format!(
        "[models.other]\nbase_url = \"{}\"\nmodel = \"other\"\nformat = \"region\"\n\n\
         [lanes.fast]\ncandidates = [\"fake\", \"other\"]\ndeadline = {{ first_token_ms = 1000, stall_ms = 1000 }}\n",
        other.url()
    );
    let house = House::with(&more);
    let two = Two { house, other };
    policy(&two.house, "[lanes.fast]\nquota = { concurrent = 1 }\n");
    two.house.server.reply(Reply::stream(vec![Act::Hang]));
    two.other.reply(Reply::text(&fenced(REGION)));
    let said = two.edit();
    assert!(
        said.contains("fake said nothing for 1.0 s; trying other"),
        "{said}"
    );
    assert_eq!(two.asked(), (1, 1));
}

#[test]
fn a_model_that_is_late_is_raced_and_the_loser_let_go() {
    let two = Two::new();
    let ask = |words: &str| {
        let said = two.house.ends(0, &["ask", "what does it do?", "shop.py"]);
        assert!(said.contains(words), "{said}");
        said
    };
    for _ in 0..8 {
        two.house
            .server
            .reply(Reply::text("it sums up the prices of all items"));
        ask("sums up");
    }
    assert_eq!(two.asked(), (8, 0));
    two.house.server.reply(Reply::stream(vec![Act::Hang]));
    two.other.reply(Reply::text("it adds prices"));
    let said = ask("adds prices");
    for part in ["fake is late; other is asked, too", "other answered first"] {
        assert!(said.contains(part), "{said}");
    }
    two.house.server.wait_gone(9).unwrap();
    assert_eq!(two.asked(), (9, 1));
}

#[test]
fn the_persons_words_come_first() {
    let two = Two::new();
    let edit = |exit, flags: &[&str]| {
        two.both_answer();
        two.house.write("shop.py", SHOP);
        let task = [
            "edit",
            "--yes",
            "--json",
            "multiply by the quantity",
            "shop.py:subtotal",
        ];
        two.house.ends(exit, &[&task[..], flags].concat())
    };
    let said = edit(5, &["--lane", "slow"]);
    assert!(said.contains("the slow lane is `brisk delegate`"), "{said}");
    assert_eq!(two.asked(), (0, 0));
    let said = edit(0, &["--lane", "fast", "--latency", "relaxed", "--model", "other"]);
    let route: Value = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["type"] == "route")
        .unwrap();
    assert_eq!(
        (&route["lane"], &route["model"]),
        (&json!("fast"), &json!("other"))
    );
    assert_eq!(route["shape"]["latency"], "relaxed");
    assert_eq!(route["why"], "you named the lane; you named it");
    assert_eq!(two.asked(), (0, 1));
    edit(2, &["--lane", "quick"]);

    let mut client = two.house.client();
    let session = client.session(two.house.repo.path());
    two.both_answer();
    let extras =
        json!({"targets": ["shop.py:subtotal"], "intent": "edit", "lane": "fast", "latency": "normal"});
    let id = prompt(&mut client, session, extras);
    let route = routed(&mut client);
    assert_eq!(
        (route.why().as_str(), route.shape["latency"].as_str()),
        ("you named the lane; best of 2", "normal")
    );
    client.answer(&id).unwrap();
}

#[test]
fn a_repository_narrows_and_a_mistake_stops() {
    let two = Two::new();
    repository_policy(&two.house, "[models.fake]\nenabled = false\n");
    two.both_answer();
    two.edit();
    assert_eq!(two.asked(), (0, 1));

    let deny = "[[deny]]\nwhen = { paths = [\"shop.py\"] }\nlane = \"fast\"\n";
    repository_policy(&two.house, deny);
    let task = ["edit", "--yes", "multiply by the quantity", "shop.py:subtotal"];
    let said = two.house.ends(5, &task);
    assert!(
        said.contains("denied by the repository's policy, line 2"),
        "{said}"
    );
    let named = two
        .house
        .ends(5, &[&task[..], &["--lane", "fast", "--model", "fake"]].concat());
    assert!(
        named.contains("denied by"),
        "whoever names it is not let past it: {named}"
    );

    repository_policy(&two.house, "");
    policy(&two.house, "[models.fake]\nenabled = 7\n");
    let said = two.house.ends(5, &task);
    assert!(
        said.contains("policy.toml:2:11") && said.contains("brisk route check"),
        "{said}"
    );
    assert_eq!(two.asked(), (0, 1), "nobody was asked");
}

#[test]
fn what_belongs_in_the_slow_lane_costs_a_line() {
    let two = Two::new();
    two.both_answer();
    let said = two.house.ends(
        0,
        &[
            "edit",
            "--yes",
            "multiply by the quantity and make the tests pass",
            "shop.py:subtotal",
        ],
    );
    assert!(said.contains("looks like work for the slow lane"), "{said}");
    assert!(two.house.file("shop.py").contains("quantity"));
    two.house.write("shop.py", SHOP);
    two.both_answer();
    let said = two.house.ends(
        0,
        &[
            "edit",
            "--yes",
            "--lane",
            "fast",
            "multiply and make the tests pass",
            "shop.py:subtotal",
        ],
    );
    assert!(!said.contains("slow lane"), "{said}");
}

#[test]
fn what_decisions_were_worth_is_told() {
    let two = Two::new();
    let nothing = two.house.ends(0, &["route", "report"]);
    assert!(nothing.contains("no turn with an outcome"), "{nothing}");
    for _ in 0..3 {
        two.both_answer();
        two.edit();
    }
    two.house.ends(0, &["undo"]);
    // Its end waits until everything is written down.
    two.house.ends(0, &["daemon", "stop"]);
    let said = two.house.ends(0, &["route", "report", "--json"]);
    let report: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&report["type"], &report["turns"]),
        (&json!("route_report"), &json!(3))
    );
    let class = &report["classes"][0];
    assert!(
        class["class"].as_str().unwrap().ends_with("/ selection / normal"),
        "{class}"
    );
    let tried = &class["tried"][0];
    assert_eq!((&tried["model"], &tried["turns"]), (&json!("fake"), &json!(3)));
    assert_eq!(tried["endings"], json!({"kept": 2, "undone": 1}));
    assert_eq!((&class["best"], &class["regret"]), (&json!("fake"), &json!(0)));
    let page = two.house.ends(0, &["route", "report"]);
    assert!(
        page.contains("2 kept, 1 undone") && !page.contains("quantity"),
        "{page}"
    );
}

/// Eight sessions ask at the same time; whoever decided for a model before another one took its last slot goes on to the
/// next. Nobody is turned away, and the bound holds.
#[test]
fn sessions_that_ask_at_once_share_what_there_is() {
    let two = Two::new();
    policy(&two.house, "[models.fake]\nquota = { concurrent = 1 }\n");
    let whole = fenced(REGION);
    two.house.server.reply(Reply::text(&whole).hold("go"));
    (0..7).for_each(|_| two.other.reply(Reply::text(&whole)));
    let mut clients: Vec<(Client, SessionId)> = (0..8)
        .map(|_| {
            let mut client = two.house.client();
            let session = client.session(two.house.repo.path());
            (client, session)
        })
        .collect();
    let prompts: Vec<RequestId> = clients
        .iter_mut()
        .map(|(client, session)| client.prompt(*session, "multiply", "shop.py:subtotal"))
        .collect();
    two.other.wait_request(7).unwrap();
    two.house.server.wait_request(1).unwrap();
    assert_eq!(two.asked(), (1, 7));
    two.house.server.open("go");
    for ((client, _), prompt) in clients.iter_mut().zip(&prompts) {
        assert_eq!(client.answer(prompt).unwrap()["stopReason"], "end_turn");
    }
}
