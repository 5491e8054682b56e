//! Counts that change as rows are found to be missing.

use crate::state::Counts;

/// By how much counts have changed.
#[derive(Default, Clone, Copy)]
pub(super) struct Delta {
    pub(super) any: bool,
    rows: i128,
    rejected: i128,
    missing: i128,
    records: i128,
}

impl Delta {
    pub(super) fn note(&mut self, before: Counts, after: Counts) {
        let change = |before: u64, after: u64| i128::from(after) - i128::from(before);
        self.rows += change(before.rows, after.rows);
        self.rejected += change(before.rejected, after.rejected);
        self.missing += change(before.missing, after.missing);
        self.records += change(before.records, after.records);
    }

    pub(super) fn apply(&self, counts: &mut Counts) {
        let add = |count: &mut u64, change: i128| {
            let sum = i128::from(*count) + change;
            *count = u64::try_from(sum.max(0)).unwrap_or(u64::MAX);
        };
        add(&mut counts.rows, self.rows);
        add(&mut counts.rejected, self.rejected);
        add(&mut counts.missing, self.missing);
        add(&mut counts.records, self.records);
    }
}

impl std::ops::AddAssign for Delta {
    fn add_assign(&mut self, other: Delta) {
        self.any |= other.any;
        self.rows += other.rows;
        self.rejected += other.rejected;
        self.missing += other.missing;
        self.records += other.records;
    }
}

/// Makes counts add up to so many records, or more: what is in no file is missing.
pub(super) fn balance(counts: &mut Counts, records: u64) {
    let there = counts.rows + counts.rejected + counts.duplicates;
    counts.missing = records.saturating_sub(there);
    counts.records = there + counts.missing;
}

pub(super) fn difference(all: Counts, part: Counts) -> Counts {
    Counts {
        records: all.records.saturating_sub(part.records),
        rows: all.rows.saturating_sub(part.rows),
        rejected: all.rejected.saturating_sub(part.rejected),
        duplicates: all.duplicates.saturating_sub(part.duplicates),
        missing: all.missing.saturating_sub(part.missing),
    }
}
