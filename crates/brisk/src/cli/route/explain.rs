//! `route explain`: gathers what a decision is made of, decides, and tells it.

use super::{ExplainArgs, World, json, text};
use crate::cli::context::Context;
use crate::cli::{cwd, say};
use crate::exit::{CliError, Exit};
use crate::trust::{Standing, Trusts, root_of};
use brisk_domain::{Intent, ModelId, Now};
use brisk_router::decide::{Decision, Nearest, Question, Refused, Wish, decide, nearest, refusal, way_out};
use brisk_router::live::{Plan, plan};
use brisk_router::shape::{Given, Shape, Site, shape};
use std::path::{Path, PathBuf};

/// Tokens of a prompt beside the files: instructions and the person's words.
const PROMPT_TOKENS: u64 = 600;

/// Everything that is told.
pub(super) struct Told<'a> {
    /// The person's words.
    pub(super) text: &'a str,
    /// What was made of them.
    pub(super) question: &'a Question<'a>,
    /// The decision.
    pub(super) outcome: &'a Result<Decision<'a>, Refused<'a>>,
    /// What would have changed it.
    pub(super) nearest: &'a [Nearest],
    /// What `brisk edit` and `brisk ask` make of it today, or why they refuse.
    pub(super) live: &'a Result<Plan, String>,
    /// What the person said about this repository; none, where they asked what would be otherwise.
    pub(super) standing: Option<&'a Standing>,
}

/// Explains one task.
pub(super) fn run(context: &Context, args: &ExplainArgs) -> Result<Exit, CliError> {
    let folder = cwd()?;
    let world = World::load(context, &folder)?;
    let standing = Trusts::of(&context.home).standing(&folder);
    let shape = read(args, &folder, &standing);
    let model = args.model.clone().map(ModelId);
    let mut question = world.question(&shape, Now(context.now_us()));
    question.wish = Wish {
        lane: args.lane,
        model: model.as_ref(),
    };
    let outcome = decide(&question);
    let told = Told {
        text: &args.text,
        question: &question,
        outcome: &outcome,
        nearest: &nearest(&question, &outcome),
        live: &plan(&question).map_err(|no| no.why),
        // What was assumed needs no word about what is.
        standing: args.trust.is_none().then_some(&standing),
    };
    if context.json {
        say::object(context, "route", &json::fields(&told))?;
    } else {
        say::lines(context, &text::lines(&told))?;
    }
    match &outcome {
        Ok(_) => Ok(Exit::Done),
        // It is done live all the same, as the page says.
        Err(_) if told.live.is_ok() => Ok(Exit::Done),
        Err(refused) => Err(CliError::new(Exit::NoModel, refusal(refused)).hint(way_out(&question, refused))),
    }
}

fn read(args: &ExplainArgs, folder: &Path, standing: &Standing) -> Shape {
    let sites: Vec<Site> = args.target.iter().map(|target| site(target, folder)).collect();
    let root = root_of(folder);
    let base = root.as_deref().unwrap_or(folder);
    let bytes: u64 = sites.iter().map(|site| bytes(site, base)).sum();
    let words = u64::try_from(args.text.len()).unwrap_or(u64::MAX);
    let tokens = (bytes.saturating_add(words) / 4).saturating_add(PROMPT_TOKENS);
    let given = Given {
        sites,
        interactive: Some(!args.batch),
        context_tokens: u32::try_from(tokens).ok(),
        trust: args.trust.or(standing.fact()),
        latency: args.latency,
        ..Given::only(if args.ask { Intent::Ask } else { Intent::Edit })
    };
    shape(&args.text, &given)
}

/// A target, as an edit reads it: a file whose own name holds a colon is a file, and what bounds look at is its place below
/// the repository's root, however the person named it.
fn site(target: &str, folder: &Path) -> Site {
    let exists = |path: &str| folder.join(path).is_file();
    let mut ends = target.match_indices(':').map(|(at, _)| at);
    let end = match exists(target) {
        true => target.len(),
        false => ends
            .find(|at| target.get(..*at).is_some_and(exists))
            .unwrap_or(target.len()),
    };
    let (path, part) = target.split_at(end);
    let mut site = match part {
        "" if exists(path) => Site {
            path: path.to_owned(),
            lines: None,
            symbol: false,
        },
        "" => Site::parse(path),
        part => Site {
            path: path.to_owned(),
            ..Site::parse(part)
        },
    };
    let is_folder = folder.join(&site.path).is_dir();
    let below = |root: PathBuf| brisk_worktree::below_root(&root, folder, &site.path).ok();
    if let Some(path) = root_of(folder).and_then(below) {
        site.path = path;
    }
    // By its slash it is known that it stands for everything in it.
    if is_folder && !site.path.ends_with('/') && !matches!(site.path.as_str(), "." | "..") {
        site.path.push('/');
    }
    site
}

/// Size of what is sent of a file; 0 where there is none yet. Of named lines, what is around them goes along.
fn bytes(site: &Site, root: &Path) -> u64 {
    const PER_LINE: u64 = 120;
    let whole = std::fs::metadata(root.join(&site.path)).map_or(0, |meta| meta.len());
    match site.lines {
        Some(lines) => whole.min(u64::from(lines).saturating_mul(PER_LINE)),
        None => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_from_the_root_and_a_folder_keeps_its_slash() {
        let files = [("src/a.py", "a = 1\n"), ("src/in/b.py", "b = 1\n")];
        let repo = brisk_testkit::fixture::repo(&files).unwrap();
        let root = repo.path().canonicalize().unwrap();
        for (folder, target, want) in [
            ("", "src/", "src/"),
            ("", "src", "src/"),
            ("src", "in/", "src/in/"),
            ("src", ".", "src/"),
            ("src", "../src/in", "src/in/"),
            ("", "src/a.py", "src/a.py"),
            ("src", "a.py:1-1", "src/a.py"),
            ("", "new/b.py", "new/b.py"),
        ] {
            assert_eq!(site(target, &root.join(folder)).path, want, "{folder} {target}");
        }
    }
}
