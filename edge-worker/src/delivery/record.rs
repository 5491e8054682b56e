//! The record that the worker writes to a sink.

use std::borrow::Cow;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// The data: one JSON object, ending in a newline.
    pub data: String,
    /// 1 to 256 characters: records with the same key keep their order.
    pub partition_key: Cow<'a, str>,
}

impl Record<'_> {
    /// Its size as sinks count it.
    pub fn byte_len(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}
