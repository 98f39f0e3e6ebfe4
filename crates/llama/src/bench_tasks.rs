//! The edits that the bench asks for: own small regions, and what to do with them.

/// One edit.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    pub(crate) language: &'static str,
    /// One line changes in a region of about 40 lines.
    pub(crate) one_line: bool,
    pub(crate) instruction: &'static str,
    pub(crate) region: &'static str,
}

macro_rules! task {
    ($name:literal, $language:literal, $one_line:literal, $file:literal, $instruction:literal) => {
        Task {
            name: $name,
            language: $language,
            one_line: $one_line,
            instruction: $instruction,
            region: include_str!(concat!("../bench-data/", $file)),
        }
    };
}

/// Every draft holds: how cheap steps of many tokens are on this machine bounds what drafts can give.
pub(crate) const COPY: Task = task!(
    "copy",
    "rust",
    false,
    "schedule.rs",
    "Repeat the region as it is."
);

pub(crate) const TASKS: [Task; 14] = [
    task!(
        "limit of a history",
        "rust",
        true,
        "schedule.rs",
        "Keep 5000 entries in the history instead of 1000."
    ),
    task!(
        "condition",
        "rust",
        true,
        "schedule.rs",
        "Use `>=` instead of `>` where worker.load is compared with self.limit."
    ),
    task!(
        "tax rate",
        "python",
        true,
        "invoice.py",
        "The tax rate is 21 %, not 19 %."
    ),
    task!(
        "currency",
        "python",
        true,
        "invoice.py",
        "Invoices are in USD instead of EUR."
    ),
    task!(
        "early return",
        "typescript",
        true,
        "store.ts",
        "In flush, return at once if nothing is dirty."
    ),
    task!(
        "start value",
        "python",
        true,
        "matrix.py",
        "In trace, start the total at 0 instead of 0.0."
    ),
    task!(
        "replace unwrap",
        "rust",
        false,
        "parser.rs",
        "Return Option<Header> and use ? instead of unwrap."
    ),
    task!(
        "try and except",
        "python",
        false,
        "fetch.py",
        "Wrap the whole body in try/except for HttpError and return None in that case."
    ),
    task!(
        "async and await",
        "typescript",
        false,
        "cart.ts",
        "Make this function async and await findUser, queryRows and fetchPrices."
    ),
    task!(
        "rename",
        "rust",
        false,
        "geometry.rs",
        "Rename the variable rect to bounds."
    ),
    task!(
        "parameter",
        "python",
        false,
        "words.py",
        "Add a parameter encoding=\"utf-8\" and pass it to open."
    ),
    task!(
        "remove logging",
        "typescript",
        false,
        "queue.ts",
        "Remove all console.log calls."
    ),
    task!(
        "one option more",
        "rust",
        false,
        "config.rs",
        "Read the option `timeout` (an integer, u64) the same way, after workers."
    ),
    task!(
        "reset",
        "rust",
        false,
        "session.rs",
        "In touch, also set entry.expired to false."
    ),
];

/// The system prompt of a region rewrite.
pub(crate) const SYSTEM: &str = "You rewrite code. You are given a region of a file and an instruction. \
Answer with the whole rewritten region only: every line of it, changed or not, and nothing else.";
