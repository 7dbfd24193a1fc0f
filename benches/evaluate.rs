//! How long an evaluation takes: what is asked of the distances between rows, and of their neighbours.
//!
//! `cargo bench --bench evaluate` makes rows of 64 numbers, 20 of each recording, with 8 labels of 8 values, and prints
//! Markdown. Set `RAYON_NUM_THREADS=1` for CPU times.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use taqsim::signal::evidence::{Probe, Question, Questions, Trial, compare};
use taqsim::signal::{Matrix, Random};

const N_COLS: usize = 64;
const N_LABELS: usize = 8;
const N_CLASSES: usize = 8;

fn main() {
    println!("| rows | all distances | 999 permutations | 999 samples | a probe of 2,000 rows |");
    println!("|--:|--:|--:|--:|--:|");
    for n_rows in [2_000, 20_000] {
        let [compared, permuted, sampled, fitted] = times(n_rows).map(|time| time.as_secs_f64());
        println!("| {n_rows} | {compared:.2} s | {permuted:.2} s | {sampled:.2} s | {fitted:.2} s |");
    }
}

fn times(n_rows: usize) -> [Duration; 4] {
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
    [compared, permuted, sampled, fitted]
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let made = work();
    (made, began.elapsed())
}
