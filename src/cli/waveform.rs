//! A waveform in the terminal, with segments marked under it.

use std::fmt::Write;

use super::drawn::{micros, time};

/// A stretch of a source that is drawn without a gap, s, and the peak of any part of it.
pub(super) struct Stretch<'a> {
    /// Where it starts in the source.
    pub(super) start: f64,
    /// Where it ends in the source.
    pub(super) end: f64,
    /// The greatest magnitude between two times of the source, 0 to 1.
    pub(super) peak: &'a dyn Fn(f64, f64) -> f64,
}

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Columns of the terminal.
    pub(super) width: usize,
    /// Whether segments take turns in colour.
    pub(super) is_coloured: bool,
}

/// Rows of blocks of a line of the picture, of eight levels each.
const ROWS: usize = 4;
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The longest line, s, unless there would be too many of them.
const LINE_S: f64 = 60.0;
const MOST_LINES: f64 = 12.0;
/// Segments that overlap are marked in lanes, as many as this.
const LANES: usize = 4;
/// Between the times of the axis, s.
const TICKS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// The least distance between two of these times, columns.
const TICK_COLUMNS: f64 = 12.0;
const RESET: &str = "\x1b[0m";
const COLOURS: [&str; 2] = ["\x1b[36m", "\x1b[33m"];
const FAINT: &str = "\x1b[2m";

/// Draws all stretches, with the segments (start and end in the source, s) that lie in them.
pub(super) fn draw(stretches: &[Stretch], segments: &[(f64, f64)], look: Look) -> String {
    let lanes = lanes(segments);
    let per_line = seconds_per_line(stretches);
    let lines = stretches.iter().flat_map(|stretch| lines_of(stretch, per_line, look));
    let lines: Vec<(Line, Vec<f64>)> = lines.collect();
    let loudest = lines.iter().flat_map(|(_, peaks)| peaks).copied().fold(0.0, f64::max);
    let mut text = String::new();
    for (line, peaks) in &lines {
        line.draw(&heights(peaks, loudest), segments, &lanes, &mut text);
    }
    let hidden = lanes.iter().filter(|lane| lane.is_none()).count();
    if hidden > 0 {
        let _ = writeln!(text, "({hidden} more overlap these)");
    }
    text
}

/// The lines of a stretch, each with the peak of each of its columns.
fn lines_of(stretch: &Stretch, per_line: f64, look: Look) -> Vec<(Line, Vec<f64>)> {
    let n = ((stretch.end - stretch.start) / per_line - 1e-9).ceil().max(1.0) as usize;
    let line = |nth: usize| {
        let start = stretch.start + nth as f64 * per_line;
        let end = (start + per_line).min(stretch.end);
        let column = per_line / look.width as f64;
        let columns = (((end - start) / column - 1e-6).ceil().max(1.0) as usize).min(look.width);
        let peak = |nth: usize| {
            let from = start + nth as f64 * column;
            (stretch.peak)(from, (from + column).min(end))
        };
        (Line { start, end, column, columns, look }, (0..columns).map(peak).collect())
    };
    (0..n).map(line).collect()
}

/// In eighths of a row.
fn heights(peaks: &[f64], loudest: f64) -> Vec<usize> {
    let full = (ROWS * 8) as f64;
    peaks.iter().map(|peak| if loudest > 0.0 { (peak / loudest * full).ceil() as usize } else { 0 }).collect()
}

/// Lines are equally long, and as few as their limit allows.
fn seconds_per_line(stretches: &[Stretch]) -> f64 {
    let lengths = || stretches.iter().map(|stretch| stretch.end - stretch.start);
    let longest = lengths().fold(1e-3, f64::max);
    let balanced = longest / (longest / LINE_S).ceil();
    balanced.max(lengths().sum::<f64>() / MOST_LINES)
}

/// The lane of each segment: the first in which it overlaps none before it; none where all are taken.
fn lanes(segments: &[(f64, f64)]) -> Vec<Option<usize>> {
    let mut ends = [f64::NEG_INFINITY; LANES];
    let lane_of = |&(start, end): &(f64, f64)| {
        let lane = ends.iter().position(|taken| *taken <= start + 1e-6)?;
        ends[lane] = end;
        Some(lane)
    };
    segments.iter().map(lane_of).collect()
}

/// A line of the picture: a piece of a stretch.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: f64,
    end: f64,
    /// Seconds of a column.
    column: f64,
    columns: usize,
    look: Look,
}

impl Line {
    fn draw(&self, heights: &[usize], segments: &[(f64, f64)], lanes: &[Option<usize>], text: &mut String) {
        let (_, owners) = self.marks(segments, lanes, 0);
        for row in (0..ROWS).rev() {
            let block = |height: &usize| BLOCKS[height.saturating_sub(row * 8).min(8)];
            self.push(&heights.iter().map(block).collect::<Vec<char>>(), &owners, text);
        }
        for lane in 0..lanes.iter().flatten().max().map_or(0, |last| last + 1) {
            let (cells, owners) = self.marks(segments, lanes, lane);
            self.push(&cells, &owners, text);
        }
        let axis: Vec<char> = self.axis().chars().collect();
        self.push(&axis, &vec![None; axis.len()], text);
    }

    fn column_of(&self, time: f64) -> usize {
        ((time - self.start) / self.column + 1e-6).max(0.0) as usize
    }

