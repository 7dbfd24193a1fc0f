//! Ranges: `0:12.5-0:58`.

use std::ops::Range as Bytes;

use super::findings::{Finding, Findings};
use super::names::quoted;

/// Microseconds: whole numbers, so that ranges compare exactly.
type Micros = u64;

/// The longest time, s. Eleven days: longer is a slip of the finger.
const LONGEST_S: u64 = 1_000_000;

/// A range and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    start: Micros,
    end: Micros,
    span: Bytes<usize>,
}

impl Placed {
    /// Where it starts, s: the number nearest to the decimal one.
    pub(super) fn start_s(&self) -> f64 {
        self.start as f64 / 1e6
    }

    /// Where it ends, s.
    pub(super) fn end_s(&self) -> f64 {
        self.end as f64 / 1e6
    }
}

/// The ranges in a cell that starts at the byte `start`, each with its place: `;` stands between them.
pub(super) fn in_cell(cell: &str, start: usize) -> impl Iterator<Item = (&str, Bytes<usize>)> {
    let mut at = start;
    cell.split(';').map(move |part| {
        let begin = at + (part.len() - part.trim_start().len());
        at += part.len() + 1;
        let range = part.trim();
        (range, begin..begin + range.len())
    })
}

/// Reads a range; reports it when it cannot be read, or has no length.
pub(super) fn read(text: &str, span: Bytes<usize>, findings: &mut Findings) -> Option<Placed> {
    match times(text) {
        Ok((start, end)) if start < end => return Some(Placed { start, end, span }),
        Ok((start, end)) => {
            let problem = if start == end { "has no length" } else { "ends before it starts" };
            let finding = Finding::error("T0602", span, format!("the range {} {problem}", quoted(text)));
            findings.push(finding.label(problem).hint("a range is `start-end`, and starts before it ends"));
        }
        Err(Problem::OutOfBounds(problem)) => {
            let message = format!("a time in the range {} {problem}", quoted(text));
            findings.push(Finding::error("T0604", span, message).label(problem));
        }
        Err(Problem::Unreadable) => {
            let finding = Finding::error("T0601", span, format!("cannot read the range {}", quoted(text)));
            findings.push(finding.label("not `start-end`").hint(how_to_write(text)));
        }
    }
    None
}

/// Reports ranges of one clip that overlap or are not in ascending order. Ranges may touch.
pub(super) fn check_order(ranges: &[Placed], findings: &mut Findings) {
    for pair in ranges.windows(2) {
        let [before, after] = pair else { continue };
        if after.start >= before.end {
            continue;
        }
        let problem = if after.end <= before.start { "is out of order" } else { "overlaps the one before" };
        findings.push(
            Finding::error("T0603", after.span.clone(), format!("the range {problem}"))
                .label(problem)
                .also(before.span.clone(), "the one before")
                .hint("ranges of a clip ascend and do not overlap; they may touch"),
        );
    }
}

enum Problem {
    Unreadable,
    OutOfBounds(&'static str),
}

fn times(text: &str) -> Result<(Micros, Micros), Problem> {
    let (start, end) = text.split_once('-').ok_or(Problem::Unreadable)?;
    Ok((time(start.trim())?, time(end.trim())?))
}

/// `12.5`, `m:ss.s` or `h:mm:ss.s`.
fn time(text: &str) -> Result<Micros, Problem> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut seconds: u64 = 0;
    for (nth, field) in whole.split(':').enumerate() {
        let number = digits(field)?;
        if nth > 2 || (nth > 0 && (field.len() != 2 || number >= 60)) {
            return Err(Problem::Unreadable);
        }
        seconds = seconds.checked_mul(60).and_then(|sum| sum.checked_add(number)).unwrap_or(u64::MAX);
    }
    if seconds >= LONGEST_S {
        return Err(Problem::OutOfBounds("is beyond 1,000,000 s"));
    }
    Ok(seconds * 1_000_000 + micros(fraction)?)
}

