//! What was read of a shard since the last cut.

use std::collections::{BTreeMap, HashSet};

use forebay_core::time::Date;

use crate::record::{Decoded, EventKey, Keys, Rejection, Row, Window, parts};
use crate::source::{SequenceNumber, StreamRecord};
use crate::state::Counts;
use crate::table::{Catalog, Rejected, RejectedBuilder, TableBuilder};

/// Records, each of which has become a row, a rejected entry or a duplicate.
#[derive(Debug, Default)]
pub struct Batch {
    /// The first and the last record, where there is any.
    pub range: Option<(SequenceNumber, SequenceNumber)>,
    /// What became of them.
    pub counts: Counts,
    /// Bytes of their data.
    pub bytes: u64,
    /// The events that became rows, in their order.
    pub keys: Keys,
    /// Rows by table and day.
    tables: BTreeMap<(usize, Date), TableBuilder>,
    /// Entries by the day the stream took the record in.
    rejected: BTreeMap<Date, RejectedBuilder>,
    /// Places of records that were rejected before, and have their entries.
    pub known_rejected: HashSet<String>,
}

/// A file of the lake before it is encoded.
#[derive(Debug)]
pub struct Draft {
    /// Its path below the root of the lake.
    pub path: String,
    /// What it will hold.
    pub content: Content,
    /// How many rows or entries that is.
    pub rows: u64,
}

/// What a file will hold.
#[derive(Debug)]
pub enum Content {
    /// Rows, to be written as Parquet.
    Rows(TableBuilder),
    /// Rejected entries, to be written as Parquet.
    Rejected(Box<RejectedBuilder>),
}

impl Batch {
    /// Takes a record in. `window` holds the events of earlier batches.
    pub fn take(&mut self, catalog: &Catalog, shard: &str, window: &Window, record: &StreamRecord) {
        self.take_unless(catalog, shard, |key| window.contains(key), record);
    }

    /// Takes a record in; what is an event that was `seen` is a duplicate. A record that holds several
    /// counts as so many.
    pub fn take_unless(
        &mut self,
        catalog: &Catalog,
        shard: &str,
        seen: impl Fn(EventKey) -> bool,
        record: &StreamRecord,
    ) {
        let number = &record.sequence_number;
        let whole = Rejected {
            shard,
            place: number.as_str(),
            arrival: record.arrival,
            data: &record.data,
        };
        self.take_again(catalog, number, seen, &whole);
    }

    /// Takes in what was a record of any shard, as the record of this batch with a number.
    pub fn take_again(
        &mut self,
        catalog: &Catalog,
        number: &SequenceNumber,
        seen: impl Fn(EventKey) -> bool,
        whole: &Rejected<'_>,
    ) {
        match &mut self.range {
            Some((_, last)) => last.clone_from(number),
            None => self.range = Some((number.clone(), number.clone())),
        }
        self.bytes += whole.data.len() as u64;
        // Nearly every record is one event, and is not looked through for parts.
        let parted = match Decoded::read(whole.shard, whole.place, whole.data) {
            Ok(decoded) => return self.take_part(catalog, &seen, whole, Ok(decoded)),
            Err(_) => parts(whole.data),
        };
        let parted = match parted {
            Ok(parted) => parted,
            Err(rejection) => return self.take_part(catalog, &seen, whole, Err(rejection)),
        };
        // What is decompressed takes memory by its own size.
        let taken_apart: usize = parted.iter().map(|part| part.len()).sum();
        self.bytes += (taken_apart as u64).saturating_sub(whole.data.len() as u64);
        let is_one = parted.len() == 1;
        for (data, number) in parted.iter().zip(0..) {
            let place = match is_one {
                true => whole.place.to_owned(),
                false => format!("{}/{number}", whole.place),
            };
            let part = Rejected {
                place: &place,
                data,
                ..*whole
            };
            let decoded = Decoded::read(whole.shard, &place, data);
            self.take_part(catalog, &seen, &part, decoded);
        }
    }

    fn take_part(
        &mut self,
        catalog: &Catalog,
        seen: &impl Fn(EventKey) -> bool,
        part: &Rejected<'_>,
        decoded: Result<Decoded<'_>, Rejection>,
    ) {
        self.counts.records += 1;
        if self.known_rejected.contains(part.place) {
            self.counts.rejected += 1;
            return;
        }
        let row = decoded.and_then(|decoded| {
            let key = decoded.key();
            if self.keys.contains(key) || seen(key) {
                return Ok(None);
            }
            // An event that is rejected is not remembered: sent again after a mend, it is a row.
            let row = decoded.into_row(&catalog.schema, &catalog.built_in, part.arrival)?;
            self.keys.insert(key);
            Ok(Some(row))
        });
        match row {
            Ok(Some(row)) => self.add(catalog, &row),
            Ok(None) => self.counts.duplicates += 1,
            Err(rejection) => self.reject(part, &rejection),
        }
    }

    /// How many files it would have now.
    pub fn files(&self) -> usize {
        self.tables.len() + self.rejected.len()
    }

    fn add(&mut self, catalog: &Catalog, row: &Row<'_>) {
        self.counts.rows += 1;
        self.tables
            .entry((row.table, row.day))
            .or_insert_with(|| TableBuilder::new(catalog.tables[row.table].clone()))
            .append(row);
    }

    fn reject(&mut self, part: &Rejected<'_>, rejection: &Rejection) {
        self.counts.rejected += 1;
        let entries = self.rejected.entry(part.arrival.date()).or_default();
        entries.append(part, rejection);
    }

    /// Its files. Their names follow from shard, first record, table and day alone, so that the same
    /// batch read again has the same files.
    pub fn drafts(&mut self, catalog: &Catalog, shard: &str, first: &SequenceNumber) -> Vec<Draft> {
        let rows = std::mem::take(&mut self.tables).into_iter();
        let rows = rows.map(|((table, date), rows)| {
            let table = &catalog.tables[table].name;
            Draft {
                path: format!("events/{table}/{}/{shard}-{first}.parquet", day(date)),
                rows: rows.len(),
                content: Content::Rows(rows),
            }
        });
        let rejected = std::mem::take(&mut self.rejected).into_iter();
        let rejected = rejected.map(|(date, entries)| Draft {
            path: format!("rejected/{}/{shard}-{first}.parquet", day(date)),
            rows: entries.len(),
            content: Content::Rejected(Box::new(entries)),
        });
        rows.chain(rejected).collect()
    }
}

/// The folders of a day, below that of a table.
pub fn day(date: Date) -> String {
    let Date { year, month, day } = date;
    format!("year={year:04}/month={month:02}/day={day:02}")
}
