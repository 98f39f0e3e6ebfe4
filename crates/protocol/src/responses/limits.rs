//! How much of an account's quota is used: from a frame or from the headers of an answer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One window of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Of a hundred.
    pub used_percent: f64,
    /// Length of the window, minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_minutes: Option<u64>,
    /// When it begins anew, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<i64>,
}

/// The windows of an account.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RateLimits {
    /// The short one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Limit>,
    /// The long one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary: Option<Limit>,
}

impl RateLimits {
    /// From the frame `codex.rate_limits`; `None` if it tells nothing.
    pub fn from_frame(event: &Value) -> Option<RateLimits> {
        let limits = event.get("rate_limits").unwrap_or(event);
        let window = |name: &str| limits.get(name).and_then(|value| Limit::deserialize(value).ok());
        RateLimits {
            primary: window("primary"),
            secondary: window("secondary"),
        }
        .told()
    }

    /// From headers `x-codex-primary-used-percent`, `-window-minutes`, `-reset-at`, and the same with `secondary`;
    /// `header` gives the value of a name in lower case.
    pub fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<RateLimits> {
        let window = |name: &str| {
            let field = |what: &str| header(&format!("x-codex-{name}-{what}")).map(str::trim);
            Some(Limit {
                used_percent: field("used-percent")?.parse().ok()?,
                window_minutes: field("window-minutes").and_then(|text| text.parse().ok()),
                reset_at: field("reset-at").and_then(|text| text.parse().ok()),
            })
        };
        RateLimits {
            primary: window("primary"),
            secondary: window("secondary"),
        }
        .told()
    }

    fn told(self) -> Option<RateLimits> {
        (self.primary.is_some() || self.secondary.is_some()).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PRIMARY: Limit = Limit {
        used_percent: 12.5,
        window_minutes: Some(300),
        reset_at: Some(1_795_348_860),
    };

    #[test]
    fn frames() {
        let window = json!({"used_percent": 12.5, "window_minutes": 300, "reset_at": 1_795_348_860});
        let primary = Some(PRIMARY);
        for (frame, want) in [
            (
                json!({"type": "codex.rate_limits", "rate_limits": {"primary": window, "secondary": null}}),
                Some(RateLimits {
                    primary,
                    secondary: None,
                }),
            ),
            (
                json!({"primary": {"used_percent": "odd"}, "secondary": window}),
                Some(RateLimits {
                    primary: None,
                    secondary: primary,
                }),
            ),
            (json!({"rate_limits": {}}), None),
            (json!({"rate_limits": 7}), None),
        ] {
            assert_eq!(RateLimits::from_frame(&frame), want, "{frame}");
        }
    }

    #[test]
    fn headers() {
        let all = [
            ("x-codex-primary-used-percent", "12.5"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-at", "1795348860"),
        ];
        let among = |some: &'static [(&str, &'static str)]| {
            move |name: &str| some.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
        };
        let got = RateLimits::from_headers(|name| all.iter().find(|(n, _)| *n == name).map(|(_, v)| *v));
        assert_eq!(
            got,
            Some(RateLimits {
                primary: Some(PRIMARY),
                secondary: None
            })
        );
        assert_eq!(RateLimits::from_headers(among(&[])), None);
        assert_eq!(
            RateLimits::from_headers(among(&[("x-codex-primary-used-percent", "much")])),
            None
        );
    }
}
