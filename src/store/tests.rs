//! The store in a folder, closed and opened again, damaged and compacted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn recipe(number: u64) -> Recipe {
    Recipe {
        kind: "segment.whole".into(),
        version: 1,
        numerics: "exact".into(),
        params: serde_json::Map::new(),
        inputs: BTreeMap::from([("ranges".into(), vec![Digest::of(&number.to_le_bytes())])]),
    }
}

fn remember(store: &DiskStore, number: u64) -> OutputDigests {
    let value = format!("value {number}").into_bytes();
    let outputs = store.keep(&[("spans", value)]).unwrap();
    store.remember(&recipe(number), &outputs).unwrap();
    outputs
}

fn open(folder: &Path) -> DiskStore {
    DiskStore::open(folder).unwrap()
}

/// The files in a folder of the cache.
fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_was_remembered_is_there_when_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = {
        let store = open(folder.path());
        store.remember_last("clip", &recipe(1).key()).unwrap();
        remember(&store, 1)
    };
    let store = open(folder.path());
    assert_eq!(store.recall(&recipe(1).key()), Some(outputs.clone()));
    assert_eq!(store.recipe(&recipe(1).key()), Some(recipe(1)));
    assert_eq!(store.last("clip"), Some(recipe(1).key()));
    assert!(store.knows(&recipe(1).key()) && !store.knows(&recipe(2).key()));
    assert_eq!(store.recall(&recipe(2).key()), None);
    let spans = outputs.get("spans").unwrap();
    assert_eq!(&*store.read(spans).unwrap().unwrap().read().unwrap(), b"value 1");
}

#[test]
fn two_who_write_at_once_lose_nothing_and_read_what_the_other_wrote_later() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (open(folder.path()), open(folder.path()));
    remember(&one, 1);
    remember(&two, 2);
    remember(&one, 3);
    assert_eq!(files(folder.path(), "log").len(), 2);
    drop((one, two));
    let store = open(folder.path());
    assert!((1..=3).all(|number| store.recall(&recipe(number).key()).is_some()));
    assert_eq!(store.complaints(), [] as [&str; 0]);
    drop(store);
    // Whoever opened the store before somebody else wrote to its log adds after what they wrote.
    let (early, late) = (open(folder.path()), open(folder.path()));
    remember(&late, 4);
    drop(late);
    remember(&early, 5);
    drop(early);
    let store = open(folder.path());
    assert!((1..=5).all(|number| store.recall(&recipe(number).key()).is_some()));
}

#[test]
fn a_log_cut_anywhere_keeps_its_whole_records_says_so_and_takes_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    (1..=3).for_each(|number| drop(remember(&store, number)));
    drop(store);
    let log = files(folder.path(), "log").remove(0);
    let whole = fs::read(&log).unwrap();
    for n_bytes in 0..whole.len() {
        fs::write(&log, &whole[..n_bytes]).unwrap();
        let store = open(folder.path());
        assert!(store.complaints().len() <= 1, "cut at byte {n_bytes}");
        let n_known = (1..=3).filter(|number| store.knows(&recipe(*number).key())).count();
        assert_eq!(n_known == 3, n_bytes == whole.len());
        remember(&store, 9);
        drop(store);
        let store = open(folder.path());
        let known: Vec<u64> = (1..=9).filter(|number| store.knows(&recipe(*number).key())).collect();
        assert!(known.ends_with(&[9]) && known.len() > n_known, "written after a cut at byte {n_bytes}");
        drop(store);
        files(folder.path(), "log").iter().skip(1).for_each(|log| fs::remove_file(log).unwrap());
    }
}

#[test]
fn garbage_in_a_log_costs_what_it_stands_on_and_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    (1..=3).for_each(|number| drop(remember(&store, number)));
    drop(store);
    let log = files(folder.path(), "log").remove(0);
    let whole = fs::read(&log).unwrap();
    let cases: [(&str, Vec<u8>, usize); 4] = [
        ("garbage at the end", [&whole[..], b"garbage"].concat(), 3),
        ("a flipped byte", whole.iter().enumerate().map(|(i, b)| b ^ u8::from(i == 40)).collect(), 2),
        ("empty", Vec::new(), 0),
        ("of a later version", b"taqsim log 9\nwho knows".to_vec(), 0),
    ];
    for (what, bytes, least) in cases {
        fs::write(&log, &bytes).unwrap();
        let store = open(folder.path());
        let n_known = (1..=3).filter(|number| store.recall(&recipe(*number).key()).is_some()).count();
        assert!(n_known >= least, "{what}: {n_known}");
        assert_eq!(store.complaints().len(), usize::from(!bytes.is_empty()), "{what}");
        remember(&store, 1);
        drop(store);
        assert!(open(folder.path()).knows(&recipe(1).key()), "{what}");
        if what == "of a later version" {
            assert_eq!(fs::read(&log).unwrap(), bytes);
        }
    }
}