fn micros(fraction: &str) -> Result<Micros, Problem> {
    digits(fraction.get(..1).unwrap_or(fraction))?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Unreadable);
    }
    let significant = fraction.trim_end_matches('0');
    if significant.len() > 6 {
        return Err(Problem::OutOfBounds("is finer than a microsecond"));
    }
    let missing = 6 - significant.len() as u32;
    Ok(if significant.is_empty() { 0 } else { digits(significant)? * 10_u64.pow(missing) })
}

fn digits(text: &str) -> Result<u64, Problem> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::Unreadable);
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

fn how_to_write(text: &str) -> String {
    let hyphenated = text.replace(['\u{2013}', '\u{2014}', '\u{2212}'], "-").replace(',', ".");
    if hyphenated != text && times(&hyphenated).is_ok() {
        return format!("did you mean {}?", quoted(&hyphenated));
    }
    "a range is `start-end` in seconds, `m:ss` or `h:mm:ss`: `12.5-58`, `0:12.5-0:58`, `1:02:03-1:04:00`"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_in_seconds_minutes_and_hours() {
        for (text, start, end) in [
            ("0:12.5-0:58", 12.5, 58.0),
            ("12.5-43", 12.5, 43.0),
            ("1:02:03-1:04:00.25", 3723.0, 3840.25),
            ("90:00 - 91:00", 5400.0, 5460.0),
            ("0-0.000001", 0.0, 1e-6),
            ("0.1-0.3000000", 0.1, 0.3),
            ("0-999999.999999", 0.0, 999_999.999_999),
        ] {
            let range = read(text, 0..1, &mut Findings::default());
            assert_eq!(range.map(|range| (range.start_s(), range.end_s())), Some((start, end)), "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_said() {
        for (text, code, hint) in [
            ("", "T0601", "a range is"),
            ("12", "T0601", "a range is"),
            ("-", "T0601", "a range is"),
            ("-1-5", "T0601", "a range is"),
            ("0:12\u{2013}0:58", "T0601", "did you mean `0:12-0:58`?"),
            ("0,5-1,5", "T0601", "did you mean `0.5-1.5`?"),
            ("0:5-0:58", "T0601", "a range is"),
            ("0:60-1:58", "T0601", "a range is"),
            ("1:2:03:04-5", "T0601", "a range is"),
            ("1.-2.", "T0601", "a range is"),
            ("1e3-2e3", "T0601", "a range is"),
            ("nan-inf", "T0601", "a range is"),
            ("١-٢", "T0601", "a range is"),
            ("1.é-2", "T0601", "a range is"),
            ("5-5", "T0602", "a range is"),
            ("6-5", "T0602", "a range is"),
            ("0-1000000", "T0604", ""),
            ("0-99999999999999999999999999", "T0604", ""),
            ("0-0.0000001", "T0604", ""),
        ] {
            let mut findings = Findings::default();
            assert_eq!(read(text, 0..1, &mut findings), None, "{text}");
            let finding = findings.iter().next().expect("there is a finding");
            let first_hint = finding.hints.first().map_or("", String::as_str);
            assert!(finding.code == code && first_hint.starts_with(hint), "{text}: {finding:?}");
        }
    }

    #[test]
    fn ranges_ascend_and_may_touch() {
        for (ranges, n_findings) in [
            (vec!["0-1", "1-2", "5-6"], 0),
            (vec!["0-1", "0.5-2"], 1),
            (vec!["5-6", "0-1"], 1),
            (vec!["0-9", "1-2", "2-3"], 1),
        ] {
            let mut findings = Findings::default();
            let placed: Vec<Placed> =
                ranges.iter().filter_map(|text| read(text, 0..1, &mut findings)).collect();
            check_order(&placed, &mut findings);
            assert_eq!(findings.len(), n_findings, "{ranges:?}");
        }
    }
}
