//! What is shown: each story is a window, what the model answers, and the steps of a person, one a line.

use super::story::{Part::*, Step::*, Story};
use crate::rig::terminal::Window;

/// The file that all stories are about.
pub(super) const SHOP: &str = r#""""What a basket costs."""


def subtotal(items):
    total = 0
    for item in items:
        total += item["price"]
    return total


def receipt(items):
    lines = [item["name"] for item in items]
    lines.append(f"total: {subtotal(items)}")
    return "\n".join(lines)
"#;

/// `subtotal` up to its changed line, and the rest of it.
const BEGUN: &str = "def subtotal(items):\n    total = 0\n    for item in items:\n        total += item[\"price\"] * item[\"quantity\"]\n";
const REST: &str = "    return total\n";
/// Another way to change it.
const ROUNDED: &str = "def subtotal(items):\n    total = 0\n    for item in items:\n        total += item[\"price\"]\n    return round(total, 2)\n";
/// `receipt` with two changes.
const RECEIPT: &str = "def receipt(items):\n    lines = [f\"{item['quantity']} x {item['name']}\" for item in items]\n    lines.append(f\"total: {subtotal(items)}\")\n    return \"\\n\".join(lines) + \"\\n\"\n";

/// Wide enough for every word of the last row.
const WIDE: Window = Window {
    columns: 140,
    rows: 30,
};
/// Half a screen, or a telephone.
const NARROW: Window = Window {
    columns: 60,
    rows: 24,
};

/// All of them, in the order of `docs/client.md`.
pub(super) const STORIES: &[Story] = &[
    Story {
        name: "edit",
        window: WIDE,
        args: &[],
        before: &[],
        answers: &[&[Text(BEGUN), Gate("rest"), Text(REST)]],
        steps: &[
            Wait("ready"),
            Press("multiply by the quantity @shop.py:s"),
            Wait("subtotal, lines"),
            Snap("place"),
            Press(TAB),
            Wait("> multiply by the quantity @shop.py:subtotal"),
            Press(ENTER),
            Wait("+        total += item[\"price\"] * item[\"quantity\"]"),
            Snap("streams"),
            Open("rest"),
            Wait("Enter keep"),
            Snap("offered"),
            Press(ENTER),
            Wait("kept 1 hunk"),
            Snap("kept"),
            Press("u"),
            Wait("undone: "),
            Press("r"),
            Wait("redone: "),
            Snap("undone"),
        ],
    },
    Story {
        name: "hunks",
        window: WIDE,
        args: &[],
        before: &[],
        answers: &[&[Text(RECEIPT)]],
        steps: &[
            Wait("ready"),
            Press("@shop.py:receipt show quantities, end with a line break"),
            Press(ENTER),
            Wait("2 hunks on offer"),
            Press("j"),
            Wait("\u{25b6} @@ shop.py:14"),
            Snap("two"),
            Press("n"),
            Wait("rejected 1 hunk"),
            Press("y"),
            Wait("kept 1 hunk"),
            Snap("one"),
        ],
    },
    Story {
        name: "steer",
        window: WIDE,
        args: &[],
        before: &[],
        answers: &[&[Text(BEGUN), Gate("never")], &[Text(ROUNDED)]],
        steps: &[
            Wait("ready"),
            Press("@shop.py:subtotal make it right"),
            Press(ENTER),
            Wait("+        total += "),
            Press("no, only round to cents"),
            Wait("> no, only round to cents"),
            Snap("typed"),
            Press(ENTER),
            Wait("Enter keep"),
            Snap("redirected"),
        ],
    },
    Story {
        name: "stop",
        window: WIDE,
        args: &[],
        before: &[],
        answers: &[&[Text(BEGUN), Gate("never")]],
        steps: &[
            Wait("ready"),
            Press("@shop.py:subtotal multiply by the quantity"),
            Press(ENTER),
            Wait("+        total += "),
            Press(ESC),
            Wait("stopped"),
            Snap("stopped"),
        ],
    },
    Story {
        name: "narrow",
        window: NARROW,
        args: &[],
        before: &[],
        answers: &[&[Text(BEGUN), Text(REST)]],
        steps: &[
            Wait("ready"),
            Press("@shop.py:subtotal multiply by the quantity"),
            Press(ENTER),
            Wait("Enter keep"),
            Snap("offered"),
        ],
    },
    Story {
        name: "recovery",
        window: WIDE,
        args: &[],
        before: &[],
        answers: &[&[Text(BEGUN), Gate("never")]],
        steps: &[
            Wait("ready"),
            Press("@shop.py:subtotal multiply by the quantity"),
            Press(ENTER),
            Wait("+        total += "),
            KillDaemon,
            Wait("connected again"),
            Wait("ready"),
            Snap("connected"),
        ],
    },
    Story {
        name: "help",
        window: WIDE,
        args: &[],
        before: &[],
        answers: &[],
        steps: &[Wait("ready"), Press("?"), Wait("redirect it"), Snap("keys")],
    },
    Story {
        name: "stats",
        window: WIDE,
        args: &["stats"],
        before: &[
            &["edit", "--yes", "multiply by the quantity", "shop.py:subtotal"],
            &["edit", "--yes", "only round to cents", "shop.py:subtotal"],
        ],
        answers: &[&[Text(BEGUN), Text(REST)], &[Text(ROUNDED)]],
        steps: &[Wait("tokens  "), Snap("text")],
    },
];

const ENTER: &str = "\r";
const TAB: &str = "\t";
const ESC: &str = "\x1b";
