//! Rows of several files into new ones: each event once, sorted by time, within a bounded memory.
//!
//! The inputs are read three times: the times, to part the rows into slices that fit the memory; the event
//! ids, to find second copies; and each slice, to sort and write it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{
    SortColumn, concat_batches, filter_record_batch, lexsort_to_indices, take_record_batch,
};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use object_store::ObjectStore;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::source::Source;
use crate::table::writer;

const EVENT_ID: &str = "event_id";
const EVENT_TIME: &str = "event_timestamp";
const ARRIVAL_TIME: &str = "arrival_timestamp";
const USER: &str = "user_id";
const CLIENT: &str = "client_id";

const SECOND_MILLIS: i64 = 1_000;

/// How much a merge holds at a time.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of a file, after which the next is begun.
    pub file_bytes: usize,
    /// Rows that are sorted at a time, and become a row group.
    pub slice_rows: u64,
    /// Bytes of the same before they are compressed.
    pub slice_bytes: u64,
    /// Event ids that are compared at a time; each takes 32 bytes.
    pub ids: u64,
    /// Files of so many bytes together are fetched whole, once. Else what is needed of them is fetched when it
    /// is needed.
    pub fetch_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            file_bytes: 128 * 1_024 * 1_024,
            slice_rows: 100_000,
            slice_bytes: 64 * 1_024 * 1_024,
            ids: 2_000_000,
            fetch_bytes: 32 * 1_024 * 1_024,
        }
    }
}

/// Whose rows are taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Their `user_id`s.
    pub users: HashSet<String>,
    /// The `client_id`s of their devices, whose rows may have no user.
    pub clients: HashSet<String>,
}

impl Person {
    /// How many rows of a file are theirs.
    ///
    /// # Errors
    /// [`MergeError::File`]
    pub async fn rows_in(&self, source: &Source) -> Result<u64, MergeError> {
        let mut rows = 0;
        for group in 0..source.groups() {
            let mut batches = source.read(group, Some(&[USER, CLIENT]))?;
            while let Some(batch) = batches.next().await? {
                rows += self.is_theirs(&batch).true_count() as u64;
            }
        }
        Ok(rows)
    }

    /// Whether a record, whatever it is, has one of the ids as a JSON string that is not the name of a member.
    pub fn is_named_in(&self, data: &[u8]) -> bool {
        self.users.union(&self.clients).any(|id| {
            // A text always has a JSON form.
            let text = serde_json::to_string(id).unwrap_or_default();
            let with_next = data.windows(text.len() + 1);
            with_next.into_iter().any(|part| {
                part.strip_prefix(text.as_bytes())
                    .is_some_and(|next| next != b":")
            })
        })
    }

    fn is_theirs(&self, batch: &RecordBatch) -> BooleanArray {
        let texts = |column| {
            let column = batch.column_by_name(column);
            column.and_then(|texts| texts.as_string_opt::<i32>())
        };
        let (users, clients) = (texts(USER), texts(CLIENT));
        let theirs = (0..batch.num_rows()).map(|row| {
            let user = users.filter(|users| users.is_valid(row));
            let client = clients.filter(|clients| clients.is_valid(row));
            let is_user = user.is_some_and(|users| self.users.contains(users.value(row)));
            let is_client = client.is_some_and(|clients| self.clients.contains(clients.value(row)));
            Some(is_user || is_client)
        });
        theirs.collect()
    }
}

/// Why files could not be merged. They stay as they are.
#[derive(Debug, Error)]
pub enum MergeError {
    /// A file cannot be fetched.
    #[error(transparent)]
    Object(#[from] object_store::Error),
    /// A file is damaged, or is not one of the lake.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// What is wrong with it.
        error: ParquetError,
    },
    /// The new files cannot be written as Parquet.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// Rows cannot be put together: a defect of Forebay.
    #[error(transparent)]
    Rows(#[from] ArrowError),
}

/// What a merge has read and left out.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Rows of each input, in the order of the inputs.
    pub read: Vec<u64>,
    /// Rows whose event has another row.
    pub duplicates: u64,
    /// Rows that were to be forgotten.
    pub forgotten: u64,
}

/// Opens files, given with their lengths.
///
/// # Errors
/// [`MergeError::Object`], [`MergeError::File`]
pub async fn open(
    objects: &Arc<dyn ObjectStore>,
    files: &[(String, u64)],
    bounds: &Bounds,
) -> Result<Vec<Source>, MergeError> {
    let sum: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let whole = sum <= bounds.fetch_bytes;
    let mut sources = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        sources.push(Source::open(objects, path, *bytes, whole).await?);
    }
    Ok(sources)
}

/// Files of one partition that can be merged into one.
pub struct Inputs {
    files: Vec<Source>,
    columns: SchemaRef,
}

