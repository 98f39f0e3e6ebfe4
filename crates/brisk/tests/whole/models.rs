//! Models of vendors in the real binary: usable by name as soon as a variable is set, asked by nobody else, and no key
//! where it does not belong.

use crate::house::{House, REGION, SHOP, fenced};
use brisk_protocol::method;
use brisk_testkit::responses::{ResponsesServer, Speech};
use brisk_testkit::{Act, FakeServer, Reply};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

const KEY: &str = "sk-ant-very-secret-0123456789";
const HAIKU: &str = "anthropic/claude-haiku-4-5";

/// Runs with more variables; gives the exit code and all that was said.
fn run(house: &House, env: &[(&str, &str)], args: &[&str]) -> (Option<i32>, String) {
    let out: Output = house.command(args).envs(env.iter().copied()).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(!said.contains("very-secret"), "a key was printed: {said}");
    (out.status.code(), said)
}

fn ends(house: &House, exit: i32, env: &[(&str, &str)], args: &[&str]) -> String {
    let (code, said) = run(house, env, args);
    assert_eq!(code, Some(exit), "{args:?}: {said}");
    said
}

fn lines(said: &str) -> Vec<Value> {
    said.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// An edit in the Messages protocol.
fn messages(text: &str) -> Reply {
    let event = |value: Value| {
        let name = value["type"].as_str().unwrap().to_owned();
        Act::raw(format!("event: {name}\ndata: {value}\n\n"))
    };
    Reply::stream(vec![
        event(
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}),
        ),
        event(json!({"type": "ping"})),
        event(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        ),
        event(
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 30}}),
        ),
        event(json!({"type": "message_stop"})),
    ])
}

fn block() -> String {
    "shop.py\n<<<<<<< SEARCH\n        total += item[\"price\"]\n=======\n        total += item[\"price\"] * item[\"quantity\"]\n>>>>>>> REPLACE\n".to_owned()
}

/// Every byte below a folder.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(bytes_below(&path));
        } else if path.is_file() {
            all.extend(std::fs::read(&path).unwrap());
        }
    }
    all
}

const EDIT: [&str; 5] = [
    "edit",
    "multiply by the quantity",
    "shop.py:subtotal",
    "--yes",
    "--json",
];

#[test]
fn a_key_in_the_environment_is_enough_to_edit_by_name_and_is_nowhere_else() {
    let house = House::new();
    house.server.reply(messages(&block()));
    let url = house.server.url();
    let env = [("ANTHROPIC_API_KEY", KEY), ("ANTHROPIC_BASE_URL", url.as_str())];
    ends(&house, 0, &env, &[&EDIT[..], &["--model", HAIKU]].concat());
    assert!(house.file("shop.py").contains("* item[\"quantity\"]"));
    let got = house.server.wait_request(1).unwrap();
    assert_eq!(got.header("x-api-key"), Some(KEY));
    assert_eq!(got.body["model"], "claude-haiku-4-5");
    let pid = house.daemon_pid();
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    house.ends(0, &["daemon", "stop"]);
    for bytes in [
        arguments,
        bytes_below(house.home.path()),
        bytes_below(house.repo.path()),
    ] {
        let found = bytes.windows(b"very-secret".len()).any(|w| w == b"very-secret");
        assert!(!found, "a key was written down");
    }
}

#[test]
fn nothing_leaves_the_machine_unasked() {
    let house = House::new();
    let vendor = FakeServer::start().unwrap();
    let url = vendor.url();
    let env = [("ANTHROPIC_API_KEY", KEY), ("ANTHROPIC_BASE_URL", url.as_str())];
    // A repository may narrow the choice; it cannot make it.
    house.write("policy.toml", "");
    std::fs::create_dir(house.repo.path().join(".brisk")).unwrap();
    for policy in [
        String::new(),
        format!("[lanes.fast]\ncandidates = [\"fake\", \"{HAIKU}\"]\n"),
        format!("[lanes.fast]\ncandidates = [\"{HAIKU}\"]\n"),
    ] {
        house.write(".brisk/policy.toml", &policy);
        house.server.reply(Reply::refusal(500, "no"));
        house.server.reply(Reply::refusal(500, "no"));
        let (code, said) = run(&house, &env, &EDIT);
        assert_ne!(code, Some(0), "{said}");
        assert_eq!(house.file("shop.py"), SHOP);
    }
    assert_eq!(vendor.connections(), 0);
}

