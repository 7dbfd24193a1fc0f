//! Where the rows of a map begin: along the slowest vibrations of its graph, each connected part by itself.

use rayon::prelude::*;

use crate::signal::{Graph, Matrix, Points, Random, dot, largest_eigenpairs, squared_distance};

/// The greatest coordinate of a start.
const WIDTH: f64 = 10.0;
/// The standard deviation of what is added to it, so that no two rows lie at one place.
const JITTER: f64 = 1e-4;
/// Graphs up to this size are solved as dense matrices, and this many parts are placed by how near they are.
const DENSE: usize = 200;
/// Directions that the slowest vibrations of a larger graph are looked for in ...
const DIRECTIONS: usize = 80;
/// ... after so many steps of diffusion each.
const DIFFUSIONS: usize = 4;

/// Where each row of a graph begins, in `dims` dimensions, row after row: umap-learn's spectral layout, each axis from 0 to 10.
///
/// Parts of the graph that nothing joins are laid out one by one, around places that tell how near their means in `points` are.
pub fn start_of(graph: &Graph, points: Points, dims: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let (n_parts, part_of) = parts(graph);
    let mut start = if n_parts == 1 {
        let rows: Vec<usize> = (0..graph.n_rows()).collect();
        vibrations(graph, &rows, dims, &mut random)
    } else {
        part_by_part(graph, points, dims, (n_parts, &part_of), &mut random)
    };
    let greatest = start.data().iter().fold(0.0_f64, |greatest, x| greatest.max(x.abs()));
    let factor = if greatest > 0.0 { WIDTH / greatest } else { 1.0 };
    start.data_mut().iter_mut().for_each(|x| *x = *x * factor + JITTER * random.normal());
    spread(&start, dims)
}

/// Each axis from 0 to [`WIDTH`].
fn spread(start: &Matrix, dims: usize) -> Vec<f32> {
    let ends = |axis: usize| {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        start.column(axis).fold(ends, |(low, high), x| (low.min(x), high.max(x)))
    };
    let ends: Vec<(f64, f64)> = (0..dims).map(ends).collect();
    let place = |(x, (low, high)): (&f64, &(f64, f64))| {
        if high > low { (WIDTH * (x - low) / (high - low)) as f32 } else { 0.0 }
    };
    start.rows().flat_map(|row| row.iter().zip(&ends).map(place)).collect()
}

/// How many connected parts a graph has, and which one each row is in; part 0 holds the first row.
fn parts(graph: &Graph) -> (usize, Vec<usize>) {
    const NONE: usize = usize::MAX;
    let mut part_of = vec![NONE; graph.n_rows()];
    let mut n_parts = 0;
    for first in 0..graph.n_rows() {
        if part_of[first] != NONE {
            continue;
        }
        let mut open = vec![first];
        part_of[first] = n_parts;
        while let Some(row) = open.pop() {
            for (end, _) in graph.joints(row) {
                if part_of[end as usize] == NONE {
                    part_of[end as usize] = n_parts;
                    open.push(end as usize);
                }
            }
        }
        n_parts += 1;
    }
    (n_parts, part_of)
}

fn part_by_part(
    graph: &Graph,
    points: Points,
    dims: usize,
    (n_parts, part_of): (usize, &[usize]),
    random: &mut Random,
) -> Matrix {
    let mut members = vec![Vec::new(); n_parts];
    part_of.iter().enumerate().for_each(|(row, part)| members[*part].push(row));
    let places = places_of_parts(points, &members, dims, random);
    let mut start = Matrix::zeros(graph.n_rows(), dims);
    for (part, rows) in members.iter().enumerate() {
        let room = room_around(&places, part);
        let mut inside = vibrations(graph, rows, dims, random);
        let greatest = inside.data().iter().fold(0.0_f64, |greatest, x| greatest.max(x.abs()));
        let factor = if greatest > 0.0 { room / greatest } else { 0.0 };
        for (row, inside) in rows.iter().zip(inside.data_mut().chunks_exact(dims)) {
            let around = inside.iter().zip(places.row(part)).map(|(x, place)| x * factor + place);
            start.row_mut(*row).iter_mut().zip(around).for_each(|(out, x)| *out = x);
        }
    }
    start
}

