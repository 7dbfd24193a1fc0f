//! Linear assignment: each row gets a column of its own, so that the sum of all costs is least.

/// The column of each row, where the sum of `cost(row, column)` is least: by shortest augmenting paths (Jonker and Volgenant 1987;
/// as in Crouse 2016, which `scipy.optimize.linear_sum_assignment` follows). Of equal columns the first one is taken.
///
/// `begin` is called before each row and may stop it. Costs are finite, and there are at least as many columns as rows; it takes time in
/// proportion to the square of the rows times the columns at the worst.
///
/// # Errors
/// What `begin` gives.
pub fn assign<E>(
    n_rows: usize,
    n_columns: usize,
    cost: impl Fn(usize, usize) -> f64,
    mut begin: impl FnMut() -> Result<(), E>,
) -> Result<Vec<usize>, E> {
    let mut search = Search {
        of_rows: vec![0.0; n_rows],
        of_columns: vec![0.0; n_columns],
        row_of: vec![None; n_columns],
        column_of: vec![None; n_rows],
    };
    for row in 0..n_rows.min(n_columns) {
        begin()?;
        search.augment(row, &cost);
    }
    Ok(search.column_of.into_iter().flatten().collect())
}

/// Prices of rows and columns, under which no assigned pair costs more than any other, and who has whom.
struct Search {
    of_rows: Vec<f64>,
    of_columns: Vec<f64>,
    row_of: Vec<Option<usize>>,
    column_of: Vec<Option<usize>>,
}

/// The shortest way to each column so far, by the row before it.
struct Ways {
    lengths: Vec<f64>,
    from: Vec<usize>,
    is_done: Vec<bool>,
}

impl Search {
    /// Gives a row a column, moving others to other columns where that is cheaper.
    fn augment(&mut self, row: usize, cost: &impl Fn(usize, usize) -> f64) {
        let n_columns = self.of_columns.len();
        let mut ways = Ways {
            lengths: vec![f64::INFINITY; n_columns],
            from: vec![row; n_columns],
            is_done: vec![false; n_columns],
        };
        let (mut here, mut length, mut visited) = (row, 0.0, vec![row]);
        let end = loop {
            let next = self.nearest(here, length, &mut ways, cost);
            length = ways.lengths[next];
            ways.is_done[next] = true;
            match self.row_of[next] {
                Some(after) => {
                    here = after;
                    visited.push(after);
                }
                None => break next,
            }
        };
        self.raise_prices(&visited, length, &ways);
        self.take(row, end, &ways);
    }

    /// Looks from a row at all columns that are not done; the nearest one, the first of equals.
    fn nearest(
        &self,
        row: usize,
        length: f64,
        ways: &mut Ways,
        cost: &impl Fn(usize, usize) -> f64,
    ) -> usize {
        let (mut nearest, mut least) = (0, f64::INFINITY);
        for column in (0..ways.lengths.len()).filter(|column| !ways.is_done[*column]).collect::<Vec<_>>() {
            let way = length + cost(row, column) - self.of_rows[row] - self.of_columns[column];
            if way < ways.lengths[column] {
                ways.lengths[column] = way;
                ways.from[column] = row;
            }
            let is_better_end = ways.lengths[column] == least
                && self.row_of[column].is_none()
                && self.row_of[nearest].is_some();
            if ways.lengths[column] < least || is_better_end {
                (nearest, least) = (column, ways.lengths[column]);
            }
        }
        nearest
    }

    fn raise_prices(&mut self, visited: &[usize], length: f64, ways: &Ways) {
        for row in visited {
            let way = self.column_of[*row].map_or(0.0, |column| ways.lengths[column]);
            self.of_rows[*row] += length - way;
        }
        for column in (0..ways.is_done.len()).filter(|column| ways.is_done[*column]) {
            self.of_columns[column] -= length - ways.lengths[column];
        }
    }

    /// Walks the shortest way back, and gives each row on it the column after it.
    fn take(&mut self, first: usize, end: usize, ways: &Ways) {
        let mut column = end;
        loop {
            let row = ways.from[column];
            self.row_of[column] = Some(row);
            let before = self.column_of[row].replace(column);
            match before {
                Some(before) if row != first => column = before,
                _ => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::signal::SplitMix;

    fn costs(n_rows: usize, n_columns: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut random = SplitMix(seed);
        (0..n_rows).map(|_| (0..n_columns).map(|_| f64::from(random.below(20))).collect()).collect()
    }

    fn sum(costs: &[Vec<f64>], columns: &[usize]) -> f64 {
        columns.iter().enumerate().map(|(row, column)| costs[row][*column]).sum()
    }

    /// The least sum, by trying all.
    fn least(costs: &[Vec<f64>], row: usize, taken: &mut Vec<bool>) -> f64 {
        if row == costs.len() {
            return 0.0;
        }
        let mut best = f64::INFINITY;
        for column in 0..taken.len() {
            if !std::mem::replace(&mut taken[column], true) {
                best = best.min(costs[row][column] + least(costs, row + 1, taken));
                taken[column] = false;
            }
        }
        best
    }

    #[test]
    fn the_sum_is_the_least_of_all_assignments() {
        for (n_rows, n_columns) in [(0, 0), (0, 3), (1, 1), (2, 5), (4, 4), (5, 6), (6, 6)] {
            for seed in 0..20 {
                let costs = costs(n_rows, n_columns, seed);
                let found =
                    assign(n_rows, n_columns, |a, b| costs[a][b], || Ok::<(), Infallible>(())).unwrap();
                let mut different = found.clone();
                different.sort_unstable();
                different.dedup();
                assert_eq!((found.len(), different.len()), (n_rows, n_rows));
                assert_eq!(sum(&costs, &found), least(&costs, 0, &mut vec![false; n_columns]), "{costs:?}");
            }
        }
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        assert_eq!(assign(3, 3, |_, _| 0.0, || Err("stop")), Err("stop"));
    }
}
