//! A symmetric graph of rows, with a weight for each joint.

use rayon::prelude::*;

/// A symmetric graph: for each row the rows that it is joined to, in order, and with what weight.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// Where the joints of each row begin, and where the last ones end.
    pub starts: Vec<usize>,
    /// The other rows.
    pub ends: Vec<u32>,
    /// The weights, above 0.
    pub weights: Vec<f32>,
}

/// What a row is joined to: other rows, in order, and weights.
pub type Joints = Vec<(u32, f32)>;

impl Graph {
    /// The graph of these joints of each row, which must be the same both ways.
    pub fn of(rows: &[Joints]) -> Self {
        let mut graph = Self { starts: vec![0], ..Self::default() };
        for joints in rows {
            graph.ends.extend(joints.iter().map(|(end, _)| *end));
            graph.weights.extend(joints.iter().map(|(_, weight)| *weight));
            graph.starts.push(graph.ends.len());
        }
        graph
    }

    /// The graph of joints that are one way: `both` makes one weight of those of both ways, of which one may be 0.
    pub fn of_one_way(one_way: &[Joints], both: impl Fn(f32, f32) -> f32 + Sync) -> Self {
        let mut other_way: Vec<Joints> = vec![Vec::new(); one_way.len()];
        for (row, joints) in one_way.iter().enumerate() {
            joints.iter().for_each(|(end, weight)| other_way[*end as usize].push((row as u32, *weight)));
        }
        let merge = |(to, from): (&Joints, &Joints)| merged(to, from, &both);
        Self::of(&one_way.par_iter().zip(&other_way).map(merge).collect::<Vec<_>>())
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// What a row is joined to.
    pub fn joints(&self, row: usize) -> impl Iterator<Item = (u32, f32)> + Clone + '_ {
        let range = self.starts[row]..self.starts[row + 1];
        self.ends[range.clone()].iter().copied().zip(self.weights[range].iter().copied())
    }
}

/// Merges two lists in order of row.
fn merged(mut a: &[(u32, f32)], mut b: &[(u32, f32)], both: impl Fn(f32, f32) -> f32) -> Joints {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    while let (Some(x), Some(y)) = (a.first(), b.first()) {
        let (is_first, is_second) = (x.0 <= y.0, y.0 <= x.0);
        merged.push(match (is_first, is_second) {
            (true, true) => (x.0, both(x.1, y.1)),
            (true, false) => (x.0, both(x.1, 0.0)),
            _ => (y.0, both(0.0, y.1)),
        });
        a = &a[usize::from(is_first)..];
        b = &b[usize::from(is_second)..];
    }
    merged.extend(a.iter().map(|(end, weight)| (*end, both(*weight, 0.0))));
    merged.extend(b.iter().map(|(end, weight)| (*end, both(0.0, *weight))));
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joints_of_one_way_become_joints_of_both() {
        let one_way = [vec![(1, 0.5), (2, 0.25)], vec![(0, 0.5)], vec![], vec![(2, 1.0)]];
        let graph = Graph::of_one_way(&one_way, |a, b| a + b);
        let joints: Vec<Joints> = (0..graph.n_rows()).map(|row| graph.joints(row).collect()).collect();
        let want = [vec![(1, 1.0), (2, 0.25)], vec![(0, 1.0)], vec![(0, 0.25), (3, 1.0)], vec![(2, 1.0)]];
        assert_eq!(joints, want);
    }
}
