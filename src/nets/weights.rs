//! Weights: tensors by name out of safetensors and zip checkpoints, one at a time, by buffered reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, Metadata};

use super::pickle::{self, Pickle};
use crate::error::{Error, Result};
use crate::text::printable;

/// No header of a safetensors file is longer: the format says so.
const MAX_HEADER: u64 = 100_000_000;
/// So many names are shown of tensors that nobody asked for.
const SHOWN: usize = 3;

/// A file of weights: what people call it, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// As the manifest or the folder of the model names it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// The tensors of a checkpoint. Each is read when it is taken, as 32-bit numbers; at the end none may be left over.
pub struct Weights {
    files: Vec<Opened>,
    tensors: BTreeMap<String, Place>,
    taken: BTreeSet<String>,
    prefix: String,
    device: Device,
}

/// A file that is read from.
enum Opened {
    /// A safetensors file, and where its data begins.
    Safe(File, u64),
    /// A zip checkpoint.
    Zip(File, Pickle),
}

/// Where a tensor is.
struct Place {
    file: usize,
    shape: Vec<usize>,
    /// None where it is of a type that is not read.
    dtype: Option<DType>,
    /// Where its bytes begin and end in the data of a safetensors file.
    bytes: (usize, usize),
}

impl Weights {
    /// Opens the files of a checkpoint, in pieces or whole; only their headers are read.
    ///
    /// # Errors
    /// When one cannot be read, is of no known format, or two have a tensor of one name.
    pub fn open(files: &[File], device: &Device) -> Result<Self> {
        let mut weights = Self {
            files: Vec::new(),
            tensors: BTreeMap::new(),
            taken: BTreeSet::new(),
            prefix: String::new(),
            device: device.clone(),
        };
        for file in files {
            let (opened, tensors) = open(file, weights.files.len())?;
            for (name, place) in tensors {
                if weights.tensors.contains_key(&name) {
                    let cause = format!("another file has a tensor `{}` too", printable(&name));
                    return Err(Error::cannot_read(printable(&file.name), cause));
                }
                weights.tensors.insert(name, place);
            }
            weights.files.push(opened);
        }
        Ok(weights)
    }

    /// Finds out what stands before the names of the encoder's tensors (`hubert.`, nothing, ...) by one of them.
    ///
    /// # Errors
    /// When no tensor ends with that name.
    pub fn find_prefix(&mut self, probe: &str) -> Result<()> {
        let is_it = |name: &&String| {
            name.strip_suffix(probe).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with('.'))
        };
        let found = self.tensors.keys().find(is_it);
        let name = found.ok_or_else(|| self.cannot(format!("there is no tensor `{probe}` in it")))?;
        self.prefix = name[..name.len() - probe.len()].to_owned();
        Ok(())
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(&self.full(name))
    }

    /// A tensor, of 32-bit numbers.
    ///
    /// # Errors
    /// When there is none of this name, it has another shape, or cannot be read.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor> {
        let full = self.full(name);
        let shown = printable(&full);
        let place = self.tensors.get(&full);
        let place = place.ok_or_else(|| self.cannot(format!("there is no tensor `{shown}` in it")))?;
        if place.shape != shape {
            let (found, wanted) = (&place.shape, shape);
            return Err(self.cannot(format!("tensor `{shown}` has the shape {found:?}, not {wanted:?}")));
        }
        let tensor =
            self.read(&full, place).and_then(|tensor| tensor.to_dtype(DType::F32)?.to_device(&self.device));
        let tensor = tensor.map_err(|cause| self.cannot(format!("tensor `{shown}`: {cause}")))?;
        self.taken.insert(full);
        Ok(tensor)
    }

    /// Makes sure that every tensor was taken, but for those that `may_stay` names: heads that an encoder does not need.
    ///
    /// # Errors
    /// When others are left.
    pub fn finish(self, may_stay: impl Fn(&str) -> bool) -> Result<()> {
        let is_surplus = |name: &&String| !self.taken.contains(*name) && !may_stay(name);
        let surplus: Vec<&String> = self.tensors.keys().filter(is_surplus).collect();
        if surplus.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> =
            surplus.iter().take(SHOWN).map(|name| format!("`{}`", printable(name))).collect();
        let more = surplus.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Err(self
            .cannot(format!("the model of its config.json has no tensor {}{more}", shown.join(", ")))
            .hint("config.json and weights are of different models, or of one that is not supported"))
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn cannot(&self, cause: String) -> Error {
        let name = self.files.first().map_or("weights", |file| match file {
            Opened::Safe(file, _) | Opened::Zip(file, _) => &file.name,
        });
        Error::cannot_read(printable(name), cause)
    }

    fn read(&self, name: &str, place: &Place) -> candle_core::Result<Tensor> {
        let msg = |cause: &str| candle_core::Error::Msg(cause.to_owned());
        let dtype = place.dtype.ok_or_else(|| msg("its numbers are of a type that is not read"))?;
        match &self.files[place.file] {
            Opened::Zip(_, pickle) => pickle.tensor(name),
            Opened::Safe(file, data) => {
                let bytes = read_at(file, data + place.bytes.0 as u64, place.bytes.1 - place.bytes.0)?;
                Tensor::from_raw_buffer(&bytes, dtype, &place.shape, &Device::Cpu)
            }
        }
    }
}

impl std::fmt::Debug for Weights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weights").field("n_tensors", &self.tensors.len()).finish_non_exhaustive()
    }
}

