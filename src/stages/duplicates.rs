//! duplicates: which clips sound alike, found among the fingerprints of all of them.

use super::{Context, Inputs, Outputs, Pairs, Stage};
use crate::error::{Error, Result};
use crate::signal::duplicates::{Fingerprint, find_pairs};

/// Finds the clips that sound alike, whatever the manifest asks for: what becomes of them, `[gate]` says.
///
/// Its time grows with the number of clips and not with its square. Of each clip it holds about 1 kB a minute in memory;
/// fingerprints are read again where two are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Duplicates;

impl Stage for Duplicates {
    fn version(&self) -> u32 {
        2
    }

    fn reads(&self) -> &'static [&'static str] {
        &["fingerprint"]
    }

    fn run(&self, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        let inputs = inputs.all("fingerprint");
        let found = find_pairs(inputs.len(), |clip| {
            context.check()?;
            let fingerprint = Fingerprint::from_bytes(&inputs[clip].read()?);
            fingerprint.ok_or_else(|| Error::world("cannot read a fingerprint: its bytes are none"))
        })?;
        let rounded = |agreement: f64| (agreement * 1e4).round() / 1e4;
        let pairs = found.iter().map(|pair| (pair.first, pair.second, rounded(pair.agreement))).collect();
        Ok(vec![("pairs", Pairs { pairs }.to_bytes())])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::signal::Random;
    use crate::stages::Input;

    #[test]
    fn pairs_are_named_by_their_places_among_the_inputs() {
        let mut random = Random::new(3);
        let mut fingerprint = || Fingerprint {
            words: (0..200).map(|_| (random.uniform() * 4e9) as u32 | 1).collect(),
            landmarks: (0..200).step_by(8).collect(),
        };
        let (one, other) = (fingerprint(), fingerprint());
        let run = |fingerprints: &[Vec<u8>]| {
            let mut inputs = Inputs::default();
            fingerprints.iter().for_each(|bytes| inputs.push("fingerprint", Input::bytes(bytes.clone())));
            Duplicates.run(&inputs, &Context::new(&AtomicBool::new(false)))
        };
        let outputs = run(&[other.to_bytes(), one.to_bytes(), one.to_bytes()]).unwrap();
        let pairs = Pairs::read(&Input::bytes(outputs[0].1.clone())).unwrap().pairs;
        assert_eq!(pairs, [(1, 2, 1.0)]);
        assert!(run(&[]).is_ok());
        assert!(run(&[vec![1, 2, 3]]).unwrap_err().message.starts_with("cannot read a fingerprint"));
    }
}
