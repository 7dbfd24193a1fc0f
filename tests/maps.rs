//! How faithful maps are, beside those of umap-learn, openTSNE and scikit-learn from the same rows.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops where it fails, and shows what it measured"
)]

use std::sync::atomic::AtomicBool;

use taqsim::signal::SplitMix;
use taqsim::stages::reduce::{Fitted, Neighbors, Pca, Scale, Tsne, Umap};
use taqsim::stages::{Context, Frame, Input, Inputs, Reduce, Stage, Values};

/// What the mean of theirs may be missed by.
const LESS: f64 = 0.005;

/// Rows, and the mean trustworthiness and recall (k = 15) of maps of umap-learn 0.5.12, `UMAP(random_state=s).fit_transform(X)` for s = 0 to 9, and
/// of openTSNE 1.0.4, `TSNE(random_state=s, initialization="pca").fit(X)` for the same.
struct Case {
    name: &'static str,
    rows: (Vec<f32>, usize),
    umap: [f64; 2],
    tsne: [f64; 2],
}

fn cases() -> [Case; 3] {
    [
        Case { name: "digits", rows: digits(), umap: [0.987_36, 0.533_52], tsne: [0.989_74, 0.594_38] },
        Case {
            name: "swiss roll",
            rows: swiss_roll(),
            umap: [0.998_91, 0.778_03],
            tsne: [0.999_53, 0.849_97],
        },
        Case { name: "blobs", rows: blobs(), umap: [0.984_71, 0.450_51], tsne: [0.993_03, 0.559_72] },
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

/// The classes of [`digits`].
fn classes() -> Vec<u8> {
    include_bytes!("fixtures/digits/digits.bin").chunks_exact(65).map(|row| row[64]).collect()
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
#[ignore = "minutes; `cargo test --release --test maps -- --ignored --nocapture` shows the means"]
fn ten_seeds_are_as_faithful_in_the_mean() {
    let scale = Scale::None;
    let umap = |seed| Reduce::Umap(Umap { scale, seed, ..Umap::default() });
    let tsne = |seed| Reduce::Tsne(Tsne { scale, seed, ..Tsne::default() });
    for case in cases() {
        for (kind, theirs) in [("umap", case.umap), ("tsne", case.tsne)] {
            let step = |seed| if kind == "umap" { umap(seed) } else { tsne(seed) };
            let all: Vec<[f64; 3]> = (0..10).map(|seed| figures(step(seed).stage(), &case.rows)).collect();
            let mean = |at: usize| all.iter().map(|figures| figures[at]).sum::<f64>() / 10.0;
            println!("{} {kind}: {:.4}, {:.4} beside {theirs:?}", case.name, mean(0), mean(1));
            assert!(mean(0) >= theirs[0] - LESS && mean(1) >= theirs[1] - LESS, "{} {kind}", case.name);
        }
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

/// What share of some rows have the class that most of their 15 nearest others on a map have, the least where some are as frequent.
fn share_recognised(map: &[[f32; 2]], new: &[[f32; 2]], classes: &[u8]) -> f64 {
    let voted = |place: &[f32; 2]| {
        let square = |other: &[f32; 2]| (place[0] - other[0]).powi(2) + (place[1] - other[1]).powi(2);
        let mut near: Vec<(f32, u8)> = map.iter().map(square).zip(classes.iter().copied()).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let votes = |class: u8| near[..15].iter().filter(|(_, other)| *other == class).count();
        (0..10).rev().max_by_key(|class| votes(*class))
    };
    let right = new.iter().zip(&classes[map.len()..]).filter(|(place, class)| voted(place) == Some(**class));
    right.count() as f64 / new.len() as f64
}

/// Where rows lie on the map of a step, which may be given one.
fn places(step: &Reduce, rows: &[f32], map: Option<&Fitted>) -> (Inputs, Frame, Vec<[f32; 2]>) {
    let columns = vec![("vector".to_owned(), Values::Lists { dim: 64, data: rows.to_vec() })];
    let mut inputs = Inputs::default();
    inputs.push("features", Input::bytes(Frame { n_rows: rows.len() / 64, columns }.to_bytes()));
    map.iter().for_each(|map| inputs.push("map", Input::bytes(map.to_bytes())));
    let outputs = step.stage().run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap();
    let frame = Frame::read(&Input::bytes(outputs[0].1.as_slice())).unwrap();
    let axis = |name: &str| match frame.column(name) {
        Some(Values::Singles(numbers)) => numbers.clone(),
        other => panic!("{name}: {other:?}"),
    };
    let places = axis("x").into_iter().zip(axis("y")).map(|(x, y)| [x, y]).collect();
    (inputs, frame, places)
}

#[test]
fn new_rows_are_placed_as_well_as_by_umap_learn_and_open_tsne() {
    const N_OLD: usize = 1500;
    let ((rows, _), classes) = (digits(), classes());
    let (scale, fit) = (Scale::None, "map.parquet".to_owned());
    let umap = |fit| Reduce::Umap(Umap { scale, fit, ..Umap::default() });
    let tsne = |fit| Reduce::Tsne(Tsne { scale, fit, ..Tsne::default() });
    // umap-learn 0.5.12, openTSNE 1.0.4: means of random_state = 0 to 9 of KNeighborsClassifier(15).fit(map, y[:1500]).score(new, y[1500:]) of
    // UMAP(...).fit(X[:1500]) and its transform(X[1500:]), and TSNE(..., initialization="pca").fit(X[:1500]) and its transform
    for (step, on_map, want) in
        [(umap(String::new()), umap(fit.clone()), 0.925), (tsne(String::new()), tsne(fit), 0.918)]
    {
        let (inputs, frame, before) = places(&step, &rows[..N_OLD * 64], None);
        let map = step.fitted(&inputs, &frame, &Context::new(&AtomicBool::new(false))).unwrap();
        // In another frame, as they would be in another clip.
        let (.., grown) = places(&on_map, &rows, Some(&map));
        assert_eq!(grown[..N_OLD], before);
        let got = share_recognised(&before, &grown[N_OLD..], &classes);
        println!("{}: {got:.4} beside {want}", step.kind());
        assert!(got > want - 0.02, "{}: {got} {want}", step.kind());
    }
}

fn is_slow_suite_on() -> bool {
    std::env::var_os("TAQSIM_SLOW_TESTS").is_some_and(|value| value != "0")
}

/// Above 50,000 rows neighbours are sought in a forest; a minute, so that `TAQSIM_SLOW_TESTS=1` asks for it.
#[test]
fn of_very_many_rows_nearly_all_neighbours_are_found_and_the_same_with_any_number_of_threads() {
    const DIM: usize = 6;
    if !is_slow_suite_on() {
        return;
    }
    let mut random = SplitMix(5);
    let rows: Vec<f32> = (0..50_400 * DIM).map(|_| random.uniform() as f32).collect();
    let step = Neighbors { scale: Scale::None, ..Neighbors::default() };
    let found = |n_threads| {
        let columns = vec![("vector".to_owned(), Values::Lists { dim: DIM, data: rows.clone() })];
        let mut inputs = Inputs::default();
        inputs.push("features", Input::bytes(Frame { n_rows: rows.len() / DIM, columns }.to_bytes()));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| step.run(&inputs, &Context::new(&AtomicBool::new(false))).unwrap())
    };
    let outputs = found(2);
    assert_eq!(outputs, found(1));
    let frame = Frame::read(&Input::bytes(outputs[0].1.as_slice())).unwrap();
    let Some(Values::Neighbors(near)) = frame.column("neighbors") else { panic!("no neighbours") };
    assert_eq!(near.len(), 50_400);
    let row = |at: usize| &rows[at * DIM..(at + 1) * DIM];
    let mut n_right = 0;
    for query in (0..50_400).step_by(252) {
        let square =
            |other: usize| row(query).iter().zip(row(other)).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        let mut others: Vec<(f32, u32)> =
            (0..50_400).filter(|other| *other != query).map(|other| (square(other), other as u32)).collect();
        others.sort_by(|a, b| a.0.total_cmp(&b.0));
        n_right +=
            near[query].iter().filter(|(id, _)| others[..15].iter().any(|(_, other)| other == id)).count();
        assert!(near[query].is_sorted_by(|a, b| a.1 <= b.1) && near[query].len() == 15);
    }
    let recall = n_right as f64 / (200.0 * 15.0);
    println!("recall {recall:.4}");
    assert!(recall >= 0.95, "{recall}");
}
