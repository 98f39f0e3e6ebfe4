//! Patterns of paths, read as `.gitignore` reads them: a name without a slash is meant in every folder, a folder stands for
//! everything in it, and a leading slash is the repository's root. Matched with `fast-glob` against paths below the root.

use fast_glob::ErrorKind;

/// The globs that a pattern stands for.
///
/// # Errors
/// Why it can match nothing; goes on from the pattern's name.
pub(super) fn read(pattern: &str) -> Result<Vec<String>, &'static str> {
    let plain = pattern.trim_start_matches("./");
    let anchored = plain.starts_with('/');
    let folder = plain.ends_with('/');
    let plain = plain.trim_matches('/');
    if plain.is_empty() || plain == "." {
        return Err("names nothing; `**` is every file");
    }
    if plain.contains('\\') {
        return Err("has a backslash; folders are divided by /");
    }
    if plain.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("is no path below the repository's root");
    }
    if plain.starts_with('!') {
        return Err("begins with `!`, which would take everything else; name what is meant");
    }
    if let Err(wrong) = fast_glob::validate(plain) {
        let is_open = matches!(wrong.kind, ErrorKind::UnclosedBrace | ErrorKind::UnclosedBracket);
        return Err(match is_open {
            true => "has a bracket that is not closed",
            false => "has more choices in braces than can be read, 10 at most; divide it",
        });
    }
    let anywhere = !anchored && !plain.contains('/') && plain != "**";
    let rooted = match anywhere {
        true => format!("**/{plain}"),
        false => plain.to_owned(),
    };
    let within = format!("{rooted}/**");
    Ok(if rooted == "**" || rooted.ends_with("/**") {
        vec![rooted]
    } else if folder {
        vec![within]
    } else {
        vec![rooted, within]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_takes() {
        // Pattern, a path, whether it takes it.
        let cases = [
            ("infra/**", "infra/y.tf", true),
            ("/infra/**", "infra/y.tf", true),
            ("./infra/**", "infra/y.tf", true),
            ("infra/", "infra/a/y.tf", true),
            ("infra", "infra/y.tf", true),
            ("infra", "src/infra/y.tf", true),
            ("infra", "infrastructure/y.tf", false),
            ("/infra", "src/infra/y.tf", false),
            ("infra/", "infra", false),
            ("*.tf", "infra/y.tf", true),
            ("*.tf", "y.tf", true),
            ("/*.tf", "infra/y.tf", false),
            ("infra/*.tf", "infra/y.tf", true),
            ("infra/*.tf", "infra/a/y.tf", false),
            ("a/b", "a/b/c/d", true),
            ("a/b", "x/a/b", false),
            ("**/secret/**", "a/secret/b", true),
            ("**", "a/b", true),
            ("**/", "a/b", true),
            ("infra**", "infrastructure/y.tf", true),
            ("infra**", "src/infra/a/y.tf", true),
            ("infra**", "src/y.tf", false),
            ("/a/infra**", "a/infra2/b/y.tf", true),
            ("/a/infra**", "b/infra2/y.tf", false),
            ("*.{yml,yaml}", "k8s/a.yaml", true),
            ("[ab].rs", "src/a.rs", true),
            ("[!ab].rs", "src/c.rs", true),
            ("[]a].rs", "src/].rs", true),
            ("a}", "src/a}", true),
        ];
        for (pattern, path, want) in cases {
            let globs = read(pattern).unwrap();
            let takes = globs.iter().any(|glob| fast_glob::glob_match(glob, path));
            assert_eq!(takes, want, "{pattern} {path}: {globs:?}");
        }
    }

    #[test]
    fn what_can_match_nothing_is_an_error() {
        for pattern in [
            "",
            "/",
            "./",
            ".",
            "infra\\\\**",
            "[bad",
            "{a,b",
            "x[]",
            "[!]",
            "!infra/**",
            "/!infra",
            "./!infra",
            "!!infra",
            "{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}",
            "{{{{{{{{{{{a}}}}}}}}}}}",
            "../x",
            "a/../b",
            "a//b",
        ] {
            assert!(read(pattern).is_err(), "{pattern}");
        }
    }
}
