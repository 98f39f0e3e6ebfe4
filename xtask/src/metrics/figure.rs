//! Figures: what was measured, what is wanted of it, and how people and programs are told.

use super::stats::Series;
use serde::Serialize;

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Ms,
    /// Microseconds.
    #[serde(rename = "us")]
    Us,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Millions of bytes.
    #[serde(rename = "MB")]
    Mb,
    /// Millions of bytes in a second.
    #[serde(rename = "MB/s")]
    MbPerS,
    /// Tokens.
    #[serde(rename = "tokens")]
    Tokens,
    /// Times as much.
    #[serde(rename = "x")]
    Times,
    /// Of a hundred.
    #[serde(rename = "%")]
    Percent,
    /// Pieces.
    #[serde(rename = "count")]
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Unit::Ms if value.abs() < 10.0 => format!("{value:.2} ms"),
            Unit::Ms => format!("{value:.0} ms"),
            Unit::Us => format!("{value:.1} us"),
            Unit::Bytes => format!("{value:.0} bytes"),
            Unit::Mb => format!("{value:.1} MB"),
            Unit::MbPerS => format!("{value:.0} MB/s"),
            Unit::Tokens => format!("{value:.0} tokens"),
            Unit::Times => format!("{value:.2}x"),
            Unit::Percent => format!("{value:.1} %"),
            Unit::Count => format!("{value:.0}"),
        }
    }
}

/// What is wanted of a value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reach {
    /// It or less.
    AtMost(f64),
    /// It or more.
    AtLeast(f64),
    /// Told for what it is.
    Told,
}

/// Whether a value is what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// It is.
    Ok,
    /// It is not.
    Miss,
    /// Nothing is wanted of it.
    Told,
}

/// One value of a figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) unit: Unit,
    pub(super) reach: Reach,
}

impl Part {
    pub(super) fn new(label: impl Into<String>, value: f64, unit: Unit, reach: Reach) -> Part {
        Part {
            label: label.into(),
            value,
            unit,
            reach,
        }
    }

    /// Percentiles of microseconds, as milliseconds: each with what is wanted of it.
    pub(super) fn times(label: &str, series: &Series, wanted: &[(usize, Reach)]) -> Vec<Part> {
        let part = |(percent, reach): &(usize, Reach)| {
            let ms = series.percentile(*percent) as f64 / 1_000.0;
            Part::new(format!("{label}p{percent}"), ms, Unit::Ms, *reach)
        };
        wanted.iter().map(part).collect()
    }

    /// Something that must not be there.
    pub(super) fn none_of(label: impl Into<String>, count: usize) -> Part {
        Part::new(label, count as f64, Unit::Count, Reach::AtMost(0.0))
    }

    fn verdict(&self) -> Verdict {
        match self.reach {
            Reach::Told => Verdict::Told,
            Reach::AtMost(bound) if self.value <= bound => Verdict::Ok,
            Reach::AtLeast(bound) if self.value >= bound => Verdict::Ok,
            Reach::AtMost(_) | Reach::AtLeast(_) => Verdict::Miss,
        }
    }

    fn wanted(&self) -> String {
        match self.reach {
            Reach::AtMost(bound) => format!("<= {}", self.unit.show(bound)),
            Reach::AtLeast(bound) => format!(">= {}", self.unit.show(bound)),
            Reach::Told => String::new(),
        }
    }
}

/// What came of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Its values, and how they came about.
    Measured { parts: Vec<Part>, how: String },
    /// Not measured here; why, or what to run instead.
    Skipped(String),
    /// It could not be measured.
    Failed(String),
}

/// One line of the table of figures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// For `--only`.
    pub(super) name: String,
    /// In words.
    pub(super) what: &'static str,
    pub(super) outcome: Outcome,
}

