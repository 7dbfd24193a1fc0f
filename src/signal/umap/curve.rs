//! The curve that says how near two rows of a map seem: 1 / (1 + a d^2b), and powers that are quick and the same everywhere.

/// 1 / (1 + a d^2b) of the distance d.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// Its scale.
    pub a: f64,
    /// Its steepness.
    pub b: f64,
}

/// Points that the curve is fitted to, from 0 to three times the spread.
const N_POINTS: usize = 300;
const MAX_STEPS: usize = 200;

impl Curve {
    /// The curve nearest to one that is 1 up to `min_dist`, and falls as exp(-(d - `min_dist`) / `spread`) from there on: umap-learn's
    /// `find_ab_params`, by Levenberg and Marquardt's method.
    pub fn fit(min_dist: f64, spread: f64) -> Self {
        let distances: Vec<f64> =
            (0..N_POINTS).map(|i| 3.0 * spread * i as f64 / (N_POINTS - 1) as f64).collect();
        let wanted = |d: f64| if d < min_dist { 1.0 } else { libm::exp(-(d - min_dist) / spread) };
        let points: Vec<(f64, f64)> = distances.into_iter().map(|d| (d, wanted(d))).collect();
        let (mut curve, mut damping) = (Self { a: 1.0, b: 1.0 }, 1e-3);
        for _ in 0..MAX_STEPS {
            let next = curve.step(&points, damping);
            if next.error(&points) < curve.error(&points) {
                curve = next;
                damping *= 0.1;
            } else {
                damping *= 10.0;
            }
        }
        curve
    }

    /// How near two rows at this distance seem, 0 to 1.
    pub fn at(&self, distance: f64) -> f64 {
        1.0 / (1.0 + self.a * libm::pow(distance, 2.0 * self.b))
    }

    fn error(&self, points: &[(f64, f64)]) -> f64 {
        let square = |(d, wanted): &(f64, f64)| (self.at(*d) - wanted) * (self.at(*d) - wanted);
        let sum: f64 = points.iter().map(square).sum();
        if self.a > 0.0 && self.b > 0.0 && sum.is_finite() { sum } else { f64::INFINITY }
    }

    fn step(&self, points: &[(f64, f64)], damping: f64) -> Self {
        let (mut aa, mut ab, mut bb, mut ga, mut gb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (d, wanted) in points.iter().filter(|(d, _)| *d > 0.0) {
            let (y, power) = (self.at(*d), libm::pow(*d, 2.0 * self.b));
            let (da, db) = (-y * y * power, -y * y * self.a * power * 2.0 * libm::log(*d));
            let miss = wanted - y;
            (aa, ab, bb) = (aa + da * da, ab + da * db, bb + db * db);
            (ga, gb) = (ga + da * miss, gb + db * miss);
        }
        let (aa, bb) = (aa * (1.0 + damping), bb * (1.0 + damping));
        let determinant = aa * bb - ab * ab;
        Self { a: self.a + (bb * ga - ab * gb) / determinant, b: self.b + (aa * gb - ab * ga) / determinant }
    }
}

/// `x` to the power of `exponent`, to six digits, for numbers above 0; by additions and multiplications alone.
#[inline]
pub(super) fn power(x: f32, exponent: f32) -> f32 {
    exp2((exponent * log2(x)).clamp(-126.0, 126.0))
}

/// 2 / ln 2 over 1, 3, 5 and 7: the series of the inverse hyperbolic tangent.
const LOG2: [f32; 4] = [2.885_39, 0.961_796_7, 0.577_078, 0.412_198_6];

#[inline]
fn log2(x: f32) -> f32 {
    const ROOT_OF_HALF: u32 = 0x3F35_04F3;
    let shifted = x.to_bits().wrapping_sub(ROOT_OF_HALF);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits((shifted & 0x007F_FFFF) + ROOT_OF_HALF);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = LOG2[0] + square * (LOG2[1] + square * (LOG2[2] + square * LOG2[3]));
    exponent as f32 + s * series
}

/// The powers of ln 2 over their factorials.
const EXP2: [f32; 6] =
    [std::f32::consts::LN_2, 0.240_226_5, 0.055_504_11, 0.009_618_129, 0.001_333_355_8, 0.000_154_035_3];

#[inline]
fn exp2(x: f32) -> f32 {
    /// Added to a small number, it leaves the whole number nearest to it in the last bits.
    const ROUND: f32 = 12_582_912.0;
    let rounded = x + ROUND;
    let f = x - (rounded - ROUND);
    let exponent = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    let series = EXP2[2] + f * (EXP2[3] + f * (EXP2[4] + f * EXP2[5]));
    let mantissa = 1.0 + f * (EXP2[0] + f * (EXP2[1] + f * series));
    mantissa * f32::from_bits(exponent.wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `min_dist`, `spread`, a and b.
    const AB: [(f64, f64, f64, f64); 4] = [
        (0.1, 1.0, 1.576943460, 0.895060878),
        (0.0, 1.0, 1.932808397, 0.790494973),
        (0.5, 1.0, 0.583030020, 1.334166992),
        (0.25, 2.0, 0.416273497, 0.921855132),
    ];

    #[test]
    fn the_curve_is_the_one_that_umap_learn_fits() {
        // umap-learn 0.5.12: umap.umap_.find_ab_params(spread, min_dist)
        for (min_dist, spread, a, b) in AB {
            let curve = Curve::fit(min_dist, spread);
            assert!(
                (curve.a / a - 1.0).abs() < 1e-5 && (curve.b / b - 1.0).abs() < 1e-5,
                "{curve:?} {a} {b}"
            );
        }
    }

    #[test]
    fn powers_have_six_digits() {
        for x in [1e-12_f32, 3e-5, 0.1, 0.7, 0.707, 0.7072, 1.0, 1.5, 2.0, 77.7, 1e6] {
            for exponent in [-0.9_f32, -0.105, 0.0, 0.5, 0.895, 1.0, 1.9] {
                let want = libm::pow(f64::from(x), f64::from(exponent));
                let got = f64::from(power(x, exponent));
                assert!((got / want - 1.0).abs() < 4e-6, "{x} {exponent}: {got} {want}");
            }
        }
    }
}
