//! Eight numbers side by side, for the same work on eight frames at once.

use std::ops::{Add, AddAssign, Mul, Sub};

/// How many numbers lie side by side: two registers of the oldest x86-64 CPUs, one of later ones.
pub const LANES: usize = 8;

/// Eight numbers side by side, one of each of eight frames.
///
/// Every operation is done to each number by itself and in the same order whatever the CPU's registers hold, so
/// that the compiler may use them all without changing a bit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Lanes(pub [f32; LANES]);

/// As [`Lanes`], with twice the digits and for as many frames as is said: for long sums, and where loud bins must not
/// blur faint ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WideLanes<const N: usize = LANES>(pub [f64; N]);

impl<const N: usize> Default for WideLanes<N> {
    fn default() -> Self {
        Self([0.0; N])
    }
}

impl Lanes {
    /// Eight zeros.
    pub const ZERO: Self = Self([0.0; LANES]);

    /// The square root of each.
    #[inline(always)]
    pub fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    /// The greater of two, number by number; the other one where one is not a number.
    #[inline(always)]
    pub fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] }))
    }

    /// The lesser of two, number by number.
    #[inline(always)]
    pub fn min(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] < other.0[i] { self.0[i] } else { other.0[i] }))
    }

    /// Each with twice the digits.
    #[inline(always)]
    pub fn widen(self) -> WideLanes {
        WideLanes(self.0.map(f64::from))
    }
}

impl Add for Lanes {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl Sub for Lanes {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }
}

impl Mul for Lanes {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }
}

impl Mul<f32> for Lanes {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|number| number * factor))
    }
}

/// The factor is rounded first.
impl Mul<f64> for Lanes {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: f64) -> Self {
        self * factor as f32
    }
}

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<const N: usize> Add for WideLanes<N> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl<const N: usize> Sub for WideLanes<N> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }
}

impl<const N: usize> Mul for WideLanes<N> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }
}

impl<const N: usize> Mul<f64> for WideLanes<N> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: f64) -> Self {
        Self(self.0.map(|number| number * factor))
    }
}

impl<const N: usize> AddAssign for WideLanes<N> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
