//! How faithful maps are, beside those of umap-learn, openTSNE and scikit-learn from the same rows.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::sync::atomic::AtomicBool;

use taqsim::signal::SplitMix;
use taqsim::stages::reduce::{Pca, Scale, Tsne, Umap};
use taqsim::stages::{Context, Frame, Input, Inputs, Stage, Values};

/// What the mean of theirs may be missed by.
const LESS: f64 = 0.005;

/// Rows, and the mean trustworthiness and recall (k = 15) of maps of umap-learn 0.5.12, `UMAP(random_state=s).fit_transform(X)` for s = 0 to 9, and
/// of openTSNE 1.0.4, `TSNE(random_state=s, initialization="pca").fit(X)` for s = 0 to 2.
struct Case {
    name: &'static str,
    rows: (Vec<f32>, usize),
    umap: [f64; 2],
    tsne: [f64; 2],
}

fn cases() -> [Case; 3] {
    [
        Case { name: "digits", rows: digits(), umap: [0.987_36, 0.533_52], tsne: [0.989_71, 0.593_78] },
        Case {
            name: "swiss roll",
            rows: swiss_roll(),
            umap: [0.998_91, 0.778_03],
            tsne: [0.999_53, 0.850_37],
        },
        Case { name: "blobs", rows: blobs(), umap: [0.984_71, 0.450_51], tsne: [0.992_92, 0.558_59] },
    ]
}

/// scikit-learn's `load_digits()`.
fn digits() -> (Vec<f32>, usize) {
    let bytes = include_bytes!("fixtures/digits/digits.bin");
    (bytes.chunks_exact(65).flat_map(|row| &row[..64]).map(|byte| f32::from(*byte)).collect(), 64)
}

/// 2,000 rows of a sheet that is rolled up, without noise.
fn swiss_roll() -> (Vec<f32>, usize) {
    let mut random = SplitMix(1);
    let row = |_| {
        let angle = 1.5 * std::f64::consts::PI * (1.0 + 2.0 * random.uniform());
        [angle * libm::cos(angle), 21.0 * random.uniform(), angle * libm::sin(angle)].map(|x| x as f32)
    };
    ((0..2000).flat_map(row).collect(), 3)
}

/// 2,000 rows of 50 numbers in ten classes, each near a plane of five dimensions of its own.
fn blobs() -> (Vec<f32>, usize) {
    const DIM: usize = 50;
    let [centres, axes, places, noise] =
        [(500, 2), (2500, 3), (10_000, 4), (100_000, 5)].map(|(n, seed)| normals(n, seed));
    let number = |row: usize, j: usize| {
        let class = row % 10;
        let along: f64 = (0..5).map(|i| places[row * 5 + i] * axes[(class * 5 + i) * DIM + j]).sum();
        (1.5 * centres[class * DIM + j] + 0.5 * along + 0.3 * noise[row * DIM + j]) as f32
    };
    ((0..2000).flat_map(|row| (0..DIM).map(move |j| (row, j))).map(|(row, j)| number(row, j)).collect(), DIM)
}

/// Nearly normal: sums of twelve uniform numbers, less 6.
fn normals(n: usize, seed: u64) -> Vec<f64> {
    let mut random = SplitMix(seed);
    (0..n).map(|_| (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0).collect()
}

/// The mean trustworthiness, recall and, where there is one, stability of the map that a stage makes.
fn figures(stage: &dyn Stage, (rows, dim): &(Vec<f32>, usize)) -> [f64; 3] {
    let columns = vec![("vector".to_owned(), Values::Lists { dim: *dim, data: rows.clone() })];
    let mut inputs = Inputs::default();
    inputs.push("features", Input::bytes(Frame { n_rows: rows.len() / dim, columns }.to_bytes()));
    let outputs = stage.run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap();
    let frame = Frame::read(&Input::bytes(outputs[0].1.as_slice())).unwrap();
    ["trustworthiness", "recall", "stability"].map(|name| match frame.column(name) {
        Some(Values::Floats(numbers)) => {
            numbers.iter().flatten().sum::<f64>() / numbers.iter().flatten().count() as f64
        }
        _ => 0.0,
    })
}

#[test]
fn umap_is_as_faithful_as_umap_learn() {
    for case in cases() {
        let got = figures(&Umap { scale: Scale::None, ..Umap::default() }, &case.rows);
        assert!(got[0] >= case.umap[0] - LESS && got[1] >= case.umap[1] - LESS, "{}: {got:?}", case.name);
        assert!(got[2] > 0.3, "{}: {got:?}", case.name);
    }
}

#[test]
fn tsne_is_as_faithful_as_open_tsne() {
    for case in cases() {
        let got = figures(&Tsne { scale: Scale::None, ..Tsne::default() }, &case.rows);
        assert!(got[0] >= case.tsne[0] - LESS && got[1] >= case.tsne[1] - LESS, "{}: {got:?}", case.name);
        assert!(got[2] > 0.3, "{}: {got:?}", case.name);
    }
}

#[test]
fn principal_components_are_as_faithful_as_scikit_learns() {
    let got = figures(&Pca { scale: Scale::None, ..Pca::default() }, &digits());
    // scikit-learn 1.9.1: trustworthiness(X, PCA(2, svd_solver="full").fit_transform(X), n_neighbors=15), and shared neighbours
    for (got, want) in got.iter().zip([0.828_809_278_983_281_9, 0.151_214_987_942_867_75]) {
        assert!((got - want).abs() < 2e-5, "{got} {want}");
    }
}
