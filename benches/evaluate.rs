//! How long an evaluation takes: what is asked of the distances between rows, and of their neighbours.
//!
//! `cargo bench --bench evaluate` makes rows of 64 numbers, 20 of each recording, with 8 labels of 8 values, and prints
//! Markdown; `-- 50000` as many rows as it says. Set `RAYON_NUM_THREADS=1` for CPU times.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use taqsim::signal::evidence::{LeastSquares, Probe, Question, Questions, Trial, compare};
use taqsim::signal::{Matrix, Random};

const N_COLS: usize = 64;
const N_LABELS: usize = 8;
const N_CLASSES: usize = 8;

fn main() {
    println!(
        "| rows | all distances | 999 permutations | 999 samples | a probe of 2,000 rows | 999 permutations of its twin |"
    );
    println!("|--:|--:|--:|--:|--:|--:|");
    let sizes: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    for n_rows in if sizes.is_empty() { vec![2_000, 20_000] } else { sizes } {
        let [compared, permuted, sampled, fitted, twin] = times(n_rows).map(|time| time.as_secs_f64());
        println!(
            "| {n_rows} | {compared:.2} s | {permuted:.2} s | {sampled:.2} s | {fitted:.2} s | {twin:.2} s |"
        );
    }
}

fn times(n_rows: usize) -> [Duration; 5] {
    let mut random = Random::new(1);
    let mut rows = Matrix::zeros(n_rows, N_COLS);
    rows.data_mut().iter_mut().for_each(|number| *number = random.normal());
    let recordings: Vec<usize> = (0..n_rows).map(|row| row / 20).collect();
    let classes: Vec<usize> = recordings.iter().map(|recording| recording % N_CLASSES).collect();
    let some: Vec<Option<usize>> = classes.iter().map(|class| Some(*class)).collect();
    let folds: Vec<Option<usize>> = recordings.iter().map(|recording| Some(*recording)).collect();
    let (known, positions) = (vec![true; n_rows], vec![0.5; n_rows]);
    let question = Question { known: &known, folds: &folds };
    let questions = Questions {
        k: 5,
        neighbours: vec![question; 3 * N_LABELS],
        labellings: vec![&some; N_LABELS],
        performances: &recordings,
        positions: &positions,
    };
    let (answers, compared) = timed(|| compare(&rows, &questions, || Ok(())).unwrap());
    let (trial, nearest) = (Trial::of(&some, &recordings), &answers.nearest[0]);
    let (_, permuted) = timed(|| trial.p_value(nearest, 999, 0));
    let (_, sampled) = timed(|| trial.interval(&nearest.tell(&some), 0.95, 999, 0));
    let which: Vec<usize> = (0..n_rows).step_by(n_rows.div_ceil(2_000)).collect();
    let (_, fitted) = timed(|| Probe::fit(&rows, &which, &classes, N_CLASSES, 1.0));
    let some_rows: Vec<usize> = (0..n_rows).step_by(n_rows.div_ceil(1_000)).collect();
    let heaps: Vec<Option<usize>> = recordings.iter().map(|recording| Some(recording % 20)).collect();
    let (_, twin) = timed(|| {
        let probe = LeastSquares::of(&rows, &some_rows, &heaps, 1.0).unwrap();
        let mut drawn = vec![None; n_rows];
        some_rows.iter().for_each(|row| drawn[*row] = some[*row]);
        Trial::of(&drawn, &recordings).p_value_of_told(|classes| probe.tell(classes), 999, 0)
    });
    [compared, permuted, sampled, fitted, twin]
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let made = work();
    (made, began.elapsed())
}
