//! What stands before the start and after the end of a sound for frames that are centred on its first and last samples.

/// The samples with `reach` more before and after, mirrored at the first and the last of them, which are not repeated
/// (`numpy.pad(mode="reflect")`, and so `torch.stft(center=True)`, which takes no sound that is shorter than its reach).
pub fn reflected(samples: &[f64], reach: usize) -> Vec<f64> {
    let Some(last) = samples.len().checked_sub(1) else { return vec![0.0; 2 * reach] };
    // There and back again.
    let period = (2 * last).max(1);
    let at = |i: usize| {
        let i = i % period;
        samples[i.min(period - i).min(last)]
    };
    let start = period - reach % period;
    (0..samples.len() + 2 * reach).map(|i| at(start + i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_are_mirrored_at_their_ends_as_often_as_it_takes() {
        // numpy 2.4.6: numpy.pad(samples, reach, mode="reflect")
        let cases: [(&[f64], usize, &[f64]); 5] = [
            (&[1.0, 2.0, 3.0], 0, &[1.0, 2.0, 3.0]),
            (&[1.0, 2.0, 3.0], 2, &[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]),
            (&[1.0, 2.0, 3.0], 5, &[2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0]),
            (&[4.0], 2, &[4.0; 5]),
            (&[], 1, &[0.0; 2]),
        ];
        for (samples, reach, want) in cases {
            assert_eq!(reflected(samples, reach), want, "{samples:?} {reach}");
        }
    }
}
