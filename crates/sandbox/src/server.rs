//! A program of the person's own that answers on its standard output what is written to its standard input.

use crate::group::Group;
use crate::options::{EnvRule, environment};
use crate::run::{SpawnError, spawn_error};
use rustix::process::Pid;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A server that runs. It leads a process group of its own, and all of that is killed when this is dropped. Nothing is
/// confined: the person named the program in a file of their own.
#[derive(Debug)]
pub struct Server {
    /// `None` once it is killed.
    group: Option<Group>,
    child: Child,
}

impl Server {
    /// Starts a program in a folder, with the variables that the rules name. What it writes to its standard error is
    /// thrown away. Gives it with its input and its output.
    ///
    /// # Errors
    /// [`SpawnError`] names the program and why it did not run.
    pub fn start(
        argv: &[OsString],
        env: &[EnvRule],
        cwd: &Path,
    ) -> Result<(Server, impl Write + Send + use<>, impl Read + Send + use<>), SpawnError> {
        let (program, arguments) = argv.split_first().ok_or(SpawnError::Empty)?;
        let name = program.to_string_lossy().into_owned();
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(environment(env, false))
            .current_dir(cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| spawn_error(&name, source))?;
        let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let parts = (number, child.stdin.take(), child.stdout.take());
        let (Some(pid), Some(input), Some(output)) = parts else {
            // It has neither pipes nor a number: it is no process.
            let _ = child.kill();
            let source = io::Error::other("the child has no pipes");
            return Err(SpawnError::Io {
                program: name,
                source,
            });
        };
        let group = Some(Group::led_by(pid));
        Ok((Server { group, child }, input, output))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // First the group: until the leader is waited for, its number is nobody else's.
        drop(self.group.take());
        // It is killed, so this does not wait; a failure says that it is gone already.
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    #[test]
    fn it_answers_and_ends_with_all_that_it_started() {
        let script = "sleep 1000 & while read line; do echo \"got $line $A\"; done";
        let argv = ["sh", "-c", script].map(OsString::from);
        let env = [EnvRule::Pass("PATH".into()), EnvRule::Set("A".into(), "b".into())];
        let (server, mut input, output) = Server::start(&argv, &env, Path::new("/")).unwrap();
        let mut lines = BufReader::new(output).lines();
        input.write_all(b"one\n").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "got one b");
        drop(server);
        // The pipe ends with the last process that holds it, and the one in the background holds it, too.
        assert!(lines.next().is_none());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let start = |argv: &[OsString]| Server::start(argv, &[], Path::new("/")).map(|_| ());
        let error = start(&["/no/such/program".into()]).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"), "{error}");
        assert!(matches!(start(&[]), Err(SpawnError::Empty)));
    }
}
