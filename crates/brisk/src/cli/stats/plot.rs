//! Plots made of characters, and the bins that all histograms share. Pure; a plotting library would be larger than
//! what it saves here.

/// Upper bounds of bins, microseconds: 1, 2, 5, 10 and so on, up to 50 s; beyond that is one more.
const BOUNDS: [u64; 15] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
    10_000_000, 20_000_000, 50_000_000,
];

const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How many values are in a bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bin {
    /// Values below this, microseconds, and not in an earlier bin; none: all others.
    pub(super) below_us: Option<u64>,
    /// How many.
    pub(super) n: usize,
}

/// Values by size, without the empty bins at both ends.
pub(super) fn bins(values: &[u64]) -> Vec<Bin> {
    let mut bins: Vec<Bin> = BOUNDS
        .iter()
        .map(|bound| Some(*bound))
        .chain([None])
        .map(|below_us| Bin { below_us, n: 0 })
        .collect();
    for value in values {
        let at = BOUNDS.partition_point(|bound| bound <= value);
        if let Some(bin) = bins.get_mut(at) {
            bin.n += 1;
        }
    }
    let last = bins.iter().rposition(|bin| bin.n > 0).map_or(0, |at| at + 1);
    bins.truncate(last);
    let first = bins.iter().position(|bin| bin.n > 0).unwrap_or(0);
    bins.split_off(first)
}

/// One character a value, from the lowest for zero to the highest for the greatest; a gap where there is none.
pub(super) fn sparkline(values: &[Option<u64>]) -> String {
    let top = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let step = |value: u64| {
        let at = value.saturating_mul(7).div_ceil(top).min(7);
        STEPS
            .get(usize::try_from(at).unwrap_or(7))
            .copied()
            .unwrap_or('█')
    };
    values.iter().map(|value| value.map_or(' ', step)).collect()
}

/// A bar for `n` of at most `most`, `width` characters when full; never empty unless `n` is 0.
pub(super) fn bar(n: usize, most: usize, width: usize) -> String {
    if n == 0 {
        return String::new();
    }
    "▇".repeat((n * width / most.max(1)).max(1))
}
