//! Charts as inline SVG. Colours are CSS variables of the page, so that they follow light and dark. Pure.

use super::plot::Bin;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 52.0;

/// Text that may stand anywhere in the page.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// A line of a line chart: its name, its CSS class, and a value a column (milliseconds).
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) class: &'a str,
    pub(super) values: Vec<Option<f64>>,
}

/// Values over days, milliseconds upwards from zero.
pub(super) fn over_days(title: &str, days: &[&str], series: &[Series<'_>]) -> String {
    let top = nice_top(
        series
            .iter()
            .flat_map(|s| s.values.iter().flatten().copied())
            .fold(0.0, f64::max),
    );
    let mut svg = open(title);
    grid(&mut svg, top, "milliseconds");
    let column = (WIDTH - LEFT - RIGHT) / days.len().max(1) as f64;
    let x = |at: usize| LEFT + column * (at as f64 + 0.5);
    let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
    // As many names of days as there is room for.
    let each = days.len().div_ceil(9).max(1);
    for (at, day) in days.iter().enumerate().step_by(each) {
        label(&mut svg, x(at), HEIGHT - BOTTOM + 16.0, "middle", &escape(day));
    }
    label(
        &mut svg,
        LEFT + (WIDTH - LEFT - RIGHT) / 2.0,
        HEIGHT - 6.0,
        "middle",
        "day",
    );
    for s in series {
        let mut points = String::new();
        for (at, value) in s.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let _ = write!(points, "{:.1},{:.1} ", x(at), y(*value));
            let _ = write!(
                svg,
                "<circle class=\"{0} dot\" cx=\"{1:.1}\" cy=\"{2:.1}\" r=\"3\"><title>{3} {4}: {5:.1} ms</title></circle>",
                s.class,
                x(at),
                y(*value),
                escape(days.get(at).copied().unwrap_or_default()),
                s.name,
                value,
            );
        }
        let _ = write!(svg, "<polyline class=\"{} line\" points=\"{points}\"/>", s.class);
    }
    for (at, s) in series.iter().enumerate() {
        let left = LEFT + 8.0 + at as f64 * 64.0;
        let _ = write!(
            svg,
            "<rect class=\"{} fill\" x=\"{left}\" y=\"4\" width=\"10\" height=\"10\"/>",
            s.class
        );
        label(&mut svg, left + 14.0, 13.0, "start", s.name);
    }
    svg.push_str("</svg>");
    svg
}

/// How many turns took how long.
pub(super) fn histogram(title: &str, bins: &[Bin], name: impl Fn(&Bin) -> String) -> String {
    let top = whole_top(bins.iter().map(|bin| bin.n).max().unwrap_or(0));
    let mut svg = open(title);
    grid(&mut svg, top, "turns");
    let column = (WIDTH - LEFT - RIGHT) / bins.len().max(1) as f64;
    for (at, bin) in bins.iter().enumerate() {
        let height = bin.n as f64 / top * (HEIGHT - TOP - BOTTOM);
        let left = LEFT + column * at as f64;
        let _ = write!(
            svg,
            "<rect class=\"a fill\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{}: {}</title></rect>",
            left + column * 0.1,
            HEIGHT - BOTTOM - height,
            column * 0.8,
            escape(&name(bin)),
            bin.n,
        );
        label(
            &mut svg,
            left + column / 2.0,
            HEIGHT - BOTTOM + 16.0,
            "middle",
            &escape(&name(bin)),
        );
    }
    label(
        &mut svg,
        LEFT + (WIDTH - LEFT - RIGHT) / 2.0,
        HEIGHT - 6.0,
        "middle",
        "time, each turn once",
    );
    svg.push_str("</svg>");
    svg
}

fn open(title: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
        escape(title)
    )
}

fn grid(svg: &mut String, top: f64, unit: &str) {
    for step in 0..=4 {
        let share = f64::from(step) / 4.0;
        let y = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
        let right = WIDTH - RIGHT;
        let _ = write!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
        let value = top * share;
        let text = if value.fract() == 0.0 {
            format!("{value:.0}")
        } else {
            format!("{value:.2}")
        };
        label(svg, LEFT - 6.0, y + 4.0, "end", &text);
    }
    let middle = TOP + (HEIGHT - TOP - BOTTOM) / 2.0;
    let _ = write!(
        svg,
        "<text x=\"14\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {middle})\">{unit}</text>"
    );
}

fn label(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = write!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
    );
}

/// The next number that is not below, and whose quarters are whole and read well.
fn whole_top(n: usize) -> f64 {
    let mut power = 1;
    loop {
        if let Some(top) = [4, 8, 20].iter().map(|m| m * power).find(|top| *top >= n) {
            return top as f64;
        }
        power *= 10;
    }
}

/// The next 1, 2, 4 or 8 times a power of ten that is not below: quarters of it read well.
fn nice_top(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 8.0, 10.0]
        .iter()
        .map(|n| n * power)
        .find(|top| *top >= value)
        .unwrap_or(value)
}