/// Half the distance to the nearest other part's place.
fn room_around(places: &Matrix, part: usize) -> f64 {
    let own = places.row(part);
    let squares = places.rows().map(|other| squared_distance(own, other)).filter(|square| *square > 0.0);
    let nearest = squares.fold(f64::INFINITY, f64::min);
    if nearest.is_finite() { nearest.sqrt() / 2.0 } else { 1.0 }
}

/// Where the middle of each part is: few parts at the ends of the axes, more by how near their means are, very many anywhere.
fn places_of_parts(points: Points, members: &[Vec<usize>], dims: usize, random: &mut Random) -> Matrix {
    let n_parts = members.len();
    let mut places = Matrix::zeros(n_parts, dims);
    if n_parts <= 2 * dims {
        let n_axes = n_parts.div_ceil(2);
        (0..n_parts).for_each(|i| places.row_mut(i)[i % n_axes] = if i < n_axes { 1.0 } else { -1.0 });
    } else if n_parts <= DENSE {
        let nearness = nearness_of_means(points, members);
        places = slowest(&nearness, dims);
        let greatest = places.data().iter().fold(f64::MIN_POSITIVE, |greatest, x| greatest.max(x.abs()));
        places.data_mut().iter_mut().for_each(|x| *x /= greatest);
    } else {
        places.data_mut().iter_mut().for_each(|x| *x = 2.0 * random.uniform() - 1.0);
    }
    places
}

/// exp(-d²) of the distances between the means of the parts.
fn nearness_of_means(points: Points, members: &[Vec<usize>]) -> Matrix {
    let mut means = Matrix::zeros(members.len(), points.dim);
    for (part, rows) in members.iter().enumerate() {
        let mean = means.row_mut(part);
        for row in rows {
            let numbers = &points.numbers[row * points.dim..(row + 1) * points.dim];
            mean.iter_mut().zip(numbers).for_each(|(mean, x)| *mean += f64::from(*x) / rows.len() as f64);
        }
    }
    let mut nearness = Matrix::zeros(members.len(), members.len());
    for i in 0..members.len() {
        for j in 0..members.len() {
            nearness.row_mut(i)[j] = libm::exp(-squared_distance(means.row(i), means.row(j)));
        }
    }
    nearness
}

/// The slowest vibrations of a part of a graph but the one that is none, a row for each of `rows`; random numbers from -1 to 1
/// for a part that is too small to vibrate.
fn vibrations(graph: &Graph, rows: &[usize], dims: usize, random: &mut Random) -> Matrix {
    let n = rows.len();
    if n < 2 * dims || n <= dims + 1 {
        let mut anywhere = Matrix::zeros(n, dims);
        anywhere.data_mut().iter_mut().for_each(|x| *x = 2.0 * random.uniform() - 1.0);
        return anywhere;
    }
    let part = part_of(graph, rows);
    if n > DENSE {
        return slowest_of_many(&part, dims, random);
    }
    let mut dense = Matrix::zeros(n, n);
    for row in 0..n {
        part.joints(row).for_each(|(end, weight)| dense.row_mut(row)[end as usize] = f64::from(weight));
    }
    slowest(&dense, dims)
}

/// The graph of some rows, which are joined to no others.
fn part_of(graph: &Graph, rows: &[usize]) -> Graph {
    let place = |end: u32| rows.partition_point(|row| *row < end as usize) as u32;
    let joints = |row: &usize| graph.joints(*row).map(|(end, weight)| (place(end), weight)).collect();
    Graph::of(&rows.iter().map(joints).collect::<Vec<_>>())
}

