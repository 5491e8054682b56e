//! The ledger of objects that are read as a shard ([`crate::source::archive`]): written before they are.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::task::JoinError;

use super::carry_out::carry_out;
use super::load::LoadError;
use crate::cut::{EncodeError, File, Flush};
use crate::source::archive::{ArchiveObject, read_objects, write_objects};
use crate::state::{Damage, StatePaths, seal, unseal};
use crate::store::{Existing, Store, StoreError};

/// Why objects cannot be read as a shard.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The files of the lake.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state of the lake.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A defect of Forebay.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A defect of Forebay.
    #[error("the ledger cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// A defect of Forebay.
    #[error("a place in the ledger: {0}")]
    Place(&'static str),
    /// A defect of Forebay.
    #[error("a file cannot be encoded or written: {0}")]
    Thread(#[from] JoinError),
}

/// Objects, numbered from 1.
#[derive(Debug)]
pub struct Ledger {
    paths: StatePaths,
    /// In their order.
    pub objects: Vec<ArchiveObject>,
    segments: usize,
    /// How many of them were read to their end.
    pub complete: u64,
}

#[derive(Serialize, Deserialize)]
struct Complete {
    objects: u64,
}

impl Ledger {
    /// Reads the ledger of a shard; an empty one where there is none.
    ///
    /// # Errors
    /// [`StoreError::Object`], [`LoadError::Damaged`]
    pub async fn read(store: &Store, paths: StatePaths) -> Result<Ledger, LoadError> {
        let mut ledger = Ledger {
            paths,
            objects: Vec::new(),
            segments: 0,
            complete: 0,
        };
        let senseless = |text: &str| Damage::Senseless(text.to_owned());
        while let path = ledger.segment()
            && let Some(bytes) = store.read_to_replace(&path).await?
        {
            let damaged = |damage| LoadError::Damaged {
                path: path.clone(),
                damage,
            };
            ledger
                .objects
                .extend(read_objects(&bytes).map_err(damaged)?);
            let mut numbered = (1..).zip(&ledger.objects);
            if numbered.any(|(number, object)| object.number != number) {
                return Err(damaged(senseless("its objects are not numbered in order")));
            }
            ledger.segments += 1;
        }
        let path = ledger.complete_path();
        if let Some(bytes) = store.read_to_replace(&path).await? {
            let read = unseal(&bytes).and_then(|text| {
                let complete = serde_json::from_str::<Complete>(&text);
                complete.map_err(|error| senseless(&error.to_string()))
            });
            ledger.complete = read
                .map_err(|damage| LoadError::Damaged { path, damage })?
                .objects;
        }
        Ok(ledger)
    }

    fn segment(&self) -> String {
        format!("{}/{:06}.objects", self.paths.folder(), self.segments)
    }

    fn complete_path(&self) -> String {
        format!("{}/complete.objects", self.paths.folder())
    }

    /// Enters objects, which are numbered on.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Json`]
    pub async fn enter(
        &mut self,
        store: &Store,
        objects: &[ArchiveObject],
    ) -> Result<(), LedgerError> {
        let file = File {
            path: self.segment(),
            bytes: write_objects(objects)?.into(),
        };
        store.put(&file, Existing::Replace).await?;
        self.segments += 1;
        self.objects.extend_from_slice(objects);
        Ok(())
    }

    /// All objects were read to their end.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Json`]
    pub async fn end(&mut self, store: &Store) -> Result<(), LedgerError> {
        let objects = self.objects.len() as u64;
        if objects > self.complete {
            let file = File {
                path: self.complete_path(),
                bytes: seal(&serde_json::to_string(&Complete { objects })?).into(),
            };
            store.put(&file, Existing::Replace).await?;
            self.complete = objects;
        }
        Ok(())
    }
}

/// Carries out a flush. A step that fails ends it: the import or replay can be run again.
///
/// # Errors
/// [`LedgerError::Store`]
pub async fn carry_out_once(store: &Arc<Store>, flush: Flush) -> Result<(), LedgerError> {
    carry_out(flush, |write| {
        let store = store.clone();
        async move { Ok(write.to(&store).await?) }
    })
    .await
}
