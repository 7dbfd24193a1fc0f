//! Executors: who carries a task out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, Result};
use crate::stages::{Context, Inputs, Outputs, Stage};

/// Carries out stages; tests put a fake in its place.
pub trait Executor: Sync {
    /// Runs one stage.
    ///
    /// # Errors
    /// Whatever the stage reports.
    fn execute(&self, stage: &dyn Stage, inputs: &Inputs, context: &Context) -> Result<Outputs>;
}

/// Runs stages in this process, on the calling thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Local;

impl Executor for Local {
    fn execute(&self, stage: &dyn Stage, inputs: &Inputs, context: &Context) -> Result<Outputs> {
        // A decoder that panics on a hostile file must cost that clip and no other.
        catch_unwind(AssertUnwindSafe(|| stage.run(inputs, context))).unwrap_or_else(|panic| {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(Error::world(format!("the stage broke down: {words}"))
                .hint("please report this, with the file if you may share it"))
        })
    }
}
