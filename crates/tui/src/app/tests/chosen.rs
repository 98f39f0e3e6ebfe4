//! What the person chooses for the next prompts, and what limits them.

use super::jobs::delegate;
use super::*;
use brisk_protocol::domain::Latency;
use brisk_protocol::{QuotaBound, QuotaLeft, QuotaOf, QuotaReply};

#[test]
fn lane_and_latency_are_chosen_for_the_next_prompts() {
    let cases: &[(&[&str], Option<Lane>, Option<Latency>)] = &[
        (&[], None, None),
        (&["/lane fast"], Some(Lane::Fast), None),
        (&["/lane fast", "/lane"], Some(Lane::Fast), None),
        (&["/lane fast", "/lane auto"], None, None),
        (&["/latency relaxed", "/latency"], None, Some(Latency::Relaxed)),
        (&["/lane quick"], None, None),
        (&["/latency relaxed"], None, Some(Latency::Relaxed)),
        (&["/latency relaxed", "/latency auto"], None, None),
        (
            &["/latency instant", "/lane fast"],
            Some(Lane::Fast),
            Some(Latency::Instant),
        ),
    ];
    for (commands, lane, latency) in cases {
        let mut w = world();
        for command in *commands {
            w.write(command);
            w.key(Enter);
            w.key(Enter);
        }
        w.calls();
        w.write("one");
        w.key(Enter);
        let calls = w.calls();
        let [Call::Prompt { extras, .. }] = &calls[..] else {
            panic!("{commands:?}: {calls:?}");
        };
        assert_eq!((extras.lane, extras.latency), (*lane, *latency), "{commands:?}");
    }
    // Alone such a command says what is chosen and what there is.
    let mut w = world();
    for (command, told) in [
        (
            "/lane",
            "lane: as Brisk chooses; to choose: /lane fast, slow or auto",
        ),
        ("/lane fast", "lane: fast"),
        ("/lane", "lane: fast; to choose: /lane fast, slow or auto"),
        (
            "/latency",
            "latency: as Brisk chooses; to choose: /latency instant, normal, relaxed or auto",
        ),
    ] {
        w.app.composer.set(command);
        w.key(Enter);
        assert_eq!(w.printed(), told);
    }
    // The slow lane is the brain's, and a question is still answered here.
    let mut w = world();
    w.write("/lane slow");
    w.key(Enter);
    w.write("one");
    w.key(Enter);
    assert_eq!(w.calls(), [delegate("one", &[])]);
    w.write("/ask why");
    w.key(Enter);
    assert!(matches!(&w.calls()[..], [Call::Prompt { extras, .. }] if extras.lane.is_none()));
}

#[test]
fn quotas_are_asked_for_only_where_there_are_some() {
    let quota = |left| QuotaReply {
        left: vec![QuotaLeft {
            of: QuotaOf::Lane(Lane::Fast),
            bound: QuotaBound::Tokens,
            left,
            limit: 200,
        }],
    };
    let mut w = World::unconnected(Setup::default());
    w.connect(1, 0);
    assert!(w.calls().contains(&Call::Quota));
    w.reply(Reply::Quota(QuotaReply::default()));
    w.offered();
    w.pause();
    assert_eq!(w.app.due(), None);
    w.reply(Reply::Quota(quota(20)));
    // The window moves on by itself.
    w.now = w.app.due().unwrap();
    w.input(Input::Tick);
    assert_eq!(w.calls(), [Call::Quota]);
    w.reply(Reply::Quota(quota(200)));
    assert_eq!(w.app.due(), None);
    w.ended(2, StopReason::EndTurn, 0);
    assert!(w.calls().contains(&Call::Quota));
}
