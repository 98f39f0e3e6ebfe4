//! Files that a prompt of a plain client points to. Editors put them in as links, `file:///shop/cart.py#L10-20`;
//! some write the lines as `#L10:20` or `#10-20`.

use percent_encoding::percent_decode_str;

/// A link as a target, `FILE` or `FILE:A-B` with an absolute path. None where it is no file.
pub(crate) fn target(uri: &str) -> Option<String> {
    let rest = uri.strip_prefix("file://")?;
    // A host may stand before the path; only this machine's files can be edited.
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    let (path, fragment) = rest.split_once('#').map_or((rest, None), |(p, f)| (p, Some(f)));
    let path = percent_decode_str(path).decode_utf8().ok()?;
    if !path.starts_with('/') {
        return None;
    }
    Some(match fragment.and_then(lines) {
        Some((first, last)) => format!("{path}:{first}-{last}"),
        None => path.into_owned(),
    })
}

fn lines(fragment: &str) -> Option<(usize, usize)> {
    let number = |s: &str| s.trim_start_matches('L').parse::<usize>().ok();
    match fragment.split_once(['-', ':']) {
        Some((first, last)) => number(first).zip(number(last)),
        None => number(fragment).map(|n| (n, n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_their_targets() {
        let cases = [
            ("file:///shop/cart.py", Some("/shop/cart.py")),
            ("file:///a%20b/%C3%A9.py", Some("/a b/é.py")),
            ("file:///cart.py#L10-20", Some("/cart.py:10-20")),
            ("file:///cart.py#L10:20", Some("/cart.py:10-20")),
            ("file:///cart.py#L10-L20", Some("/cart.py:10-20")),
            ("file:///cart.py#7", Some("/cart.py:7-7")),
            ("file:///cart.py#subtotal", Some("/cart.py")),
            ("file://localhost/cart.py", Some("/cart.py")),
            ("file://elsewhere/cart.py", None),
            ("https://example.org/cart.py", None),
            ("file:///%ff.py", None),
            ("", None),
        ];
        for (uri, want) in cases {
            assert_eq!(target(uri).as_deref(), want, "{uri}");
        }
    }
}