    /// `└1────└2───────┘`, and the segment of each column.
    fn marks(
        &self,
        segments: &[(f64, f64)],
        lanes: &[Option<usize>],
        lane: usize,
    ) -> (Vec<char>, Vec<Option<usize>>) {
        let (mut cells, mut owners) = (vec![' '; self.columns], vec![None; self.columns]);
        let in_lane = segments.iter().enumerate().filter(|(index, _)| lanes[*index] == Some(lane));
        for (index, &(start, end)) in
            in_lane.filter(|(_, (start, end))| *end > self.start && *start < self.end)
        {
            let from = self.column_of(start);
            let last = self.column_of(end).clamp(from + 1, self.columns.max(from + 1)) - 1;
            for column in from..=last.min(self.columns - 1) {
                (cells[column], owners[column]) = ('─', Some(index));
            }
            if last > from && end <= self.end {
                cells[last] = '┘';
            }
            if start >= self.start && from < self.columns {
                cells[from] = '└';
                let number = (index + 1).to_string();
                let room = last.min(self.columns - 1) - from;
                for (column, digit) in number.chars().enumerate().filter(|_| number.len() <= room) {
                    cells[from + 1 + column] = digit;
                }
            }
        }
        (cells, owners)
    }

    /// The times of the source, as many as fit.
    fn axis(&self) -> String {
        let least = self.column * TICK_COLUMNS;
        let hour = TICKS[TICKS.len() - 1];
        let tick = TICKS.iter().copied().find(|tick| *tick >= least).unwrap_or((least / hour).ceil() * hour);
        let mut axis = String::new();
        let first = (self.start / tick - 1e-9).ceil() as u64;
        for at in (first..).map(|nth| nth as f64 * tick).take_while(|at| *at < self.end) {
            let label = time(micros(at));
            let (column, taken) = (self.column_of(at), axis.len());
            if (column > taken || taken == 0) && column + label.len() <= self.look.width {
                axis.extend(std::iter::repeat_n(' ', column - taken));
                axis.push_str(&label);
            }
        }
        axis
    }

    /// A row of the picture; what belongs to no segment is faint.
    fn push(&self, cells: &[char], owners: &[Option<usize>], text: &mut String) {
        let end = cells.iter().rposition(|cell| *cell != ' ').map_or(0, |last| last + 1);
        let mut colour = "";
        for (cell, owner) in cells[..end].iter().zip(owners) {
            let wanted = owner.map_or(FAINT, |owner| COLOURS[owner % COLOURS.len()]);
            if self.look.is_coloured && wanted != colour {
                let _ = write!(text, "{RESET}{wanted}");
                colour = wanted;
            }
            text.push(*cell);
        }
        text.push_str(if colour.is_empty() { "\n" } else { "\x1b[0m\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Look = Look { width: 40, is_coloured: false };

    /// Loud in even seconds, silent in odd ones.
    fn beats(start: f64, _end: f64) -> f64 {
        if start.floor() % 2.0 == 0.0 { 0.5 } else { 0.0 }
    }

    fn stretch(start: f64, end: f64) -> Stretch<'static> {
        Stretch { start, end, peak: &beats }
    }

    #[test]
    fn segments_are_marked_where_they_are() {
        let picture = draw(&[stretch(0.0, 10.0)], &[(0.0, 4.0), (4.0, 8.0), (9.0, 10.0)], PLAIN);
        let want = "\
████    ████    ████    ████    ████
████    ████    ████    ████    ████
████    ████    ████    ████    ████
████    ████    ████    ████    ████
└1─────────────┘└2─────────────┘    └3─┘
0:00                0:05
";
        assert_eq!(picture, want, "\n{picture}");
    }

    #[test]
    fn windows_that_overlap_are_marked_below_each_other() {
        let windows: Vec<_> = (0..6).map(|i| (f64::from(i), f64::from(i) + 5.0)).collect();
        let picture = draw(&[stretch(0.0, 11.0)], &windows, PLAIN);
        let marks: Vec<&str> = picture.lines().filter(|line| line.contains('└')).collect();
        assert_eq!(marks.len(), 4);
        assert!(marks[0].starts_with("└1") && marks[1].starts_with("   └2"), "{picture}");
        assert!(picture.ends_with("(1 more overlap these)\n"), "{picture}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_long_music_is_bounded() {
        let segments: Vec<_> = (0..2000).map(|i| (f64::from(i) * 3.3, f64::from(i) * 3.3 + 3.0)).collect();
        for width in [20, 33, 80, 200] {
            for seconds in [0.001, 0.5, 59.9, 60.1, 61.0, 185.0, 3601.7, 999_999.0] {
                let stretches = [stretch(0.0, seconds), stretch(seconds + 7.0, seconds * 1.5 + 7.0)];
                let picture = draw(&stretches, &segments, Look { width, is_coloured: false });
                let widest = picture.lines().map(|line| line.chars().count()).max().unwrap();
                assert!(widest <= width, "{width} {seconds}\n{picture}");
                assert!(picture.lines().count() <= 6 * 15, "{width} {seconds}\n{picture}");
            }
        }
    }

    #[test]
    fn colour_is_only_colour() {
        let segments = [(0.5, 4.0), (4.0, 8.0)];
        let coloured = draw(&[stretch(0.0, 10.0)], &segments, Look { is_coloured: true, ..PLAIN });
        assert!(
            coloured.contains("\x1b[36m")
                && coloured.lines().all(|line| line.is_empty() || line.ends_with(RESET))
        );
        let mut bare = coloured.clone();
        for code in [RESET, FAINT, COLOURS[0], COLOURS[1]] {
            bare = bare.replace(code, "");
        }
        assert_eq!(bare, draw(&[stretch(0.0, 10.0)], &segments, PLAIN));
    }

    #[test]
    fn silence_is_drawn_as_nothing() {
        let silence = Stretch { start: 0.0, end: 3.0, peak: &|_, _| 0.0 };
        assert_eq!(draw(&[silence], &[], PLAIN), "\n\n\n\n0:00         0:01         0:02\n");
    }
}