#[test]
fn whoever_has_vendors_models_only_is_told_to_name_one() {
    let house = House::new();
    std::fs::write(house.home.path().join("config.toml"), "").unwrap();
    let said = ends(&house, 5, &[("ANTHROPIC_API_KEY", KEY)], &EDIT);
    for part in ["--model", "brisk model pull"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_person_may_list_a_vendors_model_for_the_fast_lane() {
    let house = House::with(&format!("[lanes.fast]\ncandidates = [\"{HAIKU}\", \"fake\"]\n"));
    house.server.reply(messages(&block()));
    let url = house.server.url();
    let env = [("ANTHROPIC_API_KEY", KEY), ("ANTHROPIC_BASE_URL", url.as_str())];
    ends(&house, 0, &env, &EDIT);
    assert_eq!(
        house.server.wait_request(1).unwrap().body["model"],
        "claude-haiku-4-5"
    );
}

#[test]
fn a_repository_defines_no_models() {
    let house = House::new();
    let evil = FakeServer::start().unwrap();
    let model = format!(
        "[models.evil]\nbase_url = \"{0}\"\nmodel = \"m\"\napi_key_env = \"ANTHROPIC_API_KEY\"\n\n[models.fake]\nbase_url = \"{0}\"\nmodel = \"m\"\n",
        evil.url()
    );
    let entry = "[[model]]\nname = \"groq/evil\"\nprovider = \"groq\"\nmodel = \"m\"\ncontext = 9000\nformat = \"region\"\n";
    std::fs::create_dir(house.repo.path().join(".brisk")).unwrap();
    for folder in ["", ".brisk/"] {
        house.write(&format!("{folder}config.toml"), &model);
        house.write(&format!("{folder}models.toml"), entry);
        house.write(
            &format!("{folder}.env"),
            format!(
                "ANTHROPIC_BASE_URL={}\nOPENAI_BASE_URL={}\n",
                evil.url(),
                evil.url()
            ),
        );
    }
    let env = [("ANTHROPIC_API_KEY", KEY), ("GROQ_API_KEY", KEY)];
    let listed = ends(&house, 0, &env, &["model", "list", "--json"]);
    for model in lines(&listed) {
        let id = model["id"].as_str().unwrap();
        assert!(!id.contains("evil"), "{model}");
        assert!(
            !model["source"].as_str().unwrap_or_default().contains(&evil.url()),
            "{model}"
        );
    }
    let (code, said) = run(&house, &env, &[&EDIT[..], &["--model", "evil"]].concat());
    assert_ne!(code, Some(0), "{said}");
    // A policy of a repository that names models by address is refused as a whole, and so is the edit.
    house.write(".brisk/policy.toml", &model);
    let (code, said) = run(&house, &env, &EDIT);
    assert_ne!(code, Some(0), "{said}");
    assert_eq!(evil.connections(), 0, "{said}");
}

#[test]
fn the_list_says_what_is_usable_and_why_not() {
    let house = House::made("api_key_env = \"BRISK_TEST_NO_SUCH_KEY\"", "");
    let find = |env: &[(&str, &str)], id: &str| -> Value {
        let said = ends(&house, 0, env, &["model", "list", "--json"]);
        lines(&said).into_iter().find(|m| m["id"] == id).unwrap()
    };
    let fake = find(&[], "fake");
    assert_eq!(
        (&fake["origin"], &fake["state"]),
        (&json!("config"), &json!("missing"))
    );
    assert_eq!(fake["why"], "the variable BRISK_TEST_NO_SUCH_KEY holds no key");
    assert_eq!(
        find(&[("BRISK_TEST_NO_SUCH_KEY", KEY)], "fake")["state"],
        "configured"
    );
    let haiku = find(&[], HAIKU);
    assert_eq!(
        (&haiku["state"], &haiku["why"]),
        (&json!("missing"), &json!("ANTHROPIC_API_KEY is not set"))
    );
    assert_eq!(haiku["dollars_per_million"], json!({"input": 1.0, "output": 5.0}));
    assert_eq!(
        (&haiku["context"], &haiku["by_name"]),
        (&json!(200_000), &json!(true))
    );
    assert_eq!(find(&[("ANTHROPIC_API_KEY", KEY)], HAIKU)["state"], "ready");
    let insecure = [
        ("ANTHROPIC_API_KEY", KEY),
        ("ANTHROPIC_BASE_URL", "http://example.com"),
    ];
    let why = find(&insecure, HAIKU)["why"].as_str().unwrap().to_owned();
    assert!(
        why.contains("ANTHROPIC_BASE_URL") && why.contains("not encrypted"),
        "{why}"
    );
    let said = ends(&house, 0, &[("GROQ_API_KEY", KEY)], &["model", "list"]);
    for part in [
        "groq/gpt-oss-20b              131k $0.075/0.3    search_replace ready, at https://api.groq.com/openai/v1",
        "OPENAI_API_KEY is not set",
        "OLLAMA_HOST is not set",
        "not fetched: brisk model pull",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn what_a_local_ollama_has_is_usable_by_name() {
    let house = House::new();
    let ollama = FakeServer::start().unwrap();
    let host = ollama.url().replace("http://127.0.0.1", "0.0.0.0");
    let env = [("OLLAMA_HOST", host.as_str())];
    let said = ends(&house, 0, &env, &["model", "list", "--json"]);
    let listed = lines(&said)
        .into_iter()
        .find(|m| m["id"] == "ollama/fake")
        .unwrap();
    assert_eq!(listed["state"], "ready");
    ollama.reply(Reply::text(&fenced(REGION)));
    ends(
        &house,
        0,
        &env,
        &[&EDIT[..], &["--model", "ollama/fake"]].concat(),
    );
    assert_eq!(ollama.wait_request(1).unwrap().body["model"], "fake");
    drop(ollama);
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let said = ends(&house, 0, &[("OLLAMA_HOST", &gone)], &["model", "list"]);
    assert!(
        said.contains("ollama/...") && said.contains("nothing listens"),
        "{said}"
    );
}

#[test]
fn a_key_that_is_set_later_works_with_the_next_command() {
    let house = House::new();
    let url = house.server.url();
    let named = [&EDIT[..], &["--model", HAIKU]].concat();
    let without = ends(&house, 5, &[], &named);
    assert!(without.contains("ANTHROPIC_API_KEY is not set"), "{without}");
    let before = house.daemon_pid();
    let env = [("ANTHROPIC_API_KEY", KEY), ("ANTHROPIC_BASE_URL", url.as_str())];
    house.server.reply(messages(&block()));
    house.wait_for_no_client();
    ends(&house, 0, &env, &named);
    let after = house.daemon_pid();
    assert_ne!(before, after, "the idle daemon was renewed");
    // A terminal without the key changes nothing for the others.
    house.ends(0, &["status"]);
    assert_eq!(house.daemon_pid(), after);
    // So does a changed file.
    let config = house.home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("# mine\n{text}")).unwrap();
    house.wait_for_no_client();
    house.ends(0, &["status"]);
    assert_ne!(house.daemon_pid(), after);
}

/// Authorities and proxies are read when a client of a server is made, so the daemon begins anew with others.
#[test]
fn a_changed_way_to_servers_renews_the_daemon() {
    let house = House::new();
    house.ends(0, &["status"]);
    let mut before = house.daemon_pid();
    let file = house.home.path().join("ca.pem");
    let env = [("SSL_CERT_FILE", file.to_str().unwrap())];
    for text in [None, Some("one"), Some("one more")] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        house.wait_for_no_client();
        ends(&house, 0, &env, &["status"]);
        let after = house.daemon_pid();
        assert_ne!(before, after, "{text:?}");
        ends(&house, 0, &env, &["status"]);
        assert_eq!(house.daemon_pid(), after, "it is renewed once");
        before = after;
    }
    let [authorities] = env;
    let proxied = [authorities, ("HTTPS_PROXY", "http://127.0.0.1:9")];
    house.wait_for_no_client();
    ends(&house, 0, &proxied, &["status"]);
    assert_ne!(house.daemon_pid(), before);
}

/// Also where nothing else could be asked.
#[test]
fn a_named_model_says_why_it_cannot_be_asked() {
    let house = House::new();
    std::fs::write(house.home.path().join("config.toml"), "").unwrap();
    let key = ("OPENAI_API_KEY", KEY);
    let plain = [key, ("OPENAI_BASE_URL", "http://example.com/v1")];
    type Env<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Env<'_>, &str, &str); 5] = [
        (&[], "groq/gpt-oss-20b", "GROQ_API_KEY is not set"),
        (
            &[("GROQ_API_KEY", "")],
            "groq/gpt-oss-20b",
            "GROQ_API_KEY is not set",
        ),
        (&[], "nope/zzz", "there is no model nope/zzz"),
        (&plain, "openai/gpt-6.1-sol", "OPENAI_BASE_URL: "),
        (&[("OLLAMA_HOST", "box.example:1")], "ollama/x", "OLLAMA_HOST"),
    ];
    for (env, model, says) in cases {
        let said = ends(&house, 5, env, &[&EDIT[..], &["--model", model]].concat());
        assert!(said.contains(says), "{model}: {said}");
    }
    let said = ends(&house, 5, &[], &EDIT);
    assert!(said.contains("brisk model pull"), "{said}");
}

#[test]
fn a_doctor_is_not_content_where_nothing_can_be_asked() {
    let house = House::made("api_key_env = \"BRISK_TEST_NO_SUCH_KEY\"", "");
    let said = ends(&house, 13, &[], &["doctor"]);
    assert!(said.contains("none can be used"), "{said}");
    let (_, said) = run(&house, &[("BRISK_TEST_NO_SUCH_KEY", KEY)], &["doctor"]);
    assert!(!said.contains("none can be used"), "{said}");
    assert!(said.contains("ok   server: fake: http://127.0.0.1:"), "{said}");
}

#[test]
fn a_daemon_in_use_is_left_alone_and_says_what_to_do() {
    let house = House::new();
    let client = house.client();
    let before = house.daemon_pid();
    let env = [("ANTHROPIC_API_KEY", KEY)];
    let said = ends(&house, 5, &env, &[&EDIT[..], &["--model", HAIKU]].concat());
    assert!(said.contains("brisk daemon stop"), "{said}");
    assert_eq!(house.daemon_pid(), before);
    let (_, said) = run(&house, &[("OLLAMA_HOST", "127.0.0.1:1")], &["doctor"]);
    assert!(said.contains("has not seen: OLLAMA_HOST"), "{said}");
    drop(client);
}

/// A key and a text go where the terminal says, and by saying nothing it says the vendor's own address.
#[test]
fn nothing_goes_to_an_address_that_only_another_terminal_names() {
    let house = House::new();
    let url = house.server.url();
    let key = ("ANTHROPIC_API_KEY", KEY);
    let both = [key, ("ANTHROPIC_BASE_URL", url.as_str())];
    let named = [&EDIT[..], &["--model", HAIKU]].concat();
    // An address of this test, so that nothing leaves the machine: there nobody listens.
    let mine = [key, ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")];
    ends(&house, 0, &both, &["daemon", "start"]);
    let before = house.daemon_pid();
    // In use: it cannot be renewed.
    let client = house.client();
    for env in [&[key][..], &mine] {
        let said = ends(&house, 5, env, &named);
        for part in ["ANTHROPIC_BASE_URL", "brisk daemon stop"] {
            assert!(said.contains(part), "{said}");
        }
    }
    assert_eq!(house.server.requests().len(), 0);
    // What does not go there goes on.
    house.answers(REGION);
    ends(&house, 0, &[key], &EDIT);
    assert_eq!(house.daemon_pid(), before);
    assert_eq!(house.server.requests().len(), 1);
    client.leave();
    house.wait_for_no_client();
    // Nobody uses it: it is renewed, and knows no other address than this terminal.
    ends(&house, 0, &[key], &["daemon", "start"]);
    assert_ne!(house.daemon_pid(), before);
}

/// A server that refuses every request.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let body = format!("{{\"error\":{{\"message\":\"bad key {KEY}\"}}}}");
            let head = format!(
                "HTTP/1.1 401 Unauthorized\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    url
}

#[test]
fn the_doctor_looks_at_every_usable_server() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let house = House::with(&format!(
        "[models.gone]\nbase_url = \"http://{nobody}\"\nmodel = \"m\"\n\n[models.keyless]\nbase_url = \"http://127.0.0.1:9\"\nmodel = \"m\"\napi_key_env = \"BRISK_TEST_NO_SUCH_KEY\"\n\n[models.open]\nbase_url = \"http://example.com\"\nmodel = \"m\"\n"
    ));
    let refusing = refusing();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let env = [
        ("ANTHROPIC_API_KEY", KEY),
        ("ANTHROPIC_BASE_URL", refusing.as_str()),
        ("OPENAI_API_KEY", KEY),
        ("OPENAI_BASE_URL", silent.as_str()),
    ];
    let (_, said) = run(&house, &env, &["doctor", "--json"]);
    let checks: Vec<(String, String, String)> = lines(&said)
        .into_iter()
        .filter(|c| c["what"] == "server")
        .map(|c| ["level", "text", "next"].map(|k| c[k].as_str().unwrap_or_default().to_owned()))
        .map(|[level, text, next]| (level, text, next))
        .collect();
    for (level, says, then) in [
        ("ok", "fake: http://127.0.0.1:".to_owned(), ""),
        ("fail", "gone: nothing listens".to_owned(), "start the server"),
        (
            "warn",
            "keyless: the variable BRISK_TEST_NO_SUCH_KEY holds no key".to_owned(),
            "set it",
        ),
        ("fail", "open: ".to_owned(), "allow_insecure"),
        (
            "warn",
            format!("anthropic: {refusing}/v1 refused access (401)"),
            "ANTHROPIC_API_KEY",
        ),
        ("warn", format!("openai: {silent}"), ""),
    ] {
        let found = checks
            .iter()
            .find(|(l, text, next)| l == level && text.contains(&says) && next.contains(then));
        assert!(found.is_some(), "{level} {says} {then}: {checks:#?}");
    }
    assert_eq!(house.server.requests().len(), 0, "nothing was generated");
}

#[test]
fn a_mistake_in_the_catalogue_names_its_place() {
    let house = House::new();
    let entry = "[[model]]\nname = \"groq/mine\"\nprovider = \"groq\"\nmodel = \"m\"\ncontext = 9000\nformat = \"region\"\n";
    let own = house.home.path().join("models.toml");
    std::fs::write(&own, entry).unwrap();
    let said = ends(&house, 0, &[("GROQ_API_KEY", KEY)], &["model", "list", "--json"]);
    assert!(
        lines(&said)
            .iter()
            .any(|m| m["id"] == "groq/mine" && m["state"] == "ready")
    );
    std::fs::write(&own, entry.replace("9000", "\"many\"")).unwrap();
    for args in [&["model", "list"][..], &["doctor"], &EDIT] {
        let (code, said) = run(&house, &[], args);
        assert_ne!(code, Some(0), "{said}");
        assert!(
            said.contains("models.toml: line 5, column 11"),
            "{args:?}: {said}"
        );
    }
}

#[test]
fn a_file_that_is_opened_readies_the_server_and_sends_nothing_of_it() {
    let house = House::new();
    let mut client = house.client();
    let session = client.session(house.repo.path());
    client.tell(method::WARM, &json!({"sessionId": session, "path": "shop.py"}));
    house.server.wait_model_lists(1).unwrap();
    assert_eq!(house.server.requests().len(), 0);
}

/// A server of Responses reads ahead what every edit begins with, in the format of its model, once, and an edit then sends
/// the rest. Neither file nor path, not even a digest of it, goes anywhere before the person asks.
#[test]
fn what_is_sent_ahead_is_used_and_tells_nothing() {
    let house = House::new();
    let server = ResponsesServer::start().unwrap();
    let config = format!(
        "[models.fake]\nbase_url = \"{}\"\nmodel = \"gpt\"\nprotocol = \"responses\"\nformat = \"search_replace\"\n",
        server.url()
    );
    std::fs::write(house.home.path().join("config.toml"), config).unwrap();
    house.write("other.py", SHOP);
    let mut client = house.client();
    let session = client.session(house.repo.path());
    let mut open = |path: &str| client.tell(method::WARM, &json!({"sessionId": session, "path": path}));
    open("shop.py");
    let ahead = server.wait_asked(1).unwrap();
    let text = ahead.body.to_string();
    assert!(text.contains("SEARCH") && !text.contains("shop"), "{text}");
    assert_eq!(ahead.body["generate"], false);
    assert_eq!(ahead.body["prompt_cache_key"], "0000000000000000");
    server.wait_ended(1).unwrap();
    // It has that already.
    open("other.py");
    server.say(Speech::text(&block()));
    house.ends(0, &EDIT);
    let asked = server.wait_asked(2).unwrap();
    assert!(asked.body["previous_response_id"].is_string(), "{}", asked.body);
    assert!(
        !asked.body.to_string().contains("precise code editor"),
        "{}",
        asked.body
    );
    open("other.py");
    house.write("shop.py", SHOP);
    server.say(Speech::text(&block()));
    house.ends(0, &EDIT);
    assert_eq!(server.asked().len(), 3, "one ahead, and the two edits");
}

/// Whom a policy keeps from an edit is not contacted for it either.
#[test]
fn a_file_that_is_opened_contacts_nobody_who_is_barred() {
    let other = FakeServer::start().unwrap();
    let house = House::with(&format!(
        "[models.other]\nbase_url = \"{}\"\nmodel = \"other\"\n",
        other.url()
    ));
    let deny = "[[deny]]\nwhen = { paths = [\"shop.py\"] }\n";
    let off = "[models.fake]\nenabled = false\n";
    let mut client = house.client();
    let session = client.session(house.repo.path());
    let file = house.home.path().join("policy.toml");
    std::fs::write(&file, deny).unwrap();
    client.tell(method::WARM, &json!({"sessionId": session, "path": "shop.py"}));
    std::fs::write(&file, off).unwrap();
    client.tell(method::WARM, &json!({"sessionId": session, "path": "shop.py"}));
    other.wait_model_lists(1).unwrap();
    assert_eq!(house.server.connections(), 0);
}

#[test]
fn responses_are_asked_for_over_a_socket() {
    let house = House::new();
    let server = ResponsesServer::start().unwrap();
    let config = format!(
        "[models.fake]\nbase_url = \"{}\"\nmodel = \"gpt\"\nprotocol = \"responses\"\napi_key_env = \"BRISK_TEST_KEY\"\n",
        server.url()
    );
    std::fs::write(house.home.path().join("config.toml"), config).unwrap();
    server.say(Speech::text(&block()));
    ends(&house, 0, &[("BRISK_TEST_KEY", KEY)], &EDIT);
    assert!(house.file("shop.py").contains("* item[\"quantity\"]"));
    let asked = server.wait_asked(1).unwrap();
    assert_eq!(
        asked.header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(server.sockets(), 1);
}

#[test]
fn another_protocol_is_one_line_of_the_configuration() {
    let house = House::new();
    let config = format!(
        "[models.fake]\nbase_url = \"{}\"\nmodel = \"claude\"\nprotocol = \"messages\"\nprefill = true\ntemperature = true\n",
        house.server.url()
    );
    let path = house.home.path().join("config.toml");
    std::fs::write(&path, &config).unwrap();
    house.server.reply(messages(&block()));
    ends(&house, 0, &[], &EDIT);
    let body = house.server.wait_request(1).unwrap().body;
    assert_eq!((&body["temperature"], &body["stream"]), (&json!(0), &json!(true)));
    std::fs::write(&path, config.replace("messages", "soap")).unwrap();
    let (code, said) = run(&house, &[], &EDIT);
    assert!(
        code != Some(0) && said.contains("line 4") && said.contains("soap"),
        "{said}"
    );
}
