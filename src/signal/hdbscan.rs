//! HDBSCAN (Campello, Moulavi and Sander 2013), to scikit-learn's definitions: clusters of any shape, and rows that are in none.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Neighbours, Points, squared_distance};

/// The cluster of each row, and how surely it is one of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// Any number that the rows of a cluster share; none for a row that is in no cluster.
    pub of_rows: Vec<Option<usize>>,
    /// 0 for a row that is in no cluster, 1 for one in the densest part of its own.
    pub probabilities: Vec<f64>,
}

/// Rows compared by one thread at a time.
const CHUNK: usize = 2_048;

/// A joint of two rows, or of the groups that they are in.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Joint {
    rows: [usize; 2],
    distance: f64,
}

/// The shortest joints that join all rows, grown from the first row by Prim's method, one after another; distances count as at
/// least the `core` distances of both rows.
#[derive(Debug)]
pub struct SpanningTree<F> {
    points: Vec<Vec<f64>>,
    distance: F,
    core: Vec<f64>,
    newest: usize,
    /// Of each row that is not joined yet, its shortest joint to one that is.
    open: Vec<(usize, Joint)>,
    joints: Vec<Joint>,
}

impl<F: Fn(f64) -> f64 + Sync> SpanningTree<F> {
    /// A tree of the first row. A row's core distance is that of the last of its neighbours, and 0 where it has none; `distance` is
    /// the distance of two rows that are so far apart by Euclid.
    pub fn new(points: Points, neighbours: &Neighbours, distance: F) -> Self {
        let wide = |row: &[f32]| row.iter().map(|x| f64::from(*x)).collect();
        let points: Vec<Vec<f64>> = points.numbers.chunks_exact(points.dim.max(1)).map(wide).collect();
        let apart = |row: usize, other: u32| distance(apart(&points, row, other as usize));
        let farthest = |row: usize| neighbours.of(row).0.last().map_or(0.0, |other| apart(row, *other));
        let core = (0..points.len()).map(|row| if neighbours.k == 0 { 0.0 } else { farthest(row) }).collect();
        let open =
            (1..points.len()).map(|row| (row, Joint { rows: [0, row], distance: f64::INFINITY })).collect();
        Self { points, distance, core, newest: 0, open, joints: Vec::new() }
    }

    /// Whether all rows are joined.
    pub fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// Joins the nearest row; of equally near ones the first.
    pub fn grow(&mut self) {
        let (points, core, newest, distance) = (&self.points, &self.core, self.newest, &self.distance);
        self.open.par_chunks_mut(CHUNK).for_each(|chunk| {
            for (row, joint) in chunk {
                let apart = distance(apart(points, newest, *row)).max(core[newest]).max(core[*row]);
                if apart < joint.distance {
                    *joint = Joint { rows: [newest, *row], distance: apart };
                }
            }
        });
        let shorter = |best: usize, i: usize| {
            if self.open[i].1.distance < self.open[best].1.distance { i } else { best }
        };
        let nearest = (0..self.open.len()).fold(0, shorter);
        let (row, joint) = self.open.remove(nearest);
        self.newest = row;
        self.joints.push(joint);
    }

    /// The clusters of at least `least` rows that last longest as the distance falls (the excess of mass); never all rows.
    pub fn clusters(mut self, least: usize) -> Clusters {
        self.joints.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        let n_rows = self.points.len();
        if n_rows < 2 {
            return Clusters { of_rows: vec![None; n_rows], probabilities: vec![0.0; n_rows] };
        }
        let mergers = mergers(n_rows, &self.joints);
        let departures = condense(n_rows, &mergers, least.max(2));
        let chosen = lasting_clusters(n_rows, &departures);
        label(n_rows, &departures, &chosen)
    }
}

fn apart(points: &[Vec<f64>], a: usize, b: usize) -> f64 {
    squared_distance(&points[a], &points[b]).sqrt()
}

/// Two groups that become one: rows, or earlier mergers, the `i`th of which is the number of rows and `i`.
#[derive(Debug, Clone, Copy)]
struct Merger {
    groups: [usize; 2],
    distance: f64,
    size: usize,
}

/// A row, or a cluster, that leaves another cluster as the distance falls.
#[derive(Debug, Clone, Copy)]
struct Departure {
    from: usize,
    /// Rows are below the number of rows, clusters from there on; the first of those is all rows.
    what: usize,
    /// One over the distance.
    density: f64,
    size: usize,
}

