//! Writes what a flush says, in the order on which exactly-once rests.

use std::collections::VecDeque;

use tokio::task::{JoinError, JoinSet};

use crate::cut::{File, Flush};
use crate::store::{Existing, Store, StoreError};

/// Files that are written at the same time.
const CONCURRENT_WRITES: usize = 16;

/// One step of a flush.
#[derive(Debug)]
pub enum Write {
    /// Puts a file.
    Put(File, Existing),
    /// Deletes what is at a path.
    Delete(String),
}

impl Write {
    /// Does it once.
    ///
    /// # Errors
    /// Those of [`Store::put`] and [`Store::delete`].
    pub async fn to(&self, store: &Store) -> Result<(), StoreError> {
        match self {
            Write::Put(file, existing) => store.put(file, *existing).await,
            Write::Delete(path) => store.delete(path).await,
        }
    }
}

/// Carries out a flush. `write` does one step; it says whether a step that fails is tried again.
///
/// # Errors
/// The first of `write`.
pub async fn carry_out<E, F>(flush: Flush, write: impl Fn(Write) -> F) -> Result<(), E>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: From<JoinError> + Send + 'static,
{
    let put = |file| write(Write::Put(file, Existing::Replace));
    let existing = match flush.keep_existing {
        true => Existing::Keep,
        false => Existing::Replace,
    };
    put(flush.intent).await?;
    let mut files = VecDeque::from(flush.files);
    let mut writing: JoinSet<Result<(), E>> = JoinSet::new();
    loop {
        while writing.len() < CONCURRENT_WRITES
            && let Some(file) = files.pop_front()
        {
            writing.spawn(write(Write::Put(file, existing)));
        }
        match writing.join_next().await {
            Some(written) => written??,
            None => break,
        }
    }
    for path in flush.stale {
        write(Write::Delete(path)).await?;
    }
    if let Some(window) = flush.window {
        put(window).await?;
    }
    put(flush.manifest).await?;
    put(flush.commit).await
}
