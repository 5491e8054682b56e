//! The lake: records of the stream become rows in Parquet files.
//!
//! The modules that decide have no IO, and the modules with IO decide nothing:
//!
//! | module | what it holds |
//! |---|---|
//! | [`source`] | a record of the stream and its place; the client of Kinesis Data Streams |
//! | [`record`] | from a record to a row, or to the reason why not; the event ids seen lately |
//! | [`table`] | the tables: columns from the schema, rows into Parquet |
//! | [`cut`] | batches, and the machine that makes every record count once |
//! | [`compact`] | small files into few, each event once |
//! | [`state`] | the state of a shard: checkpoint, window and manifest |
//! | [`store`] | the files of the lake, in a folder or a bucket, and the lease to write them |
//! | [`run`] | the commands, and the functions of AWS Lambda |

pub mod compact;
pub mod cut;
pub mod record;
pub mod run;
pub mod source;
pub mod state;
pub mod store;
pub mod table;