fn mergers(n_rows: usize, joints: &[Joint]) -> Vec<Merger> {
    let mut parents: Vec<usize> = (0..2 * n_rows).collect();
    let mut sizes = vec![1; n_rows];
    let mut mergers = Vec::with_capacity(joints.len());
    for joint in joints {
        let groups = joint.rows.map(|row| root(&mut parents, row));
        let size = sizes[groups[0]] + sizes[groups[1]];
        groups.iter().for_each(|group| parents[*group] = n_rows + mergers.len());
        sizes.push(size);
        mergers.push(Merger { groups, distance: joint.distance, size });
    }
    mergers
}

fn root(parents: &mut [usize], mut group: usize) -> usize {
    while parents[group] != group {
        parents[group] = parents[parents[group]];
        group = parents[group];
    }
    group
}

/// The tree of clusters: a group that splits off fewer than `least` rows stays the same cluster.
fn condense(n_rows: usize, mergers: &[Merger], least: usize) -> Vec<Departure> {
    let size = |group: usize| if group < n_rows { 1 } else { mergers[group - n_rows].size };
    let mut departures = Vec::new();
    let mut n_clusters = 1;
    let mut open = std::collections::VecDeque::from([(n_rows + mergers.len() - 1, n_rows)]);
    while let Some((group, cluster)) = open.pop_front() {
        let Some(merger) = group.checked_sub(n_rows).and_then(|i| mergers.get(i)) else { continue };
        let density = 1.0 / merger.distance;
        let splits = merger.groups.iter().all(|part| size(*part) >= least);
        for part in merger.groups {
            if splits {
                let what = n_rows + n_clusters;
                n_clusters += 1;
                departures.push(Departure { from: cluster, what, density, size: size(part) });
                open.push_back((part, what));
            } else if size(part) >= least {
                open.push_back((part, cluster));
            } else {
                let rows = rows_of(n_rows, mergers, part).into_iter();
                departures.extend(rows.map(|what| Departure { from: cluster, what, density, size: 1 }));
            }
        }
    }
    departures
}

fn rows_of(n_rows: usize, mergers: &[Merger], group: usize) -> Vec<usize> {
    let (mut open, mut rows) = (vec![group], Vec::new());
    while let Some(group) = open.pop() {
        match group.checked_sub(n_rows) {
            None => rows.push(group),
            Some(i) => open.extend(mergers[i].groups),
        }
    }
    rows
}

/// Of each cluster but that of all rows whether it is chosen, by its number less that of rows: it lasts longer than the clusters
/// inside it together.
fn lasting_clusters(n_rows: usize, departures: &[Departure]) -> Vec<bool> {
    let n_clusters = 1 + departures.iter().filter(|departure| departure.what >= n_rows).count();
    let (mut births, mut inside) = (vec![0.0; n_clusters], vec![Vec::new(); n_clusters]);
    for departure in departures.iter().filter(|departure| departure.what >= n_rows) {
        births[departure.what - n_rows] = departure.density;
        inside[departure.from - n_rows].push(departure.what - n_rows);
    }
    let mut lasting = vec![0.0; n_clusters];
    for departure in departures {
        let cluster = departure.from - n_rows;
        lasting[cluster] += (departure.density - births[cluster]) * departure.size as f64;
    }
    let mut chosen = vec![true; n_clusters];
    chosen[0] = false;
    for cluster in (1..n_clusters).rev() {
        let sum: f64 = inside[cluster].iter().map(|part| lasting[*part]).sum();
        if sum > lasting[cluster] {
            (lasting[cluster], chosen[cluster]) = (sum, false);
        } else {
            let mut open = inside[cluster].clone();
            while let Some(part) = open.pop() {
                chosen[part] = false;
                open.extend(&inside[part]);
            }
        }
    }
    chosen
}

fn label(n_rows: usize, departures: &[Departure], chosen: &[bool]) -> Clusters {
    let mut homes: Vec<Option<usize>> = (0..chosen.len()).map(|i| chosen[i].then_some(i)).collect();
    // A cluster leaves another one that was found before it.
    for departure in departures.iter().filter(|departure| departure.what >= n_rows) {
        let cluster = departure.what - n_rows;
        homes[cluster] = homes[cluster].or(homes[departure.from - n_rows]);
    }
    let mut densest: BTreeMap<usize, f64> = BTreeMap::new();
    for departure in departures {
        let greatest = densest.entry(departure.from - n_rows).or_insert(0.0);
        *greatest = greatest.max(departure.density);
    }
    let mut clusters = Clusters { of_rows: vec![None; n_rows], probabilities: vec![0.0; n_rows] };
    for departure in departures.iter().filter(|departure| departure.what < n_rows) {
        let home = homes[departure.from - n_rows];
        clusters.of_rows[departure.what] = home;
        let greatest = home.and_then(|home| densest.get(&home)).copied();
        clusters.probabilities[departure.what] =
            greatest.map_or(0.0, |greatest| share(departure.density, greatest));
    }
    clusters
}

