//! Columns of the tables: what is measured of clips, what is known of segments, and their labels.

use std::collections::BTreeMap;

use crate::manifest::{Label, Vocabulary};
use crate::stages::{MEASURES, Mark, Measure, Measures, Values};

/// What segment steps know of their segments, which most do not.
pub(super) fn mark_columns(marks: &[&Mark]) -> [(String, Values); 3] {
    let floats = |of: fn(&Mark) -> Option<f64>| Values::Floats(marks.iter().map(|mark| of(mark)).collect());
    let sections = marks.iter().map(|mark| mark.section.clone()).collect();
    [
        ("start_confidence".to_owned(), floats(|mark| mark.start_confidence)),
        ("end_confidence".to_owned(), floats(|mark| mark.end_confidence)),
        ("section_auto".to_owned(), Values::Texts(sections)),
    ]
}

/// The manifest is checked: a label is always of its vocabulary's type.
pub(super) fn label_values<'a>(
    vocabulary: &Vocabulary,
    labels: impl Iterator<Item = Option<&'a Label>>,
) -> Values {
    let number = |label: &Label| if let Label::Number(number) = label { Some(*number) } else { None };
    let truth = |label: &Label| if let Label::Bool(truth) = label { Some(*truth) } else { None };
    let text = |label: &Label| if let Label::Text(text) = label { Some(text.to_string()) } else { None };
    match vocabulary {
        Vocabulary::Number => Values::Floats(labels.map(|label| label.and_then(number)).collect()),
        Vocabulary::Bool => Values::Bools(labels.map(|label| label.and_then(truth)).collect()),
        Vocabulary::Text | Vocabulary::Date | Vocabulary::Values(_) => {
            Values::Texts(labels.map(|label| label.and_then(text)).collect())
        }
    }
}

/// What was measured of each clip, a column a measure; the codec after the duration.
pub(super) fn measure_columns(
    clips: &[usize],
    measured: &BTreeMap<usize, Measures>,
) -> Vec<(String, Values)> {
    let measures = |clip: &usize| measured.get(clip);
    let column = |measure: &Measure| {
        let values = clips.iter().map(|clip| measures(clip).and_then(measure.of));
        let values = match measure.is_whole {
            true => Values::Ints(values.map(|value| value.map(|value| value as i64)).collect()),
            false => Values::Floats(values.collect()),
        };
        (measure.name.to_owned(), values)
    };
    let text = |name: &str, of: fn(&Measures) -> &String| {
        let texts = clips.iter().map(|clip| measures(clip).map(|measures| of(measures).clone()));
        (name.to_owned(), Values::Texts(texts.collect()))
    };
    let mut columns: Vec<_> = MEASURES.iter().map(column).collect();
    columns.insert(1, text("codec", |measures| &measures.codec));
    columns.push(text("channels_to_master", |measures| &measures.channels_to_master));
    columns.push(text("pcm_blake3", |measures| &measures.pcm_blake3));
    columns
}
