//! Models in memory: loaded once per process and step, however many clips there are.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;

/// A model that a step loads once per process, when the first of its tasks runs.
pub(super) struct Loaded<M>(Mutex<Option<(Vec<u8>, Arc<M>)>>);

impl<M> Loaded<M> {
    /// The model of these weights, loaded where it is not at hand.
    ///
    /// Others wait meanwhile: `load` must not use the threads that tasks run on.
    pub(super) fn get(&self, weights: &[u8], load: impl FnOnce() -> Result<M>) -> Result<Arc<M>> {
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*loaded {
            Some((of, model)) if of == weights => Ok(model.clone()),
            _ => {
                let model = Arc::new(load()?);
                *loaded = Some((weights.to_vec(), model.clone()));
                Ok(model)
            }
        }
    }
}

impl<M> Default for Loaded<M> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// A step that is copied loads its model itself: what is loaded is no part of what a step is.
impl<M> Clone for Loaded<M> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<M> PartialEq for Loaded<M> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<M> fmt::Debug for Loaded<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Loaded")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_model_is_loaded_once_for_the_same_weights() {
        let loaded = Loaded::default();
        assert!(loaded.get(b"a", || Err(Error::world("no"))).is_err());
        assert_eq!(*loaded.get(b"a", || Ok(1)).unwrap(), 1);
        assert_eq!(*loaded.get(b"a", || Ok(2)).unwrap(), 1);
        assert_eq!(*loaded.get(b"b", || Ok(3)).unwrap(), 3);
        assert_eq!(loaded, loaded.clone());
    }
}
