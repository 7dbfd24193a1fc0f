//! The tests of what every kind answers where there is little, or nothing, to tell rows by.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::matrix::tests::{features, reduce, some_rows};
use super::*;
use crate::error::Kind;
use crate::stages::{Context, Frame, Input, Inputs, Reduce, Values};

/// Every kind, as quick as its parameters let it be.
fn kinds() -> Vec<Reduce> {
    let quick = |kind| match kind {
        Reduce::Umap(umap) => Reduce::Umap(Umap { epochs: 20, near: 3, grid: true, ..umap }),
        Reduce::Tsne(tsne) => Reduce::Tsne(Tsne { near: 3, grid: true, ..tsne }),
        Reduce::Pca(pca) => Reduce::Pca(Pca { near: 3, grid: true, ..pca }),
        Reduce::Kmeans(kmeans) => Reduce::Kmeans(Kmeans { k: 2, ..kmeans }),
        kind => kind,
    };
    Reduce::every_kind().into_iter().map(quick).collect()
}

fn is_finite(frame: &Frame) -> bool {
    frame.columns.iter().all(|(_, values)| match values {
        Values::Singles(numbers) => numbers.iter().all(|number| number.is_finite()),
        Values::Floats(numbers) => numbers.iter().flatten().all(|number| number.is_finite()),
        Values::Neighbors(rows) => rows.iter().flatten().all(|(_, distance)| distance.is_finite()),
        _ => true,
    })
}

#[test]
fn every_kind_has_an_answer_for_few_equal_and_constant_rows() {
    let equal = features(&[[0.7_f32, 0.1].as_slice(); 40], 2);
    let constant: Vec<[f32; 3]> = (0..30).map(|i| [4.0, (i * i % 17) as f32, -1e30]).collect();
    let constant = features(&constant.iter().map(<[f32; 3]>::as_slice).collect::<Vec<_>>(), 3);
    let heaps: Vec<[f32; 2]> = (0..30).map(|i| [(i % 2) as f32, 1.0]).collect();
    let heaps = features(&heaps.iter().map(<[f32; 2]>::as_slice).collect::<Vec<_>>(), 2);
    let cases: Vec<(&str, usize, Input)> = vec![
        ("two rows", 2, some_rows(2, 3)),
        ("fewer rows than neighbours", 9, some_rows(9, 3)),
        ("one number a row", 25, some_rows(25, 1)),
        ("identical rows", 40, equal),
        ("columns of zero variance", 30, constant),
        ("two heaps of identical rows", 30, heaps),
    ];
    for kind in kinds() {
        for (what, n_rows, rows) in &cases {
            let frame = reduce(kind.stage(), std::slice::from_ref(rows));
            let frame = frame.unwrap_or_else(|error| panic!("{} {what}: {error}", kind.kind()));
            assert_eq!(frame.n_rows, *n_rows, "{} {what}", kind.kind());
            assert!(is_finite(&frame), "{} {what}: {frame:?}", kind.kind());
        }
    }
}

#[test]
fn no_row_and_one_row_are_answered_but_for_clusters_of_a_number_that_is_asked_for() {
    for kind in kinds() {
        for n_rows in [0, 1] {
            let found = reduce(kind.stage(), &[some_rows(n_rows, 3)]);
            if let Reduce::Kmeans(_) = kind {
                let error = found.unwrap_err();
                assert!(error.message.contains(&format!("there are only {n_rows} rows")), "{error}");
                continue;
            }
            let frame = found.unwrap_or_else(|error| panic!("{} {n_rows}: {error}", kind.kind()));
            assert_eq!(frame.n_rows, n_rows, "{}", kind.kind());
            assert!(is_finite(&frame), "{}: {frame:?}", kind.kind());
        }
    }
}

#[test]
fn a_number_that_is_none_is_named_by_clip_block_and_row_whatever_the_kind() {
    for kind in kinds() {
        for bad in [f32::NAN, f32::INFINITY] {
            let frames = [some_rows(4, 3), features(&[&[1.0, 2.0, 3.0], &[1.0, bad, 3.0]], 3)];
            let error = reduce(kind.stage(), &frames).unwrap_err();
            let cause = "cannot reduce these rows: number 1 of `vector` in row 1 is not finite";
            assert_eq!((error.message.as_str(), error.input), (cause, Some(1)), "{}", kind.kind());
        }
    }
}

#[test]
fn a_grid_gives_each_row_a_cell_and_is_flat() {
    let frame = reduce(&Pca { grid: true, ..Pca::default() }, &[some_rows(20, 3)]).unwrap();
    let column = |name: &str| match frame.column(name) {
        Some(Values::Ints(cells)) => cells.iter().flatten().copied().collect::<Vec<_>>(),
        other => panic!("{name}: {other:?}"),
    };
    let cells: std::collections::BTreeSet<_> = column("grid_x").into_iter().zip(column("grid_y")).collect();
    assert_eq!(cells.len(), 20);
    assert!(cells.iter().all(|(x, y)| (0..5).contains(x) && (0..4).contains(y)));
    for kind in [
        Reduce::Pca(Pca { dims: 3, grid: true, ..Pca::default() }),
        Reduce::Umap(Umap { dims: 3, grid: true, ..Umap::default() }),
        Reduce::Tsne(Tsne { dims: 3, grid: true, ..Tsne::default() }),
    ] {
        let error = reduce(kind.stage(), &[some_rows(20, 3)]).unwrap_err();
        assert!(error.message.ends_with("a grid has 2 dimensions"), "{error}");
    }
}

#[test]
fn a_long_reduction_says_how_far_it_is_and_stops_on_the_way_when_it_is_told_to() {
    for kind in kinds().into_iter().filter(|kind| matches!(kind.kind(), "umap" | "tsne" | "hdbscan")) {
        let (heard, cancelled) = (Mutex::new(Vec::new()), AtomicBool::new(false));
        let report = |share: f64| {
            heard.lock().unwrap().push(share);
            cancelled.store(share >= 0.5, Ordering::Relaxed);
        };
        let mut inputs = Inputs::default();
        inputs.push("features", some_rows(60, 3));
        let context = Context::new(&cancelled).reporting(&report);
        let error = kind.stage().run(&inputs, &context).unwrap_err();
        assert_eq!(error.kind, Kind::Interrupted, "{}", kind.kind());
        let heard = heard.into_inner().unwrap();
        assert!(heard.is_sorted() && heard.len() > 10, "{}: {heard:?}", kind.kind());
        assert!((0.5..0.6).contains(heard.last().unwrap()), "{}: {heard:?}", kind.kind());
    }
}
