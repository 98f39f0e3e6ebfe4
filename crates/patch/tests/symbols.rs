//! Outlines per language: names, kinds, lines with what stands above them.

#![allow(clippy::unwrap_used, reason = "test helpers")]

use brisk_patch::{Language, Symbol, enclosing, find, outline, vanished};

fn of(path: &str, text: &str) -> Vec<Symbol> {
    outline(Language::of_path(path).unwrap(), text)
}

fn check(path: &str, text: &str, want: &[&str]) {
    let got: Vec<String> = of(path, text)
        .iter()
        .map(|s| {
            format!(
                "{} {:?} {}..{}",
                s.qualified(),
                s.kind,
                s.lines.start,
                s.lines.end
            )
        })
        .collect();
    assert_eq!(got, want, "{path}");
}

const RUST: &str = "\
//! Crate words.

use std::fmt;

/// Doc.
#[derive(Debug)]
pub struct P<T> {
    t: T,
}

pub const MAX: usize = 3; // not above
impl<T> P<T> {
    /// Makes.
    #[must_use]
    pub fn new(t: T) -> P<T> {
        fn inner() {}
        P { t }
    }
}

impl fmt::Display for P<u8> {
    fn fmt(&self) {}
}

// Apart from it.

trait Q {
    fn q(&self);
}

mod tests {
    #[test]
    fn works() {}
}

macro_rules! m {
    () => {};
}
";

#[test]
fn rust() {
    check(
        "a.rs",
        RUST,
        &[
            "P Type 4..9",
            "MAX Constant 10..11",
            "impl P Impl 11..19",
            "P::new Method 12..18",
            "new::inner Function 15..16",
            "impl fmt::Display for P Impl 20..23",
            "P::fmt Method 21..22",
            "Q Interface 26..29",
            "Q::q Method 27..28",
            "tests Module 30..34",
            "tests::works Function 31..33",
            "m Macro 35..38",
        ],
    );
}

#[test]
fn python() {
    let text = "\
import os

LIMIT = 3

# Says how.
@decorated
@twice(1)
def f(x):
    y = 1
    return y


class A(B):
    \"\"\"Words.\"\"\"
    z = 1

    @property
    def g(self):
        def h():
            pass
        return h

async def k(): pass
";
    check(
        "a.py",
        text,
        &[
            "LIMIT Constant 2..3",
            "f Function 4..10",
            "A Type 12..21",
            "A.z Constant 14..15",
            "A.g Method 16..21",
            "g.h Function 18..20",
            "k Function 22..23",
        ],
    );
}

#[test]
fn typescript_and_javascript() {
    let text = "\
import x from 'x';

/** Words. */
export const f = (a: number) => a;
export default function g() {
    const local = 1;
    const inner = () => 1;
}
@Injectable()
export class A {
    h = () => 1;
    @Input() n = 1;
    constructor(private a: B) {}
    // Gets.
    get m(): number { return 1; }
}
interface I { a: string }
type T = string;
enum E { A }
namespace N {
    export function o() {}
}
let v = 1, w = 2;
";
    let want = [
        "f Function 2..4",
        "g Function 4..8",
        "g.inner Function 6..7",
        "A Type 8..16",
        "A.h Method 10..11",
        "A.constructor Method 12..13",
        "A.m Method 13..15",
        "I Interface 16..17",
        "T Type 17..18",
        "E Type 18..19",
        "N Module 19..22",
        "N.o Function 20..21",
        "v Constant 22..23",
        "w Constant 22..23",
    ];
    check("a.ts", text, &want);
    check("a.tsx", text, &want);
    let js = "function f() {}\nclass A {\n  #p = 1;\n  static g() {}\n}\nmodule.exports = { f };\nvar b = function () {};\n";
    check(
        "a.js",
        js,
        &[
            "f Function 0..1",
            "A Type 1..5",
            "A.g Method 3..4",
            "b Function 6..7",
        ],
    );
}

#[test]
fn go() {
    let text = "\
package a

// P is one.
type P struct {
\tx int
}

type (
\tQ interface{ q() }
\tR = P
)

const K = 1

var (
\tv = 1
)

// M does.
func (p *P) M() int { return 1 }

func F[T any](t T) {}
";
    check(
        "a.go",
        text,
        &[
            "P Type 2..6",
            "Q Type 8..9",
            "R Type 9..10",
            "K Constant 12..13",
            "v Constant 15..16",
            "P.M Method 18..20",
            "F Function 21..22",
        ],
    );
}

#[test]
fn c() {
    let text = "\
#include <a.h>
#define N 3
#define SQ(x) ((x) * (x))

struct s {
    int a;
};

typedef struct { int b; } t;
enum e { A, B };

static const int table[] = { 1, 2 };
int declared(void);

/* Words. */
static char *f(int a, char **b)
{
    int x = 1;
    return 0;
}

#ifdef N
void g(void) {}
#endif
";
    check(
        "a.c",
        text,
        &[
            "N Macro 1..2",
            "SQ Macro 2..3",
            "s Type 4..7",
            "t Type 8..9",
            "e Type 9..10",
            "table Constant 11..12",
            "f Function 14..20",
            "g Function 22..23",
        ],
    );
}

#[test]
fn java() {
    let text = "\
package a;

/** Words. */
@Entity
public class A extends B {
    private static final int N = 1;

    public A() {}

    @Override
    public String f(int x) {
        int y = 1;
        return \"\";
    }

    enum E { P, Q }
}

interface I { void g(); }
record R(int a) {}
";
    check(
        "a.java",
        text,
        &[
            "A Type 2..17",
            "A.N Constant 5..6",
            "A.A Method 7..8",
            "A.f Method 9..14",
            "A.E Type 15..16",
            "I Interface 18..19",
            "I.g Method 18..19",
            "R Type 19..20",
        ],
    );
}

#[test]
fn finding_and_enclosing() {
    let all = of("a.rs", RUST);
    let names = |name| find(&all, name).iter().map(|s| s.qualified()).collect::<Vec<_>>();
    assert_eq!(names("P"), ["P"]);
    assert_eq!(names("new"), ["P::new"]);
    assert_eq!(names("P::new"), ["P::new"]);
    assert_eq!(names("a::P.new"), ["P::new"]);
    assert_eq!(names("Q::new"), [""; 0]);
    assert_eq!(names("nothing"), [""; 0]);
    let around = |line| enclosing(&all, line).map(Symbol::qualified);
    assert_eq!(around(16).as_deref(), Some("P::new"));
    assert_eq!(around(12).as_deref(), Some("P::new"), "its comment");
    assert_eq!(around(18).as_deref(), Some("impl P"));
    assert_eq!(around(2), None);
}

#[test]
fn what_vanished() {
    let before = of("a.rs", RUST);
    let after = of(
        "a.rs",
        &RUST
            .replace("fn new(", "fn old(")
            .replace("const MAX: usize = 3;", ""),
    );
    assert_eq!(vanished(&before, &after), ["MAX", "P::new", "new::inner"]);
    assert_eq!(vanished(&before, &before), [""; 0]);
}
