//! Which file an edit is for, however it is written, and what stands in its way.

use super::*;

const MONEY: &str = "def half(x):\n    return x // 2\n";

/// One file was read, of several: the case in which a path need not be said.
fn files() -> Files {
    let paths = ["money.py", "LICENSE", "my dir/old file.py"].map(String::from);
    let links = ["link", "linkdir", "sub", "vendor/lib"].map(String::from);
    let read = vec![("money.py".to_owned(), Text::from_str_lossless(MONEY))];
    Files::new(Arc::new(paths.into()), Arc::new(links.into()), read, None)
}

/// The same edit as a call and in words.
fn both(path: &str, search: &str, replace: &str) -> [Edit; 2] {
    let call = Edit::Lines {
        path: path.to_owned(),
        search: search.to_owned(),
        replace: replace.to_owned(),
    };
    // A name with spaces, or that may be a word, has to be quoted to be one, unless it is there.
    let is_odd = path.contains(char::is_whitespace) || ["money", "vendor"].contains(&path);
    let line = match is_odd && !path.contains("old") {
        true => format!("`{path}`"),
        false => path.to_owned(),
    };
    let words = format!("{line}\n<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n");
    [call, Edit::in_words(words)]
}

#[test]
fn an_edit_is_of_the_file_that_it_names_or_of_none() {
    let (old, new) = ("    return x // 2\n", "    return x // 2  # licensed\n");
    let unread = |path: &str| Err(format!("{path}: it was not read before"));
    let linked = |path: &str, link: &str| Err(format!("{path}: {link} is a link or another repository"));
    let made = |path: &str| Ok(path.to_owned());
    for (path, search, want) in [
        ("money.py", old, made("money.py")),
        ("LICENSE", old, unread("LICENSE")),
        ("my dir/old file.py", old, unread("my dir/old file.py")),
        ("money", old, Err("money: not among the files to edit".into())),
        ("LICENSE", "", Err("LICENSE exists already".into())),
        ("Dockerfile", "", made("Dockerfile")),
        ("my dir/new file.py", "", made("my dir/new file.py")),
        ("neu ä.py", "", made("neu ä.py")),
        ("link", old, linked("link", "link")),
        ("link", "", linked("link", "link")),
        ("linkdir/x.py", "", linked("linkdir/x.py", "linkdir")),
        ("sub/deep/x.py", old, linked("sub/deep/x.py", "sub")),
        ("linkdirs/x.py", "", made("linkdirs/x.py")),
        (
            "vendor",
            "",
            Err("vendor: a file and a folder cannot have one name".into()),
        ),
        (
            "vendor/Lib",
            "",
            Err("vendor/Lib: vendor/lib is there, and differs only in case".into()),
        ),
        (
            "a\tb.py",
            "",
            Err("a\tb.py is not a path inside the repository".into()),
        ),
    ] {
        for edit in both(path, search, new) {
            let mut files = files();
            let outcome = files.edit(&edit, 100);
            let changed: Vec<String> = files.changed().into_keys().collect();
            match &want {
                Ok(path) => assert_eq!(changed.concat(), *path, "{edit:?}: {}", outcome.words()),
                Err(why) => {
                    assert!(changed.is_empty(), "{edit:?}: {changed:?}");
                    let words = outcome.words();
                    assert!(
                        words.starts_with(&format!("Not changed: {why}")),
                        "{edit:?}: {words}"
                    );
                }
            }
        }
    }
    // A word before the block is a word, and with it the file changes by all of its edits or by none.
    let block = |line: &str, search: &str, new: &str| {
        format!("{line}\n<<<<<<< SEARCH\n{search}=======\n{new}>>>>>>> REPLACE\n")
    };
    let done = block("Done", old, new);
    for (answer, want) in [
        (done.clone(), MONEY.replace(old, new)),
        (
            format!("{done}{}", block("Then", "", "x = 1\n")),
            MONEY.to_owned(),
        ),
    ] {
        let mut files = files();
        let outcome = files.edit(&Edit::in_words(answer.clone()), 100);
        let text = files.text("money.py").map(Text::joined);
        assert_eq!(text.as_deref(), Some(&*want), "{answer}: {}", outcome.words());
        assert!(files.changed().keys().all(|p| p == "money.py"), "{answer}");
    }
    // Lines to add, for a name that is none: not for the only file that was read.
    let unnamed = "Then add this:\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE\n";
    let outcome = files().edit(&Edit::in_words(unnamed.to_owned()), 100);
    assert!(
        outcome
            .words()
            .contains("does not name its file; its path is the line before it"),
        "{}",
        outcome.words()
    );
}

/// Nobody shows a link, and whoever asks hears why.
#[test]
fn what_is_no_file_is_not_read() {
    for path in ["link", "linkdir/x.py"] {
        let why = files().refusal(&Look::whole(path.to_owned())).unwrap_or_default();
        assert!(why.contains("is a link or another repository"), "{path}: {why}");
    }
}
