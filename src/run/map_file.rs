//! Map files: what a map was fitted to, as Parquet. They are committed, and hashed like any input.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::stages::reduce::{Fitted, Scaling};
use crate::store::{Digest, unfinished_file};
use crate::text::printable;

/// The version of the format.
const FORMAT: u64 = 1;
/// What the metadata are called that say what the file is.
const KEY: &str = "taqsim_map";
/// The coordinates.
const AXES: [&str; 3] = ["x", "y", "z"];
/// Rows that are decoded at once.
const PIECE: usize = 1_024;
/// No map has more rows ...
const MOST_ROWS: usize = 1 << 24;
/// ... or more numbers of them.
const MOST_NUMBERS: usize = 1 << 28;
/// A file may hold this many bytes of values, whatever its size ...
const SMALL: u64 = 256 << 20;
/// ... or else this many times its size: no honest map compresses better, and a bomb does.
const MAX_RATIO: u64 = 1_024;

/// A map, and what its rows are called.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MapFile {
    /// The map.
    pub fitted: Fitted,
    /// The id of the segment that each row is of, for people: rows are found by their numbers.
    pub ids: Vec<String>,
}

/// What the file says of the map beside its rows. Numbers are text, so that every reader has all their digits.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    format: u64,
    kind: String,
    params: BTreeMap<String, String>,
    dim: usize,
    dims: usize,
    n_rows: usize,
    /// What is taken from each column, and what it is multiplied by then.
    means: Vec<String>,
    factors: Vec<String>,
    /// What is then taken from each column of a projection, and its axes.
    centre: Vec<String>,
    axes: Vec<String>,
    /// Of all that a step reads of the file, so that damage is noticed.
    blake3: Digest,
}

/// Why a file gave no map.
enum Unread {
    Foreign,
    Format(u64),
    TooLarge,
    Damaged,
}

impl MapFile {
    /// Reads the map in a file that is called `name`.
    ///
    /// # Errors
    /// When it is no map file, one of another format, or damaged.
    pub(super) fn read(file: File, name: &str) -> Result<Self> {
        let refuse = |cause: &str| Error::cannot_read(printable(name), cause);
        // The decoder is known to panic on some damaged files; nothing of it outlives the call.
        let read = catch_unwind(AssertUnwindSafe(|| from_parquet(file)));
        read.unwrap_or(Err(Unread::Damaged)).map_err(|why| match why {
            Unread::Foreign => {
                refuse("it is no map").hint("`taqsim export map` writes one, of a step that was built")
            }
            Unread::Format(format) => refuse(&format!("it is a map of format {format}, not {FORMAT}"))
                .hint("use the taqsim that wrote it, or export the map again"),
            Unread::TooLarge => refuse("it unpacks to far more than its size, or than fits")
                .hint("take it from where it was committed, or export the map again"),
            Unread::Damaged => refuse("it is damaged, or was changed by hand")
                .hint("take it from where it was committed, or export the map again"),
        })
    }

    fn digest(&self) -> Digest {
        let ids: Vec<u8> = self.ids.iter().flat_map(|id| [id.as_bytes(), b"\n"].concat()).collect();
        Digest::of(&[self.fitted.to_bytes(), ids].concat())
    }
}

/// Writes a map file, whole or not at all.
///
/// # Errors
/// When there is a file already and `overwrite` is false, or the disk fails.
pub fn write_map(path: &Path, map: &MapFile, overwrite: bool) -> Result<()> {
    let shown = printable(&path.display().to_string());
    let cannot = |cause: &dyn std::fmt::Display| Error::cannot_write(&shown, printable(&cause.to_string()));
    if !overwrite && std::fs::symlink_metadata(path).is_ok() {
        return Err(cannot(&"it is there already").hint(
            "a map that was committed stays as it is: name another file with `--to`, or add `--force`",
        ));
    }
    let bytes = to_parquet(map).map_err(|cause| cannot(&cause))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|cause| cannot(&cause))?;
    let mut file = unfinished_file(folder, ".taqsim-").map_err(|cause| cannot(&cause))?;
    file.write_all(&bytes).and_then(|()| file.as_file_mut().sync_all()).map_err(|cause| cannot(&cause))?;
    let put = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
    put.map(|_| ()).map_err(|cause| cannot(&cause.error))
}

