//! A column of texts: being filled, and as a column chunk of Parquet.
//!
//! Most columns of events have few different texts, and often the same one row after row. Each is kept once, and a
//! row is the number of its text: just what a column chunk with a dictionary is. The writer of the `parquet` crate
//! takes all texts instead, and hashes and compares each of them once more.

use std::fmt;
use std::hash::BuildHasher;

use arrow::array::StringArray;
use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use parquet::basic::{Compression, Encoding, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageEncodingStats};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use super::runs;

/// The number of a row without a text.
const NULL: u32 = u32::MAX;
/// Of so many texts, and more, that differ from each other, the next is not looked for any more.
const MANY: usize = 1_024;
/// Most rows of a page.
const PAGE_ROWS: usize = 20_000;
/// Bytes of a page, more or less.
const PAGE_BYTES: usize = 1_048_576;
/// A chunk of fewer bytes is not compressed: it would hardly get smaller.
const FEW_BYTES: usize = 256;
/// Longer texts are no bounds in statistics.
const LONGEST_BOUND: usize = 64;

/// Texts, or nulls, row by row.
#[derive(Default)]
pub(super) struct Texts {
    /// The texts that differ, as Parquet has them: length and bytes.
    bytes: Vec<u8>,
    /// Where each of them begins.
    starts: Vec<usize>,
    /// Of each row, the number of its text, or [`NULL`].
    rows: Vec<u32>,
    nulls: usize,
    /// The numbers, by hashes of their texts.
    numbers: HashTable<u32>,
    state: RandomState,
    last: u32,
}

impl fmt::Debug for Texts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} texts in {} rows",
            self.starts.len(),
            self.rows.len()
        )
    }
}

/// The bytes of a text with its length.
fn encoded<'b>(bytes: &'b [u8], starts: &[usize], number: u32) -> &'b [u8] {
    let number = number as usize;
    let Some(start) = starts.get(number) else {
        return &[];
    };
    let end = starts.get(number + 1).copied().unwrap_or(bytes.len());
    bytes.get(*start..end).unwrap_or_default()
}

/// The bytes of a text; `None` where there is no such number.
fn text<'b>(bytes: &'b [u8], starts: &[usize], number: u32) -> Option<&'b [u8]> {
    encoded(bytes, starts, number).get(size_of::<u32>()..)
}

impl Texts {
    /// Adds a row.
    pub(super) fn append(&mut self, text: Option<&str>) {
        let number = match text {
            Some(text) => self.number(text.as_bytes()),
            None => {
                self.nulls += 1;
                NULL
            }
        };
        self.rows.push(number);
    }

    fn number(&mut self, wanted: &[u8]) -> u32 {
        let (bytes, starts) = (&self.bytes, &self.starts);
        if text(bytes, starts, self.last) == Some(wanted) {
            return self.last;
        }
        let next = count(starts.len());
        if starts.len() < MANY || self.is_repetitive() {
            let is_it = |number: &u32| text(bytes, starts, *number) == Some(wanted);
            let hash_of = |number: &u32| {
                self.state
                    .hash_one(text(bytes, starts, *number).unwrap_or_default())
            };
            match self
                .numbers
                .entry(self.state.hash_one(wanted), is_it, hash_of)
            {
                Entry::Occupied(found) => {
                    self.last = *found.get();
                    return self.last;
                }
                Entry::Vacant(place) => place.insert(next),
            };
        }
        self.starts.push(self.bytes.len());
        self.bytes.extend(count::<u32>(wanted.len()).to_le_bytes());
        self.bytes.extend(wanted);
        self.last = next;
        next
    }

