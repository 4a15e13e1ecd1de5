//! The one database of the keeper, kept open from one save to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use evermux_core::store::{DatabaseFile, Store, StoreError};

use crate::context::Context;

/// The database that the keeper began with. It opens no other one (see [`Store::open_again`]): where that is needed, it ends
/// its threads and begins anew.
#[derive(Clone, Debug)]
pub struct Database {
    file: DatabaseFile,
    damaged: Arc<AtomicBool>,
}

impl Database {
    /// That of the store that the keeper has opened.
    pub fn of(store: &Store) -> Self {
        Self { file: store.file(), damaged: Arc::default() }
    }

    /// Opens it for one thread.
    ///
    /// # Errors
    /// Those of [`Store::open_again`].
    pub fn open(&self, context: &Context) -> Result<Store, StoreError> {
        let opened = Store::open_again(&context.place(), self.file);
        opened.inspect_err(|error| self.note(error))
    }

    /// Takes note if an error says that the database is damaged.
    pub fn note(&self, error: &StoreError) {
        if let StoreError::Damaged { .. } = error {
            self.damaged.store(true, Ordering::Relaxed);
        }
    }

    /// Whether somebody has met damage: whoever begins anew moves it out of the way and goes on with what is left.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }
}

/// A store that is opened when it is needed. An open one holds no lock of ours, and none of SQLite's that others would
/// have to wait for.
pub struct Opened {
    context: Context,
    database: Database,
    store: Option<Store>,
}

impl Opened {
    /// The database, not yet open.
    pub fn new(context: Context, database: Database) -> Self {
        Self { context, database, store: None }
    }

    /// The store.
    ///
    /// # Errors
    /// Those of [`Store::open_again`].
    pub fn get(&mut self) -> Result<&Store, StoreError> {
        if self.store.as_ref().is_some_and(|store| !store.is_in_place()) {
            self.store = None;
        }
        match self.store {
            Some(ref store) => Ok(store),
            ref mut closed => Ok(closed.insert(self.database.open(&self.context)?)),
        }
    }

    /// What it says after an error need not be true any more: the next one who asks looks anew.
    pub fn close_after(&mut self, error: &StoreError) {
        self.database.note(error);
        self.store = None;
    }
}