fn to_parquet(map: &MapFile) -> std::result::Result<Vec<u8>, ParquetError> {
    let Fitted { kind, params, dim, dims, scaling, centre, axes, clips, rows, places } = &map.fitted;
    let words = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>();
    let about = About {
        format: FORMAT,
        kind: kind.clone(),
        params: params.clone(),
        dim: *dim,
        dims: *dims,
        n_rows: clips.len(),
        means: words(&scaling.means),
        factors: words(&scaling.factors),
        centre: words(centre),
        axes: words(axes),
        blake3: map.digest(),
    };
    let json = serde_json::to_string(&about).expect("its keys are strings");
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("segment_id", Arc::new(StringArray::from_iter_values(&map.ids))),
        ("clip", Arc::new(UInt32Array::from(clips.clone()))),
    ];
    if !rows.is_empty() {
        let size = i32::try_from(*dim).map_err(|cause| ParquetError::General(cause.to_string()))?;
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let values = Arc::new(Float32Array::from(rows.clone()));
        columns.push(("vector", Arc::new(FixedSizeListArray::try_new(item, size, values, None)?)));
    }
    for (axis, name) in AXES.iter().take(*dims).enumerate() {
        let places = places.iter().skip(axis).step_by(*dims).copied();
        columns.push((name, Arc::new(Float32Array::from_iter_values(places))));
    }
    let batch = RecordBatch::try_from_iter(columns)?;
    let properties = WriterProperties::builder()
        .set_created_by("taqsim".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_key_value_metadata(Some(vec![KeyValue::new(KEY.to_owned(), json)]))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.into_inner()
}

fn from_parquet(file: File) -> std::result::Result<MapFile, Unread> {
    let n_bytes = file.metadata().map_or(0, |file| file.len());
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|_| Unread::Foreign)?;
    let pairs = builder.metadata().file_metadata().key_value_metadata().into_iter().flatten();
    let json = pairs.filter(|pair| pair.key == KEY).find_map(|pair| pair.value.as_deref());
    let json: serde_json::Value =
        json.and_then(|json| serde_json::from_str(json).ok()).ok_or(Unread::Foreign)?;
    match json["format"].as_u64() {
        Some(FORMAT) => {}
        Some(other) => return Err(Unread::Format(other)),
        None => return Err(Unread::Foreign),
    }
    let about: About = serde_json::from_value(json).map_err(|_| Unread::Damaged)?;
    let sizes = builder.metadata().row_groups().iter().flat_map(|group| group.columns());
    let unpacked = sizes.map(|column| u64::try_from(column.uncompressed_size()).unwrap_or(u64::MAX));
    let most = n_bytes.saturating_mul(MAX_RATIO).max(SMALL).min(16 * MOST_NUMBERS as u64);
    if unpacked.fold(0, u64::saturating_add) > most || !about.fits() {
        return Err(Unread::TooLarge);
    }
    let mut map = MapFile { fitted: about.empty().ok_or(Unread::Damaged)?, ids: Vec::new() };
    for piece in builder.with_batch_size(PIECE).build().map_err(|_| Unread::Damaged)? {
        let piece = piece.map_err(|_| Unread::Damaged)?;
        append(&mut map, &piece).filter(|()| map.ids.len() <= about.n_rows).ok_or(Unread::Damaged)?;
    }
    let is_sound = map.ids.len() == about.n_rows && map.fitted.is_whole() && map.digest() == about.blake3;
    if is_sound { Ok(map) } else { Err(Unread::Damaged) }
}

impl About {
    /// Whether its rows fit into memory.
    fn fits(&self) -> bool {
        let numbers = self.dim.checked_add(self.dims).and_then(|numbers| numbers.checked_mul(self.n_rows));
        self.n_rows <= MOST_ROWS && numbers.is_some_and(|numbers| numbers <= MOST_NUMBERS)
    }

    /// The map without its rows; none where a number is none.
    fn empty(&self) -> Option<Fitted> {
        let numbers =
            |words: &[String]| words.iter().map(|word| word.parse().ok()).collect::<Option<Vec<f64>>>();
        Some(Fitted {
            kind: self.kind.clone(),
            params: self.params.clone(),
            dim: self.dim,
            dims: self.dims,
            scaling: Scaling { means: numbers(&self.means)?, factors: numbers(&self.factors)? },
            centre: numbers(&self.centre)?,
            axes: numbers(&self.axes)?,
            ..Fitted::default()
        })
    }
}