/// The eigenvectors of the normalised Laplacian that belong to its least eigenvalues but the first: a row per row of the graph.
fn slowest(weights: &Matrix, dims: usize) -> Matrix {
    let n = weights.n_rows();
    let scales: Vec<f64> =
        weights.rows().map(|row| 1.0 / row.iter().sum::<f64>().max(f64::MIN_POSITIVE).sqrt()).collect();
    let mut similarity = weights.clone();
    for i in 0..n {
        let row = similarity.row_mut(i).iter_mut().zip(&scales);
        row.for_each(|(weight, scale)| *weight *= scales[i] * scale);
    }
    let (_, vectors) = largest_eigenpairs(similarity, dims + 1);
    let mut slowest = Matrix::zeros(n, dims);
    for i in 0..n {
        (0..dims).for_each(|axis| slowest.row_mut(i)[axis] = vectors.row(axis + 1)[i]);
    }
    slowest
}

/// As [`slowest`], by Lanczos' method with full orthogonalisation.
fn slowest_of_many(graph: &Graph, dims: usize, random: &mut Random) -> Matrix {
    let n = graph.n_rows();
    let scales: Vec<f64> = (0..n)
        .map(|row| 1.0 / graph.joints(row).map(|(_, weight)| f64::from(weight)).sum::<f64>().sqrt())
        .collect();
    let mut still: Vec<f64> = scales.iter().map(|scale| 1.0 / scale).collect();
    normalise(&mut still);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut tridiagonal = Matrix::zeros(DIRECTIONS, DIRECTIONS);
    let mut next: Vec<f64> = (0..n).map(|_| random.uniform() - 0.5).collect();
    remove(&mut next, std::slice::from_ref(&still));
    normalise(&mut next);
    for i in 0..DIRECTIONS {
        let mut diffused = next.clone();
        (0..DIFFUSIONS).for_each(|_| diffused = diffuse(graph, &scales, &diffused));
        tridiagonal.row_mut(i)[i] = dot(&diffused, &next);
        basis.push(next);
        for _ in 0..2 {
            remove(&mut diffused, std::slice::from_ref(&still));
            remove(&mut diffused, &basis);
        }
        let length = normalise(&mut diffused);
        if i + 1 < DIRECTIONS {
            tridiagonal.row_mut(i)[i + 1] = length;
            tridiagonal.row_mut(i + 1)[i] = length;
        }
        next = diffused;
    }
    let (_, vectors) = largest_eigenpairs(tridiagonal, dims);
    combine(&basis, &vectors)
}

/// Half a step of the random walk on the graph and half none, in its symmetric form.
fn diffuse(graph: &Graph, scales: &[f64], from: &[f64]) -> Vec<f64> {
    let at = |row: usize| {
        let joints = graph.joints(row);
        let sum: f64 = joints.map(|(end, w)| f64::from(w) * scales[end as usize] * from[end as usize]).sum();
        0.5 * (from[row] + scales[row] * sum)
    };
    (0..from.len()).into_par_iter().with_min_len(1024).map(at).collect()
}

fn remove(from: &mut [f64], directions: &[Vec<f64>]) {
    for direction in directions {
        let share = dot(from, direction);
        from.iter_mut().zip(direction).for_each(|(x, d)| *x -= share * d);
    }
}

fn normalise(vector: &mut [f64]) -> f64 {
    let length = dot(vector, vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
    length
}

fn combine(basis: &[Vec<f64>], vectors: &Matrix) -> Matrix {
    let n = basis.first().map_or(0, Vec::len);
    let dims = vectors.n_rows();
    let mut combined = Matrix::zeros(n, dims);
    for (i, direction) in basis.iter().enumerate() {
        for (row, x) in combined.data_mut().chunks_exact_mut(dims).zip(direction) {
            row.iter_mut().enumerate().for_each(|(axis, out)| *out += vectors.row(axis)[i] * x);
        }
    }
    combined
}
