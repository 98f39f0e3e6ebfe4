//! Words that say something about a task, as data.
//!
//! A pattern is a row of words: `a|b` is either, `drop*` begins so, `~` is up to three words of any kind, `^run` is
//! the first word of a clause, `!env|sh`: neither of these comes next. English only; a prompt in another language yields
//! few hits, and what nobody knows goes the careful way.

use super::scan::Word;
use std::sync::LazyLock;

/// What a pattern says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Kind of work.
    Explain,
    Rename,
    Document,
    Refactor,
    WriteTest,
    Hunt,
    Build,
    Migrate,
    /// Acts outside of the text, or cannot be taken back.
    Operate,
    Edit,
    /// Reaches over the repository.
    Wide,
    /// Reaches over several repositories or services.
    Cross,
    /// This very place.
    Here,
    /// Whoever may do what, secrets, money, production.
    Sensitive,
    /// A symptom or a wish instead of a change.
    Vague,
    /// Something is wrong; where a place is named, that says enough.
    Bug,
    /// Done when something passes.
    Validate,
    /// Needs a command.
    Run,
    /// Needs another machine.
    Network,
    /// Can wait.
    Later,
}

/// One place in a pattern.
#[derive(Debug)]
enum Atom {
    Word(&'static str),
    /// The first word of a sentence or clause: there a verb is a wish.
    Leads(&'static str),
    Prefix(&'static str),
    Either(Vec<Atom>),
    /// None of these comes next in the clause. Takes no word.
    Not(Vec<Atom>),
    Gap,
}

#[derive(Debug)]
struct Pattern {
    atoms: Vec<Atom>,
    signal: Signal,
}

use Signal::{
    Bug, Build, Cross, Document, Edit, Explain, Here, Hunt, Later, Migrate, Network, Operate, Refactor,
    Rename, Run, Sensitive, Vague, Validate, Wide, WriteTest,
};

const TABLE: &[(Signal, &str)] = &[
    (
        Explain,
        "explain; what does; what is; why does; why is; how does; where is; summari*; describe",
    ),
    (Rename, "rename; call it"),
    (
        Document,
        "docstring|docstrings; doc comment|comments; comment|comments; typo|typos; document; \
         spelling; misspel*; heading; translate; sentence",
    ),
    (
        Refactor,
        "refactor*; extract; inline; split; collapse; simplify; restructure; reorgani*; move; tidy; \
         deduplicate",
    ),
    (WriteTest, "add|write ~ test|tests; test for"),
    (
        Hunt,
        "debug the|this|why|a|it|that; investigate; find out; figure out; bisect; race condition; \
         deadlock*; leak|leaks; crash*; hangs; intermittent*; flaky; broken",
    ),
    (
        Build,
        "implement; build a|an|me|us|our|out|up|some|new|support; ^build ~ service|system|app|feature|page|tool|api|module|backend|frontend; \
         design; split|break ~ file|module|class into|up; split|break ~ line|lines file|module|class; create ~ system|service|api|app|application|module|feature; \
         rewrite the; introduce; scaffold; multi tenan*; from scratch; \
         new feature|service|subsystem; set up; we need ~ dashboard|service|page|tool|app; dashboard",
    ),
    (
        Migrate,
        "migrat*; ^port; port this|our|it|all|everything; upgrade|upgrades; convert ~ all; switch ~ from; move ~ from ~ to; \
         replace ~ use|uses|usage|usages; bump ~ dependencies; bump all; modernise|modernize; \
         switch ~ to; swap ~ for ~ everywhere; replace ~ with ~ library|framework; get rid of; \
         convert ~ whole|entire; convert|rewrite|translate ~ to|in|into typescript|rust|golang|kotlin|swift|java|python; \
         convert|rewrite|translate ~ in|into go; \
         convert|rewrite|translate ~ to go !through|via|over|by|to|into|in|on|up|down|back|out|away|around|past|under|beyond|with|without|after|before|first|last|straight|directly|further|faster|deeper|wrong; \
         unify ~ all|every|five|four|three",
    ),
    (
        Operate,
        "deploy|deploys|deployment; publish; force push; \
         push ~ origin|main|master|remote|prod|production; rewrite history; tag ~ release|version; \
         cut ~ release; ship it; roll out|back; merge ~ branch|pr|pull|main|master; rm rf; rm r; \
         wipe*; purge*; \
         drop|drops|dropping ~ table|tables|column|columns|database|databases|index|schema|collection|constraint; \
         truncate ~ table|tables; \
         delete|deletes|erase|remove ~ records|rows|database|databases|table|tables|bucket|buckets|backup|backups|account|accounts|customers|customer|users|data|volume|volumes|log|logs|history|cluster|namespace|branch|branches; \
         on the server|servers; send ~ newsletter|mail|email|emails|message; \
         terminate ~ instance|instances; shut down; reset ~ hard|database; prod; production; \
         not null; alter table; add ~ column to; restart ~ server|service|cluster|pod|pods; \
         scale ~ replicas|cluster; overwrite ~ data|backup|backups; format ~ disk; \
         kill ~ process|processes; apply ~ terraform|migration|migrations; push ~ straight|directly; \
         clear ~ data|database|records|customers; rebase; usr bin|sbin|lib|local !env|python|python2|python3|perl|ruby|node|php|bash|zsh|sh|awk; \
         delete from ~ where; remove|removes|delete|deletes|drop|drops|omit|skip|strip|without ~ where clause|clauses; on delete cascade; delete cascade; cascade delete|deletes; to ~ cascade; push ~ force; remove ~ from prod|production",
    ),
    (
        Edit,
        "add|adds; change|changes; make|makes; remove|removes; delete|deletes; replace|replaces; \
         use|uses; return|returns; set|sets; handle|handles; convert|converts; turn; fix|fixes; \
         bump; sort|sorts; log|logs; swap|swaps; guard; shorten|shortens; retry; retries; \
         pass|passes; drop|drops; reverse|invert; cache; show|shows; insert; append; wrap|wraps; \
         cast; skip; limit; raise; throw; truncate|truncated; allow; lowercase|uppercase; disable; \
         enable; hide; round; update; multiply; print|prints; increase|decrease; reduce; default; \
         should; ignore; check; escape; format; indent; align; merge; let; store; rotate; eval; \
         correct; adjust; put; pull; warn|warns; link; reformat; cut; reword|rephrase; trim|strip; pad; \
         join; map; filter; group; count; load; save; read; write; open; close; copy; clone; reset; \
         clear; initialise|initialize; extend; expand; mark; highlight; center|centre; style; \
         restrict; mention; include; exclude|omit; lift|hoist; memoise|memoize; debounce|throttle; \
         deprecate; annotate; encode|decode; coerce; normalise|normalize; simplify; require; \
         prevent; avoid; ensure; support; parse; validate; assert; accept; give; hardcode|hard; \
         comment out; expose; catch; await; yield; cap; clamp; override; assign; declare; define; \
         delay; shrink|grow; widen|narrow; switch; replace; prefix|suffix; number; bold; \
         capitalise|capitalize; redirect; refresh; render; report; reject; emit; send; call; apply; \
         measure; stop; start; keep; prefer; treat; compute; calculate; flip; negate; push|pop; \
         attach; bind; fill; fold|unfold; nest; quote; shift; tweak; unwrap; zip; repeat; try; build; ^balance; ^hash; ^name",
    ),
    (
        Wide,
        "everywhere; throughout; across; \
         all ~ services|files|modules|components|classes|handlers|endpoints|tests|callers|usages|references|imports|models|functions|dependencies|packages|crates|pages|views|controllers|warnings|strings|queries|places|occurrences|methods|migrations|routes|tables|types; \
         every ~ service|file|module|component|class|handler|endpoint|test|caller|usage|use|reference|import|model|function|package|crate|page|view|controller|call|query|place|occurrence|method|route|table|type; \
         each ~ file|service|module|component|handler|endpoint|package|crate|page|model|class|microservices|services|test; \
         whole|entire|complete ~ project|app|application|codebase|code|repository|repo|frontend|backend|crate|package|module|system|library|site|website|product|tree|stack; \
         codebase; code base; the project|repo|repository; folder layout|structure; \
         directory layout|structure; monolith; call sites; call site; callers; all dependencies; \
         the entire|whole app; one package per; the backend|frontend; migrate from; port the; \
         internationali*; i18n; app wide; wherever; whole thing; \
         all|both|two|three|four|five|six|every ~ clients|client|apps|app|tools|projects; \
         nothing ~ breaks",
    ),
    (
        Cross,
        "all ~ repos|repositories|microservices|services; \
         both|two|three|several|many|other|sibling|multiple ~ repos|repositories|microservices; \
         our|their|these|those|my ~ repos|repositories; every|each ~ repo|repository|microservice|service|microservices|services; \
         across ~ repos|repositories|services|teams|microservices; the ~ repo and the ~ repo; \
         organisation|organization wide; downstream repos|repositories|services|projects",
    ),
    (
        Here,
        "here; this file; this function; this line; this loop; this method; this class; this block",
    ),
    (
        Sensitive,
        "password|passwords|passwd|passphrase; credential|credentials; secret|secrets; api key|keys; \
         private key|keys; public key|keys; ssh key|keys; encryption; encrypt*; decrypt*; \
         certificate|certificates; tls; csrf; xsrf; cors; xss; ssrf; sql injection; sql query; \
         injection; jwt|jwts; oauth*; saml; sso; 2fa|mfa|totp; auth; authn|authz; authenticat*; \
         authori*; login|logins|signin; log in; sign in; permission|permissions; privilege*; \
         role check|checks; rbac|acl|acls; admin|admins|administrator*; root access; sudo*; \
         signature check|verification; unsigned; verify ~ signature; constant time; hmac; \
         access|bearer|refresh|session|auth|api token|tokens; session cookie|cookies; sandbox*; \
         vulnerab*; exploit*; cve; security; sanitis*|sanitiz*; user input; users input; eval; \
         pickle|unpickle; deseriali*; payment|payments; billing; invoice|invoices; \
         credit card|cards; refund|refunds; chmod; 777; make ~ public; firewall; audit log|logs; \
         audit ~ vulnerab*; rate limit|limits|limiting; personal data; gdpr; pii; production; prod; \
         key rotation; backdoor; impersonat*; access control; whitelist|allowlist; curl ~ sh|bash; \
         safety normal; reversible true; fast lane; ignore ~ instructions; no need for review; \
         without review; \
         remove|delete|drop|skip|disable|bypass|suppress|ignore|comment|turn ~ check|checks|verif*|validat*|authenti*|authori*|sanitiz*|sanitis*|assertion|assertions|validation|verification|captcha|guard|confirmation|approval|protection|certificate|signature; \
         anyone|everyone|everybody|anybody|anonymous|public ~ view|read|access|see|write|edit|delete|download|change|call|use|in; \
         let|allow|allows|give|gives|show|shows ~ anyone|everyone|everybody|anybody|anonymous|any; \
         let|allow|allows|give|gives|show|shows ~ everyones|everybodys|others|staff; \
         allow|allows|render|accept|inject ~ html|script|scripts|javascript|markup|iframe|iframes; raw|inner|unescaped html; without ~ signing|sign|login|logging|password|permission|authentication|token|asking; \
         sign|signs|signed|signing in|up|out; logged in; ownership; owner ~ check|checks; access to; \
         write|read|full|admin|root access; grant|grants|granted; captcha|recaptcha; host key|keys; \
         known hosts; ssh; shell out; subprocess; os system; spawn ~ shell; rm rf; rm r; sql; \
         prepared statement|statements; path traversal; open redirect; redirect uri; clickjacking; \
         nonce; salt; cookie|cookies; samesite; httponly; session fixation; signed url|urls; \
         webhook|webhooks; insecure; bypass*; redact*; mask ~ data|logs|number; \
         upload handler|handlers; bucket policy; security group; iam; kms; vault; wallet|wallets; \
         payout|payouts; payroll; bank|banking; transfer amount|funds|money; withdraw*; \
         account balance; balance check; chargeback*; charge ~ card|customer; \
         hardcode ~ token|key|password|secret|credential|credentials; customer data; user data; \
         personal; privacy; consent; \
         verify|verification|autoescape|escape|sslverify|secure|csrf|strict false|off|none|0; verify none; no verify; shell|debug true; \
         innerhtml|outerhtml; dangerouslysetinnerhtml; document write; \
         md5|sha1|ecb|rc4|3des|des; cipher|ciphers; iv|ivs; allowed hosts|origins; http instead of https; https ~ to http; plain http; \
         as|user root; privileged; setuid; host network; rate limiter|limiters; throttling; \
         always ~ return|returns true|false|ok|none|null; always ~ allow|allows|pass|passes|succeed|succeeds|accept|accepts; \
         print|log|dump|echo|write|show|send ~ environ|environment|env|headers; connection string|strings; \
         card number|numbers; cvv|iban|ssn|dsn; \
         owners|maintainers; let|allow|give ~ team|support|employees|managers ~ read|see|view|access|open; \
         all|other|others|peoples|private ~ chats|messages|conversations|mails|inboxes; \
         skip|skips|bypass ~ for ~ account|accounts|user|users|boss|bosss|customer|customers; \
         open|opens|expose|exposes port|ports; open|expose|publish ~ world|internet|outside; 0 0 0 0; \
         retention; backup|backups; \
         remove|drop|delete|skip|disable ~ lock|locks|mutex|transaction|transactions|rollback|semaphore; \
         account|user|customer|wallet balance|balances; balance update|updates|transfer|transfers; ledger|ledgers; \
         discount|discounts ~ percent|percentage; price|prices ~ zero|0|free; \
         pin nothing; unpin*; latest everywhere; random ~ token|key|password; trust ~ any|all|every",
    ),
    (
        Vague,
        "doesnt work; does not work; not working; isnt working; stopped working; fix it|everything; \
         something ~ wrong; something ~ off; somewhere; somehow; sometimes; weird*; strange*; \
         no idea; randomly; find out; figure out; investigate; find ~ leak; find ~ cause; is broken; \
         clean up the code; is slow; too slow; crashes; keeps growing; users report; occasionally; \
         now and then; intermittent*; bottleneck*; debug the|this|why|a|it|that; hangs; polish; \
         ^improve; ^clean up; make ~ better|faster|nicer|cleaner|work|smaller|good; ^why; \
         find|know|see|understand|tell|idea ~ why; look into; no clue; what ~ causes; \
         keeps failing|crashing|hanging|timing; times out; timing out; ^shrink; ^speed ~ up; \
         all|every|any ~ bug|bugs|issues|problems|errors|todos; \
         rename|change|replace|update|convert|fix everywhere|everything|all; \
         too big|large; stale; reproduce; something ~ leaks; get rid of",
    ),
    (Bug, "fix ~ bug|bugs|issue|issues|problem|problems"),
    (
        Validate,
        "test|tests pass|passes|passing|green; test|tests still|also|all|then|again pass|passes|passing|green; suite ~ green|pass|passes|passing; all tests; failing test|tests; tests ~ green; \
         everything ~ green; it green; get ~ green; ci; flaky; \
         run ~ test|tests|suite|benchmark|benchmarks|linter|clippy|it; \
         cargo test|clippy|check|bench|build; npm test|run; pytest; go test|vet; make test|check; \
         coverage; benchmark*; bisect*; verify ~ that|with|works|tests; keep trying|going; mypy; \
         strict pass; the build; integration tests; regression*; under ~ ms|seconds; halve; iterate; \
         until ~ green|pass|passes|passing|works|clean|happy|under|below|above|stable|succeeds|compiles|fixed|done|right; \
         ^verify ~ that|with|by|works; \
         measure ~ which|how|time|speed|performance|latency|throughput; ^profile; \
         fix|all|every ~ warnings; what fails; failing test|tests|build|job|ci; \
         still|keeps ~ fails|failing; p99|p95; linter; make sure ~ breaks|works|pass|passes; \
         nothing ~ breaks; make it compile; reproduce; continuous integration; untested; ^shrink",
    ),
    (
        Run,
        "cargo test|clippy|check|bench|build; npm; pytest; bisect*; benchmark*; deploy; ci; \
         coverage; tests pass; mypy; flaky; rm rf; force push; publish; wipe*; ^run; and run; \
         run the tests|suite|benchmarks|benchmark|linter; run cargo|npm|make|pytest; ^execute; \
         ^profile; until ~ green|pass|passes|passing|happy|clean|compiles; failing test|tests|build; \
         reproduce; push straight|directly|this; rebase",
    ),
    (
        Network,
        "curl; wget; download; fetch from; deploy; publish; force push; push to; \
         send ~ newsletter|mail|email|emails; on the server|servers; open ~ pull request; ssh; \
         push straight|directly|this",
    ),
    (
        Later,
        "overnight; no hurry; no rush; when you have time; in the background; take your time",
    ),
];

/// By the first byte of the first word.
static INDEX: LazyLock<Vec<Vec<Pattern>>> = LazyLock::new(|| {
    let mut index: Vec<Vec<Pattern>> = (0..256).map(|_| Vec::new()).collect();
    for (signal, patterns) in TABLE {
        for text in patterns.split("; ") {
            let mut letters: Vec<u8> = first_letters(text);
            letters.dedup();
            for letter in letters {
                let atoms = text.split(' ').map(atom).collect();
                index[usize::from(letter)].push(Pattern {
                    atoms,
                    signal: *signal,
                });
            }
        }
    }
    index
});

fn first_letters(text: &str) -> Vec<u8> {
    let first = text.split(' ').next().unwrap_or_default();
    let mut letters: Vec<u8> = first
        .trim_start_matches('^')
        .split('|')
        .filter_map(|w| w.bytes().next())
        .collect();
    letters.sort_unstable();
    letters
}

fn atom(text: &'static str) -> Atom {
    if let Some(others) = text.strip_prefix('!') {
        return Atom::Not(others.split('|').map(atom).collect());
    }
    match text.split_once('|') {
        Some(_) => Atom::Either(text.split('|').map(atom).collect()),
        None if text == "~" => Atom::Gap,
        None => match (text.strip_suffix('*'), text.strip_prefix('^')) {
            (Some(prefix), _) => Atom::Prefix(prefix),
            (None, Some(word)) => Atom::Leads(word),
            (None, None) => Atom::Word(text),
        },
    }
}

impl Atom {
    fn is(&self, word: &Word) -> bool {
        match self {
            Atom::Word(w) => *w == word.text,
            Atom::Leads(w) => word.leads && *w == word.text,
            Atom::Prefix(p) => word.text.starts_with(p),
            Atom::Either(all) => all.iter().any(|a| a.is(word)),
            Atom::Gap | Atom::Not(_) => false,
        }
    }
}

/// Words that a gap may span.
const GAP: usize = 3;

/// One past the last word that the atoms take from `at` on.
fn matched(atoms: &[Atom], words: &[Word], at: usize) -> Option<usize> {
    let Some((atom, rest)) = atoms.split_first() else {
        return Some(at);
    };
    match atom {
        Atom::Gap => (at..=at + GAP).find_map(|next| matched(rest, words, next)),
        Atom::Not(others) => {
            let is_free = |next: &Word| next.leads || !others.iter().any(|a| a.is(next));
            words
                .get(at)
                .is_none_or(is_free)
                .then(|| matched(rest, words, at))?
        }
        Atom::Word(_) | Atom::Leads(_) | Atom::Prefix(_) | Atom::Either(_) => {
            let word = words.get(at)?;
            if atom.is(word) {
                matched(rest, words, at + 1)
            } else {
                None
            }
        }
    }
}

/// A pattern that occurs: what it says, and the bytes of the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    /// What.
    pub signal: Signal,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Every pattern that occurs, in the order of the text.
pub(super) fn hits(words: &[Word]) -> Vec<Hit> {
    let mut out = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let Some(letter) = word.text.bytes().next() else {
            continue;
        };
        for pattern in &INDEX[usize::from(letter)] {
            if let Some(end) = matched(&pattern.atoms, words, at)
                && let Some(last) = words.get(end.saturating_sub(1))
            {
                out.push(Hit {
                    signal: pattern.signal,
                    start: word.start,
                    end: last.end,
                });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::scan::words;
    use super::*;

    fn check(text: &str, signal: Signal, want: Option<&str>) {
        let found = hits(&words(text)).into_iter().find(|hit| hit.signal == signal);
        assert_eq!(found.map(|hit| &text[hit.start..hit.end]), want, "{text}");
    }

    #[test]
    fn patterns_are_found_where_they_stand() {
        check("please run the tests", Run, Some("run"));
        check("the loop should run on", Run, None);
        check("first tidy, run it", Run, Some("run"));
        check(
            "Drop the old users table",
            Operate,
            Some("Drop the old users table"),
        );
        check("drop a b c d table", Operate, None);
        check("sanitising input", Sensitive, Some("sanitising"));
        check("add 'drop the table' to the text", Operate, None);
        for (text, want) in [
            ("convert this to Go", Some("convert this to Go")),
            ("convert this to go.", Some("convert this to go")),
            ("translate it to Go, in one file", Some("translate it to Go")),
            ("rewrite this in Go", Some("rewrite this in Go")),
            ("rewrite this to go through the cache", None),
            ("convert the loop to go over the rows", None),
        ] {
            check(text, Migrate, want);
        }
        for (text, want) in [
            ("add a where clause for the status", None),
            (
                "run it without the where clause",
                Some("without the where clause"),
            ),
            ("drop the where clause", Some("drop the where clause")),
            ("set the shebang to #!/usr/bin/env python3", None),
            ("start it with #!/usr/bin/python3", None),
            ("copy it to /usr/bin", Some("usr/bin")),
            ("copy it to /usr/local/bin", Some("usr/local")),
        ] {
            check(text, Operate, want);
        }
    }

    #[test]
    fn every_pattern_is_well_formed() {
        for (signal, patterns) in TABLE {
            for pattern in patterns.split("; ") {
                let sound = pattern.split(' ').all(|word| {
                    word == "~"
                        || word.split('|').all(|w| {
                            let plain = w.trim_start_matches(['^', '!']).trim_end_matches('*');
                            !plain.is_empty()
                                && plain
                                    .chars()
                                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                        })
                });
                let edges = pattern.starts_with('~') || pattern.ends_with('~');
                assert!(sound && !edges, "{signal:?}: {pattern:?}");
            }
        }
    }
}
