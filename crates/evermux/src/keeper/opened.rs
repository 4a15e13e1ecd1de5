//! The store, kept open from one save to the next.

use evermux_core::store::Store;

use crate::context::Context;
use crate::error::CliError;

/// A store that is opened when it is needed. An open one holds no lock of ours, and none of SQLite's that others would
/// have to wait for.
pub struct Opened {
    context: Context,
    store: Option<Store>,
}

impl Opened {
    /// The store of `context`, not yet open.
    pub fn new(context: Context) -> Self {
        Self { context, store: None }
    }

    /// The store at its place: another one if its file was moved, removed or replaced meanwhile.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn get(&mut self) -> Result<&Store, CliError> {
        if self.store.as_ref().is_some_and(|store| !store.is_in_place()) {
            self.close();
        }
        match self.store {
            Some(ref store) => Ok(store),
            ref mut closed => {
                let (store, problems) = crate::cli::open_to_work(&self.context)?;
                for problem in problems {
                    tracing::warn!("{problem}");
                }
                Ok(closed.insert(store))
            }
        }
    }

    /// What it says after an error need not be true any more: the next one who asks looks anew.
    pub fn close(&mut self) {
        self.store = None;
    }
}
