//! How fast maps are made, beside umap-learn, openTSNE's FFT variant, and numpy's LAPACK: CPU and wall seconds, and peak memory.
//!
//! `cargo bench --bench maps [-- KIND ROWSxCOLUMNS]` makes maps of 10,000 x 128 and 70,000 x 50 rows in blobs, in processes of their own and
//! in turns, and prints Markdown: `-- umap 70000x50` one of them. The other side is `maps.py`, run by `$TAQSIM_PYTHON` or `python3`:
//! `pip install umap-learn openTSNE` brings everything; what is absent is left out. Both have `$RAYON_NUM_THREADS` threads, or as many as
//! there are cores. Times are of one map, without the figures by which taqsim judges it. Reads `/proc`, and so needs Linux.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use taqsim::signal::umap::{Layout, Shape, fuzzy_graph, start_of};
use taqsim::signal::{
    Neighbours, Points, Random, Searcher, covariance, largest_eigenpairs, most_neighbours, tsne,
};

const RUNS: usize = 3;
/// Of more rows neighbours are sought in a forest, as the stages do.
const EXACT: usize = 50_000;
const JOBS: [(&str, usize, usize); 6] = [
    ("pca", 10_000, 128),
    ("umap", 10_000, 128),
    ("tsne", 10_000, 128),
    ("pca", 70_000, 50),
    ("umap", 70_000, 50),
    ("tsne", 70_000, 50),
];

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["child", kind, file, dim] => child(kind, Path::new(file), dim.parse().unwrap()),
        [kind, size] => {
            let (rows, columns) = size.split_once('x').unwrap();
            compare(&[(kind, rows.parse().unwrap(), columns.parse().unwrap())]);
        }
        _ => compare(&JOBS),
    }
}

fn compare(jobs: &[(&str, usize, usize)]) {
    let folder = tempfile::tempdir().unwrap();
    let python = env::var("TAQSIM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/maps.py");
    let n_threads = rayon::current_num_threads().to_string();
    println!("{n_threads} threads; medians of {RUNS} runs in turns, one run of t-SNE of many rows\n");
    println!(
        "| map | rows | taqsim CPU s | theirs | ratio | taqsim wall s | theirs | ratio | taqsim MiB | theirs |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (kind, n_rows, dim) in jobs {
        let file = folder.path().join("rows");
        let rows = blobs(*n_rows, *dim);
        fs::write(&file, rows.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>()).unwrap();
        let dim = dim.to_string();
        let ours =
            || measured(Command::new(env::current_exe().unwrap()).args(["child", kind]).arg(&file).arg(&dim));
        let theirs =
            || measured(Command::new(&python).arg(&script).arg(kind).arg(&file).args([&dim, &n_threads]));
        let runs = if *kind == "tsne" && *n_rows > EXACT { 1 } else { RUNS };
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..runs).map(|_| (ours(), theirs())).unzip();
        row(kind, &format!("{n_rows} x {dim}"), median(&ours).unwrap(), median(&theirs));
    }
}

fn row(kind: &str, size: &str, ours: [f64; 3], theirs: Option<[f64; 3]>) {
    let [cpu, wall, peak] = ours;
    match theirs {
        Some([their_cpu, their_wall, their_peak]) => println!(
            "| {kind} | {size} | {cpu:.2} | {their_cpu:.2} | {:.2} | {wall:.2} | {their_wall:.2} | {:.2} | {peak:.0} | {their_peak:.0} |",
            their_cpu / cpu,
            their_wall / wall
        ),
        None => println!("| {kind} | {size} | {cpu:.2} | skipped | | {wall:.2} | | | {peak:.0} | |"),
    }
}

/// CPU s, wall s and peak MiB that a process says of itself; none where it fails.
fn measured(command: &mut Command) -> Option<[f64; 3]> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    numbers.try_into().ok()
}

/// The run whose CPU time is in the middle.
fn median(runs: &[Option<[f64; 3]>]) -> Option<[f64; 3]> {
    let mut runs: Vec<[f64; 3]> = runs.iter().flatten().copied().collect();
    runs.sort_by(|a, b| a[0].total_cmp(&b[0]));
    runs.get(runs.len() / 2).copied()
}

