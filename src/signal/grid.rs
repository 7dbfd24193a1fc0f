//! A grid of a map: each row in a cell of its own, near where it lies.

use super::assign;

/// Up to so many rows the sum of all squared ways is the least there is.
const EXACT: usize = 1_000;
/// Of more rows, cells are halved until a piece has at most so many.
const PIECE: usize = 256;

/// Where a row stands in the grid, counted from the left and from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cell {
    /// From the left.
    pub column: usize,
    /// From the top.
    pub row: usize,
}

/// Cells that are next to each other, and the rows that get them.
struct Piece {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    rows: Vec<usize>,
}

/// The cell of each row of a map of two dimensions, in a grid about as wide as high: as many columns as the root of the number of
/// rows, rounded up. The map is stretched over the grid, and the sum of the squares of all ways from there to the cells is least.
///
/// Of more than 1,000 rows that would take too long. Then the grid is halved across its longer side, and the rows that lie
/// on either side of the cut get the cells there, until at most 256 cells are left, of which each row gets the best. Nothing in it is
/// random. `begin` is called now and then, and may stop it.
///
/// # Errors
/// What `begin` gives.
pub fn grid<E>(places: &[f32], mut begin: impl FnMut() -> Result<(), E>) -> Result<Vec<Cell>, E> {
    let n_rows = places.len() / 2;
    let width = (n_rows as f64).sqrt().ceil() as usize;
    let height = n_rows.div_ceil(width.max(1));
    let stretched = stretched(places, width, height);
    let mut cells = vec![Cell::default(); n_rows];
    let most = if n_rows <= EXACT { usize::MAX } else { PIECE };
    let mut pieces = vec![Piece { left: 0, top: 0, width, height, rows: (0..n_rows).collect() }];
    while let Some(piece) = pieces.pop() {
        if piece.width * piece.height > most {
            pieces.extend(piece.halves(&stretched));
        } else {
            piece.fill(&stretched, &mut cells, &mut begin)?;
        }
    }
    Ok(cells)
}

/// Where each row lies when the map is as wide and high as the grid: a cell's middle is half a cell from its edges. A map is drawn
/// with `y` upwards, and a grid is read from the top.
fn stretched(places: &[f32], width: usize, height: usize) -> Vec<[f64; 2]> {
    let axis = |axis: usize| places.iter().skip(axis).step_by(2).map(|x| f64::from(*x));
    let range = |of: usize| {
        let least = axis(of).fold(f64::INFINITY, f64::min);
        (least, axis(of).fold(f64::NEG_INFINITY, f64::max) - least)
    };
    let (of_x, of_y) = (range(0), range(1));
    let share = |x: f64, (least, extent): (f64, f64)| if extent > 0.0 { (x - least) / extent } else { 0.5 };
    let place = |(x, y): (f64, f64)| [share(x, of_x) * width as f64, (1.0 - share(y, of_y)) * height as f64];
    axis(0).zip(axis(1)).map(place).collect()
}

impl Piece {
    /// Two pieces with about half the cells each, and their share of the rows.
    fn halves(mut self, places: &[[f64; 2]]) -> [Self; 2] {
        let is_wide = self.width >= self.height;
        let axis = usize::from(!is_wide);
        self.rows.sort_by(|a, b| places[*a][axis].total_cmp(&places[*b][axis]).then(a.cmp(b)));
        let (cells, longer) = (self.width * self.height, if is_wide { self.width } else { self.height });
        let first = longer / 2;
        let of_first = cells / longer.max(1) * first;
        let fair = (self.rows.len() * of_first + cells / 2) / cells.max(1);
        let n_rows = fair.clamp(self.rows.len().saturating_sub(cells - of_first), of_first);
        let rows = self.rows.split_off(n_rows.min(self.rows.len()));
        let (mut one, mut other) = (Self { rows: self.rows, ..self }, Self { rows, ..self });
        if is_wide {
            (one.width, other.width, other.left) = (first, self.width - first, self.left + first);
        } else {
            (one.height, other.height, other.top) = (first, self.height - first, self.top + first);
        }
        [one, other]
    }

