//! The one thing about a prompt that is remembered: whether it asks for tests.

/// What people do with tests when they want them run or written.
const VERBS: &[&str] = &[
    "add", "cover", "create", "execute", "extend", "generate", "include", "make", "need", "rerun", "run",
    "want", "with", "write",
];

const TESTS: &[&str] = &[
    "test",
    "tests",
    "testcase",
    "testcases",
    "testsuite",
    "unittest",
    "unittests",
];

/// Programs that run tests: named alone they are enough.
const RUNNERS: &[&str] = &[
    "ctest", "jest", "nextest", "phpunit", "pytest", "rspec", "tox", "vitest",
];

/// Tools whose word `test` runs tests.
const TOOLS: &[&str] = &[
    "bun", "cargo", "dotnet", "go", "gradle", "make", "mvn", "npm", "pnpm", "yarn",
];

/// Words that may stand between the verb and the tests.
const BETWEEN: usize = 4;

/// Whether a prompt asks for tests to be run or written, by its words alone (English): a word for tests at most four
/// words after a verb that wants them ("run the unit tests", "add a retry with tests"), a tool with `test` behind it
/// ("cargo test"), or the name of a test runner. Names like `test_total` are one word and no such word, so "rename
/// test_total" asks for none. A rough count, on purpose: nothing else of the prompt is kept.
pub fn asks_for_tests(prompt: &str) -> bool {
    let lower = prompt.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|w| !w.is_empty())
        .collect();
    words.iter().enumerate().any(|(at, word)| {
        if RUNNERS.contains(word) {
            return true;
        }
        if !TESTS.contains(word) {
            return false;
        }
        let before = words.get(at.saturating_sub(BETWEEN + 1)..at).unwrap_or_default();
        before.iter().any(|w| VERBS.contains(w)) || before.last().is_some_and(|w| TOOLS.contains(w))
    })
}
