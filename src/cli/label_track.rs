//! Label tracks as Audacity writes them: a line per label, with start, end and text between tabs.

use std::fmt::Write;

use super::drawn::time;

/// A label of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marked {
    /// The line that it stands in, counted from 1.
    pub(super) line: usize,
    /// Where it starts, µs.
    pub(super) start: u64,
    /// Where it ends, µs.
    pub(super) end: u64,
    /// What it says.
    pub(super) text: String,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// Counted from 1; 0 for the track as a whole.
    pub(super) line: usize,
    pub(super) problem: String,
}

/// More labels than a day of music has notes are no track.
const MOST_LABELS: usize = 200_000;
/// The longest time that a manifest may name, s.
const LONGEST_S: u64 = 1_000_000;

/// One line per label. Whatever would break a line or a field is a space.
pub(super) fn write<'a>(labels: impl Iterator<Item = (u64, u64, &'a str)>) -> String {
    let mut track = String::new();
    for (start, end, text) in labels {
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(track, "{}\t{}\t{text}", seconds(start), seconds(end));
    }
    track
}

/// The ranges of a track, in order. A label without length cuts the range that it lies in, and begins the second
/// part, or, in a track of such labels alone, each is where a range ends and the next begins.
///
/// Lines that begin with a backslash say which frequencies a label spans; nothing here depends on them.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Marked>, Vec<Bad>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut labels, mut bad) = (Vec::new(), Vec::new());
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() || line.starts_with(b"\\") {
            continue;
        }
        if labels.len() == MOST_LABELS {
            bad.push(Bad { line: index + 1, problem: format!("there are more than {MOST_LABELS} labels") });
            break;
        }
        match label(line) {
            Ok((start, end, text)) => labels.push(Marked { line: index + 1, start, end, text }),
            Err(problem) => bad.push(Bad { line: index + 1, problem }),
        }
    }
    if !bad.is_empty() {
        return Err(bad);
    }
    labels.sort_by_key(|label| (label.start, label.end, label.line));
    ranges(labels)
}

/// To the microsecond, as Audacity does.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn label(line: &[u8]) -> Result<(u64, u64, String), String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not in UTF-8".to_owned())?;
    let mut fields = line.splitn(3, '\t');
    let (Some(start), Some(end)) = (fields.next(), fields.next()) else {
        return Err("a label is its start and its end in seconds and its text, with tabs between".to_owned());
    };
    let (start, end) = (micros(start)?, micros(end)?);
    if end < start {
        return Err(format!("it ends at {}, before it starts at {}", time(end), time(start)));
    }
    Ok((start, end, fields.next().unwrap_or("").trim().to_owned()))
}

/// A decimal number of seconds; some systems write a comma for the point.
fn micros(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let shown: String = text.chars().take(40).collect();
    let no_time = || format!("`{shown}` is no time in seconds");
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return Err(no_time());
    }
    let whole = whole.parse::<u64>().ok().filter(|whole| *whole < LONGEST_S);
    let whole = whole.ok_or_else(|| format!("`{shown}` is beyond {LONGEST_S} s"))?;
    // The seventh digit rounds.
    let digits: String = fraction.chars().chain("0000000".chars()).take(7).collect();
    let tenths: u64 = digits.parse().map_err(|_| no_time())?;
    Ok((whole * 1_000_000 + (tenths + 5) / 10).min(LONGEST_S * 1_000_000 - 1))
}

fn ranges(labels: Vec<Marked>) -> Result<Vec<Marked>, Vec<Bad>> {
    let (points, ranges): (Vec<Marked>, Vec<Marked>) =
        labels.into_iter().partition(|label| label.start == label.end);
    let overlaps = ranges.windows(2).filter(|pair| pair[1].start < pair[0].end);
    let mut bad: Vec<Bad> = overlaps
        .map(|pair| Bad { line: pair[1].line, problem: format!("it overlaps line {}", pair[0].line) })
        .collect();
    if ranges.is_empty() {
        return between(&points);
    }
    let mut cut = ranges;
    for point in &points {
        if let Err(problem) = cut_at(&mut cut, point) {
            bad.push(Bad { line: point.line, problem });
        }
    }
    if bad.is_empty() { Ok(cut) } else { Err(bad) }
}

fn between(points: &[Marked]) -> Result<Vec<Marked>, Vec<Bad>> {
    let mut points = points.to_vec();
    points.dedup_by_key(|point| point.start);
    if points.len() < 2 {
        let problem = "it has no range, and no two points to make one between".to_owned();
        return Err(vec![Bad { line: 0, problem }]);
    }
    let range = |pair: &[Marked]| Marked { end: pair[1].start, ..pair[0].clone() };
    Ok(points.windows(2).map(range).collect())
}

