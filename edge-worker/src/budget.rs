//! The memory that requests in flight may take together. An isolate has 128 MB, and the platform ends one that
//! goes beyond, with all requests in it. So the worker refuses a request that finds no room, and says when to
//! send it again.
//!
//! Every request takes a share before its body is read, more as the body comes, and gives it back
//! when it ends. Where the platform drops a request without a word, its share is taken for given
//! back after [`LOST_AFTER_MS`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use forebay_core::time::Timestamp;
use forebay_core::wire::{put_events, update_endpoint};

/// What a request of no body takes: its head, its futures, and what the platform holds for it.
pub const REQUEST_BYTES: usize = 64 * 1024;
/// What a request takes at most for each byte of its body, once that is there: the body, what is
/// read from it, its records, the calls that these become in base64, and their copies on the
/// platform's side. Measured: docs/security.md.
pub const BYTES_PER_BODY_BYTE: usize = 7;
/// What it takes at most for each byte of a record that its body does not hold, such as the copies
/// of an endpoint.
const BYTES_PER_ADDED_BYTE: usize = 4;
/// What a record has beside its event and endpoint: device, place, application, ids.
const RECORD_BYTES: usize = 2 * 1024;
/// A request that takes no more than this may have what is kept from larger ones.
const SMALL_BYTES: usize = 1024 * 1024;
/// No request lives so long: the slowest upload and all tries of a delivery take less.
const LOST_AFTER_MS: i64 = 240_000;

/// The budget of an isolate.
#[derive(Debug)]
pub struct Budget {
    bytes: usize,
    taken: Cell<usize>,
    next: Cell<u64>,
    /// By number, since when and how much.
    shares: RefCell<BTreeMap<u64, (Timestamp, usize)>>,
}

/// What one request has taken; given back when it is dropped.
#[derive(Debug)]
pub struct Share<'a> {
    budget: &'a Budget,
    number: u64,
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Budget {
        Budget {
            bytes,
            taken: Cell::new(0),
            next: Cell::new(0),
            shares: RefCell::default(),
        }
    }

    /// The least budget in which every request that PutEvents takes is served once.
    pub fn least() -> usize {
        let copies = put_events::MAX_EVENTS * update_endpoint::MAX_BODY_BYTES;
        let most = work(put_events::MAX_BODY_BYTES, put_events::MAX_EVENTS, copies);
        most.div_ceil(3) * 4
    }

    /// The share of a new request: [`REQUEST_BYTES`].
    ///
    /// # Errors
    /// [`NoRoom`]
    pub fn take(&self, now: Timestamp) -> Result<Share<'_>, NoRoom> {
        self.forget_lost(now);
        let number = self.next.replace(self.next.get().wrapping_add(1));
        self.shares.borrow_mut().insert(number, (now, 0));
        let share = Share {
            budget: self,
            number,
        };
        share.resize(REQUEST_BYTES)?;
        Ok(share)
    }

    /// How many bytes are taken.
    pub fn taken(&self) -> usize {
        self.taken.get()
    }

    fn forget_lost(&self, now: Timestamp) {
        let mut shares = self.shares.borrow_mut();
        // The oldest come first.
        while let Some(oldest) = shares.first_entry() {
            let (since, bytes) = *oldest.get();
            if now.0 - since.0 < LOST_AFTER_MS {
                break;
            }
            oldest.remove();
            self.taken.set(self.taken.get() - bytes);
        }
    }
}

