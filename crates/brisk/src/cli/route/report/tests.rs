use super::*;
use brisk_domain::{SessionId, TurnId};
use brisk_protocol::{ClientKind, Stages};
use brisk_store::felt::Tokens;
use std::collections::BTreeMap;

fn turn(intent: Intent, end: &str, hunks: &[(Outcome, bool)]) -> FeltTurn {
    let mut stages = Stages::default();
    stages.mark(Stage::Acknowledged, 1_000);
    stages.mark(Stage::Complete, 2_001_000);
    FeltTurn {
        session: SessionId(1),
        turn: TurnId(1),
        day: "2026-01-01".into(),
        client: ClientKind::Cli,
        lane: Some(Lane::Fast),
        model: Some(ModelId("m".into())),
        intent: Some(intent),
        asked_for_tests: false,
        end: end.into(),
        stages,
        stop: None,
        model_stopped_after: None,
        tokens: Tokens::default(),
        shape: BTreeMap::from([("intent".into(), "edit".into()), ("scope".into(), "file".into())]),
        hunks: hunks
            .iter()
            .map(|(outcome, undone)| HunkRow {
                added: 1,
                removed: 0,
                outcome: *outcome,
                undone_after_us: undone.then_some(5),
            })
            .collect(),
        retries: vec![],
    }
}

#[test]
fn endings() {
    let kept = (Outcome::Kept { at_us: 9 }, false);
    let undone = (Outcome::Kept { at_us: 9 }, true);
    let (no, open) = ((Outcome::Rejected, false), (Outcome::Undecided, false));
    type Hunks<'a> = &'a [(Outcome, bool)];
    type Want = Option<(Ending, u32, u32)>;
    let cases: [(Intent, &str, Hunks<'_>, Want); 12] = [
        (
            Intent::Edit,
            "end_turn",
            &[kept, kept],
            Some((Ending::Kept, 2, 2)),
        ),
        (
            Intent::Edit,
            "end_turn",
            &[kept, no],
            Some((Ending::Partly, 1, 2)),
        ),
        (
            Intent::Edit,
            "end_turn",
            &[kept, undone],
            Some((Ending::Partly, 1, 2)),
        ),
        (Intent::Edit, "end_turn", &[undone], Some((Ending::Undone, 0, 1))),
        (Intent::Edit, "end_turn", &[no], Some((Ending::Rejected, 0, 1))),
        (Intent::Edit, "end_turn", &[], Some((Ending::Failed, 0, 1))),
        (Intent::Edit, "end_turn", &[open], None),
        (
            Intent::Edit,
            "failed:unusable",
            &[open],
            Some((Ending::Failed, 0, 1)),
        ),
        (Intent::Edit, "cancelled:interrupted", &[], None),
        (
            Intent::Edit,
            "cancelled:interrupted",
            &[kept],
            Some((Ending::Kept, 1, 1)),
        ),
        (Intent::Ask, "end_turn", &[], Some((Ending::Kept, 1, 1))),
        (Intent::Ask, "cancelled:interrupted", &[], None),
    ];
    for (intent, end, hunks, want) in cases {
        assert_eq!(
            ending(&turn(intent, end, hunks)),
            want,
            "{intent:?} {end} {hunks:?}"
        );
    }
    let mut unrouted = turn(Intent::Edit, "end_turn", &[kept]);
    assert!(past(&unrouted).is_some());
    unrouted.shape.clear();
    assert_eq!(past(&unrouted), None);
}

#[test]
fn a_page_for_a_person() {
    let kept = [(Outcome::Kept { at_us: 9 }, false)];
    let turns = vec![turn(Intent::Edit, "end_turn", &kept); 3];
    let past: Vec<Past> = turns.iter().filter_map(past).collect();
    let page = |classes: &[Class]| {
        let lines: Vec<String> = lines(classes).into_iter().map(|(_, line)| line).collect();
        lines.join("\n")
    };
    insta::assert_snapshot!(page(&hindsight(&past, |_| Some(ModelId("m".into())))), @r"
    edit / file / unknown (3 turns)
      > m                         92.0  3 turns: 3 kept
      regret a turn: 0.0 as decided, 0.0 as it would be decided today
    ");
    insta::assert_snapshot!(page(&hindsight(&past, |_| None)), @r"
    edit / file / unknown (3 turns)
      > m                         92.0  3 turns: 3 kept
      regret a turn: 0.0 as decided, not known as it would be decided today
    ");
    assert!(page(&[]).contains("no turn with an outcome"));
}