impl Figure {
    /// The worst of its values.
    pub(super) fn verdict(&self) -> &'static str {
        match &self.outcome {
            Outcome::Skipped(_) => "skipped",
            Outcome::Failed(_) => "failed",
            Outcome::Measured { parts, .. } => {
                let any = |wanted| parts.iter().any(|p| p.verdict() == wanted);
                match (any(Verdict::Miss), any(Verdict::Ok)) {
                    (true, _) => "miss",
                    (false, true) => "ok",
                    (false, false) => "told",
                }
            }
        }
    }

    /// One object for programs.
    pub(super) fn json(&self) -> serde_json::Value {
        #[derive(Serialize)]
        struct Value<'a> {
            label: &'a str,
            value: f64,
            unit: Unit,
            reach: Reach,
            verdict: Verdict,
        }
        let (values, note) = match &self.outcome {
            Outcome::Measured { parts, how } => {
                let value = |p: &Part| {
                    let (label, verdict) = (p.label.as_str(), p.verdict());
                    let (value, unit, reach) = (p.value, p.unit, p.reach);
                    serde_json::json!(Value {
                        label,
                        value,
                        unit,
                        reach,
                        verdict
                    })
                };
                (parts.iter().map(value).collect(), how)
            }
            Outcome::Skipped(why) | Outcome::Failed(why) => (Vec::new(), why),
        };
        serde_json::json!({
            "type": "figure", "name": self.name, "what": self.what, "verdict": self.verdict(),
            "values": values, "note": note,
        })
    }

    /// Rows of the table: what, value, what is wanted, verdict.
    fn rows(&self) -> Vec<[String; 4]> {
        let row = |p: &Part| {
            let verdict = match p.verdict() {
                Verdict::Ok => "ok",
                Verdict::Miss => "MISS",
                Verdict::Told => "",
            };
            let shown = p.unit.show(p.value);
            [format!("  {}", p.label), shown, p.wanted(), verdict.to_owned()]
        };
        match &self.outcome {
            Outcome::Measured { parts, .. } => parts.iter().map(row).collect(),
            Outcome::Skipped(_) | Outcome::Failed(_) => vec![],
        }
    }

    fn note(&self) -> String {
        match &self.outcome {
            Outcome::Measured { how, .. } => how.clone(),
            Outcome::Skipped(why) => format!("skipped: {why}"),
            Outcome::Failed(why) => format!("FAILED: {why}"),
        }
    }

    /// For people: a heading, the values in columns, how they came about.
    pub(super) fn text(&self) -> String {
        let mut out = format!("{} [{}]\n", self.what, self.name);
        for [label, value, wanted, verdict] in self.rows() {
            let line = format!("{label:<52} {value:>12}  {wanted:<14} {verdict}");
            out.push_str(line.trim_end());
            out.push('\n');
        }
        let note = self.note();
        if !note.is_empty() {
            out.push_str(&format!("  ({note})\n"));
        }
        out
    }

    /// As rows of a Markdown table with four columns.
    pub(super) fn markdown(&self) -> String {
        let mut out = format!(
            "| **{}**: {} | | | {} |\n",
            self.what,
            self.note(),
            self.verdict()
        );
        for row in self.rows() {
            out.push_str(&format!(
                "| {} |\n",
                row.each_ref().map(|cell| cell.trim()).join(" | ")
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(parts: Vec<Part>) -> Figure {
        let how = "10 runs".to_owned();
        Figure {
            name: "x".to_owned(),
            what: "a thing",
            outcome: Outcome::Measured { parts, how },
        }
    }

    #[test]
    fn verdicts() {
        let part = |value, reach| Part::new("p50", value, Unit::Ms, reach);
        let cases: &[(&[(f64, Reach)], &str)] = &[
            (&[(1.0, Reach::AtMost(1.0))], "ok"),
            (&[(1.1, Reach::AtMost(1.0))], "miss"),
            (&[(1.0, Reach::AtLeast(1.0))], "ok"),
            (&[(0.9, Reach::AtLeast(1.0))], "miss"),
            (&[(9.0, Reach::Told)], "told"),
            (&[(9.0, Reach::Told), (1.0, Reach::AtMost(2.0))], "ok"),
            (&[(1.0, Reach::AtMost(2.0)), (3.0, Reach::AtMost(2.0))], "miss"),
            (&[(f64::NAN, Reach::AtMost(2.0))], "miss"),
        ];
        for (values, want) in cases {
            let parts = values.iter().map(|(v, r)| part(*v, *r)).collect();
            assert_eq!(figure(parts).verdict(), *want, "{values:?}");
        }
    }

    #[test]
    fn a_figure_is_told_to_people_and_programs() {
        let series = Series::new(vec![1_500, 20_000]).unwrap();
        let parts = Part::times(
            "",
            &series,
            &[(50, Reach::AtMost(15.0)), (99, Reach::AtMost(15.0))],
        );
        let figure = figure(parts);
        let text = figure.text();
        assert!(text.contains("1.50 ms  <= 15 ms       ok\n"), "{text}");
        assert!(text.contains("20 ms  <= 15 ms       MISS\n"), "{text}");
        assert!(
            figure
                .markdown()
                .contains("\n| p99 | 20 ms | <= 15 ms | MISS |\n")
        );
        let json = figure.json();
        assert_eq!(json["verdict"], "miss");
        assert_eq!(json["values"][0]["unit"], "ms");
        assert_eq!(json["values"][0]["reach"]["at_most"], 15.0);
    }
}
