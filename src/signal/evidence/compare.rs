//! Rows compared with each other once, for everything that is asked of their distances.

use rayon::prelude::*;

use super::nearest::{Allowed, Order};
use super::silhouette::Labelled;
use super::{Cohesion, Nearest, cohesion};
use crate::error::Result;
use crate::signal::{Matrix, squared_distance};

/// A question to the nearest neighbours.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Which rows take part: those whose class is known.
    pub known: &'a [bool],
    /// Rows of one fold are not compared with each other; one without a fold takes no part.
    pub folds: &'a [Option<usize>],
}

/// What is asked of the distances between rows.
#[derive(Debug, Clone)]
pub struct Questions<'a> {
    /// How many neighbours are asked.
    pub k: usize,
    /// What they are asked.
    pub neighbours: Vec<Question<'a>>,
    /// Labels of rows, whose silhouettes are asked for.
    pub labellings: Vec<&'a [Option<usize>]>,
    /// Of which performance each row is.
    pub performances: &'a [usize],
    /// Where in it, from 0 to 1.
    pub positions: &'a [f64],
}

/// The answers, in the order of the questions.
#[derive(Debug, Clone)]
pub struct Answers {
    /// The nearest rows that may be compared, of each row.
    pub nearest: Vec<Nearest>,
    /// The mean silhouette of each labelling.
    pub silhouettes: Vec<Option<f64>>,
    /// Whether performances stay together.
    pub cohesion: Cohesion,
}

/// What one row says.
struct OfRow {
    nearest: Vec<Vec<u32>>,
    silhouettes: Vec<Option<f64>>,
    sums: cohesion::Sums,
}

/// Compares each row with all others, by Euclidean distance. Every pair is measured twice and no more, whatever is asked;
/// `check` is called for every row.
///
/// # Errors
/// When `check` gives one.
pub fn compare(
    rows: &Matrix,
    questions: &Questions,
    check: impl Fn() -> Result<()> + Sync,
) -> Result<Answers> {
    let labellings: Vec<Labelled> = questions.labellings.iter().map(|labels| Labelled::new(labels)).collect();
    let of_row = |order: &mut Order, row: usize| {
        check()?;
        Ok(of_row(rows, row, questions, &labellings, order))
    };
    let n_rows = questions.performances.len();
    let each = (0..n_rows).into_par_iter().map_init(Order::default, of_row).collect::<Result<Vec<_>>>()?;
    let silhouettes = labellings.iter().enumerate();
    let silhouettes =
        silhouettes.map(|(at, it)| it.mean(each.iter().map(|row| row.silhouettes[at]))).collect();
    let sums: Vec<cohesion::Sums> = each.iter().map(|row| row.sums).collect();
    let mut nearest = vec![Nearest(Vec::with_capacity(n_rows)); questions.neighbours.len()];
    for row in each {
        nearest.iter_mut().zip(row.nearest).for_each(|(all, near)| all.0.push(near));
    }
    Ok(Answers { nearest, silhouettes, cohesion: cohesion::all_together(&sums) })
}

/// How far all rows are from one of them.
pub(super) fn distances_from(rows: &Matrix, row: usize) -> Vec<f64> {
    rows.rows().map(|other| squared_distance(rows.row(row), other).sqrt()).collect()
}

fn of_row(
    rows: &Matrix,
    row: usize,
    questions: &Questions,
    labellings: &[Labelled],
    order: &mut Order,
) -> OfRow {
    let distances = distances_from(rows, row);
    order.set(row, &distances);
    let near = |question: &Question| {
        order.nearest(Allowed { known: question.known, folds: question.folds }, row, questions.k)
    };
    OfRow {
        nearest: questions.neighbours.iter().map(near).collect(),
        silhouettes: labellings.iter().map(|labels| labels.of_row(row, &distances)).collect(),
        sums: cohesion::of_row(row, &distances, questions.performances, questions.positions),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{labels, noise};
    use super::super::{cohesion as cohesion_of, silhouette};
    use super::*;
    use crate::error::Error;

    #[test]
    fn what_is_asked_together_is_answered_as_what_is_asked_alone() {
        let rows = noise(400, 3, 5);
        let some: Vec<Option<usize>> =
            labels(400, 3).into_iter().map(|it| Some(it).filter(|it| *it < 2)).collect();
        let known: Vec<bool> = some.iter().map(Option::is_some).collect();
        let performances: Vec<usize> = (0..400).map(|row| row / 20).collect();
        let positions: Vec<f64> = (0..400).map(|row| f64::from(row % 20) / 20.0).collect();
        let folds: Vec<Option<usize>> = performances.iter().map(|it| Some(*it / 15)).collect();
        let all = [true; 400];
        let questions = Questions {
            k: 7,
            neighbours: vec![
                Question { known: &known, folds: &folds },
                Question { known: &all, folds: &folds },
            ],
            labellings: vec![&some],
            performances: &performances,
            positions: &positions,
        };
        let answers = compare(&rows, &questions, || Ok(())).unwrap();
        let whole: Vec<usize> = folds.iter().flatten().copied().collect();
        assert_eq!(answers.nearest[1], Nearest::of(&rows, &whole, 7));
        assert_eq!(answers.silhouettes, [silhouette(&rows, &some)]);
        assert_eq!(answers.cohesion, cohesion_of(&rows, &performances, &positions));
        for (row, near) in answers.nearest[0].0.iter().enumerate() {
            let may_be = |other: usize| known[row] && known[other] && folds[other] != folds[row];
            let distances = distances_from(&rows, row);
            let mut others: Vec<u32> = (0..400).filter(|other| may_be(*other as usize)).collect();
            others.sort_by(|a, b| distances[*a as usize].total_cmp(&distances[*b as usize]));
            others.truncate(7);
            assert_eq!(*near, others, "{row}");
        }
        assert!(compare(&rows, &questions, || Err(Error::interrupted())).is_err());
    }
}