    /// Gives each of its rows a cell.
    fn fill<E>(
        &self,
        places: &[[f64; 2]],
        cells: &mut [Cell],
        begin: impl FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let cell =
            |nth: usize| Cell { column: self.left + nth % self.width, row: self.top + nth / self.width };
        let way = |row: usize, nth: usize| {
            let (Cell { column, row: below }, [x, y]) = (cell(nth), places[self.rows[row]]);
            let (right, down) = (column as f64 + 0.5 - x, below as f64 + 0.5 - y);
            right * right + down * down
        };
        let found = assign(self.rows.len(), self.width * self.height, way, begin)?;
        self.rows.iter().zip(found).for_each(|(row, nth)| cells[*row] = cell(nth));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::signal::SplitMix;

    fn grid_of(places: &[f32]) -> Vec<Cell> {
        grid(places, || Ok::<(), Infallible>(())).unwrap()
    }

    fn scattered(n_rows: usize) -> Vec<f32> {
        let mut random = SplitMix(n_rows as u64);
        // Two heaps and some rows between them.
        let place = |i: usize, random: &mut SplitMix| {
            let heap = if i.is_multiple_of(3) { 8.0 } else { 0.0 };
            [heap + random.uniform(), random.uniform() * random.uniform() + heap / 4.0]
        };
        (0..n_rows).flat_map(|i| place(i, &mut random)).map(|x| x as f32).collect()
    }

    /// The mean of the squared ways from the stretched map.
    fn mean_way(places: &[f32], cells: &[Cell]) -> f64 {
        let width = (cells.len() as f64).sqrt().ceil() as usize;
        let stretched = stretched(places, width, cells.len().div_ceil(width));
        let way = |(cell, [x, y]): (&Cell, &[f64; 2])| {
            let (right, down) = (cell.column as f64 + 0.5 - x, cell.row as f64 + 0.5 - y);
            right * right + down * down
        };
        cells.iter().zip(&stretched).map(way).sum::<f64>() / cells.len() as f64
    }

    #[test]
    fn each_row_has_a_cell_of_its_own_inside_the_grid() {
        for n_rows in [0, 1, 2, 3, 5, 10, 16, 300, 999, 1_001, 3_000] {
            let cells = grid_of(&scattered(n_rows));
            let width = (n_rows as f64).sqrt().ceil() as usize;
            let mut seen: Vec<_> = cells.iter().map(|cell| (cell.row, cell.column)).collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!((cells.len(), seen.len()), (n_rows, n_rows));
            let height = n_rows.div_ceil(width.max(1));
            assert!(cells.iter().all(|cell| cell.column < width && cell.row < height), "{n_rows}");
        }
    }

    #[test]
    fn what_lies_in_a_grid_stays_there_and_y_goes_upwards() {
        let places: Vec<f32> = (0..16).flat_map(|i| [(i % 4) as f32 * 3.0, (i / 4) as f32 * -5.0]).collect();
        let want: Vec<Cell> = (0..16).map(|i| Cell { column: i % 4, row: i / 4 }).collect();
        assert_eq!(grid_of(&places), want);
        assert_eq!(grid_of(&[3.0; 8]).len(), 4);
    }

    #[test]
    fn halving_costs_little() {
        let places = scattered(900);
        let exact = mean_way(&places, &grid_of(&places));
        let width = 30;
        let stretched = stretched(&places, width, width);
        let mut cells = vec![Cell::default(); 900];
        let mut pieces = vec![Piece { left: 0, top: 0, width, height: width, rows: (0..900).collect() }];
        while let Some(piece) = pieces.pop() {
            if piece.width * piece.height > PIECE {
                pieces.extend(piece.halves(&stretched));
            } else {
                piece.fill(&stretched, &mut cells, || Ok::<(), Infallible>(())).unwrap();
            }
        }
        let halved = mean_way(&places, &cells);
        assert!(halved >= exact && halved < 1.35 * exact, "{halved} {exact}");
    }
}
