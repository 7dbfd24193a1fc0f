//! Maps as they are published: neighbours by row, and what else is said of rows.

use taqsim::release::read_table;
use taqsim::stages::{Frame, Values};

use crate::space::{N_TASKS, Space};

fn frame(space: &Space, table: &str) -> Frame {
    read_table(&space.path(&format!("outputs/0.1.0/{table}.parquet")), table).unwrap().frame
}

fn texts(frame: &Frame, column: &str) -> Vec<String> {
    let Some(Values::Texts(texts)) = frame.column(column) else { panic!("no {column}") };
    texts.iter().flatten().cloned().collect()
}

/// For each segment its neighbours by id, with their distances.
fn neighbors(frame: &Frame) -> Vec<(String, Vec<(String, f32)>)> {
    let ids = texts(frame, "segment_id");
    let Some(Values::Neighbors(near)) = frame.column("neighbors") else { panic!("no neighbours") };
    let named = |(row, distance): &(u32, f32)| (ids[*row as usize].clone(), *distance);
    let near = near.iter().map(|near| near.iter().map(named).collect());
    let mut all: Vec<(String, Vec<(String, f32)>)> = ids.iter().cloned().zip(near).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// Distances of z-scored vectors, from the published table itself.
fn expected(space: &Space, k: usize) -> Vec<(String, Vec<String>)> {
    let frame = frame(space, "embed/timbre");
    let ids = texts(&frame, "segment_id");
    let Some(Values::Lists { dim, data }) = frame.column("vector") else { panic!("no vector") };
    let n = ids.len() as f64;
    let column = |j: usize| data.iter().skip(j).step_by(*dim).map(|x| f64::from(*x));
    let scaled: Vec<Vec<f64>> = (0..*dim)
        .map(|j| {
            let mean = column(j).sum::<f64>() / n;
            let deviation = (column(j).map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
            column(j).map(|x| if deviation > 0.0 { (x - mean) / deviation } else { 0.0 }).collect()
        })
        .collect();
    let far = |a: usize, b: usize| scaled.iter().map(|x| (x[a] - x[b]) * (x[a] - x[b])).sum::<f64>();
    let near = |row: usize| {
        let mut others: Vec<usize> = (0..ids.len()).filter(|other| *other != row).collect();
        others.sort_by(|a, b| far(row, *a).total_cmp(&far(row, *b)));
        others[..k].iter().map(|other| ids[*other].clone()).collect()
    };
    let mut all: Vec<_> = (0..ids.len()).map(|row| (ids[row].clone(), near(row))).collect();
    all.sort();
    all
}

#[test]
fn clusters_are_published_with_their_sizes_and_labels() {
    let space = Space::new();
    space.edit("[reduce.map.pca]", "[reduce.groups.kmeans]\nof = \"timbre\"\nk = 2\n[reduce.map.pca]");
    space.build().succeeds().ran(N_TASKS + 1);
    let (rows, table) = (frame(&space, "reduce/groups"), frame(&space, "clusters/groups"));
    let (Some(Values::Ints(clusters)), Some(Values::Ints(of)), Some(Values::Ints(sizes))) =
        (rows.column("cluster"), table.column("cluster"), table.column("n_segments"))
    else {
        panic!("no clusters")
    };
    let Some(Values::Texts(labels)) = table.column("label") else { panic!("no labels") };
    for cluster in [Some(0), Some(1)] {
        let n_rows = clusters.iter().filter(|of| **of == cluster).count() as i64;
        let of_label = |label: Option<&str>| {
            let rows =
                (0..table.n_rows).filter(|row| of[*row] == cluster && labels[*row].as_deref() == label);
            rows.filter_map(|row| sizes[row]).sum::<i64>()
        };
        // Whatever a label says, or does not say, of a segment, it is counted once.
        for label in [None, Some("artist"), Some("maqam"), Some("section")] {
            assert_eq!(of_label(label), n_rows, "{cluster:?} {label:?}");
        }
    }
    space.run(&["verify", "--require", "sources,tables"]).succeeds();
    space.edit("artist = \"B\"", "artist = \"C\"");
    space.build().succeeds().ran(0);
    let Some(Values::Texts(values)) = frame(&space, "clusters/groups").column("value").cloned() else {
        panic!("no values")
    };
    assert!(values.contains(&Some("C".to_owned())) && !values.contains(&Some("B".to_owned())));
}

#[test]
fn neighbours_are_numbers_of_rows_of_their_table_whatever_clips_are_called() {
    let space = Space::new();
    space.edit(
        "[reduce.map.pca]\nof = \"timbre\"",
        "[reduce.map.pca]\nof = \"timbre\"\nnear = 3\n[reduce.near.neighbors]\nof = \"timbre\"\nk = 3",
    );
    space.build().succeeds().ran(N_TASKS + 1);
    let found = neighbors(&frame(&space, "reduce/near"));
    assert_eq!(neighbors(&frame(&space, "reduce/map")), found);
    let ids = |all: &[(String, Vec<(String, f32)>)]| -> Vec<(String, Vec<String>)> {
        let names = |near: &[(String, f32)]| near.iter().map(|(id, _)| id.clone()).collect();
        all.iter().map(|(id, near)| (id.clone(), names(near))).collect()
    };
    assert_eq!(ids(&found), expected(&space, 3));
    assert!(found.iter().all(|(_, near)| near.is_sorted_by(|a, b| a.1 <= b.1)));
    // The rows of a renamed clip stand elsewhere: nothing runs, and the numbers change with them.
    space.edit("\"one\"", "\"zz-one\"");
    space.build().succeeds().ran(0);
    let renamed = neighbors(&frame(&space, "reduce/near"));
    let back = |id: &String| id.replace("zz-one", "one");
    let mut renamed: Vec<(String, Vec<(String, f32)>)> = renamed
        .iter()
        .map(|(id, near)| (back(id), near.iter().map(|(id, far)| (back(id), *far)).collect()))
        .collect();
    renamed.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(renamed, found);
    space.run(&["verify", "--require", "tables"]).succeeds();
    space.run(&["verify", "--rebuild"]).succeeds();
}
