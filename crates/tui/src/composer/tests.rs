use super::*;
use Key::*;
use proptest::prelude::*;

fn composer() -> Composer {
    Composer::new(vec!["first prompt".into(), "second\nprompt".into()])
}

/// `script`: `<x>` is a key by name, everything else is typed. The result has `|` at the cursor.
fn play(composer: &mut Composer, script: &str) -> String {
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|r| r.split_once('>'));
        let key = match named {
            Some((name, tail)) => {
                rest = tail;
                let last = name.chars().last().unwrap();
                match name {
                    "esc" => Esc,
                    "bs" => Backspace,
                    "M-bs" => AltBackspace,
                    "del" => Delete,
                    "nl" => AltEnter,
                    "up" => Up,
                    "down" => Down,
                    "left" => Left,
                    "right" => Right,
                    "enter" => Enter,
                    _ if name.starts_with("M-") => Alt(last),
                    _ => Ctrl(last),
                }
            }
            None => {
                rest = &rest[c.len_utf8()..];
                Char(c)
            }
        };
        composer.key(key);
    }
    let (mut text, cursor) = composer.shown();
    text.insert(cursor, '|');
    text
}

#[test]
fn emacs_keys() {
    let cases = [
        ("hello", "hello|"),
        ("hello<C-a>x", "x|hello"),
        ("one two<M-b>x", "one x|two"),
        ("one two<C-a><M-f>x", "onex| two"),
        ("one two<C-w>x", "one x|"),
        ("fix @a/b.rs:run <C-w>x", "fix x|"),
        ("fix a.rs<M-bs>x", "fix x|"),
        // What goes in a row comes back as one.
        ("one two three<C-w><C-w>x<C-y>", "one xtwo three|"),
        ("one two<C-a><M-d><M-d><C-y>", "one two|"),
        ("one two<C-w>x<C-w><C-y>", "one x|"),
        ("one two<C-a><M-d>", "| two"),
        ("one two<C-u>", "|"),
        ("one<C-a><C-k>two<C-y>", "twoone|"),
        ("one<nl>two<C-a><C-b><C-k>", "one|two"),
        ("one<nl>two<up>x", "onex|\ntwo"),
        ("one<nl>t<up><C-e><down>x", "one\ntx|"),
        ("e\u{301}x<left><left>y", "y|e\u{301}x"),
        ("日本<bs>", "日|"),
        ("ab<left><del>", "a|"),
        ("ab<left><C-d>", "a|"),
        ("one two<C-_>", "one |"),
        ("one two<C-_><C-_>", "|"),
        ("one<C-u><C-_>", "one|"),
    ];
    for (script, want) in cases {
        assert_eq!(play(&mut composer(), script), want, "{script}");
    }
}

#[test]
fn vi_keys() {
    let cases = [
        ("one two<esc>bdw", "one |"),
        ("one two<esc>0dw", "|two"),
        ("one two<esc>0cwsix<esc>", "si|x two"),
        ("one<esc>x", "on|"),
        ("one<esc>ddA!", "!|"),
        ("one<esc>u", "|"),
        ("one<esc>Ixx", "xx|one"),
        ("one<esc>otwo", "one\ntwo|"),
        ("one<nl>two<esc>kx", "on|\ntwo"),
        ("one two<esc>0ywP", "one |one two"),
        ("a.b c<esc>0cEx", "x| c"),
        ("one two<esc>0cwsix<esc>$x", "six tw|"),
        ("a-b c<esc>0dW", "|c"),
        ("a-b c<esc>B", "|a-b c"),
        ("one two<esc>0ex", "on| two"),
        ("one two<esc>0eex", "one tw|"),
        ("  one<esc>^x", "  |ne"),
        ("one two<esc>0ftx", "one |wo"),
        ("one two<esc>0dtt", "|two"),
        ("one two<esc>Fnx", "o|e two"),
        ("one two<esc>dFe", "on|o"),
        ("one two<esc>0tw~x", "one |wo"),
        ("one two<esc>0fz", "|one two"),
        ("one<esc>0rO", "|One"),
        ("one<esc>0sO", "O|ne"),
        ("one<esc>Stwo", "two|"),
        ("one<esc>X", "o|e"),
        ("one two<esc>0D", "|"),
        ("one<esc>j", "on|e"),
        ("one two three four<esc>02wx", "one two |hree four"),
        ("one two three four<esc>02dw", "|three four"),
        ("one two three four<esc>0d2w", "|three four"),
        ("a b c d e f g<esc>02d2w", "|e f g"),
        ("one two three<esc>02cwsix<esc>", "si|x three"),
        ("a<nl>b<nl>c<nl>d<esc>kk2dd", "a\n|d"),
        ("a<nl>b<esc>3dd", "a\n|"),
        ("one two<esc>03x", "| two"),
        ("abcdef<esc>2X", "abc|f"),
        ("a.b.c.d<esc>02f.x", "a.b|c.d"),
        ("a.b.c.d<esc>0d2t.", "|.c.d"),
        ("one<esc>010hx", "|ne"),
        ("one two<esc>03<esc>x", "|ne two"),
        ("ab<esc>0x3p", "baaa|"),
        ("one two three<esc>0wdiw", "one | three"),
        ("one two three<esc>0wdaw", "one |three"),
        ("one two three<esc>0wciwsix<esc>", "one si|x three"),
        ("say \"hi\" now<esc>0ci\"ho<esc>", "say \"h|o\" now"),
        ("say \"hi\" now<esc>0da\"", "say |now"),
        ("f(a, b)<esc>hdi(", "f(|)"),
        ("f(a, b)<esc>hda(", "f|"),
        ("f(a, b)<esc>hyi(P", "f(a, b|a, b)"),
        ("one<esc>diz", "on|e"),
        ("one<esc>k", "second\nprompt|"),
    ];
    for (script, want) in cases {
        let mut composer = composer();
        composer.toggle_vi();
        assert_eq!(play(&mut composer, script), want, "{script}");
    }
}

