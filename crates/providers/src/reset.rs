//! When a quota is there again, read from every shape that servers are known to write it in. Pure: the moment is
//! given.

use hyper::HeaderMap;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::Value;

/// No quota is longer than a month; what says more comes from a wrong clock, milliseconds.
const FAR_AHEAD: u64 = 40 * DAY;

/// A moment that is longer ago was written by a wrong clock, or ours is wrong, milliseconds.
const LONG_AGO: i64 = DAY as i64;

const DAY: u64 = 86_400_000;

/// Milliseconds until the same request may work, if the server said. A time that no sane clock can have meant counts as
/// not said.
///
/// First what was written for this purpose (`retry-after-ms`, `retry-after`), then the words of the body, then the
/// `...reset...` headers: those whose `...remaining...` twin is 0, or all where no twin says so, and of these the
/// latest. `now` is the fallback where the server's own `date` is missing.
pub(crate) fn reset_ms(headers: &HeaderMap, body: &str, now: Timestamp) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // The server's clock and ours may differ by minutes; its moments are meant by its clock.
    let now = text("date")
        .and_then(|date| rfc2822::parse(date).ok())
        .map_or(now, |date| date.timestamp());
    text("retry-after-ms")
        .and_then(|ms| ms.trim().parse::<f64>().ok())
        .and_then(|ms| millis(ms / 1000.0))
        .or_else(|| text("retry-after").and_then(|value| read(value, now)))
        .or_else(|| in_body(body, now))
        .or_else(|| in_resets(headers, now))
}

fn in_resets(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let mut all: Option<u64> = None;
    let mut spent: Option<u64> = None;
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        let name = name.as_str();
        let (reset, remaining) = match structured(name, value) {
            Some(pair) => pair,
            None if name.contains("reset") => {
                let twin = headers
                    .get(name.replace("reset", "remaining"))
                    .and_then(|v| v.to_str().ok());
                (value, twin)
            }
            None => continue,
        };
        let Some(ms) = read(reset, now) else { continue };
        all = all.max(Some(ms));
        if remaining
            .and_then(|r| r.trim().parse::<f64>().ok())
            .is_some_and(|r| r <= 0.0)
        {
            spent = spent.max(Some(ms));
        }
    }
    spent.or(all)
}

/// `RateLimit: "default";r=0;t=30` and the older `RateLimit: limit=10, remaining=0, reset=30`.
fn structured<'a>(name: &str, value: &'a str) -> Option<(&'a str, Option<&'a str>)> {
    if name != "ratelimit" {
        return None;
    }
    let field = |names: [&str; 2]| {
        value
            .split([';', ','])
            .filter_map(|part| part.split_once('='))
            .find_map(|(key, value)| names.contains(&key.trim()).then_some(value.trim()))
    };
    field(["t", "reset"]).map(|reset| (reset, field(["r", "remaining"])))
}

