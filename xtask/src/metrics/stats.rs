//! What a series of measurements comes to.

/// A series in ascending order; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Series(Vec<u64>);

impl Series {
    /// `None` when nothing was measured.
    pub(super) fn new(mut values: Vec<u64>) -> Option<Series> {
        values.sort_unstable();
        (!values.is_empty()).then_some(Series(values))
    }

    /// The smallest value that at least `percent` of all values do not exceed (nearest rank).
    pub(super) fn percentile(&self, percent: usize) -> u64 {
        let rank = (self.0.len() * percent.min(100)).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_series() {
        let cases: &[(&[u64], usize, u64)] = &[
            (&[7], 0, 7),
            (&[7], 50, 7),
            (&[7], 99, 7),
            (&[2, 1], 50, 1),
            (&[3, 1, 2], 50, 2),
            (&[4, 3, 2, 1], 50, 2),
            (&[4, 3, 2, 1], 75, 3),
            (&[4, 3, 2, 1], 99, 4),
            (&[4, 3, 2, 1], 100, 4),
            (&[4, 3, 2, 1], 400, 4),
        ];
        for (values, percent, want) in cases {
            let series = Series::new(values.to_vec()).unwrap();
            assert_eq!(series.percentile(*percent), *want, "p{percent} of {values:?}");
        }
        let hundred = Series::new((1..=100).rev().collect()).unwrap();
        assert_eq!([50, 99, 100].map(|p| hundred.percentile(p)), [50, 99, 100]);
        let thousand = Series::new((1..=1_000).collect()).unwrap();
        assert_eq!(thousand.percentile(99), 990);
        assert_eq!(Series::new(vec![]), None);
    }
}