fn open(file: &File, index: usize) -> Result<(Opened, BTreeMap<String, Place>)> {
    let cannot = |cause: io::Error| Error::cannot_read(printable(&file.name), cause);
    let mut opened = fs::File::open(&file.path).map_err(cannot)?;
    let length = opened.metadata().map_err(cannot)?.len();
    let mut start = [0; 8];
    opened.read_exact(&mut start).map_err(cannot)?;
    if start.starts_with(b"PK\x03\x04") {
        return open_zip(file, index, length);
    }
    if start.starts_with(&[0x80]) && start[1] <= 5 {
        return Err(pickle::legacy(file));
    }
    let header = u64::from_le_bytes(start);
    let metadata = read_metadata(opened, header, length);
    let metadata = metadata.map_err(|cause| Error::cannot_read(printable(&file.name), cause))?;
    let place = |(name, info): (String, &safetensors::tensor::TensorInfo)| {
        let place = Place {
            file: index,
            shape: info.shape.clone(),
            dtype: dtype_of(info.dtype),
            bytes: info.data_offsets,
        };
        (name, place)
    };
    let tensors = metadata.tensors().into_iter().map(place).collect();
    Ok((Opened::Safe(file.clone(), 8 + header), tensors))
}

fn open_zip(file: &File, index: usize, length: u64) -> Result<(Opened, BTreeMap<String, Place>)> {
    let (pickle, shapes) = Pickle::open(file)?;
    // PyTorch does not compress: a tensor that claims more than there is would only take memory.
    let fits = |shape: &[usize], dtype: DType| {
        let n_bytes =
            shape.iter().try_fold(dtype.size_in_bytes() as u64, |n, dim| n.checked_mul(*dim as u64));
        n_bytes.is_some_and(|n_bytes| n_bytes <= length)
    };
    let place = |(name, (shape, dtype)): (String, (Vec<usize>, DType))| {
        let dtype = Some(dtype).filter(|dtype| fits(&shape, *dtype));
        (name, Place { file: index, shape, dtype, bytes: (0, 0) })
    };
    Ok((Opened::Zip(file.clone(), pickle), shapes.into_iter().map(place).collect()))
}

/// The header of a safetensors file: it says where every tensor is, and that no two overlap.
fn read_metadata(file: fs::File, header: u64, length: u64) -> std::result::Result<Metadata, String> {
    let rest = length - 8;
    if header > MAX_HEADER.min(rest) {
        return Err("it is neither safetensors nor a zip checkpoint".to_owned());
    }
    let mut json = Vec::new();
    file.take(header).read_to_end(&mut json).map_err(|cause| cause.to_string())?;
    let metadata: Metadata =
        serde_json::from_slice(&json).map_err(|cause| format!("it is no safetensors file: {cause}"))?;
    if metadata.data_len() as u64 > rest - header {
        return Err("it is cut off: it says that it is longer".to_owned());
    }
    Ok(metadata)
}

fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut opened = BufReader::new(fs::File::open(&file.path)?);
    opened.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0; length];
    opened.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn dtype_of(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        Dtype::F32 => Some(DType::F32),
        Dtype::F64 => Some(DType::F64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(name: &str) -> File {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints/formats");
        File { name: name.to_owned(), path: folder.join(name) }
    }

    fn open(name: &str) -> Result<Weights> {
        Weights::open(&[file(name)], &Device::Cpu)
    }

    fn numbers(weights: &mut Weights, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Ok(weights.take(name, shape)?.flatten_all().unwrap().to_vec1().unwrap())
    }

    const WEIGHT: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];

    #[test]
    fn tensors_are_found_at_the_top_and_where_checkpoints_keep_them() {
        for name in ["nested.pt", "lightning.ckpt", "malicious.bin"] {
            assert_eq!(numbers(&mut open(name).unwrap(), "weight", &[2, 3]).unwrap(), WEIGHT, "{name}");
        }
        assert!(!Path::new("executed-by-a-pickle").exists());
    }

    #[test]
    fn every_type_of_number_becomes_the_same_one_and_others_are_refused_by_name() {
        for name in ["types.bin", "types.safetensors"] {
            let mut weights = open(name).unwrap();
            for tensor in ["f32", "f64", "f16", "bf16"] {
                assert_eq!(numbers(&mut weights, tensor, &[2, 3]).unwrap(), WEIGHT, "{name} {tensor}");
            }
            let turned = numbers(&mut weights, "transposed", &[3, 2]).unwrap();
            assert_eq!(turned, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0], "{name}");
            let error = numbers(&mut weights, "i32", &[2, 3]).unwrap_err();
            assert!(error.message.contains("tensor `i32`"), "{name}: {error}");
        }
    }

    #[test]
    fn what_is_no_checkpoint_says_what_to_do() {
        for (name, cause) in
            [("empty.bin", "no tensors"), ("module.pt", "no tensors"), ("legacy.pth", "before 1.6")]
        {
            let error = open(name).unwrap_err();
            assert!(error.message.contains(cause) && error.hints[0].contains("torch.load"), "{error:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let whole = std::fs::read(file("types.safetensors").path).unwrap();
        let cases: [(&[u8], &str); 5] = [
            (b"", "fill whole buffer"),
            (b"just some words", "neither"),
            (&whole[..whole.len() - 1], "cut off"),
            (&whole[..20], "neither"),
            (b"\x04\0\0\0\0\0\0\0{]{]", "no safetensors"),
        ];
        for (bytes, cause) in cases {
            let path = folder.path().join("x");
            std::fs::write(&path, bytes).unwrap();
            let error = Weights::open(&[File { name: "x".to_owned(), path }], &Device::Cpu).unwrap_err();
            assert!(error.message.contains(cause), "{cause}: {error}");
        }
        let twice = Weights::open(&[file("types.safetensors"), file("types.safetensors")], &Device::Cpu);
        assert!(twice.unwrap_err().message.contains("another file has a tensor"));
    }
}