fn append(map: &mut MapFile, piece: &RecordBatch) -> Option<()> {
    let column = |name: &str| piece.column_by_name(name).filter(|column| column.null_count() == 0);
    let ids = column("segment_id")?.as_string_opt::<i32>()?;
    map.ids.extend(ids.iter().flatten().map(str::to_owned));
    let fitted = &mut map.fitted;
    fitted.clips.extend(column("clip")?.as_primitive_opt::<UInt32Type>()?.values());
    if let Some(lists) = column("vector") {
        let lists = lists.as_fixed_size_list_opt()?;
        let values = lists.values().as_primitive_opt::<Float32Type>()?;
        let dim = usize::try_from(lists.value_length()).ok().filter(|dim| *dim == fitted.dim)?;
        let is_whole = values.null_count() == 0 && values.len() == dim.checked_mul(lists.len())?;
        fitted.rows.extend(Some(values.values()).filter(|_| is_whole)?);
    }
    let axes = AXES.iter().take(fitted.dims).map(|axis| column(axis)?.as_primitive_opt::<Float32Type>());
    let axes = axes.collect::<Option<Vec<&Float32Array>>>()?;
    for row in 0..piece.num_rows() {
        fitted.places.extend(axes.iter().map(|axis| axis.value(row)));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> MapFile {
        let numbers = |n: usize| (0..n).map(|i| (i as f64 + 0.1) / 7.0).collect::<Vec<f64>>();
        let fitted = Fitted {
            kind: "umap".into(),
            params: BTreeMap::from([("neighbors".into(), "7".into())]),
            dim: 3,
            dims: 2,
            scaling: Scaling { means: numbers(3), factors: vec![1e-300, f64::MAX, -0.1] },
            clips: vec![0, 0, 1, 1],
            rows: (0..12).map(|i| i as f32 / 7.0).collect(),
            places: (0..8).map(|i| i as f32 / 3.0).collect(),
            ..Fitted::default()
        };
        MapFile { fitted, ids: ["a/w/0-1", "a/w/1-2", "b/w/0-1", "ü/w/1-2"].map(str::to_owned).into() }
    }

    fn read(path: &Path) -> Result<MapFile> {
        MapFile::read(File::open(path).unwrap(), "maps/a.parquet")
    }

    #[test]
    fn a_map_comes_back_from_its_file_which_is_not_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("maps/a.parquet");
        write_map(&path, &some(), false).unwrap();
        assert_eq!(read(&path).unwrap(), some());
        let fitted = Fitted {
            kind: "pca".into(),
            rows: Vec::new(),
            centre: vec![0.1, -0.0, 1.0 / 3.0],
            axes: (0..6).map(|i| f64::from(i) / 11.0).collect(),
            ..some().fitted
        };
        let other = MapFile { fitted, ..some() };
        let error = write_map(&path, &other, false).unwrap_err();
        assert!(error.message.ends_with("it is there already"), "{error}");
        assert_eq!(read(&path).unwrap(), some());
        write_map(&path, &other, true).unwrap();
        assert_eq!(read(&path).unwrap(), other);
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        write_map(&path, &some(), false).unwrap();
        let sound = std::fs::read(&path).unwrap();
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x11;
            std::fs::write(&path, damaged).unwrap();
            // What nothing depends on, such as the name of the writer, may be damaged.
            assert!(read(&path).map_or(true, |read| read == some()), "{at}");
        }
        for length in [0, 3, sound.len() / 2] {
            std::fs::write(&path, &sound[..length]).unwrap();
            assert!(read(&path).unwrap_err().message.ends_with("it is no map"));
        }
    }

    #[test]
    fn a_file_of_another_format_or_of_absurd_size_is_refused_before_its_rows_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let about = |change: &dyn Fn(&mut serde_json::Value)| {
            let map = some();
            let mut json = serde_json::json!({
                "format": 1, "kind": "umap", "params": {}, "dim": 3, "dims": 2, "n_rows": 4, "means": [], "factors": [],
                "centre": [], "axes": [], "blake3": map.digest(),
            });
            change(&mut json);
            let ids: ArrayRef = Arc::new(StringArray::from_iter_values(&map.ids));
            let batch = RecordBatch::try_from_iter([("segment_id", ids)]).unwrap();
            let pair = KeyValue::new(KEY.to_owned(), json.to_string());
            let properties = WriterProperties::builder().set_key_value_metadata(Some(vec![pair])).build();
            let file = File::create(&path).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            read(&path).unwrap_err().message
        };
        assert!(about(&|json| json["format"] = 2.into()).ends_with("it is a map of format 2, not 1"));
        assert!(about(&|json| json["format"] = "x".into()).ends_with("it is no map"));
        for n_rows in [u64::MAX, 1 << 40, 1 << 26] {
            assert!(about(&|json| json["n_rows"] = n_rows.into()).ends_with("than fits"), "{n_rows}");
        }
        assert!(about(&|json| json["means"] = serde_json::json!(["nan?"])).contains("damaged"));
        assert!(about(&|_| ()).contains("damaged"));
    }
}
