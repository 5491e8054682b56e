//! The lake: records of the stream become rows in Parquet files.
//!
//! What decides is free of IO, and what does IO decides nothing:
//!
//! | module | what it holds |
//! |---|---|
//! | [`stream`] | a record of the stream and its place |
//! | [`row`] | from a record to a row, or to the reason why not |
//! | [`columns`] | the tables: columns from the schema, rows into Parquet |
//! | [`window`] | the event ids by which a second delivery is told |
//! | [`batch`] | rows, rejected entries and duplicates since the last cut |
//! | [`checkpoint`] | what is written down of a shard |
//! | [`shard`] | the machine that makes every record count once |
//! | [`kinesis`] | the client of Kinesis Data Streams |
//! | [`lake`] | the folder of the lake |
//! | [`consume`] | reading all shards of a stream into a lake |

pub mod batch;
pub mod checkpoint;
pub mod columns;
pub mod consume;
pub mod kinesis;
pub mod lake;
pub mod row;
pub mod shard;
pub mod stream;
pub mod window;
