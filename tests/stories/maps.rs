//! Maps as they are published: neighbours by row, and what else is said of rows.

use std::collections::BTreeMap;

use taqsim::release::read_table;
use taqsim::stages::{Frame, Values};

use crate::space::{Answer, N_PER_CLIP, N_TASKS, Space, music};

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

/// Where the segments of a map lie, by id.
fn places(space: &Space, table: &str) -> BTreeMap<String, [f32; 2]> {
    let frame = frame(space, table);
    let axis = |name: &str| match frame.column(name) {
        Some(Values::Singles(numbers)) => numbers.clone(),
        other => panic!("{name}: {other:?}"),
    };
    let places = axis("x").into_iter().zip(axis("y")).map(|(x, y)| [x, y]);
    texts(&frame, "segment_id").into_iter().zip(places).collect()
}

/// The segments that lie where a map had them.
fn kept(space: &Space, table: &str) -> Vec<String> {
    let frame = frame(space, table);
    let Some(Values::Bools(kept)) = frame.column("is_fitted") else { panic!("nobody says what is new") };
    let ids = texts(&frame, "segment_id").into_iter().zip(kept);
    ids.filter(|(_, kept)| **kept == Some(true)).map(|(id, _)| id).collect()
}

const FOUR: &str = "\n[[clip]]\nid = \"four\"\nsource = \"sources/four.wav\"\nlicense = \"CC0-1.0\"\n";
const STEPS: [(&str, &str); 3] = [
    ("map", "umap]\nneighbors = 4\nepochs = 40\nof = \"timbre\""),
    ("other", "tsne]\nperplexity = 3.0\nof = \"timbre\""),
    ("plane", "pca]\nof = \"timbre\""),
];

/// A project with three maps, built and exported.
fn exported() -> Space {
    let space = Space::new();
    let steps: Vec<String> = STEPS.iter().map(|(name, step)| format!("[reduce.{name}.{step}")).collect();
    space.edit("[reduce.map.pca]\nof = \"timbre\"", &steps.join("\n"));
    space.build().succeeds().ran(N_TASKS + 2);
    for (name, _) in STEPS {
        space.run(&["export", "map", name]).succeeds().says(&format!("maps/{name}-0.1.0.parquet"));
    }
    space
}

/// Has each step of [`exported`] place rows on its map.
fn fit(space: &Space) {
    for (name, step) in STEPS {
        space.edit(step, &format!("{step}\nfit = \"maps/{name}-0.1.0.parquet\""));
    }
    build_ran(space, STEPS.len());
}

fn add_a_clip(space: &Space) {
    space.write("sources/four.wav", music(2.0, 4));
    space.write("taqsim.toml", space.text("taqsim.toml") + FOUR);
}

fn build_ran(space: &Space, n_tasks: usize) -> Answer {
    space.build().succeeds().ran(n_tasks)
}

#[test]
fn a_growing_catalogue_keeps_its_map() {
    let space = exported();
    let before = STEPS.map(|(name, _)| places(&space, &format!("reduce/{name}")));
    fit(&space);
    space.build().succeeds().says("is up to date");
    let maps = || STEPS.map(|(name, _)| places(&space, &format!("reduce/{name}")));
    assert_eq!(maps(), before);
    assert_eq!(kept(&space, "reduce/map").len(), before[0].len());

    add_a_clip(&space);
    build_ran(&space, N_PER_CLIP + 1 + STEPS.len());
    for (old, grown) in before.iter().zip(maps()) {
        assert!(old.iter().all(|(id, place)| grown[id] == *place));
        assert_eq!(grown.len(), old.len() + 3);
        assert!(grown.values().flatten().all(|x| x.is_finite()));
    }
    assert!(kept(&space, "reduce/other").iter().all(|id| !id.starts_with("four/")));
    assert_eq!(kept(&space, "reduce/other").len(), before[1].len());
    space.run(&["verify", "--require", "sources,tables"]).succeeds();
    space.run(&["verify", "--rebuild"]).succeeds();

    // What a clip is called is nothing to the map.
    space.edit("\"one\"", "\"eins\"");
    build_ran(&space, 0);
    // The map that has grown is the next version's: then no row is new.
    space.run(&["export", "map", "map", "--to"]).exits(2);
    let file = space.path("maps/map-0.1.0.parquet").to_string_lossy().into_owned();
    space.run(&["export", "map", "map", "--to", &file]).exits(1).says("it is there already").says("--force");
    let all = places(&space, "reduce/map");
    space.run(&["export", "map", "map", "--to", &file, "--force"]).succeeds();
    space.run(&["verify"]).exits(3).prints("source `maps/map-0.1.0.parquet`: content differs");
    space.run(&["plan"]).succeeds().prints("reduce.map");
    build_ran(&space, 1);
    assert_eq!(places(&space, "reduce/map"), all);
    assert_eq!(kept(&space, "reduce/map").len(), all.len());
}