fn child(kind: &str, file: &Path, dim: usize) {
    let bytes = fs::read(file).unwrap();
    let rows: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
    drop(bytes);
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let places = match kind {
        "umap" => umap_of(&rows, dim),
        "tsne" => tsne_of(&rows, dim),
        _ => principal_places(&rows, dim),
    };
    assert!(places.iter().all(|x| x.is_finite()));
    println!("{:.3} {:.3} {:.0}", cpu_seconds() - cpu, wall.elapsed().as_secs_f64(), peak_mib());
}

fn umap_of(rows: &[f32], dim: usize) -> Vec<f32> {
    let points = Points { numbers: rows, dim };
    let graph = fuzzy_graph(&neighbours(points, 14));
    let shape = Shape { dims: 2, min_dist: 0.1, spread: 1.0, epochs: 0, seed: 0 };
    let start = start_of(&graph, points, 2, 0);
    let mut layout = Layout::<2>::new(&graph, &shape, &start);
    while !layout.is_done() {
        layout.step();
    }
    layout.places()
}

fn tsne_of(rows: &[f32], dim: usize) -> Vec<f32> {
    let affinities = tsne::affinities(&neighbours(Points { numbers: rows, dim }, 90), 30.0);
    let places = principal_places(rows, dim);
    let squares: f64 = places.iter().step_by(2).map(|x| f64::from(*x) * f64::from(*x)).sum();
    let factor = 1e-4 / (squares / (places.len() / 2) as f64).sqrt();
    let start: Vec<f32> = places.iter().map(|x| (f64::from(*x) * factor) as f32).collect();
    let mut descent = tsne::Descent::<2>::new(&affinities, &start);
    while !descent.is_done() {
        descent.step();
    }
    descent.places()
}

fn principal_places(rows: &[f32], dim: usize) -> Vec<f32> {
    let n_rows = (rows.len() / dim) as f64;
    let mut sums = vec![0.0; dim];
    for row in rows.chunks_exact(dim) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    let centred: Vec<f32> = rows
        .chunks_exact(dim)
        .flat_map(|row| row.iter().zip(&sums))
        .map(|(x, sum)| (f64::from(*x) - sum / n_rows) as f32)
        .collect();
    let (_, axes) = largest_eigenpairs(covariance(&centred, dim), 2);
    let along = |row: &[f32], i: usize| {
        row.iter().zip(axes.row(i)).map(|(x, weight)| f64::from(*x) * weight).sum::<f64>()
    };
    centred.chunks_exact(dim).flat_map(|row| [along(row, 0) as f32, along(row, 1) as f32]).collect()
}

fn neighbours(points: Points, k: usize) -> Neighbours {
    let n_rows = points.numbers.len() / points.dim;
    if n_rows > EXACT {
        return most_neighbours(points, k, || Ok(())).unwrap();
    }
    Searcher::new(points.numbers, points.dim).among(0..n_rows, k)
}

/// Rows in twenty classes, each near a plane of five dimensions of its own.
fn blobs(n_rows: usize, dim: usize) -> Vec<f32> {
    let mut random = Random::new(1);
    let mut normals = |n: usize| (0..n).map(|_| random.normal()).collect::<Vec<f64>>();
    let (centres, axes) = (normals(20 * dim), normals(20 * 5 * dim));
    let mut rows = Vec::with_capacity(n_rows * dim);
    for row in 0..n_rows {
        let (class, places, noise) = (row % 20, normals(5), normals(dim));
        rows.extend((0..dim).map(|j| {
            let along: f64 = (0..5).map(|i| places[i] * axes[(class * 5 + i) * dim + j]).sum();
            (1.5 * centres[class * dim + j] + 0.5 * along + 0.3 * noise[j]) as f32
        }));
    }
    rows
}

/// User and system time of this process, in hundredths of a second as Linux counts them.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}

fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