/// Keys whose value says when, and the words "try again in 7.66s".
fn in_body(body: &str, now: Timestamp) -> Option<u64> {
    const KEYS: [&str; 6] = [
        "retryDelay",
        "retry_after",
        "retry_after_seconds",
        "resets_in_seconds",
        "resets_at",
        "X-RateLimit-Reset",
    ];
    fn find(value: &Value, now: Timestamp) -> Option<u64> {
        match value {
            Value::Object(fields) => KEYS
                .iter()
                .find_map(|key| match fields.get(*key)? {
                    Value::String(text) => read(text, now),
                    Value::Number(number) => read(&number.to_string(), now),
                    Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
                })
                .or_else(|| fields.values().find_map(|inner| find(inner, now))),
            Value::Array(items) => items.iter().find_map(|inner| find(inner, now)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
    }
    serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|value| find(&value, now))
        .or_else(|| in_words(body))
}

fn in_words(body: &str) -> Option<u64> {
    ["try again in ", "retry in ", "retry after "]
        .iter()
        .find_map(|lead| {
            let (_, rest) = body.split_once(lead)?;
            let mut words = rest.split([' ', '"', ',']);
            let first = words.next()?.trim_end_matches('.');
            match words.next().map(|unit| unit.trim_end_matches(['.', 's'])) {
                Some("second" | "sec") => millis(first.parse().ok()?),
                Some("minute" | "min") => millis(first.parse::<f64>().ok()? * 60.0),
                Some("hour") => millis(first.parse::<f64>().ok()? * 3600.0),
                Some(_) | None => duration(first),
            }
        })
}

/// One value: seconds, a moment in seconds or milliseconds since 1970, `6m0s`, an HTTP date, RFC 3339. What is in
/// the past is 0.
fn read(value: &str, now: Timestamp) -> Option<u64> {
    let value = value.trim();
    let until = |then: Timestamp| {
        let ms = then.as_millisecond() - now.as_millisecond();
        (ms > -LONG_AGO).then(|| u64::try_from(ms).unwrap_or(0))
    };
    let sane = |ms: &u64| *ms <= FAR_AHEAD;
    if let Ok(number) = value.parse::<f64>() {
        // Nobody resets a quota after 30 years; a number that large is a moment.
        let epoch_s = if number >= 1e12 { number / 1000.0 } else { number };
        return match epoch_s >= 1e9 {
            true => until(Timestamp::from_millisecond((epoch_s * 1000.0) as i64).ok()?),
            false => millis(number),
        }
        .filter(sane);
    }
    duration(value)
        .or_else(|| {
            rfc2822::parse(value)
                .ok()
                .and_then(|date| until(date.timestamp()))
        })
        .or_else(|| value.parse::<Timestamp>().ok().and_then(until))
        .filter(sane)
}

/// `1h2m3.5s`, `120ms`, `6m0s`.
fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let factor = match unit {
            "d" => 86_400.0,
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (!text.is_empty()).then_some(seconds).and_then(millis)
}

/// Rounded up, so that a retry does not come a moment too soon.
fn millis(seconds: f64) -> Option<u64> {
    (seconds.is_finite() && seconds >= 0.0).then(|| (seconds * 1000.0 - 1e-6).ceil().max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-22T12:00:00Z.
    const NOW: i64 = 1_795_348_800;

    fn check(headers: &[(&'static str, &str)], body: &str, want: Option<u64>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let now = Timestamp::from_second(NOW).unwrap();
        assert_eq!(reset_ms(&map, body, now), want, "{headers:?} {body}");
    }

    #[test]
    fn headers_of_real_servers() {
        check(&[], "", None);
        check(&[("retry-after", "7")], "", Some(7000));
        check(&[("retry-after", "0.5")], "", Some(500));
        check(&[("retry-after-ms", "250"), ("retry-after", "1")], "", Some(250));
        check(
            &[("retry-after", "Sun, 22 Nov 2026 12:00:30 GMT")],
            "",
            Some(30_000),
        );
        check(&[("retry-after", "Sun, 22 Nov 2026 11:00:00 GMT")], "", Some(0));
        // The server's clock is a minute ahead; both of its moments are meant by it.
        let date = ("date", "Sun, 22 Nov 2026 12:01:00 GMT");
        check(
            &[("retry-after", "Sun, 22 Nov 2026 12:01:30 GMT"), date],
            "",
            Some(30_000),
        );
        // A clock that is off by years says nothing; the next word of the server counts.
        for wrong in [
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Sun, 22 Nov 2036 12:00:00 GMT",
            "1000000000",
            "4000000000",
            "99999999",
            "1e300",
        ] {
            check(&[("retry-after", wrong)], "", None);
            check(
                &[("retry-after", wrong), ("x-ratelimit-reset", "1795348860")],
                "",
                Some(60_000),
            );
        }
        check(
            &[("anthropic-ratelimit-tokens-reset", "2036-11-22T12:00:05Z")],
            "",
            None,
        );
        check(&[("retry-after", "soon")], "", None);
        check(&[("retry-after", "-3")], "", None);
        check(
            &[
                ("x-ratelimit-reset-requests", "2m59.56s"),
                ("x-ratelimit-reset-tokens", "7.66s"),
            ],
            "",
            Some(179_560),
        );
        check(
            &[
                ("x-ratelimit-reset-requests", "2m59.56s"),
                ("x-ratelimit-remaining-requests", "900"),
                ("x-ratelimit-reset-tokens", "7.66s"),
                ("x-ratelimit-remaining-tokens", "0"),
            ],
            "",
            Some(7660),
        );
        check(&[("x-ratelimit-reset-tokens", "120ms")], "", Some(120));
        check(
            &[("x-ratelimit-reset-tokens-minute", "33.011382")],
            "",
            Some(33_012),
        );
        check(&[("x-ratelimit-reset", "1795348860")], "", Some(60_000));
        check(&[("x-ratelimit-reset", "1795348860500")], "", Some(60_500));
        check(
            &[("anthropic-ratelimit-tokens-reset", "2026-11-22T12:00:05Z")],
            "",
            Some(5000),
        );
        check(&[("x-codex-primary-reset-after-seconds", "90")], "", Some(90_000));
        check(&[("ratelimit-reset", "30")], "", Some(30_000));
        check(
            &[("ratelimit", "limit=10, remaining=0, reset=50")],
            "",
            Some(50_000),
        );
        check(&[("ratelimit", "\"default\";r=0;t=40")], "", Some(40_000));
    }

    #[test]
    fn bodies_of_real_servers() {
        for (body, want) in [
            (
                r#"{"error":{"message":"Limit 6000. Please try again in 7.66s. Visit ..."}}"#,
                Some(7660),
            ),
            (
                r#"{"error":{"message":"Please try again in 6m0s."}}"#,
                Some(360_000),
            ),
            (
                r#"{"error":{"message":"Please try again in 20 seconds."}}"#,
                Some(20_000),
            ),
            (r#"{"error":{"message":"Please retry in 34.07s."}}"#, Some(34_070)),
            (r#"{"error":{"message":"try again in 2 minutes"}}"#, Some(120_000)),
            (
                r#"{"error":{"details":[{"@type":"x"},{"retryDelay":"34s"}]}}"#,
                Some(34_000),
            ),
            (r#"{"error":{"resets_in_seconds":12}}"#, Some(12_000)),
            (r#"{"error":{"resets_at":1795348810}}"#, Some(10_000)),
            (
                r#"{"error":{"metadata":{"headers":{"X-RateLimit-Reset":"1795348801000"}}}}"#,
                Some(1000),
            ),
            (r#"{"error":{"message":"try again in a while"}}"#, None),
            (r#"{"error":{"message":"You exceeded your current quota"}}"#, None),
            ("try again in ", None),
        ] {
            check(&[], body, want);
        }
    }

    #[test]
    fn nonsense_is_not_a_time() {
        for text in ["", "s", "5", "5x", "1.2.3s", "..", "m5"] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(duration("1d1h1m1s"), Some(90_061_000));
    }

    proptest! {
        #[test]
        fn anything_is_survived(value in "[ -~]{0,30}|[0-9.]{0,25}[a-z]{0,2}", body in any::<String>()) {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().unwrap());
            headers.insert("x-ratelimit-reset", value.parse().unwrap());
            reset_ms(&headers, &body, Timestamp::UNIX_EPOCH);
            reset_ms(&HeaderMap::new(), &format!("try again in {value} {body}"), Timestamp::MAX);
        }
    }
}
