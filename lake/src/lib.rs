//! The lake: records of the stream become rows in Parquet files.
//!
//! What decides is free of IO, and what does IO decides nothing:
//!
//! | module | what it holds |
//! |---|---|
//! | [`source`] | a record of the stream and its place; the client of Kinesis Data Streams |
//! | [`record`] | from a record to a row, or to the reason why not; the event ids seen lately |
//! | [`table`] | the tables: columns from the schema, rows into Parquet |
//! | [`cut`] | batches, and the machine that makes every record count once |
//! | [`state`] | what is written down of a shard |
//! | [`store`] | the folder of the lake, and the lease to write to it |
//! | [`run`] | the commands |

pub mod cut;
pub mod record;
pub mod run;
pub mod source;
pub mod state;
pub mod store;
pub mod table;
