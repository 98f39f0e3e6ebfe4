//! Prints how long a tree of 100,000 files takes from the person's objects to a folder in which checks run.
//! `cargo bench -p brisk-worktree --bench large`

use brisk_domain::evidence::Tree;
use brisk_worktree::{Git, GitSaid, Shadow, take};
use std::ffi::OsString;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

const FILES: usize = 100_000;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let top = tempfile::tempdir()?;
    let (root, state) = (top.path().join("repo"), top.path().join("state"));
    std::fs::create_dir_all(&root)?;
    let mut git = Lent(root.clone());
    git.words(&["init", "-q", "-b", "main"])?;
    let mut stream = tempfile::tempfile()?;
    stream.write_all(b"commit refs/heads/main\ncommitter a <a@b> 1700000000 +0000\ndata 1\nx\n")?;
    for i in 0..FILES {
        let text: String = (0..8)
            .map(|l| format!("def f_{i}_{l}(x):\n    return x + {l}\n"))
            .collect();
        let place = format!("part{}/of{}/file{i}.py", i % 50, i / 50 % 20);
        write!(stream, "M 100644 inline {place}\ndata {}\n{text}\n", text.len())?;
    }
    git.reads(&["fast-import", "--quiet"], stream)?;
    // As a repository is that somebody works in.
    git.words(&["gc", "-q"])?;
    git.words(&["checkout", "-q", "main"])?;
    let tree = git.words(&["rev-parse", "HEAD^{tree}"])?;
    let tree = Tree::parse(tree.trim()).ok_or("no tree")?;
    let objects = root.join(".git/objects");

    let mut shadow = Shadow::open(&root, &state)?;
    timed("taken over, new", || {
        Ok(take(&mut shadow, &mut git, &objects, &tree)?)
    })?;
    let mut shadow = Shadow::open(&root, &state)?;
    timed("taken over, known", || {
        Ok(take(&mut shadow, &mut git, &objects, &tree)?)
    })?;
    let mut slot = timed("laid out, new", || Ok(shadow.slot(&tree, &[])?))?.ok_or("in use")?;
    let same = timed(
        "looked at after a check",
        || Ok(shadow.changed(&mut slot, &tree)?),
    )?;
    drop(slot);
    let again = timed("laid out, as it was", || Ok(shadow.slot(&tree, &[])?))?;
    let draft = timed("the worktree, never seen", || Ok(shadow.tree()?))?;
    timed("the worktree, known", || Ok(shadow.tree()?))?;
    match same.is_empty() && again.is_some() && draft == tree {
        true => Ok(()),
        false => Err("the tree is another one".into()),
    }
}

#[allow(clippy::print_stdout, reason = "the purpose of a bench")]
fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let done = work()?;
    println!(
        "{what:28} {:8.0} ms   {FILES} files",
        start.elapsed().as_secs_f64() * 1e3
    );
    Ok(done)
}

/// The git program, as the binary lends it.
struct Lent(PathBuf);

impl Lent {
    fn command(&self, args: &[OsString], env: &[(&str, OsString)]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.0).args(args);
        command.envs(env.iter().map(|(name, value)| (name, value)));
        command
    }

    fn words(&mut self, args: &[&str]) -> Result<String> {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        Ok(String::from_utf8(self.bytes(&args, &[])?)?)
    }

    fn reads(&mut self, args: &[&str], mut input: std::fs::File) -> Result<()> {
        input.rewind()?;
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let status = self.command(&args, &[]).stdin(Stdio::from(input)).status()?;
        status.success().then_some(()).ok_or_else(|| "git fails".into())
    }
}

impl Git for Lent {
    fn run(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> std::result::Result<GitSaid, String> {
        self.bytes(args, env).map(|out| GitSaid {
            out: String::from_utf8_lossy(&out).into_owned(),
            ..GitSaid::default()
        })
    }

    fn bytes(&mut self, args: &[OsString], env: &[(&str, OsString)]) -> std::result::Result<Vec<u8>, String> {
        let out = self.command(args, env).output().map_err(|e| e.to_string())?;
        match out.status.success() {
            true => Ok(out.stdout),
            false => Err(String::from_utf8_lossy(&out.stderr).into_owned()),
        }
    }

    fn fed(
        &mut self,
        args: &[OsString],
        env: &[(&str, OsString)],
        input: &[u8],
    ) -> std::result::Result<(), String> {
        let feed = || -> std::io::Result<std::process::ExitStatus> {
            let mut list = tempfile::tempfile()?;
            list.write_all(input)?;
            list.rewind()?;
            self.command(args, env)
                .stdin(Stdio::from(list))
                .stdout(Stdio::null())
                .status()
        };
        let status = feed().map_err(|e| e.to_string())?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| "git fails".to_owned())
    }
}