fn cut_at(ranges: &mut Vec<Marked>, point: &Marked) -> Result<(), String> {
    let at = point.start;
    let Some(index) = ranges.partition_point(|range| range.start <= at).checked_sub(1) else {
        return Err("it is a point outside every range".to_owned());
    };
    let range = &mut ranges[index];
    if at > range.end {
        return Err("it is a point outside every range".to_owned());
    }
    if range.start < at && at < range.end {
        let second = Marked { start: at, end: range.end, ..point.clone() };
        range.end = at;
        ranges.insert(index + 1, second);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(track: &str) -> Vec<(u64, u64, String)> {
        let labels = read(track.as_bytes()).unwrap();
        labels.into_iter().map(|label| (label.start, label.end, label.text)).collect()
    }

    #[test]
    fn a_track_comes_back_as_it_was_written() {
        let labels = [
            (0, 1_234_567, "1"),
            (1_234_567, 999_999_999_999, "تقسيم راست"),
            (1_000_000_000_000 - 1, 1_000_000_000_000 - 1, ""),
        ];
        let track = write(labels.into_iter());
        assert!(track.starts_with("0.000000\t1.234567\t1\n"));
        let found = times(&track);
        assert_eq!(
            found[..2],
            [(0, 1_234_567, "1".to_owned()), (1_234_567, 999_999_999_999, "تقسيم راست".to_owned())]
        );
    }

    #[test]
    fn text_cannot_break_out_of_its_line() {
        let track = write([(0, 1, "a\tb\nc\r\u{1b}[2J\u{85}")].into_iter());
        assert_eq!(track, "0.000000\t0.000001\ta b c  [2J \n");
    }

    #[test]
    fn tracks_of_several_systems_are_read() {
        for (track, want) in [
            ("0.0\t2.5\ta\n", vec![(0, 2_500_000, "a")]),
            (
                "\u{feff}0.0\t2.5\ta\r\n2.5\t3\tb c\td\r\n",
                vec![(0, 2_500_000, "a"), (2_500_000, 3_000_000, "b c\td")],
            ),
            ("0,25\t2,5\n\n  \n", vec![(250_000, 2_500_000, "")]),
            (
                "1.5\t2.5\ta\n\\\t100.0\t2000.0\n0.0\t1.0\tb",
                vec![(0, 1_000_000, "b"), (1_500_000, 2_500_000, "a")],
            ),
            ("0.12345649999\t0.1234567\tx", vec![(123_456, 123_457, "x")]),
        ] {
            let want: Vec<_> =
                want.into_iter().map(|(start, end, text)| (start, end, text.to_owned())).collect();
            assert_eq!(times(track), want, "{track:?}");
        }
    }

    #[test]
    fn points_cut_the_ranges_that_they_lie_in_or_stand_between_ranges() {
        for (track, want) in [
            ("0\t4\ta\n1\t1\tb\n3\t3\tc\n", vec![(0, 1, "a"), (1, 3, "b"), (3, 4, "c")]),
            ("0\t4\ta\n4\t4\tend\n0\t0\tstart\n", vec![(0, 4, "a")]),
            ("1\t1\ta\n3\t3\tb\n3\t3\tagain\n9\t9\tend\n", vec![(1, 3, "a"), (3, 9, "b")]),
        ] {
            let want: Vec<_> =
                want.iter().map(|(a, b, t)| (a * 1_000_000, b * 1_000_000, (*t).to_owned())).collect();
            assert_eq!(times(track), want, "{track:?}");
        }
    }

    #[test]
    fn bad_lines_are_named_all_at_once() {
        for (track, want) in [
            (&b"0.0 1.0 a\n1\t2\tb\n"[..], vec![(1, "with tabs between")]),
            (b"1\t2\ta\n\n-1\t2\tb\nnan\t2\nx\t3\n", vec![(3, "`-1` is no time"), (4, "`nan`"), (5, "`x`")]),
            (b"2\t1\ta\n", vec![(1, "it ends at 0:01, before it starts at 0:02")]),
            (b"1e3\t2e3\ta\n1.\t2\n.5\t1\n", vec![(1, "`1e3`"), (2, "`1.`"), (3, "`.5`")]),
            (b"0\t99999999999999999999999\n", vec![(1, "beyond 1000000 s")]),
            (b"0\t1\ta\xff\n", vec![(1, "UTF-8")]),
            (b"\xff\xfe0\0\t\0", vec![(1, "UTF-8")]),
            (b"0\t2\ta\n1\t3\tb\n", vec![(2, "it overlaps line 1")]),
            (b"0\t2\ta\n5\t5\tb\n", vec![(2, "a point outside every range")]),
            (b"5\t6\ta\n4\t4\tb\n", vec![(2, "a point outside every range")]),
            (b"5\t5\ta\n", vec![(0, "no two points")]),
            (b"", vec![(0, "no range")]),
        ] {
            let bad = read(track).unwrap_err();
            assert_eq!(bad.len(), want.len(), "{bad:?}");
            for (bad, (line, problem)) in bad.iter().zip(want) {
                assert!(bad.line == line && bad.problem.contains(problem), "{bad:?}");
            }
        }
    }

    #[test]
    fn a_track_without_end_is_refused() {
        let track = "0\t0\n".repeat(MOST_LABELS + 2);
        assert_eq!(read(track.as_bytes()).unwrap_err()[0].line, MOST_LABELS + 1);
    }
}
