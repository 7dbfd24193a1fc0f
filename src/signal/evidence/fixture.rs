//! What the tests of evidence share: data that Python makes in the same way, and what it says of them.

use crate::signal::{Matrix, Random};

/// What scikit-learn says of [`labels`], [`other_labels`] and [`rows`].
pub(super) struct Golden {
    pub(super) n: usize,
    pub(super) n_classes: usize,
    pub(super) n_others: usize,
    pub(super) n_cols: usize,
    /// `adjusted_rand_score(a, b)`
    pub(super) adjusted_rand: f64,
    /// `normalized_mutual_info_score(a, b)`
    pub(super) mutual_information: f64,
    /// `scipy.stats.contingency.association(counts, method="cramer")`
    pub(super) cramers_v: f64,
    /// `balanced_accuracy_score(a, b)`
    pub(super) balanced_accuracy: f64,
    /// `silhouette_score(X, a)`
    pub(super) silhouette: f64,
    /// Of three folds (every third row), how many rows `KNeighborsClassifier(5)` tells right.
    pub(super) n_right_of_nearest: usize,
    /// What minimises the loss of `LogisticRegression(C=0.5)` with a set of weights for each class tells of `X[3]`, by
    /// Newton's method in numpy 2.4.6; scikit-learn's own minimum is within 2e-7 of it.
    pub(super) probabilities: &'static [f64],
}

/// scikit-learn 1.9.1, scipy 1.17.1.
pub(super) const GOLDEN: [Golden; 3] = [
    Golden {
        n: 40,
        n_classes: 3,
        n_others: 4,
        n_cols: 5,
        adjusted_rand: -0.028768754846084363,
        mutual_information: 0.036813432899940955,
        cramers_v: 0.21082336608910016,
        balanced_accuracy: 0.166815210932858,
        silhouette: 0.05995519763473388,
        n_right_of_nearest: 26,
        probabilities: &[0.7820483470929787, 0.08851014319719121, 0.1294415097098302],
    },
    Golden {
        n: 57,
        n_classes: 2,
        n_others: 2,
        n_cols: 3,
        adjusted_rand: -0.014101212440695836,
        mutual_information: 0.0018342467804510984,
        cramers_v: 0.04977665340318337,
        balanced_accuracy: 0.47598522167487683,
        silhouette: 0.1321947082281001,
        n_right_of_nearest: 39,
        probabilities: &[0.8395587851415521, 0.16044121485844792],
    },
    Golden {
        n: 100,
        n_classes: 5,
        n_others: 3,
        n_cols: 8,
        adjusted_rand: 0.014184969582017575,
        mutual_information: 0.04982921370743008,
        cramers_v: 0.2511344832824212,
        balanced_accuracy: 0.21200000000000002,
        silhouette: 0.01728839145396511,
        n_right_of_nearest: 50,
        probabilities: &[
            0.005432686408003503,
            0.016177436163723375,
            0.8695596342609169,
            0.0010548660270131704,
            0.10777537714034305,
        ],
    },
];

/// In Python: `a = (i*i*7 + 3*i + i//4) % n_classes`.
pub(super) fn labels(n: usize, n_classes: usize) -> Vec<usize> {
    (0..n).map(|i| (i * i * 7 + 3 * i + i / 4) % n_classes).collect()
}

/// In Python: `b = (i*5 + i*i//3 + (i % 7)*a) % n_others`, with the labels `a` of the golden value of this length.
pub(super) fn other_labels(n: usize, n_others: usize) -> Vec<usize> {
    let n_classes = GOLDEN.iter().find(|golden| golden.n == n).map_or(1, |golden| golden.n_classes);
    let a = labels(n, n_classes);
    (0..n).map(|i| (i * 5 + i * i / 3 + (i % 7) * a[i]) % n_others).collect()
}

/// In Python: `sqrt((i*i*31 + j*j*17 + i*j*7 + i) % 101) + (a*(j + 1)*3 % 7)/2`.
pub(super) fn rows(labels: &[usize], n_cols: usize) -> Matrix {
    let mut rows = Matrix::zeros(labels.len(), n_cols);
    for (i, label) in labels.iter().enumerate() {
        for (j, value) in rows.row_mut(i).iter_mut().enumerate() {
            let noise = (i * i * 31 + j * j * 17 + i * j * 7 + i) % 101;
            *value = (noise as f64).sqrt() + ((label * (j + 1) * 3) % 7) as f64 / 2.0;
        }
    }
    rows
}

/// Numbers of mean 0 and standard deviation 1, near enough to normal ones.
pub(super) fn noise(n_rows: usize, n_cols: usize, seed: u64) -> Matrix {
    let mut random = Random::new(seed);
    let mut rows = Matrix::zeros(n_rows, n_cols);
    let draw = |random: &mut Random| (0..12).map(|_| random.uniform()).sum::<f64>() - 6.0;
    rows.data_mut().iter_mut().for_each(|value| *value = draw(&mut random));
    rows
}

#[track_caller]
pub(super) fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9, "{found} {expected}");
}
