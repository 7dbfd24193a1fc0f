//! The same numbers from wider registers.

/// Does `work` with the widest registers that the CPU has.
///
/// What is inlined into `work` is compiled for several generations of CPUs, of which the newest that fits is run. Each does the
/// same IEEE operations in the same order, for none may fuse or reorder them: the bits are the same, and only independent
/// numbers go side by side.
#[inline(always)]
pub(super) fn with_widest_registers<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
