//! From which commit on the gate holds. A history that began without it has commits that nobody can prove any more; a
//! person says once, signed into their ledger, up to where those go.

use crate::exit::{CliError, Exit};
use crate::verify::{Believed, Lent};
use brisk_domain::evidence::Tree;
use brisk_gate::{Adopted, Ledger, Trust};
use std::collections::BTreeSet;

/// Commits, parted by whether the gate held already when they were made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parted {
    /// These need evidence.
    pub asked: Vec<String>,
    /// So many do not.
    pub before: usize,
    /// The words that say so, one for each that said it.
    pub said: Vec<String>,
}

/// Parts commits by what whoever is believed said. Where several said it, a commit is from before the gate only if all
/// of them say so: a word can ask for more, and never for less.
pub(crate) fn parted(
    git: &mut Lent,
    commits: Vec<String>,
    believed: &Believed,
    ledgers: &[String],
) -> Result<Parted, CliError> {
    let said = words(git, believed, ledgers)?;
    let mut asked = match said.is_empty() {
        true => commits.iter().cloned().collect(),
        false => BTreeSet::new(),
    };
    for (from, _) in &said {
        asked.extend(after(git, &commits, from)?);
    }
    let all = commits.len();
    let asked: Vec<String> = commits.into_iter().filter(|c| asked.contains(c)).collect();
    Ok(Parted {
        before: all - asked.len(),
        asked,
        said: said.into_iter().map(|(_, words)| words).collect(),
    })
}

/// Each commit from which on the gate holds, with who said so.
fn words(git: &mut Lent, believed: &Believed, ledgers: &[String]) -> Result<Vec<(String, String)>, CliError> {
    if let Some(since) = &believed.since {
        let none = || CliError::new(Exit::Usage, format!("--since {since:?} names no commit here"));
        let commit = git.id(&format!("{since}^{{commit}}"))?.ok_or_else(none)?;
        return Ok(vec![(commit.to_string(), "--since".to_owned())]);
    }
    if !believed.waivers {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for name in ledgers {
        let Some(bytes) = git.blob(&format!("{name}:ledger"))? else {
            continue;
        };
        // One that is not believed is told of where commits are judged by it.
        let Ok((ledger, _)) = Ledger::read(&bytes, None, believed.ring.clone(), Trust::Every) else {
            continue;
        };
        if let Some(Adopted { commit, who }) = ledger.adopted().map_err(super::ledger)? {
            all.push((commit.to_string(), who));
        }
    }
    Ok(all)
}

/// Those of these commits that do not lead to `from`. Where it is not here, that is all of them.
fn after(git: &mut Lent, commits: &[String], from: &str) -> Result<Vec<String>, CliError> {
    if Tree::parse(from).is_none() || git.id(&format!("{from}^{{commit}}"))?.is_none() {
        return Ok(commits.to_vec());
    }
    let not = format!("^{from}");
    let mut out = Vec::new();
    // Command lines have an end.
    for some in commits.chunks(500) {
        let mut args: Vec<&str> = some.iter().map(String::as_str).collect();
        args.push(&not);
        out.extend(git.commits(&args)?);
    }
    Ok(out)
}
