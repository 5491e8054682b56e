//! Records as rows that travel one by one, instead of in files.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use forebay_core::time::{Date, Timestamp};

use crate::record::{Decoded, EventKey, Rejection, Row, parts};
use crate::table::{Catalog, TableBuilder};

/// The rows of an invocation, in the columns of their tables.
pub(super) struct Rows<'c> {
    catalog: &'c Catalog,
    tables: BTreeMap<usize, TableBuilder>,
    seen: HashSet<EventKey>,
}

/// Where a row is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) table: usize,
    pub(super) day: Date,
    row: usize,
}

/// An event's bytes, and the place of its record, with `/` and a number where the record has several.
pub(super) struct Part<'d> {
    place: String,
    data: Cow<'d, [u8]>,
}

impl Part<'_> {
    pub(super) fn data(&self) -> &[u8] {
        &self.data
    }
}

/// The events of a record that is at `place` in its shard; at least one.
pub(super) fn events<'d>(place: &str, data: &'d [u8]) -> Result<Vec<Part<'d>>, Rejection> {
    let parts = parts(data)?;
    let is_one = parts.len() == 1;
    let parts = parts.into_iter().zip(0..).map(|(data, part)| Part {
        place: match is_one {
            true => place.to_owned(),
            false => format!("{place}/{part}"),
        },
        data,
    });
    Ok(parts.collect())
}

/// [`Rows`], column by column.
pub(super) struct Finished(BTreeMap<usize, RecordBatch>);

impl<'c> Rows<'c> {
    pub(super) fn new(catalog: &'c Catalog) -> Rows<'c> {
        Rows {
            catalog,
            tables: BTreeMap::new(),
            seen: HashSet::new(),
        }
    }

    /// The event as a row, which is not added yet.
    pub(super) fn read<'p>(
        &self,
        shard: &str,
        part: &'p Part<'_>,
        arrival: Timestamp,
    ) -> Result<(EventKey, Row<'p>), Rejection> {
        let decoded = Decoded::read(shard, &part.place, &part.data)?;
        let key = decoded.key();
        Ok((
            key,
            decoded.into_row(&self.catalog.schema, &self.catalog.built_in, arrival)?,
        ))
    }

    /// Adds a row; `None` where its event was added before.
    pub(super) fn add(&mut self, key: EventKey, row: &Row<'_>) -> Option<Place> {
        if !self.seen.insert(key) {
            return None;
        }
        let schema = self.catalog.tables.get(row.table)?;
        let table = (self.tables)
            .entry(row.table)
            .or_insert_with(|| TableBuilder::new(schema.clone()));
        let place = Place {
            table: row.table,
            day: row.day,
            row: usize::try_from(table.len()).ok()?,
        };
        table.append(row);
        Some(place)
    }

    pub(super) fn finish(self) -> Result<Finished, ArrowError> {
        let tables = self.tables.into_iter();
        let tables = tables.map(|(table, rows)| Ok((table, rows.finish()?)));
        Ok(Finished(tables.collect::<Result<_, ArrowError>>()?))
    }
}

impl Finished {
    /// The table that a row is in, and its number there.
    pub(super) fn at(&self, place: Place) -> Option<(&RecordBatch, usize)> {
        Some((self.0.get(&place.table)?, place.row))
    }
}
