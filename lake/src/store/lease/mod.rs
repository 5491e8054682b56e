//! Who writes to a lake.
//!
//! A process either has the lake alone, or joins the others that read the stream into it. Those that have joined
//! share the work by claims: a claim is the right to write what belongs to one shard, or to compact. A claim
//! passes to another process when its holder gives it up, or has ended: never while the holder's own lease lives.
//!
//! On a folder all of this is file locks, which the system takes back from a process that dies
//! ([`folder`]). In a bucket it is objects that are written conditional on the version before ([`object`]). Each
//! claim counts its holders: the epoch.

mod folder;
mod object;

use super::StoreError;
pub(super) use folder::FolderLease;
pub use object::LeaseTimes;
pub(super) use object::ObjectLease;

/// The lock file of a folder, and the object of a bucket, of a process that has the lake alone.
const LOCK: &str = "_state/lock";
/// Where the processes are that have joined, each as a file or an object.
pub(super) const PROCESSES: &str = "_state/processes";
/// Where the claims are.
pub(super) const CLAIMS: &str = "_state/leases";

/// What a process has joined for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To read shards: it has a share of them.
    Consume,
    /// To compact alone.
    Compact,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Consume => "consume-",
            Role::Compact => "compact-",
        }
    }
}

/// What says that this process may write.
#[derive(Debug)]
pub(super) enum Lease {
    Folder(FolderLease),
    Object(ObjectLease),
    /// This process only reads.
    ReadOnly,
}

/// The right to write what belongs to one name, until it is given up or the process ends.
#[derive(Debug)]
pub struct Claim {
    epoch: u64,
    holding: Holding,
}

#[derive(Debug)]
enum Holding {
    File(folder::FileLock),
    Object(object::ObjectClaim),
    /// The process has all of the lake.
    All,
}

impl Claim {
    /// How many have held it, up to this one; 0 where the process has the lake alone.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// To be asked before each write.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]
    pub fn check(&self) -> Result<(), StoreError> {
        match &self.holding {
            Holding::File(lock) => lock.check().map_err(|reason| StoreError::LeaseLost {
                path: lock.path(),
                reason,
            }),
            // It passes to others only after the lease of this process, which each write asks for.
            Holding::Object(_) | Holding::All => Ok(()),
        }
    }

    /// Gives it up, so that another process need not wait. Where that fails, others get it when this process ends.
    pub async fn give_up(&self) {
        match &self.holding {
            Holding::File(lock) => lock.give_up(),
            Holding::Object(claim) => claim.give_up().await,
            Holding::All => {}
        }
    }
}

impl Lease {
    pub(super) fn epoch(&self) -> u64 {
        match self {
            Lease::Folder(lease) => lease.epoch(),
            Lease::Object(lease) => lease.epoch(),
            Lease::ReadOnly => 0,
        }
    }

    /// Whether writes of state name the version that they replace.
    pub(super) fn is_conditional(&self) -> bool {
        matches!(self, Lease::Object(_))
    }

    /// To be asked before each write.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let outcome = match self {
            Lease::Folder(lease) => lease.check(),
            Lease::Object(lease) => lease.check(),
            Lease::ReadOnly => Err("it was opened for reading".to_owned()),
        };
        outcome.map_err(|reason| self.lost(&reason))
    }

    /// Asks the storage itself.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        self.check()?;
        match self {
            Lease::Object(lease) if !lease.is_held().await? => {
                Err(self.lost(&format!("epoch {} is over", lease.epoch())))
            }
            _ => Ok(()),
        }
    }

    /// Takes what belongs to a name; `None` while another process has it.
    pub(super) async fn claim(&self, name: &str) -> Result<Option<Claim>, StoreError> {
        self.check()?;
        match self {
            Lease::Folder(lease) => lease.claim(name),
            Lease::Object(lease) => lease.claim(name).await,
            Lease::ReadOnly => Ok(None),
        }
    }

    /// How many processes read shards, with this one. Those that have died are none.
    pub(super) async fn consumers(&self) -> Result<usize, StoreError> {
        match self {
            Lease::Folder(lease) => lease.consumers(),
            Lease::Object(lease) => lease.consumers().await,
            Lease::ReadOnly => Ok(0),
        }
    }

    /// Waits until it is known which processes have died, and ends these: what they held is free then.
    pub(super) async fn end_silent(&self) -> Result<(), StoreError> {
        match self {
            Lease::Object(lease) => lease.end_silent().await,
            // The system has taken back what a dead process held.
            Lease::Folder(_) | Lease::ReadOnly => Ok(()),
        }
    }

    pub(super) fn lost(&self, reason: &str) -> StoreError {
        let path = match self {
            Lease::Folder(lease) => lease.path(),
            Lease::Object(lease) => lease.path().to_owned(),
            Lease::ReadOnly => LOCK.to_owned(),
        };
        StoreError::LeaseLost {
            path,
            reason: reason.to_owned(),
        }
    }

    pub(super) async fn release(&self) {
        // The system takes a folder's locks back by itself.
        if let Lease::Object(lease) = self {
            lease.release().await;
        }
    }
}

/// A name that no other process has.
fn process_name(role: Role) -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let chance = || RandomState::new().build_hasher().finish();
    format!("{}{:016x}{:016x}", role.word(), chance(), chance())
}