fn share(density: f64, greatest: f64) -> f64 {
    if greatest == 0.0 || !density.is_finite() { 1.0 } else { density.min(greatest) / greatest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{Searcher, SplitMix};

    fn clusters(rows: &[f32], least: usize) -> Clusters {
        let neighbours = Searcher::new(rows, 2).among(0..rows.len() / 2, least - 1);
        let mut tree = SpanningTree::new(Points { numbers: rows, dim: 2 }, &neighbours, |distance| distance);
        while !tree.is_done() {
            tree.grow();
        }
        tree.clusters(least)
    }

    /// Three groups, and every fifth row anywhere.
    fn groups_and_noise() -> Vec<f32> {
        let mut random = SplitMix(14);
        let mut row = |i: usize| {
            let centre = [[0.0, 0.0], [10.0, 2.0], [4.0, 12.0]][i % 5 % 3];
            let mut near = |x: f64| x + (random.uniform() + random.uniform() + random.uniform() - 1.5);
            if i % 5 == 4 { centre.map(|_| random.uniform() * 20.0) } else { centre.map(&mut near) }
        };
        (0..150).flat_map(|i| row(i).map(|x| x as f32)).collect()
    }

    /// A letter for each row's cluster; noise is `-`.
    const LABELS: &str = "abcacabcacabca-abca-abcacabca-abca-abca-abcababca-abcacabcacabca-abca-abca-abcababcaca\
        bcacabcababcababcacabcacabcababcababcababcababcacabcacabca-abcac";

    #[test]
    fn clusters_and_noise_are_scikit_learns() {
        let found = clusters(&groups_and_noise(), 6);
        // scikit-learn 1.9.1: HDBSCAN(min_cluster_size=6).fit(X).labels_, .probabilities_.sum()
        let mut letters = BTreeMap::new();
        for (cluster, letter) in found.of_rows.iter().zip(LABELS.chars()) {
            assert_eq!(cluster.is_none(), letter == '-');
            assert_eq!(*letters.entry(*cluster).or_insert(letter), letter, "{found:?}");
        }
        assert_eq!(letters.len(), 4);
        assert!((found.probabilities.iter().sum::<f64>() - 84.89125393628356).abs() < 1e-9);
    }

    /// scikit-learn's `load_digits()`, each number with up to `most` more.
    fn digits(most: f64) -> Vec<f32> {
        let bytes = include_bytes!("../../tests/fixtures/digits/digits.bin");
        let numbers = bytes.chunks_exact(65).flat_map(|row| &row[..64]);
        let mut random = SplitMix(11);
        numbers.map(|number| f32::from(*number) + (random.uniform() * most) as f32).collect()
    }

    fn grown(rows: &[f32], n_near: usize) -> SpanningTree<fn(f64) -> f64> {
        let neighbours = Searcher::new(rows, 64).among(0..rows.len() / 64, n_near);
        let mut tree: SpanningTree<fn(f64) -> f64> =
            SpanningTree::new(Points { numbers: rows, dim: 64 }, &neighbours, |distance| distance);
        while !tree.is_done() {
            tree.grow();
        }
        tree
    }

    #[test]
    fn core_distances_and_the_lengths_of_joints_are_scikit_learns() {
        let squares = |lengths: &mut dyn Iterator<Item = f64>| lengths.map(|x| x * x).sum::<f64>();
        // numpy 2.4.6, scipy 1.17.1: core = sort(cdist(X, X))[:, 14]; squares of core, and of minimum_spanning_tree(maximum(maximum.outer(core, core),
        // cdist(X, X))): where lengths are equal there are many such trees, and all have the same lengths
        for (most, core, joints) in
            [(0.0, 1_102_668.0, 1_105_622.0), (0.01, 1_102_664.977_358_608_5, 1_105_620.046_837_449)]
        {
            let tree = grown(&digits(most), 14);
            let found = squares(&mut tree.core.iter().copied());
            assert!((found - core).abs() < 1e-3, "{found} {core}");
            let found = squares(&mut tree.joints.iter().map(|joint| joint.distance));
            assert!((found - joints).abs() < 1e-3, "{found} {joints}");
        }
    }

    #[test]
    fn few_rows_and_equal_rows_are_answered() {
        for n_rows in [0, 1, 2, 5] {
            let found = clusters(&groups_and_noise()[..2 * n_rows], 6);
            assert_eq!((found.of_rows, found.probabilities), (vec![None; n_rows], vec![0.0; n_rows]));
        }
        assert_eq!(clusters(&[1.0; 40], 5).of_rows.len(), 20);
    }
}