    /// Whether a text is in two rows or more, on average.
    fn is_repetitive(&self) -> bool {
        self.starts.len() * 2 <= self.rows.len() - self.nulls
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rows as Arrow has them.
    pub(super) fn to_array(&self) -> StringArray {
        let text =
            |number: &u32| std::str::from_utf8(text(&self.bytes, &self.starts, *number)?).ok();
        self.rows.iter().map(text).collect()
    }

    /// The bytes of a column chunk, and what the file says of it. Few bytes are not compressed, nor is anything
    /// without a compressor.
    ///
    /// # Errors
    /// Where it cannot be compressed or written; not known to happen.
    pub(super) fn to_chunk(
        &self,
        column: &ColumnDescPtr,
        compressor: Option<&mut Compressor<'_>>,
    ) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let is_nullable = column.max_def_level() > 0;
        let (encoding, pages) = match self.is_repetitive() {
            true => (
                Encoding::RLE_DICTIONARY,
                self.pages(is_nullable, PAGE_ROWS, Some(self.width())),
            ),
            false => (
                Encoding::PLAIN,
                self.pages(is_nullable, self.rows_of_page(), None),
            ),
        };
        let dictionary = (encoding == Encoding::RLE_DICTIONARY).then_some(&self.bytes);
        let size = pages.iter().map(|(_, page)| page.len()).sum::<usize>()
            + dictionary.map_or(0, Vec::len);
        let mut compressor = compressor.filter(|_| size >= FEW_BYTES);
        let compression = match compressor {
            Some(_) => Compression::ZSTD(ZstdLevel::default()),
            None => Compression::UNCOMPRESSED,
        };
        let mut pressed = |page: &[u8]| match &mut compressor {
            Some(compressor) => Ok::<_, ParquetError>(compressor.compress(page)?.into()),
            None => Ok(Bytes::copy_from_slice(page)),
        };

        let mut written = TrackedWrite::new(Vec::with_capacity(size / 2 + FEW_BYTES));
        let mut writer = SerializedPageWriter::new(&mut written);
        let mut uncompressed = 0;
        let mut data_offset = 0_usize;
        if let Some(texts) = dictionary {
            let page = Page::DictionaryPage {
                buf: pressed(texts)?,
                num_values: count(self.starts.len()),
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let page = writer.write_page(CompressedPage::new(page, texts.len()))?;
            uncompressed += page.uncompressed_size;
            data_offset = page.compressed_size;
        }
        let data_pages = pages.len();
        for (rows, bytes) in pages {
            let page = Page::DataPage {
                buf: pressed(&bytes)?,
                num_values: count(rows),
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let page = writer.write_page(CompressedPage::new(page, bytes.len()))?;
            uncompressed += page.uncompressed_size;
        }
        let bytes = written.into_inner()?;

        let stats = |page_type, encoding, pages| PageEncodingStats {
            page_type,
            encoding,
            count: pages,
        };
        let mut encodings = vec![Encoding::RLE, encoding];
        let mut page_stats = vec![stats(PageType::DATA_PAGE, encoding, count(data_pages))];
        if dictionary.is_some() {
            encodings.push(Encoding::PLAIN);
            page_stats.push(stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
        }
        let metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(compression)
            .set_encodings(encodings)
            .set_page_encoding_stats(page_stats)
            .set_num_values(count(self.rows.len()))
            .set_total_compressed_size(count(bytes.len()))
            .set_total_uncompressed_size(count(uncompressed))
            .set_dictionary_page_offset(dictionary.map(|_| 0))
            .set_data_page_offset(count(data_offset))
            .set_statistics(self.statistics());
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: self.rows.len() as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((bytes.into(), close))
    }

    /// Data pages, with how many rows each has. Where there is a width in bits, a value is the number of its text.
    fn pages(&self, is_nullable: bool, rows: usize, width: Option<u32>) -> Vec<(usize, Vec<u8>)> {
        let pages = self.rows.chunks(rows).map(|rows| {
            let mut page = Vec::new();
            if is_nullable {
                let levels: Vec<u32> = rows.iter().map(|row| u32::from(*row != NULL)).collect();
                page.extend([0; 4]);
                runs::write(&levels, 1, &mut page);
                let length = count::<u32>(page.len() - 4).to_le_bytes();
                page[..4].copy_from_slice(&length);
            }
            let mut present: Vec<u32> = rows.to_vec();
            present.retain(|row| *row != NULL);
            match width {
                Some(width) => {
                    page.extend(width.to_le_bytes().first());
                    runs::write(&present, width, &mut page);
                }
                None => {
                    for number in present {
                        page.extend_from_slice(encoded(&self.bytes, &self.starts, number));
                    }
                }
            }
            (rows.len(), page)
        });
        pages.collect()
    }

    /// Bits of the largest number of a text.
    fn width(&self) -> u32 {
        usize::BITS - self.starts.len().saturating_sub(1).leading_zeros()
    }

    /// How many rows a page has where each has its text.
    fn rows_of_page(&self) -> usize {
        let rows = PAGE_BYTES * self.rows.len() / self.bytes.len().max(1);
        rows.clamp(1, PAGE_ROWS)
    }

    fn statistics(&self) -> Statistics {
        let texts = || {
            (0..count::<u32>(self.starts.len()))
                .filter_map(|number| text(&self.bytes, &self.starts, number))
        };
        let bounds = texts().min().zip(texts().max());
        let bounds = bounds.filter(|(least, most)| least.len().max(most.len()) <= LONGEST_BOUND);
        let (least, most) = bounds.unzip();
        let bound = |text: Option<&[u8]>| text.map(|text| ByteArray::from(text.to_vec()));
        Statistics::byte_array(
            bound(least),
            bound(most),
            None,
            Some(self.nulls as u64),
            false,
        )
    }
}

/// A count as Parquet has it. There are far fewer of anything than fit into it.
fn count<N: TryFrom<usize> + Default>(of: usize) -> N {
    N::try_from(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::cast::AsArray;
    use arrow::datatypes::{DataType, Field, Schema};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::metadata::RowGroupMetaData;
    use proptest::prelude::*;

    use super::*;
    use crate::table::column::Column;
    use crate::table::parquet::columns_to_parquet;

    /// What a reader finds in a file of one column with these rows.
    fn read(rows: &[Option<String>], nullable: bool) -> (RowGroupMetaData, Vec<Option<String>>) {
        let mut texts = Box::<Texts>::default();
        for row in rows {
            texts.append(row.as_deref());
        }
        let found = texts.to_array();
        assert!(found.iter().eq(rows.iter().map(Option::as_deref)));
        let schema = Schema::new(vec![Field::new("texts", DataType::Utf8, nullable)]);
        let bytes = columns_to_parquet(&Arc::new(schema), &[Column::Texts(texts)]).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        let group = builder.metadata().row_group(0).clone();
        let mut found = Vec::new();
        for rows in builder.build().unwrap() {
            let rows = rows.unwrap();
            let texts = rows.column(0).as_string::<i32>().iter();
            found.extend(texts.map(|text| text.map(str::to_owned)));
        }
        (group, found)
    }

    #[test]
    fn a_text_is_stored_once_where_many_rows_have_it() {
        let repeated: Vec<_> = (0..50_000)
            .map(|row| Some(format!("text {}", row / 7 % 900)))
            .collect();
        let (group, found) = read(&repeated, true);
        assert!(found == repeated);
        assert!(group.column(0).dictionary_page_offset().is_some());
        assert!(
            group.compressed_size() < 30_000,
            "{}",
            group.compressed_size()
        );
        let one = vec![Some("the same".to_owned()); 50_000];
        let (group, found) = read(&one, false);
        assert!(found == one);
        assert!(group.compressed_size() < 200, "{}", group.compressed_size());
    }

    #[test]
    fn texts_that_all_differ_have_no_dictionary() {
        let differing: Vec<_> = (0..50_000).map(|row| Some(format!("text {row}"))).collect();
        let (group, found) = read(&differing, false);
        assert!(found == differing);
        assert_eq!(group.column(0).dictionary_page_offset(), None);
    }

    #[test]
    fn statistics_are_the_bounds_of_the_texts() {
        let rows = ["b", "a", "c"].map(|text| Some(text.to_owned()));
        let rows = [&rows[..], &[None]].concat();
        let (group, _) = read(&rows, true);
        let statistics = group.column(0).statistics().unwrap();
        assert_eq!(statistics.min_bytes_opt(), Some(&b"a"[..]));
        assert_eq!(statistics.max_bytes_opt(), Some(&b"c"[..]));
        assert_eq!(statistics.null_count_opt(), Some(1));
        let long = vec![Some("x".repeat(LONGEST_BOUND + 1)), Some("y".to_owned())];
        let (group, _) = read(&long, true);
        assert_eq!(group.column(0).statistics().unwrap().min_bytes_opt(), None);
        let (group, found) = read(&[None, None], true);
        assert_eq!(found, [None, None]);
        assert_eq!(
            group.column(0).statistics().unwrap().null_count_opt(),
            Some(2)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn what_was_written_is_read(
            runs in prop::collection::vec((prop::option::of(0_u32..3_000), 1_usize..40), 0..200),
            few in 1_u32..3_000, nullable: bool, lengths in 0_usize..90,
        ) {
            let text = |number: u32| format!("{number}{}", "é".repeat(number as usize % (lengths + 1)));
            let rows: Vec<_> = runs.iter().flat_map(|(number, times)| {
                let number = if nullable { *number } else { number.or(Some(0)) };
                std::iter::repeat_n(number.map(|number| text(number % few)), *times)
            }).collect();
            prop_assert!(read(&rows, nullable).1 == rows);
        }
    }
}
