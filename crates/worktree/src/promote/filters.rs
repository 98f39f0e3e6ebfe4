//! Filters that are not the person's own: programs that a repository names, and that nobody runs because he looks.
//!
//! Their names are bytes, and may hold anything that a line of a configuration can.

use super::PromoteError;
use super::asked::{Careful, entry};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Parts of a filter that name a program, and the one that says that it must have run.
const PARTS: [&str; 4] = ["clean", "smudge", "process", "required"];

/// A variable that holds nothing: no program, and no.
pub(super) const NOTHING: (&str, &str) = ("BRISK_NOTHING", "");

/// An entry of an index, and the filter that should have changed its file.
pub(super) type Filtered = BTreeSet<(OsString, Vec<u8>)>;

/// Options of git that switch filters off. What `-c` is given ends at the first `=`; here it is the last one.
pub(super) fn off(filters: &BTreeSet<OsString>) -> impl Iterator<Item = OsString> {
    let named = filters.iter().flat_map(|f| PARTS.map(|part| (f, part)));
    named.map(|(filter, part)| {
        let mut option = OsString::from("--config-env=filter.");
        option.push(filter);
        option.push(format!(".{part}={}", NOTHING.0));
        option
    })
}

/// Whether a pathspec can ask for this value of an attribute.
fn askable(filter: &OsStr) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_".contains(b);
    filter.as_bytes().iter().all(plain)
}

impl Careful<'_> {
    /// Filters that are not the person's own: any that the repository's configuration has a word about, and that of LFS
    /// where its program was never set up.
    pub(super) fn foreign_filters(&mut self) -> Result<BTreeSet<OsString>, PromoteError> {
        // Names only, each with its scope before it. All of them: a pattern matches no name that is not text.
        let said = self.bytes(&["config", "--list", "--name-only", "--show-scope", "-z"], &[])?;
        let mut words = said.split(|b| *b == 0);
        let mut foreign = BTreeSet::new();
        let mut own = BTreeSet::new();
        while let (Some(scope), Some(name)) = (words.next(), words.next()) {
            let filter = match name.strip_prefix(b"filter.") {
                Some(rest) => match rest.iter().rposition(|b| *b == b'.') {
                    Some(dot) => rest.get(..dot).unwrap_or_default(),
                    None => continue,
                },
                // An extension is a program that the filter of LFS runs.
                None if name.starts_with(b"lfs.extension.") => b"lfs",
                None => continue,
            };
            let filter = OsString::from_vec(filter.to_vec());
            match scope == b"local" || scope == b"worktree" {
                true => foreign.insert(filter),
                false => own.insert(filter),
            };
        }
        if !own.contains(OsStr::new("lfs")) {
            foreign.insert("lfs".into());
        }
        Ok(foreign)
    }

    /// The entries of files that a foreign filter is for.
    pub(super) fn filtered(&mut self, env: &[(&str, OsString)]) -> Result<Filtered, PromoteError> {
        let mut out = Filtered::new();
        let (askable, others): (Vec<_>, Vec<_>) = self.foreign.iter().cloned().partition(|f| askable(f));
        for filter in askable {
            let of = format!(":(top,attr:filter={})", filter.display());
            let found = self.files(&["--stage", "--", &of], env)?;
            out.extend(found.into_iter().map(|entry| (filter.clone(), entry)));
        }
        if others.is_empty() {
            return Ok(out);
        }
        // Every file that has some filter; then which.
        let any = ["--stage", "--", ":(top)", ":(top,exclude,attr:!filter)"];
        for some in self.files(&any, env)?.chunks(500) {
            let ask = ["check-attr", "-z", "filter", "--"].map(OsStr::new);
            let paths = some.iter().filter_map(|e| Some(entry(e)?.2));
            let said = self.bytes(&ask.into_iter().chain(paths).collect::<Vec<_>>(), env)?;
            // Path, attribute and value of each, in the order in which they were asked for.
            let values = said.split(|b| *b == 0).skip(2).step_by(3);
            let values = values.map(OsStr::from_bytes);
            for (entry, value) in some.iter().zip(values) {
                if others.iter().any(|o| o == value) {
                    out.insert((value.to_owned(), entry.clone()));
                }
            }
        }
        Ok(out)
    }
}