#[test]
fn a_damaged_value_is_as_good_as_absent_and_can_be_kept_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let master = vec![7; 1000];
    let outputs = store.keep(&[("audio", master.clone()), ("spans", b"a value".to_vec())]).unwrap();
    for (name, file) in [("spans", "packs"), ("audio", "masters")] {
        let digest = outputs.get(name).unwrap();
        assert!(store.has(digest) && store.read(digest).unwrap().is_some());
        let mut path = files(folder.path(), file).remove(0);
        if path.is_dir() {
            path = fs::read_dir(path).unwrap().next().unwrap().unwrap().path();
        }
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(store.read(digest).unwrap().is_none(), "{name}");
        assert!(!store.has(digest), "{name}");
        store.keep(&[("audio", master.clone()), ("spans", b"a value".to_vec())]).unwrap();
        assert!(store.has(digest) && store.read(digest).unwrap().is_some(), "{name}");
        assert!(open(folder.path()).read(digest).unwrap().is_some(), "{name}");
    }
}

#[test]
fn a_saved_index_spares_reading_the_logs_and_is_not_trusted_blindly() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    (0..3000).for_each(|number| drop(remember(&store, number)));
    store.tidy_up().unwrap();
    drop(store);
    assert!(folder.path().join("index").exists());
    let log = files(folder.path(), "log").remove(0);
    let whole = fs::read(&log).unwrap();

    // Damage where the index has already looked is noticed when the record is read, and then by everybody.
    let damaged: Vec<u8> = whole.iter().enumerate().map(|(i, b)| b ^ u8::from(i == 3000)).collect();
    fs::write(&log, damaged).unwrap();
    let store = open(folder.path());
    let n_lost = (0..3000).filter(|number| store.recall(&recipe(*number).key()).is_none()).count();
    let n_values = (0..3000_u64).filter(|n| !store.has(&Digest::of(format!("value {n}").as_bytes()))).count();
    assert_eq!(n_lost + n_values, 1);
    assert!(store.recover().unwrap().is_some() && store.recover().unwrap().is_none());
    drop(store);
    assert_eq!(open(folder.path()).complaints().len(), 1);

    // A log that is shorter than the index says is read anew.
    fs::write(&log, &whole).unwrap();
    open(folder.path()).tidy_up().unwrap();
    fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    let store = open(folder.path());
    let n_known = (0..3000).filter(|number| store.knows(&recipe(*number).key())).count();
    assert!((1400..1600).contains(&n_known), "{n_known}");
}

#[test]
fn compaction_keeps_what_counts_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let keys: Vec<Key> = (0..2).map(|number| recipe(number).key()).collect();
    remember(&store, 0);
    for round in 0..6000 {
        store.remember_last("a", &keys[round % 2]).unwrap();
        store.remember_last("b", &keys[(round + 1) % 2]).unwrap();
    }
    let size = || fs::metadata(files(folder.path(), "log").remove(0)).unwrap().len();
    let before = size();
    store.tidy_up().unwrap();
    assert!(size() * 100 < before, "{} of {before} bytes", size());
    assert_eq!(files(folder.path(), "log").len(), 1);
    remember(&store, 1);
    for store in [store, open(folder.path())] {
        assert_eq!((store.last("a"), store.last("b")), (Some(keys[1]), Some(keys[0])));
        assert!((0..2).all(|number| store.recall(&recipe(number).key()).is_some()));
    }
}

#[test]
fn a_value_that_is_read_later_is_checked_then() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let kept = store.keep(&[("features", b"some features".to_vec())]).unwrap();
    let digest = *kept.get("features").unwrap();
    let later = store.later(&digest).unwrap();
    assert_eq!(&*later.read().unwrap(), b"some features");
    let pack = fs::read_dir(folder.path().join("packs")).unwrap().next().unwrap().unwrap().path();
    fs::write(pack, b"some FEATURES").unwrap();
    assert!(later.read().unwrap_err().message.ends_with("it was damaged just now"));
    assert!(store.later(&Digest::of(b"nothing")).is_none());
}
