//! What the original front ends make of a sound, from tests/checkpoints.

use std::fs;
use std::path::Path;

use crate::signal::Matrix;

/// The goldens of one model.
pub(super) struct Golden {
    model: &'static str,
    bytes: Vec<u8>,
    /// The sound.
    pub(super) waveform: Vec<f64>,
}

impl Golden {
    /// Those of `tests/checkpoints/<model>/golden.safetensors`.
    pub(super) fn of(model: &'static str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checkpoints").join(model);
        let bytes = fs::read(folder.join("golden.safetensors")).unwrap();
        let mut golden = Self { model, bytes, waveform: Vec::new() };
        golden.waveform = golden.tensor("waveform");
        golden
    }

    /// The numbers of a tensor, row after row.
    fn tensor(&self, name: &str) -> Vec<f64> {
        let (length, rest) = self.bytes.split_first_chunk::<8>().unwrap();
        let (header, data) = rest.split_at(usize::try_from(u64::from_le_bytes(*length)).unwrap());
        let header: serde_json::Value = serde_json::from_slice(header).unwrap();
        let tensor = &header[name];
        assert_eq!(tensor["dtype"], "F32", "{} has no {name}", self.model);
        let offset = |i: usize| usize::try_from(tensor["data_offsets"][i].as_u64().unwrap()).unwrap();
        let numbers = data[offset(0)..offset(1)].as_chunks::<4>().0;
        numbers.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
    }

    /// Fails unless `numbers` are those of the tensor.
    #[track_caller]
    pub(super) fn expect(&self, name: &str, numbers: &[f64], tolerance: f64) {
        let wanted = self.tensor(name);
        assert_eq!(numbers.len(), wanted.len(), "{} {name}", self.model);
        let (at, off) = numbers
            .iter()
            .zip(&wanted)
            .map(|(number, wanted)| (number - wanted).abs())
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap();
        let (number, want) = (numbers[at], wanted[at]);
        assert!(off <= tolerance, "{} {name}: {off:.1e} off at {at}: {number} is not {want}", self.model);
    }
}

/// The numbers of a matrix, column after column.
pub(super) fn transposed(matrix: &Matrix) -> Vec<f64> {
    (0..matrix.n_cols()).flat_map(|j| matrix.column(j).collect::<Vec<_>>()).collect()
}
