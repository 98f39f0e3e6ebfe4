//! A small server of tools (MCP over standard input and output), for tests: it answers, or fails in a way that it is told.

use std::path::PathBuf;
use tempfile::TempDir;

/// Answers line by line. `how` is its first argument.
const SCRIPT: &str = r#"
import json, os, sys

how = sys.argv[1]

def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()

def text(words, failed=False):
    return {"content": [{"type": "text", "text": words}], "isError": failed}

for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked or "method" not in asked:
        continue
    method, answer = asked["method"], None
    if method == "initialize":
        answer = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "t", "version": "1"}}
    elif method == "tools/list" and "cursor" not in asked.get("params", {}):
        takes = {"type": "object", "properties": {"text": {"type": "string"}}}
        answer = {"tools": [{"name": "query", "description": "Says it again.", "inputSchema": takes}], "nextCursor": "2"}
    elif method == "tools/list":
        answer = {"tools": [{"name": "no such name", "inputSchema": {}}]}
    elif method == "tools/call":
        given = asked["params"]["arguments"].get("text", "")
        if how == "chatty":
            print("a word for people")
            say({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
            say({"jsonrpc": "2.0", "id": "p1", "method": "ping"})
            assert "result" in json.loads(sys.stdin.readline())
            say({"jsonrpc": "2.0", "id": "p2", "method": "sampling/createMessage", "params": {}})
            assert "error" in json.loads(sys.stdin.readline())
        if how in ("echo", "chatty"):
            answer = text("echo: " + given)
        elif how == "large":
            answer = text("x" * 100000)
        elif how == "fails":
            answer = text("no such row", True)
        elif how == "refuses":
            say({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32602, "message": "bad arguments"}})
            continue
        elif how == "hang":
            sys.stdin.read()
        elif how == "flood":
            while True:
                say({"jsonrpc": "2.0", "method": "notifications/message", "params": {}})
        elif how == "endless":
            while True:
                sys.stdout.write("x" * 65536)
        elif how == "ends":
            sys.exit(0)
    say({"jsonrpc": "2.0", "id": asked["id"], "result": answer})
"#;

/// The server's program.
#[derive(Debug)]
pub struct ToolScript {
    dir: TempDir,
}

impl ToolScript {
    /// Writes it down.
    #[allow(
        clippy::unwrap_used,
        clippy::new_without_default,
        reason = "only tests make one"
    )]
    pub fn new() -> ToolScript {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("server.py"), SCRIPT).unwrap();
        ToolScript { dir }
    }

    /// Where it lies.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("server.py")
    }

    /// How it is started. `how`: `echo`, `chatty`, `large`, `fails`, `refuses`, `hang`, `flood`, `endless` or `ends`,
    /// which is what it does when its tool `query` is called.
    pub fn command(&self, how: &str) -> Vec<String> {
        [
            "python3".to_owned(),
            self.path().to_string_lossy().into_owned(),
            how.to_owned(),
        ]
        .into()
    }
}