impl Inputs {
    /// Takes the files whose columns agree: those with different types under one name cannot be in one file. Of
    /// several groups, the largest is taken.
    pub fn new(sources: Vec<Source>) -> Inputs {
        let mut groups: Vec<Inputs> = Vec::new();
        for source in sources {
            let mut fitting = groups
                .iter_mut()
                .filter_map(|group| Some((united(&group.columns, source.columns())?, group)));
            match fitting.next() {
                Some((columns, group)) => {
                    group.columns = columns;
                    group.files.push(source);
                }
                None => groups.push(Inputs {
                    columns: source.columns().clone(),
                    files: vec![source],
                }),
            }
        }
        let largest = groups.into_iter().max_by_key(|group| group.files.len());
        let mut inputs = largest.unwrap_or_else(|| Inputs {
            files: Vec::new(),
            columns: Arc::new(Schema::empty()),
        });
        inputs.columns = inputs.nullable_where_absent();
        inputs
    }

    /// The columns of all inputs: those that not every input has may be null.
    fn nullable_where_absent(&self) -> SchemaRef {
        let fields = self.columns.fields().iter().map(|field| {
            let is_required = self.files.iter().all(|file| {
                let own = file.columns().field_with_name(field.name());
                own.is_ok_and(|own| !own.is_nullable())
            });
            Field::new(field.name(), field.data_type().clone(), !is_required)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The files that can be merged.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(Source::path)
    }

    /// Merges the files. `others` are files of the partition that stay: an event that they have is left out.
    /// `put` is given each new file as soon as it is whole, with its rows.
    ///
    /// # Errors
    /// Those of [`MergeError`], and those of `put`.
    pub async fn merge<E: From<MergeError>>(
        &self,
        others: &[Source],
        forget: Option<&Person>,
        bounds: &Bounds,
        mut put: impl AsyncFnMut(Bytes, u64) -> Result<(), E>,
    ) -> Result<Rows, E> {
        let copies = self.copies(others, bounds).await?;
        let mut rows = Rows {
            read: self.files.iter().map(Source::rows).collect(),
            ..Rows::default()
        };
        let mut open: Option<(ArrowWriter<Vec<u8>>, u64)> = None;
        for slice in self.slices(bounds).await? {
            let batch = self.slice(&slice, &copies, forget, &mut rows).await?;
            if batch.num_rows() == 0 {
                continue;
            }
            let (out, written) = match &mut open {
                Some(open) => open,
                none => none.insert((
                    writer(Vec::new(), self.columns.clone()).map_err(MergeError::from)?,
                    0,
                )),
            };
            out.write(&batch).map_err(MergeError::from)?;
            out.flush().map_err(MergeError::from)?;
            *written += batch.num_rows() as u64;
            if out.bytes_written() >= bounds.file_bytes
                && let Some((out, written)) = open.take()
            {
                let bytes = out.into_inner().map_err(MergeError::from)?;
                put(bytes.into(), written).await?;
            }
        }
        if let Some((out, written)) = open {
            let bytes = out.into_inner().map_err(MergeError::from)?;
            put(bytes.into(), written).await?;
        }
        Ok(rows)
    }

    /// Ranges of time, in seconds since the epoch, whose rows fit the bounds. Those of one second are not parted.
    async fn slices(&self, bounds: &Bounds) -> Result<Vec<Range<i64>>, MergeError> {
        let mut seconds: BTreeMap<i64, u64> = BTreeMap::new();
        let mut bytes = 0;
        let mut rows = 0;
        for file in &self.files {
            for group in 0..file.groups() {
                bytes += file.group_size(group).1;
                let mut times = file.read(group, Some(&[EVENT_TIME]))?;
                while let Some(batch) = times.next().await? {
                    rows += batch.num_rows() as u64;
                    for time in file.times(&batch, EVENT_TIME)? {
                        *seconds.entry(second(time)).or_default() += 1;
                    }
                }
            }
        }
        let row_bytes = bytes.checked_div(rows).unwrap_or(1).max(1);
        let most = bounds.slice_rows.min(bounds.slice_bytes / row_bytes).max(1);
        let mut slices: Vec<(Range<i64>, u64)> = Vec::new();
        for (second, rows) in seconds {
            match slices.last_mut() {
                Some((slice, sum)) if *sum + rows <= most => {
                    slice.end = second + 1;
                    *sum += rows;
                }
                _ => slices.push((second..second + 1, rows)),
            }
        }
        Ok(slices.into_iter().map(|(slice, _)| slice).collect())
    }

    /// For each of the files, the rows whose event has another row that arrived earlier, or that is in a file
    /// that stays.
    async fn copies(
        &self,
        others: &[Source],
        bounds: &Bounds,
    ) -> Result<HashMap<usize, HashSet<u64>>, MergeError> {
        let files = || others.iter().chain(&self.files);
        let all: u64 = files().map(Source::rows).sum();
        let passes = all.div_ceil(bounds.ids.max(1)).max(1);
        let mut copies: HashMap<usize, HashSet<u64>> = HashMap::new();
        for pass in 0..passes {
            // Of each event: its key; of its rows the arrival (the least comes first), file and row.
            let mut found: Vec<(u128, i64, usize, u64)> = Vec::new();
            for (number, file) in files().enumerate() {
                let stays = number < others.len();
                let mut row = 0;
                for group in 0..file.groups() {
                    let columns = [EVENT_ID, ARRIVAL_TIME];
                    let mut batches = file.read(group, Some(&columns))?;
                    while let Some(batch) = batches.next().await? {
                        let ids = file.texts(&batch, EVENT_ID)?;
                        for (id, arrival) in ids.zip(file.times(&batch, ARRIVAL_TIME)?) {
                            let key = key(id.unwrap_or_default());
                            if key % u128::from(passes) == u128::from(pass) {
                                let arrival = if stays { i64::MIN } else { arrival };
                                found.push((key, arrival, number, row));
                            }
                            row += 1;
                        }
                    }
                }
            }
            found.sort_unstable();
            let later = found.windows(2).filter(|pair| pair[0].0 == pair[1].0);
            for (_, _, number, row) in later.map(|pair| pair[1]) {
                if let Some(number) = number.checked_sub(others.len()) {
                    copies.entry(number).or_default().insert(row);
                }
            }
        }
        Ok(copies)
    }

    /// The rows of a slice, sorted by time.
    async fn slice(
        &self,
        slice: &Range<i64>,
        copies: &HashMap<usize, HashSet<u64>>,
        forget: Option<&Person>,
        counts: &mut Rows,
    ) -> Result<RecordBatch, MergeError> {
        let mut found = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            let copies = copies.get(&number);
            let mut row = 0;
            for group in 0..file.groups() {
                let times = file.time_range(group, EVENT_TIME);
                let is_other =
                    |(least, most)| second(least) >= slice.end || second(most) < slice.start;
                if times.is_some_and(is_other) {
                    row += file.group_size(group).0;
                    continue;
                }
                let mut batches = file.read(group, None)?;
                while let Some(batch) = batches.next().await? {
                    let times = file.times(&batch, EVENT_TIME)?;
                    let theirs = forget.map(|person| person.is_theirs(&batch));
                    let keep = times.enumerate().map(|(at, time)| {
                        if !slice.contains(&second(time)) {
                            return false;
                        }
                        let is_copy = copies.is_some_and(|rows| rows.contains(&(row + at as u64)));
                        let is_theirs = theirs.as_ref().is_some_and(|theirs| theirs.value(at));
                        counts.duplicates += u64::from(is_copy);
                        counts.forgotten += u64::from(is_theirs && !is_copy);
                        !is_copy && !is_theirs
                    });
                    let keep: BooleanArray = keep.map(Some).collect();
                    row += batch.num_rows() as u64;
                    if keep.true_count() > 0 {
                        found.push(self.widened(&filter_record_batch(&batch, &keep)?)?);
                    }
                }
            }
        }
        let rows = concat_batches(&self.columns, &found)?;
        let sorted = [EVENT_TIME, EVENT_ID].into_iter().filter_map(|name| {
            Some(SortColumn {
                values: rows.column_by_name(name)?.clone(),
                options: None,
            })
        });
        let order = lexsort_to_indices(&sorted.collect::<Vec<_>>(), None)?;
        Ok(take_record_batch(&rows, &order)?)
    }

    /// Rows with the columns of all inputs. Those that their own file does not have are null.
    fn widened(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.fields().iter().map(|field| -> ArrayRef {
            match batch.column_by_name(field.name()) {
                Some(column) => column.clone(),
                None => new_null_array(field.data_type(), batch.num_rows()),
            }
        });
        RecordBatch::try_new(self.columns.clone(), columns.collect())
    }
}

/// The columns of two schemas, those of the newer one first; `None` where a column has two types.
fn united(older: &Schema, newer: &Schema) -> Option<SchemaRef> {
    let mut fields: Vec<FieldRef> = newer.fields().iter().cloned().collect();
    for field in older.fields() {
        match newer.field_with_name(field.name()) {
            Ok(same) if same.data_type() == field.data_type() => {}
            Ok(_) => return None,
            Err(_) => fields.push(field.clone()),
        }
    }
    Some(Arc::new(Schema::new(fields)))
}

fn second(millis: i64) -> i64 {
    millis.div_euclid(SECOND_MILLIS)
}

/// 128 bits of a hash over an event id.
fn key(event_id: &str) -> u128 {
    let mut key = [0; 16];
    key.copy_from_slice(&Sha256::digest(event_id)[..16]);
    u128::from_le_bytes(key)
}