impl Share<'_> {
    /// Makes the share as large as is needed now, before the memory is taken. A share that is to
    /// become large leaves a quarter of the budget to small ones.
    ///
    /// # Errors
    /// [`NoRoom`]; the share stays as it is.
    pub fn resize(&self, bytes: usize) -> Result<(), NoRoom> {
        let mut shares = self.budget.shares.borrow_mut();
        let Some((_, own)) = shares.get_mut(&self.number) else {
            // Taken for lost.
            return Err(NoRoom);
        };
        let others = self.budget.taken.get() - *own;
        let room = match bytes > SMALL_BYTES {
            true => self.budget.bytes / 4 * 3,
            false => self.budget.bytes,
        };
        if bytes > *own && others.saturating_add(bytes) > room {
            return Err(NoRoom);
        }
        *own = bytes;
        self.budget.taken.set(others + bytes);
        Ok(())
    }

    /// Makes the share large enough to hold so many bytes of a body that is being read.
    ///
    /// # Errors
    /// [`NoRoom`]
    pub fn hold(&self, body_bytes: usize) -> Result<(), NoRoom> {
        self.resize(REQUEST_BYTES.saturating_add(body_bytes))
    }

    /// Whether the work on a body of so many bytes has room now. Nothing is taken for it.
    ///
    /// # Errors
    /// [`NoRoom`]
    pub fn expect(&self, body_bytes: usize) -> Result<(), NoRoom> {
        self.work_on(body_bytes, 0, 0)?;
        self.resize(REQUEST_BYTES)
    }

    /// Makes the share as large as the work on a body of so many bytes, as it was sent or after it
    /// was decompressed, from which so many records come that hold so many bytes of copies.
    ///
    /// # Errors
    /// [`NoRoom`]
    pub fn work_on(&self, body: usize, records: usize, copies: usize) -> Result<(), NoRoom> {
        self.resize(work(body, records, copies))
    }
}

fn work(body: usize, records: usize, copies: usize) -> usize {
    let added = copies.saturating_add(records.saturating_mul(RECORD_BYTES));
    let body = body.saturating_mul(BYTES_PER_BODY_BYTE);
    REQUEST_BYTES
        .saturating_add(body)
        .saturating_add(added.saturating_mul(BYTES_PER_ADDED_BYTE))
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let share = self.budget.shares.borrow_mut().remove(&self.number);
        if let Some((_, bytes)) = share {
            self.budget.taken.set(self.budget.taken.get() - bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);
    const MB: usize = 1024 * 1024;

    #[test]
    fn what_is_taken_is_given_back_and_no_more_is_taken_than_there_is() {
        let budget = Budget::new(8 * MB);
        let one = budget.take(NOW).unwrap();
        one.resize(5 * MB).unwrap();
        let two = budget.take(NOW).unwrap();
        assert_eq!(two.resize(2 * MB), Err(NoRoom), "kept for small ones");
        assert_eq!(budget.taken(), 5 * MB + REQUEST_BYTES);
        two.resize(MB).unwrap();
        let small: Vec<_> = std::iter::from_fn(|| budget.take(NOW).ok()).collect();
        assert_eq!(small.len(), 2 * MB / REQUEST_BYTES);
        drop(small);
        one.resize(MB).unwrap();
        two.resize(4 * MB).unwrap();
        drop((one, two));
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn the_share_of_a_request_that_was_lost_comes_back() {
        let budget = Budget::new(MB);
        let lost = budget.take(NOW).unwrap();
        lost.resize(MB).unwrap();
        assert!(budget.take(NOW).is_err());
        assert!(budget.take(Timestamp(NOW.0 + LOST_AFTER_MS - 1)).is_err());
        let next = budget.take(Timestamp(NOW.0 + LOST_AFTER_MS)).unwrap();
        assert_eq!(budget.taken(), REQUEST_BYTES);
        assert_eq!(lost.resize(1), Err(NoRoom));
        drop(lost);
        assert_eq!(budget.taken(), REQUEST_BYTES);
        drop(next);
        assert_eq!(budget.taken(), 0);
    }

    proptest! {
        #[test]
        fn the_books_balance(
            steps in prop::collection::vec((0_u8..3, any::<prop::sample::Index>(), 0..3 * MB), 0..60),
        ) {
            let budget = Budget::new(8 * MB);
            let mut shares = Vec::new();
            for (step, index, bytes) in steps {
                match step {
                    0 => shares.extend(budget.take(NOW).ok()),
                    _ if shares.is_empty() => {}
                    1 => { let _ = shares[index.index(shares.len())].resize(bytes); }
                    _ => drop(shares.swap_remove(index.index(shares.len()))),
                }
                prop_assert!(budget.taken() <= 8 * MB);
                prop_assert_eq!(budget.shares.borrow().len(), shares.len());
            }
            drop(shares);
            prop_assert_eq!(budget.taken(), 0);
        }
    }
}
