//! From the model to the eye.

use super::{say, settle, sit_down};
use crate::metrics::figure::{Part, Reach};
use crate::metrics::{Measured, direct, series};
use crate::rig::fake::{answer, frames, rate, whole};
use crate::rig::house::{ANSWER, House, Programs, REQUEST, TARGET};
use anyhow::Context;

/// Last byte of a hunk's first changed line at the provider to that line on the screen.
pub(in crate::metrics) fn first_line(programs: &Programs, quick: bool) -> Measured {
    let runs = if quick { 25 } else { 200 };
    let [head, changed, tail] = ANSWER;
    let steps = [rate(head, 1_000.0), whole(changed), rate(tail, 200.0)];
    let house = House::shop(programs, &answer(&steps))?;
    let at = frames(head);
    let line = format!("+{}", changed.trim_end());
    let mut terminal = sit_down(&house, &[])?;
    let (mut times, mut control) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        say(&mut terminal, &format!("@{TARGET} {REQUEST}"))?;
        let painted = terminal.shows(&line)?;
        let (_, request) = house.fake.request()?;
        let sent = house.fake.chunks(request)?;
        let last = sent.get(at).context("the changed line was sent")?;
        times.push(painted.saturating_sub(*last));
        settle(&mut terminal)?;
        control.extend(direct::chunks(&house.fake)?);
    }
    let told = [(50, Reach::Told), (99, Reach::Told)];
    let wanted = [(50, Reach::Told), (99, Reach::AtMost(33.0))];
    let mut parts = Part::times("", &series(times)?, &wanted);
    parts.extend(Part::times(
        "a frame without Brisk between: ",
        &series(control)?,
        &told,
    ));
    let how = format!("{runs} edits; painted is the end of the update that shows the line");
    Ok((parts, how))
}
