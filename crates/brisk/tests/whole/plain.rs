//! A client that knows nothing but ACP, through `brisk acp`.

use crate::editor::{Editor, call};
use crate::house::{House, REGION, SHOP};
use brisk_protocol::acp;
use brisk_protocol::{ErrorBody, RequestId, error_line, result_line};
use brisk_testkit::Reply;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::Write;

fn edited() -> String {
    SHOP.replace("item[\"price\"]\n", "item[\"price\"] * item[\"quantity\"]\n")
}

const ALLOW: acp::PermissionOptionKind = acp::PermissionOptionKind::AllowOnce;
const REJECT: acp::PermissionOptionKind = acp::PermissionOptionKind::RejectOnce;

#[test]
fn an_edit_is_shown_as_it_comes_asked_about_and_written() {
    let house = House::new();
    house.answers_in_two(REGION, "");
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let turn = editor.prompt(&house, &session, "multiply by the quantity in ", "shop.py#L1-5");
    // The hunk is there before the model has ended.
    let shown = editor.until(call);
    let path = house.repo.path().join("shop.py");
    assert_eq!(shown["kind"], "edit");
    assert_eq!(shown["status"], "in_progress");
    assert_eq!(shown["locations"], json!([{"path": path, "line": 4}]));
    assert_eq!(
        shown["content"],
        json!([{
            "type": "diff", "path": path,
            "oldText": "        total += item[\"price\"]\n",
            "newText": "        total += item[\"price\"] * item[\"quantity\"]\n",
        }])
    );
    assert!(editor.asked.is_empty());
    house.server.open("more");
    let (id, question) = editor.asked();
    assert_eq!(&*question.tool_call.tool_call_id.0, shown["toolCallId"]);
    assert_eq!(question.options.len(), 2);
    assert_eq!(
        house.file("shop.py"),
        SHOP,
        "nothing is written before the answer"
    );
    let outcome = acp::SelectedPermissionOutcome::new("allow");
    editor.reply(&id, acp::RequestPermissionOutcome::Selected(outcome));
    assert_eq!(editor.answer(&turn).unwrap()["stopReason"], "end_turn");
    assert_eq!(house.file("shop.py"), edited());
    // Told before the prompt's answer.
    assert_eq!(editor.calls(), [("s1-h1".to_owned(), "completed".to_owned())]);
    let thoughts = editor.spoken("agent_thought_chunk");
    assert!(
        thoughts.contains("shop.py:1-5: ") && thoughts.contains("fast lane, fake\n"),
        "{thoughts}"
    );
    assert_eq!(editor.end(), (Some(0), String::new()));
    house.ends(0, &["undo"]);
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn what_the_person_answers_decides() {
    // How the question is answered; how the prompt then ends; the hunk's last status; what is on disk.
    let cancelled = || json!({"outcome": {"outcome": "cancelled"}});
    let chosen = |id: &str| json!({"outcome": {"outcome": "selected", "optionId": id}});
    let cases = [
        (chosen("allow"), "end_turn", "completed", edited()),
        (chosen("reject"), "end_turn", "failed", SHOP.to_owned()),
        (cancelled(), "cancelled", "in_progress", SHOP.to_owned()),
        // Nothing is written on a word that nobody can read, and the person is told.
        (chosen("nonsense"), "end_turn", "in_progress", SHOP.to_owned()),
        (json!(7), "end_turn", "in_progress", SHOP.to_owned()),
    ];
    for (answer, stop, status, file) in cases {
        let house = House::new();
        house.answers(REGION);
        let mut editor = Editor::greeted(&house);
        let session = editor.session(&house);
        let turn = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
        let (id, _) = editor.asked();
        editor.say(&result_line(&id, &answer));
        assert_eq!(editor.answer(&turn).unwrap()["stopReason"], stop, "{answer}");
        assert_eq!(editor.calls()[0].1, status, "{answer}");
        assert_eq!(house.file("shop.py"), file, "{answer}");
        let told = editor
            .spoken("agent_message_chunk")
            .contains("did not say whether to keep");
        assert_eq!(told, stop == "end_turn" && status == "in_progress", "{answer}");
    }
}

#[test]
fn a_hunk_left_on_offer_is_asked_about_with_the_next_ones() {
    let house = House::new();
    house.answers(REGION);
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let first = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
    let (id, _) = editor.asked();
    // The editor's stop button: nobody waits for the permission any more, and its late answer changes nothing.
    editor.tell("session/cancel", &json!({"sessionId": session}));
    assert_eq!(editor.answer(&first).unwrap()["stopReason"], "cancelled");
    let late = acp::SelectedPermissionOutcome::new("allow");
    editor.reply(&id, acp::RequestPermissionOutcome::Selected(late));
    house.answers("def names(items):\n    return sorted(item[\"name\"] for item in items)\n");
    let second = editor.prompt(&house, &session, "sort them in ", "shop.py#L8-9");
    let question = editor.choose(ALLOW);
    assert_eq!(question.tool_call.fields.content.as_ref().unwrap().len(), 2);
    assert_eq!(editor.answer(&second).unwrap()["stopReason"], "end_turn");
    let file = house.file("shop.py");
    assert!(file.contains("quantity") && file.contains("sorted"), "{file}");
    assert!(
        editor.calls().iter().all(|(_, status)| status == "completed"),
        "{:?}",
        editor.calls()
    );
}

#[test]
fn unsaved_text_in_the_editor_is_not_written_over() {
    let house = House::new();
    house.answers(REGION);
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    // Ends of lines are the editor's own affair.
    editor.buffer = Some(SHOP.replace('\n', "\r\n").replace("total = 0", "total = 100"));
    let turn = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
    editor.choose(ALLOW);
    assert_eq!(editor.answer(&turn).unwrap()["stopReason"], "end_turn");
    let said = editor.spoken("agent_message_chunk");
    assert!(
        said.contains("shop.py has unsaved text") && said.contains("stay on offer"),
        "{said}"
    );
    assert_eq!(house.file("shop.py"), SHOP);
    // Reverted in the editor: the next turn asks about both.
    editor.buffer = Some(SHOP.replace('\n', "\r\n"));
    house.answers("def names(items):\n    return []\n");
    let next = editor.prompt(&house, &session, "return nothing in ", "shop.py#L8-9");
    editor.choose(ALLOW);
    assert_eq!(editor.answer(&next).unwrap()["stopReason"], "end_turn");
    let file = house.file("shop.py");
    assert!(file.contains("quantity") && file.contains("return []"), "{file}");
}

#[test]
fn a_buffer_that_cannot_be_read_is_not_written_over() {
    let house = House::new();
    house.answers(REGION);
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    editor.silent = true;
    let turn = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
    editor.choose(ALLOW);
    editor.asked_for_a_buffer();
    let body = ErrorBody {
        code: -32603,
        message: "the buffer is locked".into(),
        data: None,
    };
    let id = editor.reads.pop_front().unwrap();
    editor.say(&error_line(Some(&id), &body));
    assert_eq!(editor.answer(&turn).unwrap()["stopReason"], "end_turn");
    let told = editor.spoken("agent_message_chunk");
    assert!(
        told.contains("the buffer is locked") && told.contains("stay on offer"),
        "{told}"
    );
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_link_that_is_no_file_here_and_a_command_that_is_none_are_refused() {
    let house = House::new();
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let here = house.repo.path().display().to_string();
    let links = [
        "file:///etc/passwd".to_owned(),
        format!("file://{here}/nope.py"),
        format!("file://{here}"),
        "https://example.org/cart.py".to_owned(),
    ];
    let mut ask = |prompt: Value| {
        let params = json!({"sessionId": session, "prompt": prompt});
        editor.ask("session/prompt", &params)
    };
    for link in links {
        let prompt = json!([
            {"type": "text", "text": "multiply the price by the quantity in the subtotal"},
            {"type": "resource_link", "name": "it", "uri": link},
        ]);
        let refused = ask(prompt).unwrap_err();
        assert!(
            refused.contains(&link) && refused.contains("take the link out"),
            "{refused}"
        );
    }
    let refused = ask(json!([{"type": "text", "text": "/nope"}])).unwrap_err();
    assert!(
        refused.contains("/nope") && refused.contains("/verify"),
        "{refused}"
    );
    // What an editor adds to the command makes no edit of it: checks are asked for, and there are none.
    let link = format!("file://{here}/shop.py");
    let prompt = json!([
        {"type": "text", "text": "/verify"},
        {"type": "resource_link", "name": "shop.py", "uri": link},
    ]);
    let alone = ask(json!([{"type": "text", "text": "/verify"}]));
    assert!(alone.is_err());
    assert_eq!(ask(prompt), alone);
    assert!(house.server.requests().is_empty(), "no model was asked");
}

/// An editor may link what it has open, wherever that is.
#[test]
fn a_link_that_is_no_file_here_is_left_out_with_a_word() {
    let house = House::new();
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let open = "file:///etc/passwd";
    let here = format!("file://{}/shop.py#L1-5", house.repo.path().display());
    let link = |uri: &str| json!({"type": "resource_link", "name": "it", "uri": uri});
    let said = |text: &str| json!({"type": "text", "text": text});
    house.answers(REGION);
    let prompt = json!([said("multiply in "), link(open), link(&here)]);
    let turn = editor.send("session/prompt", &json!({"sessionId": session, "prompt": prompt}));
    editor.choose(REJECT);
    editor.answer(&turn).unwrap();
    let told = editor.spoken("agent_message_chunk");
    assert!(told.contains("Left out") && told.contains(open), "{told}");

    // A question is about whatever it is about.
    let mode = acp::SetSessionModeRequest::new(session.clone(), "ask");
    editor.ask("session/set_mode", &mode).unwrap();
    house.server.reply(Reply::text("It adds the prices."));
    let prompt = json!([said("what does total do? "), link(open)]);
    let turn = editor.ask("session/prompt", &json!({"sessionId": session, "prompt": prompt}));
    assert_eq!(turn.unwrap()["stopReason"], "end_turn");
    assert!(
        editor
            .spoken("agent_message_chunk")
            .ends_with("It adds the prices.")
    );
}

#[test]
fn a_stop_before_the_editor_has_said_what_it_holds_writes_nothing() {
    // By the stop button, or by another prompt.
    for prompted in [false, true] {
        let house = House::new();
        house.answers(REGION);
        let mut editor = Editor::greeted(&house);
        let session = editor.session(&house);
        editor.silent = true;
        let turn = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
        editor.choose(ALLOW);
        editor.asked_for_a_buffer();
        let next = prompted.then(|| {
            house.answers("def names(items):\n    return []\n");
            editor.prompt(&house, &session, "return nothing in ", "shop.py#L8-9")
        });
        if !prompted {
            editor.tell("session/cancel", &json!({"sessionId": session}));
        }
        assert_eq!(
            editor.answer(&turn).unwrap()["stopReason"],
            "cancelled",
            "{prompted}"
        );
        let late = editor.reads.pop_front().unwrap();
        editor.say(&result_line(&late, &acp::ReadTextFileResponse::new(SHOP)));
        if let Some(next) = next {
            editor.choose(REJECT);
            editor.answer(&next).unwrap();
        }
        // Whatever was sent before this is done when it is answered.
        let mode = acp::SetSessionModeRequest::new(session, "ask");
        editor.ask("session/set_mode", &mode).unwrap();
        assert_eq!(house.file("shop.py"), SHOP, "{prompted}");
        assert!(
            editor.calls().iter().all(|(_, status)| status != "completed"),
            "{:?}",
            editor.calls()
        );
    }
}

#[test]
fn cancel_stops_the_model_and_asks_nothing() {
    let house = House::new();
    house.answers_in_two(REGION, "x = 1\n");
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let turn = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
    editor.until(call);
    editor.tell("session/cancel", &json!({"sessionId": session}));
    assert_eq!(editor.answer(&turn).unwrap()["stopReason"], "cancelled");
    house.server.wait_gone(1).unwrap();
    assert!(editor.asked.is_empty());
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_turn_at_its_budget_asks_whether_it_may_grow() {
    let long = "def subtotal(items):\n    a = 1\n    b = 2\n    c = 3\n    return a + b + c\n";
    let cases = [
        (ALLOW, "end_turn", "return a + b + c"),
        (REJECT, "max_turn_requests", "total = 0"),
    ];
    for (grow, stop, in_file) in cases {
        let house = House::with("[lanes.fast]\nmax_patch = { files = 1, lines = 2 }\n");
        house.answers(long);
        let mut editor = Editor::greeted(&house);
        let session = editor.session(&house);
        let turn = editor.prompt(&house, &session, "write it out in ", "shop.py#L1-5");
        let question = editor.choose(grow);
        let title = question.tool_call.fields.title.unwrap();
        assert!(title.contains("beyond 2 changed lines"), "{title}");
        if grow == ALLOW {
            editor.choose(ALLOW);
        } else {
            // What was whole by then may still be kept, or not.
            loop {
                if !editor.asked.is_empty() {
                    editor.choose(REJECT);
                }
                if editor.answers.iter().any(|(id, _)| *id == turn) {
                    break;
                }
                editor.read();
            }
        }
        assert_eq!(editor.answer(&turn).unwrap()["stopReason"], stop);
        assert!(
            house.file("shop.py").contains(in_file),
            "{}",
            house.file("shop.py")
        );
    }
}

#[test]
fn a_question_is_answered_in_words_in_its_mode() {
    let house = House::new();
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    editor
        .ask(
            "session/set_mode",
            &acp::SetSessionModeRequest::new(session.clone(), "ask"),
        )
        .unwrap();
    let shown = editor.until(|u| u["sessionUpdate"] == "config_option_update");
    assert_eq!(shown["configOptions"][0]["currentValue"], "ask");
    house.server.reply(Reply::text("It adds the prices."));
    let turn = editor.prompt(&house, &session, "what does it do? ", "shop.py");
    assert_eq!(editor.answer(&turn).unwrap()["stopReason"], "end_turn");
    assert_eq!(editor.spoken("agent_message_chunk"), "It adds the prices.");
    let set = |value: &str, option: &str| json!({"sessionId": session, "configId": option, "value": value});
    let options = editor
        .ask("session/set_config_option", &set("fake", "model"))
        .unwrap();
    assert_eq!(options["configOptions"][1]["currentValue"], "fake");
    let refused = editor.ask("session/set_config_option", &set("huge", "model"));
    assert!(refused.unwrap_err().contains("brisk model list"));
    let refused = editor.ask(
        "session/set_mode",
        &json!({"sessionId": session, "modeId": "slow"}),
    );
    assert!(refused.unwrap_err().contains("fast or ask"));
}

#[test]
fn a_failed_turn_is_an_error_with_words() {
    let house = House::new();
    house
        .server
        .reply(Reply::refusal(500, "{\"error\":{\"message\":\"no\"}}"));
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let turn = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
    let message = editor.answer(&turn).unwrap_err();
    assert!(message.contains("500"), "{message}");
}

#[test]
fn a_session_is_loaded_with_its_words_and_its_calls() {
    let house = House::new();
    house.answers(REGION);
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let turn = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
    let (id, _) = editor.asked();
    editor.reply(&id, acp::RequestPermissionOutcome::Cancelled);
    editor.answer(&turn).unwrap();
    let before = editor.updates.clone();
    assert_eq!(editor.end().0, Some(0));
    house.ends(0, &["daemon", "stop"]);

    let mut editor = Editor::greeted(&house);
    let load = |cwd: &std::path::Path| acp::LoadSessionRequest::new(session.clone(), cwd);
    let elsewhere = editor.ask("session/load", &load(house.home.path()));
    assert!(elsewhere.unwrap_err().contains("is one of"));
    let loaded = editor.ask("session/load", &load(house.repo.path())).unwrap();
    assert_eq!(loaded["modes"]["currentModeId"], "fast");
    assert_eq!(
        editor.updates[0]["content"]["text"], "multiply in shop.py",
        "the person's words come first"
    );
    assert_eq!(editor.updates[1..editor.updates.len() - 1], before[..]);
    // The daemon that had offered it is gone.
    assert_eq!(editor.calls(), [("s1-h1".to_owned(), "failed".to_owned())]);
    house.answers("def names(items):\n    return []\n");
    let turn = editor.prompt(&house, &session, "return nothing in ", "shop.py#L8-9");
    editor.choose(ALLOW);
    assert_eq!(editor.answer(&turn).unwrap()["stopReason"], "end_turn");
    assert!(house.file("shop.py").contains("return []"));
    let unknown = editor.ask(
        "session/load",
        &acp::LoadSessionRequest::new("s999", house.repo.path()),
    );
    assert!(unknown.unwrap_err().contains("s999"));
}

#[test]
fn verify_is_offered_and_says_what_is_missing() {
    let house = House::new();
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let prompt = vec![acp::ContentBlock::Text(acp::TextContent::new("/verify"))];
    let verify = editor.send("session/prompt", &acp::PromptRequest::new(session, prompt));
    let refused = editor.answer(&verify).unwrap_err();
    assert_eq!(editor.commands, ["verify"]);
    assert!(refused.contains("brisk verify --accept"), "{refused}");
}

#[test]
fn broken_lines_are_answered_and_the_agent_goes_on() {
    let house = House::new();
    let mut editor = Editor::start(&house);
    for (line, code) in [
        ("{\n", -32700),
        ("{\"jsonrpc\":\"2.0\"}\n", -32700),
        ("[1]\n", -32700),
    ] {
        editor.say(line);
        let answer: Value = serde_json::from_str(&editor.line()).unwrap();
        assert_eq!(answer["error"]["code"], code, "{line}");
        assert_eq!(answer["id"], Value::Null, "{line}");
    }
    editor.write.as_mut().unwrap().write_all(b"\xff\xfe\n").unwrap();
    editor.line();
    editor.say("\n\r\n");
    let hello = editor.ask("initialize", &json!({"protocolVersion": 99})).unwrap();
    assert_eq!(hello["protocolVersion"], 1);
    assert!(editor.ask("no/such", &json!({})).unwrap_err().contains("no/such"));
    editor.say(&result_line(&RequestId::Number(77), &"nobody asked"));
    editor.session(&house);
    // A line that never ends is not waited for.
    editor.say("{\"jsonrpc\":");
    assert_eq!(editor.end(), (Some(0), String::new()));
}

#[test]
fn the_end_of_the_input_ends_the_turn() {
    let house = House::new();
    house.answers_in_two("def subtotal(items):\n", "");
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
    house.server.wait_request(1).unwrap();
    assert_eq!(editor.end().0, Some(0));
    house.server.wait_gone(1).unwrap();
    assert_eq!(house.file("shop.py"), SHOP);
}

#[test]
fn a_daemon_that_dies_is_told_with_its_exit_code() {
    let house = House::new();
    let editor = Editor::greeted(&house);
    kill_process(Pid::from_raw(house.daemon_pid()).unwrap(), Signal::KILL).unwrap();
    let (exit, said) = editor.finish();
    assert_eq!(exit, Some(8));
    assert!(said.contains("went away") && said.contains("brisk acp"), "{said}");
}

#[test]
fn a_plain_client_and_one_of_ours_share_a_session() {
    let house = House::new();
    house.answers(REGION);
    let mut editor = Editor::greeted(&house);
    let session = editor.session(&house);
    let turn = editor.prompt(&house, &session, "multiply in ", "shop.py#L1-5");
    editor.asked();
    let mut ours = house.client();
    ours.ask(
        brisk_protocol::method::KEEP,
        &json!({"sessionId": 1, "hunks": "all"}),
    )
    .unwrap();
    editor.until(|u| u["status"] == "completed");
    assert_eq!(house.file("shop.py"), edited());
    // The editor's person is still asked; another prompt ends that.
    house.answers("def names(items):\n    return []\n");
    let next = editor.prompt(&house, &session, "return nothing in ", "shop.py#L8-9");
    assert_eq!(editor.answer(&turn).unwrap()["stopReason"], "cancelled");
    editor.choose(REJECT);
    assert_eq!(editor.answer(&next).unwrap()["stopReason"], "end_turn");
}
