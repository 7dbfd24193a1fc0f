//! What was measured of all clips, a row a measure: for the card of a release and for people who check.

use std::collections::BTreeMap;

use crate::stages::{Frame, MEASURES, Values};

/// How one measure is distributed over the clips.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasureRow {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Of how many clips it is known.
    pub n_known: usize,
    /// The least, the median (the lower of two) and the greatest; none where it is known of no clip.
    pub spread: Option<[f64; 3]>,
    /// How many clips break a limit on it.
    pub n_flagged: usize,
}

/// A row for each measure of a table of clips, in the order of its columns, and for copies at the end.
pub fn measure_rows(clips: &Frame) -> Vec<MeasureRow> {
    let mut flags = BTreeMap::<&str, usize>::new();
    if let Some(Values::Texts(texts)) = clips.column("gate_flags") {
        let names = texts.iter().flatten().flat_map(|text| text.split(','));
        names.for_each(|name| *flags.entry(name).or_default() += 1);
    }
    let duplicate = ("duplicate", "agreement with the clip of which it is a copy");
    let named = MEASURES.iter().map(|measure| (measure.name, measure.about)).chain([duplicate]);
    named
        .filter_map(|(name, about)| {
            let values = sorted(clips.column(name)?);
            let middle = values.len().saturating_sub(1) / 2;
            let spread =
                values.first().zip(values.last()).map(|(least, most)| [*least, values[middle], *most]);
            let n_flagged = flags.get(name).copied().unwrap_or(0);
            Some(MeasureRow { name, about, n_known: values.len(), spread, n_flagged })
        })
        .collect()
}

fn sorted(values: &Values) -> Vec<f64> {
    let mut known: Vec<f64> = match values {
        Values::Floats(values) => values.iter().flatten().copied().collect(),
        Values::Ints(values) => values.iter().flatten().map(|value| *value as f64).collect(),
        _ => Vec::new(),
    };
    known.sort_unstable_by(f64::total_cmp);
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_summed_up_over_the_clips_that_have_it() {
        let clips = Frame {
            n_rows: 4,
            columns: vec![
                ("snr_db".into(), Values::Floats(vec![Some(40.0), None, Some(10.0), Some(20.0)])),
                ("channels".into(), Values::Ints(vec![Some(2), Some(1), None, Some(2)])),
                ("hum_db".into(), Values::Floats(vec![None; 4])),
                (
                    "gate_flags".into(),
                    Values::Texts(vec![None, None, Some("snr_db,hum_db".into()), Some("x".into())]),
                ),
            ],
        };
        let rows = measure_rows(&clips);
        let found: Vec<_> =
            rows.iter().map(|row| (row.name, row.n_known, row.spread, row.n_flagged)).collect();
        let want = [
            ("channels", 3, Some([1.0, 2.0, 2.0]), 0),
            ("snr_db", 3, Some([10.0, 20.0, 40.0]), 1),
            ("hum_db", 0, None, 1),
        ];
        assert_eq!(found, want);
    }
}