#[test]
fn history_is_stepped_through_and_searched() {
    let cases = [
        ("<up>", "second\nprompt|"),
        ("<C-p><C-p>", "first prompt|"),
        ("<C-p><C-p><C-p>", "first prompt|"),
        ("draft<C-p><C-n>", "draft|"),
        ("<C-n>", "|"),
        ("<C-r>fir", "first prompt|"),
        ("<C-r>prompt", "second\nprompt|"),
        ("<C-r>prompt<C-r>", "first prompt|"),
        ("<C-r>fir<enter>x", "first promptx|"),
        ("draft<C-r>fir<esc>", "draft|"),
    ];
    for (script, want) in cases {
        assert_eq!(play(&mut composer(), script), want, "{script}");
    }
}

#[test]
fn a_large_paste_is_folded_and_sent_whole() {
    let mut composer = composer();
    let lines = "line\n".repeat(4_999) + "end";
    composer.paste("short");
    composer.paste(&lines);
    assert_eq!(play(&mut composer, "!"), "short[pasted 5000 lines]!|");
    assert_eq!(composer.whole(), format!("short{lines}!"));
    assert_eq!(play(&mut composer, "<bs><bs>"), "short|");
    assert_eq!(play(&mut composer, "<C-_>"), "short[pasted 5000 lines]|");
    assert_eq!(composer.take(), format!("short{lines}"));
    assert!(composer.is_empty());
    // The stand-in itself cannot be smuggled in.
    composer.paste("\u{f0000}");
    assert_eq!(composer.whole(), "\u{fffd}");
}

#[test]
fn a_folded_paste_that_was_taken_out_comes_back_whole() {
    let (one, two) = ("one\n".repeat(20), "two\n".repeat(30));
    for (kill, yank) in [("<C-u>", "<C-y>"), ("<esc>0D", "<esc>p")] {
        let mut composer = composer();
        if kill.starts_with("<esc>") {
            composer.toggle_vi();
        }
        composer.paste(&one);
        play(&mut composer, kill);
        assert_eq!(composer.whole(), "", "{kill}");
        composer.paste(&two);
        assert_eq!(composer.take(), two);
        assert_eq!(play(&mut composer, yank), "[pasted 21 lines]|", "{yank}");
        assert_eq!(composer.take(), one);
    }
}

#[test]
fn no_character_is_taken_for_a_paste_that_it_is_not() {
    let mut composer = composer();
    let lines = "line\n".repeat(20);
    composer.paste(&lines);
    composer.key(Char('\u{f0000}'));
    assert_eq!(composer.whole(), format!("{lines}\u{fffd}"));
    composer.set("\u{f0000}");
    assert_eq!(composer.whole(), "\u{fffd}");
}

#[test]
fn a_paste_ends_a_search() {
    let mut composer = composer();
    play(&mut composer, "<C-r>fir");
    composer.paste("!");
    assert_eq!(composer.searching(), None);
    // Esc gave back what was there before the search, without what was pasted.
    assert_eq!(play(&mut composer, "<esc>"), "first prompt!|");
}

#[test]
fn completions_replace_the_word_at_the_cursor() {
    let cases = [
        ("fix @sh", Some("@sh")),
        ("@sh", Some("@sh")),
        ("/he", Some("/he")),
        ("a /he", None),
        ("fix @sh now", None),
        ("mail me@x", None),
    ];
    for (text, want) in cases {
        let mut composer = composer();
        play(&mut composer, text);
        assert_eq!(composer.completable(), want, "{text}");
    }
    let mut composer = composer();
    play(&mut composer, "fix @sh");
    composer.complete("@shop.py ");
    assert_eq!(composer.whole(), "fix @shop.py ");
}

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        any::<char>().prop_map(Char),
        prop::sample::select(vec![
            'a', 'b', 'd', 'e', 'f', 'k', 'n', 'p', 'r', 'u', 'w', 'y', '_'
        ])
        .prop_map(Ctrl),
        prop::sample::select(vec!['b', 'd', 'f', '<', '>']).prop_map(Alt),
        prop::sample::select(vec![
            AltEnter, Esc, Backspace, Delete, Left, Right, Up, Down, Home, End
        ]),
        prop::sample::select("hjklwbe0$xdcypuiaIAoODCG".chars().collect::<Vec<_>>()).prop_map(Char),
    ]
}

proptest! {
    #[test]
    fn any_keys_leave_a_sound_text(keys in prop::collection::vec(any_key(), 0..60), vi in any::<bool>()) {
        let mut composer = composer();
        if vi {
            composer.toggle_vi();
        }
        for key in keys {
            composer.key(key);
            prop_assert!(composer.now.text.is_char_boundary(composer.now.cursor));
        }
        let (shown, cursor) = composer.shown();
        prop_assert!(shown.is_char_boundary(cursor));
    }
}