#[test]
fn a_map_that_is_not_at_hand_counts_as_the_one_in_the_lock() {
    let space = exported();
    fit(&space);
    std::fs::remove_file(space.path("maps/map-0.1.0.parquet")).unwrap();
    build_ran(&space, 0);
    space.edit("artist = \"B\"", "artist = \"C\"");
    build_ran(&space, 0);
    add_a_clip(&space);
    space.build().exits(1).says("cannot read `maps/map-0.1.0.parquet`: no such file").says("bring it back");
}

#[test]
fn a_wrong_map_is_told_what_is_wrong_and_what_to_do() {
    let space = exported();
    fit(&space);
    let file = "maps/map-0.1.0.parquet";
    let sound = std::fs::read(space.path(file)).unwrap();
    let other = std::fs::read(space.path("maps/plane-0.1.0.parquet")).unwrap();
    let table = std::fs::read(space.path("outputs/0.1.0/segments.parquet")).unwrap();
    for (bytes, words) in [
        (b"x,y\n1,2\n".to_vec(), ["it is no map", "`taqsim export map` writes one"]),
        (table, ["it is no map", "`taqsim export map` writes one"]),
        (sound[..sound.len() / 2].to_vec(), ["it is no map", "`taqsim export map` writes one"]),
        (other, ["it is one of `pca`, not of `umap`", "exported of a step of this kind"]),
    ] {
        space.write(file, bytes);
        let answer = space.build().exits(1).says("step `reduce.map`: cannot");
        words.into_iter().fold(answer, |answer, words| answer.says(words));
    }
    space.write(file, sound);
    space.edit("neighbors = 4", "neighbors = 5");
    space.build().exits(1).says("`neighbors` is 5 here, and 4 in the map").says("leave `fit` out");
    space.edit("neighbors = 5", "neighbors = 4");
    std::fs::remove_file(space.path(file)).unwrap();
    space.edit("fit = \"maps/map-0.1.0.parquet\"", "fit = \"maps/map.parquet\"");
    space.build().exits(1).says("cannot read `maps/map.parquet`: no such file").says("taqsim export map");
    space.edit("fit = \"maps/map.parquet\"", "fit = \"../map.csv\"");
    space.build().exits(2).says("T0407").says("it leads out of the manifest's folder").says("not `.parquet`");
}

#[test]
fn only_maps_are_exported() {
    let space = Space::new();
    space.edit("[reduce.map.pca]", "[reduce.groups.kmeans]\nof = \"timbre\"\nk = 2\n[reduce.map.pca]");
    space
        .run(&["export", "map", "groups"])
        .exits(2)
        .says("`reduce.groups` makes no map")
        .says("these do: map");
    space.run(&["export", "map", "nothing"]).exits(2).says("`reduce.nothing` is not in the manifest");
    // What it takes is made, and nothing else.
    space.run(&["export", "map", "map"]).succeeds().says("a map of 13 rows by pca");
    assert!(!space.path("outputs").exists() && !space.path("taqsim.lock").exists());
}
